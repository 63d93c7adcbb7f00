import pytest

from gw_spaceheat.house.load import load_house
from gw_spaceheat.physics.heat_load import emitter_heat_w, heat_load_w, recovery_heat_w, required_source_water_c

PLUMBING = load_house("beech").plumbing
BUILDING, EMITTERS = PLUMBING.building, PLUMBING.emitters


def test_a_house_in_its_band_needs_no_recovery() -> None:
    assert recovery_heat_w(BUILDING, 0.0) == recovery_heat_w(BUILDING, -0.7) == 0.0


def test_a_house_too_cold_comes_back_within_hours() -> None:
    """At the recovery's heat the whole house, air and walls, would be back after the time constant."""
    capacity_kwh_per_k = BUILDING.air_capacity_kwh_per_k + BUILDING.mass_capacity_kwh_per_k
    for missing_k in (0.2, 1.0):
        assert recovery_heat_w(BUILDING, missing_k) * 4.0 / 1000.0 == pytest.approx(missing_k * capacity_kwh_per_k)


def test_water_for_a_cold_house_carries_load_and_recovery() -> None:
    load_w = heat_load_w(BUILDING, -21.0, 20.5)
    cold_w = load_w + recovery_heat_w(BUILDING, 0.5)
    water_c = required_source_water_c(EMITTERS, cold_w)
    assert water_c > required_source_water_c(EMITTERS, load_w) + 2.0
    assert emitter_heat_w(EMITTERS, water_c) == pytest.approx(cold_w)
