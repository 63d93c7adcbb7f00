"""One simulated fortnight for all tests of the fit: beech from 2016-12-12, instruments with errors of their own."""

import pytest

from commands.simulated_history import simulated_history
from commands.site import Site, load_site
from gw_spaceheat.planning.fitting.fit import FitResult, fit_house_parameters
from gw_spaceheat.planning.fitting.history import History
from gw_spaceheat.planning.fitting.instruments import Instruments
from tests.planning.fitting.truth import START_S


@pytest.fixture(scope="session")
def site() -> Site:
    return load_site("beech")


@pytest.fixture(scope="session")
def history(site: Site) -> History:
    return simulated_history(site, START_S, 14.0, seed=1, instruments=Instruments())


@pytest.fixture(scope="session")
def result(site: Site, history: History) -> FitResult:
    return fit_house_parameters(site.house, history)
