"""The fit from what an AtomicTNode has stored of a house run by all its actors, and over many simulated fortnights.

With `-s` they print the tables of docs/fitting.md.
"""

from dataclasses import replace

import pytest

from commands.history_files import history_of_store
from commands.simulated_history import simulated_history
from commands.site import load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.planning.fitting.fit import FitResult, fit_house_parameters
from gw_spaceheat.planning.fitting.history import DAY_S
from gw_spaceheat.planning.fitting.instruments import Instruments
from tests.planning.fitting.truth import START_S, truth_of

WEEK_S = 7 * DAY_S
LEAST_COVERED = 0.9


def row(result: FitResult, name: str, true: float, scale: float) -> str:
    """A row of the first table of docs/fitting.md."""
    one = result.estimate(name)
    if one.low is None or one.high is None:
        return f"| {name} | {true:.4g} | refused: {one.reason} | | |"
    error = 100.0 * abs(one.value - true) / scale
    return f"| {name} | {true:.4g} | {one.value:.4g} | {one.low:.4g} to {one.high:.4g} | {error:.1f} % |"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_beech_is_recovered_from_the_message_store_of_its_atomic_tnode() -> None:
    site = load_site("beech")
    # Ten times fewer control ticks: the channels' own capture periods, which the fit reads, stay.
    rates = site.house.rates.model_copy(update={"power_s": 10.0, "control_s": 10.0})
    house = VirtualHouse(
        replace(site, house=site.house.model_copy(update={"rates": rates})), START_S, seed=1, planning=False
    )
    house.run_until(START_S + 14 * DAY_S)
    result = fit_house_parameters(site.house, history_of_store(house.atn_store, site.house))
    for name, (true, scale) in truth_of(site.house).items():
        one = result.estimate(name)
        print(row(result, name, true, scale))
        if one.low is not None and one.high is not None:
            assert abs(one.value - true) <= 0.10 * scale, f"{name}: {one.value} against {true}"
            assert one.low <= true <= one.high, f"{name}: {true} is outside of {one.low} to {one.high}"
    refused = {one.name for one in result.estimates if not one.fitted}
    assert refused <= {"house_capacity_kwh_per_k", "store_loss_kw_per_k", "store_ambient_c"}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["beech", "fir"])
def test_intervals_cover_over_many_fortnights(name: str) -> None:
    site = load_site(name)
    truth, claimed, covered = truth_of(site.house), 0, 0
    rows = {key: [0, 0, 0.0] for key in truth}
    for number in range(8):
        history = simulated_history(site, START_S + (number - 1) * WEEK_S, 14.0, 40 + number, Instruments())
        result = fit_house_parameters(site.house, history)
        for key, (true, scale) in truth.items():
            one = result.estimate(key)
            if one.low is not None and one.high is not None:
                claimed += 1
                within, error = one.low <= true <= one.high, 100.0 * abs(one.value - true) / scale
                covered += within
                rows[key] = [rows[key][0] + 1, rows[key][1] + within, max(rows[key][2], error)]
                assert abs(one.value - true) <= 0.10 * scale, f"{key}, fortnight {number}: {one.value} against {true}"
    for key, (times, held, worst) in rows.items():
        print(f"| {key} | {times} | {held} | {worst:.1f} % |")
    assert claimed >= 80 and covered >= LEAST_COVERED * claimed
