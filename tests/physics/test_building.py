"""Building, emitters in a room, and water constants."""

import pytest

from gw_spaceheat.house.model import Building, Emitters
from gw_spaceheat.physics.building import normal_shares, step_building, stored_j
from gw_spaceheat.physics.emitters import emitter_heat_w, required_source_water_c, room_factor
from gw_spaceheat.physics.heat_load import heat_load_w
from gw_spaceheat.physics.water import KWH, flow_l_per_s, heat_kwh

BUILDING = Building(
    loss_w_per_k=150.0,
    air_capacity_kwh_per_k=2.0,
    mass_capacity_kwh_per_k=8.0,
    air_mass_conductance_w_per_k=800.0,
    internal_gain_w=300.0,
)


def test_steady_heat_keeps_the_temperature() -> None:
    shares = normal_shares((0.3, 0.5))
    load_w = heat_load_w(BUILDING, -25.0, 20.0)
    air_c, mass_c = [20.0, 20.0], 20.0
    for _ in range(5000):
        mass_c, _lost_j = step_building(BUILDING, shares, air_c, mass_c, [load_w * s for s in shares], -25.0, 10.0)
    assert air_c == pytest.approx([20.0, 20.0])
    assert mass_c == pytest.approx(20.0)


def test_heat_is_conserved_between_air_mass_and_outdoors() -> None:
    shares = normal_shares((0.3, 0.5))
    air_c, mass_c, lost_j, given_j = [21.0, 17.0], 19.0, 0.0, 0.0
    before_j = stored_j(BUILDING, shares, air_c, mass_c)
    for step in range(3000):
        heat_w = [float(step % 700), 4000.0]
        mass_c, step_lost_j = step_building(BUILDING, shares, air_c, mass_c, heat_w, -10.0, 10.0)
        lost_j += step_lost_j
        given_j += (sum(heat_w) + 300.0) * 10.0
    assert stored_j(BUILDING, shares, air_c, mass_c) - before_j == pytest.approx(given_j - lost_j, rel=1e-9)


def test_unheated_house_cools_to_a_little_above_outdoors() -> None:
    air_c, mass_c = [20.0], 20.0
    for _ in range(60 * 24 * 60):
        mass_c, _lost_j = step_building(BUILDING, (1.0,), air_c, mass_c, [0.0], -10.0, 60.0)
    assert air_c[0] == pytest.approx(-10.0 + 300.0 / 150.0, abs=0.05)


def test_room_factor_is_one_at_20_c_and_never_negative() -> None:
    assert room_factor(50.0, 20.0) == 1.0
    assert room_factor(50.0, 15.0) > 1.0
    assert room_factor(15.0, 18.0) == 0.0
    assert room_factor(22.0, 30.0) == 0.0
    assert room_factor(21.5, 0.0) == 1.5


def test_emitters_and_their_inverse() -> None:
    emitters = Emitters(zero_load_water_c=25.0, design_water_c=60.0, design_heat_w=9000.0, design_drop_k=10.0)
    assert emitter_heat_w(emitters, 60.0) == pytest.approx(9000.0)
    assert required_source_water_c(emitters, emitter_heat_w(emitters, 47.0)) == pytest.approx(47.0)


def test_water() -> None:
    assert flow_l_per_s(4186.0, 1.0) == pytest.approx(1.0)
    assert heat_kwh(1000.0, 1.0) * KWH == pytest.approx(4.186e6)
