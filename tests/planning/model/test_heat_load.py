"""Heat load and emitter curve: inverse of each other, zero where there is nothing to heat."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gw_spaceheat.house.model import Building, Emitters
from gw_spaceheat.physics.heat_load import emitter_heat_w, heat_load_w, required_source_water_c, return_drop_k

BUILDING = Building(
    loss_w_per_k=200.0, air_capacity_kwh_per_k=1.0, mass_capacity_kwh_per_k=8.0, air_mass_conductance_w_per_k=900.0
)
EMITTERS = Emitters(zero_load_water_c=25.0, design_water_c=60.0, design_heat_w=9000.0, design_drop_k=8.0)


def test_load_is_loss_minus_gain_and_never_negative() -> None:
    assert heat_load_w(BUILDING, -10.0, 20.0) == pytest.approx(200.0 * 30.0 - 300.0)
    assert heat_load_w(BUILDING, 25.0, 20.0) == 0.0


def test_design_point() -> None:
    assert emitter_heat_w(EMITTERS, 60.0) == pytest.approx(9000.0)
    assert required_source_water_c(EMITTERS, 9000.0) == pytest.approx(60.0)
    assert return_drop_k(EMITTERS, 4500.0) == pytest.approx(4.0)
    assert emitter_heat_w(EMITTERS, 20.0) == 0.0


@given(st.floats(0.0, 20000.0))
def test_required_water_gives_off_the_heat(heat_w: float) -> None:
    water_c = required_source_water_c(EMITTERS, heat_w)
    assert emitter_heat_w(EMITTERS, water_c) == pytest.approx(heat_w, rel=1e-6, abs=1e-3)
