"""Local control: each table cell by cell, each event from facts, modes, and the wish."""

from dataclasses import replace
from itertools import product

import pytest

from gw_spaceheat.decisions import local_control
from gw_spaceheat.decisions.command import Commander
from gw_spaceheat.decisions.local_control import LocalState, commands_of, decide
from gw_spaceheat.decisions.local_facts import Capabilities, LocalFacts, PolicyWish
from gw_spaceheat.decisions.local_tables import (
    SINGLE_TANK_TABLE,
    SLOT_TABLE,
    TARIFF_TABLE,
    Body,
    Event,
    Mode,
    Table,
    next_body,
)
from gw_spaceheat.decisions.slot import HeatSource, SlotView
from gw_spaceheat.errors import IllegalEvent

ACTUATORS = frozenset({"heat_pump", "store_pump", "store_valve", "distribution_pump", "primary_pump"})
BEECH = Capabilities(True, False, True, True, ACTUATORS, HeatSource(5000.0))
ORANGE = Capabilities(False, True, True, False, frozenset({"boost", "distribution_pump"}), HeatSource(4500.0, 0, 0, 0))
FACTS = LocalFacts(BEECH, False, 300.0, 50.0, 40.0, 60.0, 50.0, 45.0, 20.0, 5.0)
ON_PEAK = replace(FACTS, on_peak=True)
INIT, ON, CHARGE, OFF, DISCHARGE = Body
COLD_BUFFER = {"buffer_top_c": 35.0, "buffer_bottom_c": 30.0}
LUKEWARM_BUFFER = {"buffer_top_c": 45.0}
FULL_BUFFER = {"buffer_top_c": 50.0, "buffer_bottom_c": 46.0}
READY = {"usable_kwh": 25.0}
SLOT = SlotView("x", 3000.0, 0.0, 3600.0, 0.0)
USED = SlotView("x", 3000.0, 0.0, 3600.0, 3000.0)

CELLS: dict[str, tuple[Table, dict[tuple[Body, Event], Body]]] = {
    "tariff": (
        TARIFF_TABLE,
        {
            (INIT, Event.ON_PEAK_BUFFER_EMPTY): DISCHARGE,
            (INIT, Event.ON_PEAK_BUFFER_FULL): OFF,
            (INIT, Event.ON_PEAK_STORAGE_COLDER): OFF,
            (INIT, Event.OFF_PEAK_FULL_READY): OFF,
            (INIT, Event.OFF_PEAK_BUFFER_EMPTY): ON,
            (INIT, Event.OFF_PEAK_FULL_NOT_READY): ON,
            (ON, Event.OFF_PEAK_FULL_NOT_READY): CHARGE,
            (ON, Event.OFF_PEAK_FULL_READY): OFF,
            (ON, Event.ON_PEAK_START): OFF,
            (CHARGE, Event.OFF_PEAK_BUFFER_EMPTY): ON,
            (CHARGE, Event.DEFROST): ON,
            (CHARGE, Event.OFF_PEAK_READY): OFF,
            (CHARGE, Event.ON_PEAK_START): OFF,
            (OFF, Event.ON_PEAK_BUFFER_EMPTY): DISCHARGE,
            (OFF, Event.OFF_PEAK_BUFFER_EMPTY): ON,
            (OFF, Event.OFF_PEAK_NOT_READY): ON,
            (DISCHARGE, Event.ON_PEAK_BUFFER_FULL): OFF,
            (DISCHARGE, Event.ON_PEAK_STORAGE_COLDER): OFF,
            (DISCHARGE, Event.OFF_PEAK_START): OFF,
        },
    ),
    "slot": (
        SLOT_TABLE,
        {
            (INIT, Event.NO_ELEC_BUFFER_EMPTY): DISCHARGE,
            (INIT, Event.NO_ELEC_BUFFER_FULL): OFF,
            (INIT, Event.NO_MORE_ELEC): OFF,
            (INIT, Event.ELEC_BUFFER_EMPTY): ON,
            (INIT, Event.ELEC_BUFFER_FULL): CHARGE,
            (ON, Event.ELEC_BUFFER_FULL): CHARGE,
            (ON, Event.NO_MORE_ELEC): OFF,
            (CHARGE, Event.ELEC_BUFFER_EMPTY): ON,
            (CHARGE, Event.DEFROST): ON,
            (CHARGE, Event.NO_MORE_ELEC): OFF,
            (OFF, Event.NO_ELEC_BUFFER_EMPTY): DISCHARGE,
            (OFF, Event.ELEC_BUFFER_EMPTY): ON,
            (OFF, Event.ELEC_BUFFER_FULL): CHARGE,
            (DISCHARGE, Event.NO_ELEC_BUFFER_FULL): OFF,
            (DISCHARGE, Event.NO_ELEC_STORAGE_COLDER): OFF,
            (DISCHARGE, Event.ELEC_BUFFER_EMPTY): ON,
            (DISCHARGE, Event.ELEC_BUFFER_FULL): CHARGE,
        },
    ),
    "single tank": (
        SINGLE_TANK_TABLE,
        {
            (INIT, Event.OFF_PEAK_TANK_LOW): ON,
            (INIT, Event.TANK_FULL): OFF,
            (INIT, Event.ON_PEAK_START): OFF,
            (INIT, Event.ELEC_BUFFER_EMPTY): ON,
            (INIT, Event.NO_MORE_ELEC): OFF,
            (ON, Event.TANK_FULL): OFF,
            (ON, Event.ON_PEAK_START): OFF,
            (ON, Event.NO_MORE_ELEC): OFF,
            (OFF, Event.OFF_PEAK_TANK_LOW): ON,
            (OFF, Event.ELEC_BUFFER_EMPTY): ON,
        },
    ),
}


@pytest.mark.parametrize("name", list(CELLS))
def test_every_cell(name: str) -> None:
    table, expected = CELLS[name]
    for body, event in product(Body, Event):
        if (body, event) in expected:
            assert next_body(table, body, event) is expected[body, event]
        else:
            with pytest.raises(IllegalEvent):
                next_body(table, body, event)


MOVES: list[tuple[Body, LocalFacts, Body]] = [
    (INIT, replace(FACTS, **COLD_BUFFER), ON),
    (INIT, replace(FACTS, **READY), OFF),
    (INIT, FACTS, ON),
    (INIT, ON_PEAK, OFF),
    (INIT, replace(ON_PEAK, **COLD_BUFFER), DISCHARGE),
    (ON, FACTS, ON),
    (ON, replace(FACTS, **FULL_BUFFER), CHARGE),
    (ON, replace(FACTS, **FULL_BUFFER, **READY), OFF),
    (ON, replace(FACTS, **FULL_BUFFER, defrost=True), ON),
    (ON, ON_PEAK, OFF),
    (ON, replace(FACTS, minutes_to_on_peak=2.0), OFF),
    (CHARGE, replace(FACTS, **COLD_BUFFER), ON),
    (CHARGE, replace(FACTS, defrost=True), ON),
    (CHARGE, replace(FACTS, **READY), OFF),
    (CHARGE, ON_PEAK, OFF),
    (CHARGE, FACTS, CHARGE),
    (OFF, ON_PEAK, OFF),
    (OFF, replace(ON_PEAK, **COLD_BUFFER), DISCHARGE),
    (OFF, replace(ON_PEAK, **COLD_BUFFER, store_top_c=35.5), OFF),
    (OFF, replace(FACTS, **COLD_BUFFER, **READY), ON),
    (OFF, replace(FACTS, **READY), OFF),
    (DISCHARGE, replace(ON_PEAK, **COLD_BUFFER), DISCHARGE),
    (DISCHARGE, replace(ON_PEAK, **FULL_BUFFER), OFF),
    (DISCHARGE, replace(ON_PEAK, store_top_c=46.0), OFF),
    (DISCHARGE, FACTS, OFF),
]


@pytest.mark.parametrize(("body", "facts", "following"), MOVES)
def test_tariff_moves(body: Body, facts: LocalFacts, following: Body) -> None:
    state, effects = decide(LocalState(body=body), facts, 0.0)
    assert state.body is following and state.mode is Mode.NORMAL
    assert bool(effects) == (following is not body)


SLOT_MOVES: list[tuple[Body, LocalFacts, Body]] = [
    (ON, replace(FACTS, slot=SLOT, **LUKEWARM_BUFFER), ON),
    (ON, replace(FACTS, slot=SLOT), CHARGE),
    (ON, replace(FACTS, slot=SLOT, **FULL_BUFFER), CHARGE),
    (ON, replace(FACTS, slot=USED, **FULL_BUFFER), OFF),
    (CHARGE, replace(FACTS, slot=SLOT, **COLD_BUFFER), ON),
    (CHARGE, replace(FACTS, slot=SLOT, defrost=True), ON),
    (CHARGE, replace(FACTS, slot=USED), OFF),
    (OFF, replace(FACTS, slot=SLOT, on_peak=True, **LUKEWARM_BUFFER), ON),
    (OFF, replace(FACTS, slot=SLOT, **FULL_BUFFER), CHARGE),
    (OFF, replace(FACTS, slot=USED, **COLD_BUFFER), DISCHARGE),
    (DISCHARGE, replace(FACTS, slot=USED, **FULL_BUFFER), OFF),
    (DISCHARGE, replace(FACTS, slot=USED, store_top_c=40.0), OFF),
    (DISCHARGE, replace(FACTS, slot=USED, **COLD_BUFFER), DISCHARGE),
    (DISCHARGE, replace(FACTS, slot=SLOT, **COLD_BUFFER), ON),
    (CHARGE, replace(FACTS, slot=SLOT, **FULL_BUFFER, store_bottom_c=74.5), OFF),
]


@pytest.mark.parametrize(("body", "facts", "following"), SLOT_MOVES)
def test_slot_moves(body: Body, facts: LocalFacts, following: Body) -> None:
    state = LocalState(body=body, mode=Mode.SLOT)
    state = replace(state, wanted=replace(state.wanted, heat_pump=body in (ON, CHARGE)))
    assert decide(state, facts, 0.0)[0].body is following


def test_nothing_changed_is_the_same_object() -> None:
    for facts in (FACTS, replace(FACTS, slot=SLOT), replace(FACTS, house_cold=True)):
        state, _ = decide(LocalState(), facts, 0.0)
        state, _ = decide(state, facts, 1.0)
        assert decide(state, facts, 2.0)[0] is state


def test_cold_goes_before_slot_and_price() -> None:
    state, _ = decide(LocalState(body=OFF), replace(ON_PEAK, house_cold=True, slot=USED), 0.0)
    assert state.mode is Mode.COLD and state.wanted.heat_pump and state.wanted.distribution_pump
    state, _ = decide(state, ON_PEAK, 60.0)
    assert state.mode is Mode.NORMAL and not state.wanted.heat_pump


@pytest.mark.parametrize("missing", ["buffer_top_c", "buffer_bottom_c", "store_top_c", "rswt_c", "required_kwh"])
def test_blind_after_five_minutes_and_back(missing: str) -> None:
    state, _ = decide(LocalState(), ON_PEAK, 0.0)
    blind = replace(ON_PEAK, **{missing: None})
    state, effects = decide(state, blind, 10.0)
    assert not effects and not state.wanted.heat_pump
    assert decide(state, blind, 309.0)[0] is state
    dark, _ = decide(state, blind, 310.0)
    assert dark.mode is Mode.BLIND and dark.wanted.heat_pump and not dark.wanted.store_pump
    seen, _ = decide(dark, ON_PEAK, 320.0)
    assert seen.mode is Mode.NORMAL and seen.missing_since_s is None and not seen.wanted.heat_pump


SUMMER = replace(FACTS, no_heat=True, **COLD_BUFFER)


@pytest.mark.parametrize("body", list(Body))
@pytest.mark.parametrize("lost", [{}, {"buffer_top_c": None}])
def test_in_summer_everything_rests_also_when_blind(body: Body, lost: dict[str, float | None]) -> None:
    state, _ = decide(LocalState(body=body, missing_since_s=0.0), replace(SUMMER, **lost), 1000.0)
    wanted = state.wanted
    assert state.mode is Mode.STANDBY and state.body is OFF and state.missing_since_s is None
    assert not (wanted.heat_pump or wanted.boost or wanted.store_pump or wanted.primary_pump)
    assert not wanted.distribution_pump and not wanted.store_valve_charge
    assert decide(state, replace(SUMMER, **lost), 1001.0)[0] is state


def test_standby_gives_way_to_cold_slot_policy_and_autumn() -> None:
    resting, _ = decide(LocalState(), SUMMER, 0.0)
    autumn, _ = decide(resting, replace(SUMMER, no_heat=False), 1.0)
    assert autumn.mode is Mode.NORMAL and autumn.wanted.heat_pump
    assert decide(resting, replace(SUMMER, house_cold=True), 1.0)[0].mode is Mode.COLD
    assert decide(resting, replace(SUMMER, slot=SLOT), 1.0)[0].mode is Mode.SLOT
    policy = PolicyWish(False, False, "policy: off")
    assert decide(resting, replace(SUMMER, policy=policy), 1.0)[0].mode is Mode.POLICY


def test_ready_is_left_only_when_much_is_missing() -> None:
    state, _ = decide(LocalState(body=OFF), replace(FACTS, usable_kwh=20.0), 0.0)
    state, _ = decide(state, replace(FACTS, usable_kwh=17.5), 1.0)
    assert state.body is OFF
    state, _ = decide(state, replace(FACTS, usable_kwh=16.9), 2.0)
    assert state.body is ON


def test_single_tank_with_boost() -> None:
    facts = replace(FACTS, capabilities=ORANGE, buffer_top_c=None, buffer_bottom_c=None, **READY)
    state, _ = decide(LocalState(), facts, 0.0)
    assert state.body is OFF and not state.wanted.boost
    low = replace(facts, store_top_c=42.0)
    state, _ = decide(state, low, 1.0)
    assert state.wanted.boost and not state.wanted.heat_pump and not state.wanted.primary_pump
    state, _ = decide(state, replace(low, on_peak=True), 2.0)
    assert not state.wanted.boost
    state, _ = decide(state, replace(low, on_peak=True, slot=SLOT), 3.0)
    assert state.wanted.boost and state.mode is Mode.SLOT
    state, _ = decide(state, replace(low, slot=USED), 4.0)
    assert not state.wanted.boost


def test_house_without_any_tank_heats_off_peak() -> None:
    bare = replace(BEECH, store=False, buffer=False)
    facts = replace(FACTS, capabilities=bare, buffer_top_c=None, buffer_bottom_c=None, store_top_c=None)
    state, _ = decide(LocalState(), facts, 0.0)
    assert state.wanted.heat_pump
    assert not decide(state, replace(facts, on_peak=True), 1.0)[0].wanted.heat_pump


def test_wishes_and_commands() -> None:
    chooser = replace(BEECH, leaving_choice=True, actuators=ACTUATORS | {"leaving_setpoint"})
    state, _ = decide(LocalState(body=ON), replace(FACTS, capabilities=chooser, **FULL_BUFFER), 0.0)
    wanted = state.wanted
    assert wanted.store_pump and wanted.store_valve_charge and wanted.leaving_setpoint_c == 75.0
    commands = commands_of(wanted, chooser.actuators, Commander.LOCAL)
    assert {command.actuator for command in commands} == {
        "heat_pump", "store_pump", "store_valve", "primary_pump", "leaving_setpoint", "distribution_pump",
    }  # fmt: skip
    state, _ = decide(LocalState(body=ON), replace(FACTS, capabilities=chooser), 0.0)
    assert state.wanted.leaving_setpoint_c == 49.0
    assert local_control.SAFE.heat_pump is False


EMPTY = {"buffer_top_c": 42.0, "buffer_bottom_c": 40.0}
SERVED = {"buffer_top_c": 46.0, "buffer_bottom_c": 42.0}


def after(body: Body, held_s: float, **changed: object) -> Body:
    """What a slot with energy left makes of a body that has been one for so long."""
    state = LocalState(body=body, mode=Mode.SLOT, since_s=1000.0 - held_s)
    facts = replace(FACTS, slot=SLOT, **changed)  # type: ignore[arg-type]
    return decide(state, facts, 1000.0)[0].body


def test_filling_and_charging_last_ten_minutes_each() -> None:
    assert after(ON, 599.0, **SERVED) is ON and after(ON, 600.0, **SERVED) is CHARGE
    assert after(ON, 5.0, **FULL_BUFFER) is CHARGE, "a full buffer would throttle the heat pump"
    assert after(ON, 600.0, house_below=True, **SERVED) is ON, "a house below its band comes before the store"
    assert after(ON, 600.0, house_below=True, **FULL_BUFFER) is CHARGE
    assert after(CHARGE, 599.0, **EMPTY) is CHARGE and after(CHARGE, 600.0, **EMPTY) is ON
    assert after(CHARGE, 5.0, buffer_top_c=38.9) is ON, "a cold buffer is filled at once"
    assert after(CHARGE, 5.0, defrost=True, **SERVED) is ON


def test_by_the_tariff_charging_lasts_ten_minutes_too() -> None:
    def body(held_s: float) -> Body:
        state = LocalState(body=CHARGE, since_s=1000.0 - held_s)
        return decide(state, replace(FACTS, **EMPTY), 1000.0)[0].body

    assert body(599.0) is CHARGE and body(600.0) is ON
