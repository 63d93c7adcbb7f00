"""The simulated house: it keeps warm, conserves energy, answers to switches and is cheap."""

import math
import random
import time

import pytest

from gw_spaceheat.errors import OurError
from gw_spaceheat.house.model import (
    Boost,
    Buffer,
    Building,
    Emitters,
    HeatPump,
    House,
    PhaseChange,
    Plumbing,
    Store,
    Zone,
)
from gw_spaceheat.simulation.house import SimulatedHouse

START_S = 1_700_000_000.0
DAY_S = 86_400.0

BUILDING = Building(
    loss_w_per_k=150.0, air_capacity_kwh_per_k=2.0, mass_capacity_kwh_per_k=8.0, air_mass_conductance_w_per_k=800.0
)
EMITTERS = Emitters(zero_load_water_c=25.0, design_water_c=60.0, design_heat_w=9000.0, design_drop_k=10.0)
ZONES = (Zone(name="down", share=0.6), Zone(name="up", share=0.4, setpoint_c=19.5))
HEAT_PUMP = HeatPump(nameplate_w=7500.0, rated_heat_w=12000.0)


def make_house(plumbing: Plumbing) -> House:
    return House(
        alias="d1.test.house",
        display_name="Test",
        timezone="America/New_York",
        tariff="flat",
        plumbing=plumbing,
        wires=(),
        components=(),
        nodes=(),
        channels=(),
    )


def three_tanks(heat_pump: HeatPump = HEAT_PUMP) -> House:
    store = Store(tanks=3, litres_per_tank=450.0)
    return make_house(
        Plumbing(
            building=BUILDING,
            emitters=EMITTERS,
            zones=ZONES,
            heat_pump=heat_pump,
            store=store,
            buffer=Buffer(litres=300.0),
        )
    )


def single_boost() -> House:
    store = Store(tanks=1, litres_per_tank=900.0, layers_per_tank=12, maximum_c=90.0)
    zones = (Zone(name="all", share=1.0),)
    return make_house(
        Plumbing(building=BUILDING, emitters=EMITTERS, zones=zones, boost=Boost(rated_w=10000.0), store=store)
    )


def phase_change() -> House:
    store = Store(
        tanks=2, litres_per_tank=200.0, phase_change=PhaseChange(melt_start_c=56.0, melt_end_c=58.0, latent_kwh=20.0)
    )
    return make_house(
        Plumbing(
            building=BUILDING,
            emitters=EMITTERS,
            zones=ZONES,
            heat_pump=HEAT_PUMP.model_copy(update={"leaving_choice": True}),
            store=store,
            buffer=Buffer(litres=200.0),
        )
    )


def no_tanks() -> House:
    return make_house(Plumbing(building=BUILDING, emitters=EMITTERS, zones=ZONES, heat_pump=HEAT_PUMP))


def winter(now_s: float) -> float:
    return -8.0 + 12.0 * math.sin(now_s * 2.0 * math.pi / DAY_S) - 4.0 * math.sin(now_s / DAY_S)


def make(house: House, outdoor_c: float | None = None, thermostat_only: bool = False) -> SimulatedHouse:
    outdoor = winter if outdoor_c is None else (lambda now_s: outdoor_c)
    return SimulatedHouse(house, outdoor, START_S, random.Random(7), thermostat_only)


def drive_mixed(plant: SimulatedHouse, days: float, seed: int = 3) -> None:
    """Random switching at odd seconds, most of the time sensible, sometimes mad."""
    rng = random.Random(seed)
    now_s = START_S
    while now_s < START_S + days * DAY_S:
        plant.set_actuator("heat_pump", rng.random() < 0.75)
        for actuator in ("boost", "store_pump", "store_valve", "primary_pump"):
            plant.set_actuator(actuator, rng.random() < 0.5)
        plant.set_actuator("distribution_pump", rng.random() < 0.2)
        plant.set_actuator("leaving_setpoint", rng.choice((0.0, 45.0, 62.0, 70.0)))
        plant.thermostat_only = rng.random() < 0.15
        now_s += rng.uniform(300.0, 14_000.0)
        plant.advance(now_s)


@pytest.mark.parametrize("house", [three_tanks(), single_boost(), phase_change(), no_tanks()])
def test_energy_closes_over_a_week_of_mixed_switching(house: House) -> None:
    plant = make(house)
    drive_mixed(plant, 7.0)
    energy = plant.energy
    assert energy.losses_kwh > 300.0
    assert energy.electric_in_kwh > 50.0
    assert abs(energy.imbalance_kwh) < 1e-3 * energy.losses_kwh
    assert energy.imbalance_share < 1e-6


def test_metered_power_adds_up_to_the_ledger() -> None:
    plant = make(three_tanks(), -10.0)
    plant.set_actuator("heat_pump", True)
    metered_j = 0.0
    for second in range(1, 2 * 3600 + 1):
        plant.advance(START_S + second)
        metered_j += plant.quantity("total_w")
        if second == 4003:
            plant.set_actuator("heat_pump", False)
    assert metered_j / 3.6e6 == pytest.approx(plant.electric_kwh, rel=0.01)


@pytest.mark.parametrize("house", [three_tanks(), single_boost(), phase_change(), no_tanks()])
def test_thermostat_only_keeps_warm_at_25_below(house: House) -> None:
    plant = make(house, -25.0, thermostat_only=True)
    lowest = {zone.name: 99.0 for zone in house.plumbing.zones}
    for hour in range(1, 2 * 24 + 1):
        plant.advance(START_S + hour * 3600.0)
        for name in lowest:
            lowest[name] = min(lowest[name], plant.quantity(f"zone_{name}_c"))
    for zone in house.plumbing.zones:
        assert lowest[zone.name] > zone.setpoint_c - 1.0
    assert plant.quantity("store_pump_w") == 0.0
    assert plant.quantity("pipe_c") > 0.0


def test_thermostat_only_leaves_the_store_alone() -> None:
    plant = make(three_tanks(), -15.0, thermostat_only=True)
    plant.set_actuator("store_pump", True)
    plant.advance(START_S + DAY_S)
    assert plant.quantity("store_flow_l_per_min") == 0.0
    assert 38.0 < plant.quantity("tank1_1_c") <= 45.0
    assert plant.quantity("buffer_1_c") > 50.0


def test_zones_call_with_hysteresis_and_the_pump_follows() -> None:
    plant = make(three_tanks(), -5.0, thermostat_only=True)
    changes, before = 0, False
    for minute in range(1, 2 * 24 * 60 + 1):
        plant.advance(START_S + minute * 60.0)
        running = plant.quantity("distribution_pump_w") > 0.0
        assert running == any(plant.zones.calls)
        changes += running != before
        before = running
    assert 4 <= changes <= 300
    assert 19.3 < plant.quantity("zone_down_c") < 20.7


def test_pump_runs_when_commanded_without_a_call() -> None:
    plant = make(three_tanks(), 0.0)
    plant.preset(zone_c=23.0)
    assert plant.quantity("distribution_pump_w") == 0.0
    plant.set_actuator("distribution_pump", True)
    assert plant.quantity("distribution_pump_w") == 80.0
    plant.advance(START_S + 60.0)
    assert plant.quantity("distribution_flow_l_per_min") > 0.0


def test_start_delay_then_power_then_at_once_off() -> None:
    plant = make(three_tanks(), -5.0)
    assert plant.quantity("heat_pump_w") == 20.0
    plant.set_actuator("heat_pump", True)
    assert 20.0 < plant.quantity("heat_pump_w") < 200.0
    assert plant.quantity("primary_pump_w") == 60.0
    plant.preset(hub_c=35.0)
    plant.advance(START_S + 200.0)
    assert plant.quantity("heat_pump_w") < 200.0
    plant.advance(START_S + 240.0)
    assert plant.quantity("heat_pump_w") > 1500.0
    assert plant.quantity("hp_lwt_c") > plant.quantity("hp_ewt_c") + 2.0
    plant.set_actuator("heat_pump", False)
    assert plant.quantity("heat_pump_w") == 20.0


def test_charging_heats_the_store_from_the_top_and_cuts_out() -> None:
    plant = make(three_tanks(), 7.0)
    for actuator in ("heat_pump", "store_pump", "store_valve"):
        plant.set_actuator(actuator, True)
    plant.advance(START_S + 1800.0)
    assert plant.quantity("tank1_1_c") > plant.quantity("tank3_3_c") + 3.0
    assert plant.quantity("store_flow_l_per_min") == plant.quantity("primary_flow_l_per_min") > 0.0
    highest = 0.0
    for minute in range(30, 24 * 60):
        plant.advance(START_S + minute * 60.0)
        highest = max(highest, plant.quantity("hp_lwt_c"))
    assert highest <= HEAT_PUMP.maximum_leaving_c + 1e-6
    assert plant.quantity("tank3_3_c") > 60.0
    assert plant.heat_pump is not None and not plant.heat_pump.compressor_on


def test_discharging_feeds_the_house_from_the_store() -> None:
    plant = make(three_tanks(), -5.0)
    plant.preset(store_c=70.0, hub_c=35.0)
    plant.set_actuator("store_pump", True)
    plant.advance(START_S + 4 * 3600.0)
    assert plant.quantity("buffer_1_c") > 55.0
    assert plant.quantity("tank3_3_c") < 60.0
    assert plant.quantity("zone_down_c") > 19.3


def test_chosen_leaving_temperature_is_held() -> None:
    plant = make(phase_change(), -5.0)
    plant.preset(hub_c=40.0, zone_c=18.0)
    plant.set_actuator("leaving_setpoint", 47.0)
    plant.set_actuator("heat_pump", True)
    plant.advance(START_S + 3000.0)
    assert plant.quantity("hp_lwt_c") == pytest.approx(47.0, abs=0.5)


def test_phase_change_store_holds_its_melting_temperature() -> None:
    plant = make(phase_change(), -5.0)
    plant.preset(store_c=62.0, hub_c=40.0)
    plant.set_actuator("store_pump", True)
    in_range = 0
    for minute in range(1, 300):
        plant.advance(START_S + minute * 60.0)
        in_range += 55.9 <= plant.quantity("tank1_1_c") <= 58.1
    assert in_range > 60


def test_defrost_below_5_c_only() -> None:
    lows: dict[float, int] = {}
    for outdoor_c in (-3.0, 9.0):
        plant = make(three_tanks(), outdoor_c)
        plant.set_actuator("heat_pump", True)
        for actuator in ("store_pump", "store_valve"):
            plant.set_actuator(actuator, True)
        count, before = 0, False
        for step in range(1, 5 * 360):
            plant.advance(START_S + step * 10.0)
            assert plant.heat_pump is not None
            count += plant.heat_pump.defrosting and not before
            before = plant.heat_pump.defrosting
            if before:
                assert plant.quantity("hp_lwt_c") < plant.quantity("hp_ewt_c") + 9.0
        lows[outdoor_c] = count
    assert 2 <= lows[-3.0] <= 5
    assert lows[9.0] == 0


def test_boost_stops_at_its_maximum() -> None:
    plant = make(single_boost(), 15.0)
    plant.set_actuator("boost", True)
    assert plant.quantity("boost_w") == 10000.0
    plant.advance(START_S + 2 * DAY_S)
    assert plant.quantity("tank1_1_c") <= 86.0
    assert plant.quantity("tank1_1_c") > 78.0


def test_still_pipe_freezes_and_circulation_warms_it() -> None:
    plant = make(three_tanks(), -25.0)
    plant.preset(zone_c=25.0)
    plant.fail("distribution_pump")
    plant.advance(START_S + 2 * DAY_S)
    assert plant.quantity("pipe_c") < 0.0
    plant.set_actuator("primary_pump", True)
    plant.advance(START_S + 2 * DAY_S + 900.0)
    assert plant.quantity("pipe_c") > 20.0


def test_no_flow_no_compressor() -> None:
    plant = make(three_tanks(), 0.0)
    plant.fail("primary_pump")
    plant.set_actuator("heat_pump", True)
    plant.advance(START_S + 3600.0)
    assert plant.quantity("heat_pump_w") < 200.0
    assert plant.quantity("primary_flow_l_per_min") == 0.0


def test_advance_is_idempotent_and_independent_of_how_often_it_is_called() -> None:
    often, seldom = make(three_tanks(), -5.0), make(three_tanks(), -5.0)
    for plant in (often, seldom):
        plant.set_actuator("heat_pump", True)
    for second in range(1, 3601):
        often.advance(START_S + second)
        often.advance(START_S + second)
        often.advance(START_S + second - 5)
    seldom.advance(START_S + 3600.0)
    for name in often.quantities():
        assert often.quantity(name) == seldom.quantity(name)


def test_unknown_names_are_our_error() -> None:
    plant = make(single_boost())
    with pytest.raises(OurError, match="buffer_1_c"):
        plant.quantity("buffer_1_c")
    with pytest.raises(OurError, match="warp_drive"):
        plant.set_actuator("warp_drive", True)
    with pytest.raises(OurError, match="warp_drive"):
        plant.actuator("warp_drive")


def test_same_seed_same_house() -> None:
    first, second = make(three_tanks()), make(three_tanks())
    for plant in (first, second):
        drive_mixed(plant, 1.0)
    for name in first.quantities():
        assert first.quantity(name) == second.quantity(name)


def test_cheap_enough_for_two_thousand_times_real_time() -> None:
    plant = make(three_tanks(), -5.0, thermostat_only=True)
    steps = 5000
    begun = time.perf_counter()
    plant.advance(START_S + steps * 10.0)
    assert (time.perf_counter() - begun) / steps < 300e-6  # aim 60 us; the bound leaves room for a busy machine
