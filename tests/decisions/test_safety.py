"""No wish of anybody breaks the limits of the machines."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gw_spaceheat.decisions import safety
from gw_spaceheat.decisions.command import Actuator, Command, Commander, Refusal
from gw_spaceheat.decisions.safety import SafeCommand, SafetyFacts, SafetyLimits, SafetyState
from gw_spaceheat.errors import OurError
from gw_spaceheat.house.load import load_house

ALL: frozenset[str] = frozenset(
    ("heat_pump", "boost", "store_pump", "store_valve", "distribution_pump", "primary_pump", "leaving_setpoint")
)
LIMITS = SafetyLimits(ALL)
FACTS = SafetyFacts(LIMITS, boost_tank_c=50.0)


def wish(name: Actuator, value: bool | float, commander: Commander = Commander.LOCAL) -> Command:
    return Command(name, value, commander)


def running(now_s: float = 1000.0) -> SafetyState:
    state = safety.start(LIMITS, 0.0)
    state, released, refused = safety.apply(state, [wish("heat_pump", True), wish("primary_pump", True)], FACTS, now_s)
    assert [safe.command.actuator for safe in released] == ["primary_pump", "heat_pump"] and not refused
    return state


def refusal(state: SafetyState, command: Command, facts: SafetyFacts, now_s: float) -> Refusal:
    same, answer = safety.filter(state, command, facts, now_s)
    assert same is state and isinstance(answer, Refusal)
    return answer


def test_only_the_filter_makes_safe_commands() -> None:
    with pytest.raises(OurError):
        SafeCommand(wish("heat_pump", True), 0.0)


def test_minimum_off_counts_from_the_safe_pattern() -> None:
    state = safety.start(LIMITS, 0.0)
    answer = refusal(state, wish("heat_pump", True), FACTS, 40.0)
    assert answer.rule == "minimum_off" and answer.wait_s == 260.0
    assert answer.text == "relay heat-pump: ON refused, heat pump off for 40 s, minimum is 300 s"


RULES: list[tuple[SafetyState, Command, SafetyFacts, float, str]] = [
    (running(), wish("heat_pump", False), FACTS, 1599.0, "minimum_on"),
    (running(), wish("primary_pump", False), FACTS, 2000.0, "heat_off_before_pump"),
    (safety.start(LIMITS, 0.0), wish("heat_pump", True), FACTS, 500.0, "pump_before_heat"),
    (running(), wish("heat_pump", False, Commander.REMOTE), FACTS, 5000.0, "not_commander"),
    (running(), wish("leaving_setpoint", 80.0), FACTS, 5000.0, "setpoint_range"),
    (running(), wish("boost", 1.0), FACTS, 5000.0, "not_a_switch_value"),
    (running(), wish("boost", True), replace(FACTS, boost_tank_c=None), 5000.0, "stale_sensor"),
    (running(), wish("boost", True), replace(FACTS, boost_tank_c=84.0), 5000.0, "maximum_tank"),
    (safety.start(LIMITS, 0.0), wish("heat_pump", True), replace(FACTS, entering_c=68.0), 500.0, "maximum_entering"),
    (safety.start(LIMITS, 0.0), wish("heat_pump", True), replace(FACTS, leaving_c=76.0), 500.0, "maximum_leaving"),
    (
        running(),
        wish("boost", True),
        replace(FACTS, limits=replace(LIMITS, actuators=frozenset({"heat_pump"}))),
        5000.0,
        "no_such_actuator",
    ),
    (replace(running(), freezing=True), wish("heat_pump", False), FACTS, 5000.0, "freeze"),
    (replace(running(), freezing=True), wish("leaving_setpoint", 30.0), FACTS, 5000.0, "freeze"),
]


@pytest.mark.parametrize(("state", "command", "facts", "now_s", "rule"), RULES)
def test_rules(state: SafetyState, command: Command, facts: SafetyFacts, now_s: float, rule: str) -> None:
    assert refusal(state, command, facts, now_s).rule == rule


BLIND_LIMITS = replace(LIMITS, measured=frozenset(("leaving_c", "entering_c", "coldest_zone_c", "pipe_c")))
SEEN = SafetyFacts(BLIND_LIMITS, leaving_c=50.0, entering_c=45.0, coldest_zone_c=20.0, pipe_c=20.0, boost_tank_c=50.0)
TANK_LOST = replace(SEEN, boost_tank_c=None)
WATER_LOST = replace(SEEN, leaving_c=None, entering_c=None)


def boosting(now_s: float = 1000.0) -> SafetyState:
    state, released, _ = safety.apply(safety.start(LIMITS, 0.0), [wish("boost", True)], SEEN, now_s)
    assert len(released) == 1
    return state


def test_an_element_goes_off_and_stays_off_when_its_tank_is_not_measured() -> None:
    state, on = boosting(), [wish("boost", True)]
    for now_s in (1001.0, 1060.0, 1090.0):
        state, released, _ = safety.apply(state, on, TANK_LOST, now_s)
        assert not released, "one failed reading is no loss"
    state, (off,), _ = safety.apply(state, on, TANK_LOST, 1091.0)
    assert off.forced_by == "stale_sensor" and off.command.value is False
    state, released, (no,) = safety.apply(state, on, TANK_LOST, 5000.0)
    assert not released and no.rule == "stale_sensor"
    state, released, (no,) = safety.apply(state, on, SEEN, 5001.0)
    assert not released and no.text.endswith("was lost, it must be known for 120 s") and no.wait_s == 119.0
    state, released, _ = safety.apply(state, on, SEEN, 5120.0)
    assert released


def test_a_reading_that_fails_now_and_then_switches_nothing() -> None:
    state = boosting()
    for minute in range(60):
        facts = TANK_LOST if minute % 2 else SEEN
        for second in range(0, 60, 5):
            state, released, _ = safety.apply(state, [wish("boost", True)], facts, 1000.0 + 60.0 * minute + second)
            assert not released


@pytest.mark.parametrize(
    ("facts", "goes_on"),
    [
        (replace(TANK_LOST, coldest_zone_c=6.0), True),
        (replace(TANK_LOST, pipe_c=3.0), True),
        (replace(TANK_LOST, coldest_zone_c=None, pipe_c=None), True),  # frost that nobody can exclude
        (replace(TANK_LOST, coldest_zone_c=None), False),
        (replace(TANK_LOST, house_cold=True), False),
    ],
)
def test_only_frost_excuses_an_element(facts: SafetyFacts, goes_on: bool) -> None:
    state = boosting()
    for now_s in (1001.0, 1100.0, 1200.0):
        state, _, _ = safety.apply(state, [wish("boost", True)], facts, now_s)
    assert state.value("boost") is goes_on


@pytest.mark.parametrize(
    ("facts", "goes_on"),
    [
        (WATER_LOST, False),
        (replace(WATER_LOST, leaving_c=50.0), True),  # one of the two bounds the other
        (replace(WATER_LOST, house_cold=True), True),  # then on its own controls
        (replace(WATER_LOST, coldest_zone_c=6.0), True),
        (replace(WATER_LOST, limits=replace(BLIND_LIMITS, measured=frozenset(("coldest_zone_c",)))), True),
    ],
)
def test_a_heat_pump_without_any_water_temperature(facts: SafetyFacts, goes_on: bool) -> None:
    wishes = [wish("heat_pump", True), wish("primary_pump", True)]
    state, _, _ = safety.apply(safety.start(LIMITS, 0.0), wishes, SEEN, 1000.0)
    for now_s in (1001.0, 1100.0, 1200.0):
        state, _, _ = safety.apply(state, wishes, facts, now_s)
    assert state.value("heat_pump") is goes_on


@pytest.mark.parametrize(("house", "tank"), [("orange", 1), ("beech", 3)])
def test_the_elements_tank_is_the_last_one(house: str, tank: int) -> None:
    file = load_house(house)
    names = safety.boost_tank_quantities(file.plumbing, [channel.quantity for channel in file.channels])
    assert names[0] == f"tank{tank}_1_c" and len(names) > 2 and all(name.startswith(f"tank{tank}_") for name in names)


def test_valve_moves_only_unloaded_where_the_device_forbids_it() -> None:
    facts = replace(FACTS, limits=replace(LIMITS, valve_forbids_load=True))
    state, _ = safety.filter(safety.start(LIMITS, 0.0), wish("store_pump", True), facts, 1.0)
    assert refusal(state, wish("store_valve", True), facts, 2.0).rule == "valve_under_load"
    wishes = [wish("store_valve", True), wish("store_pump", False)]
    _, released, refused = safety.apply(state, wishes, facts, 3.0)
    assert [safe.command.actuator for safe in released] == ["store_pump", "store_valve"] and not refused


def test_heat_stops_before_its_pump() -> None:
    state = running()
    wishes = [wish("primary_pump", False), wish("heat_pump", False)]
    state, released, refused = safety.apply(state, wishes, FACTS, 2000.0)
    assert [safe.command.actuator for safe in released] == ["heat_pump"]
    assert [answer.rule for answer in refused] == ["pump_overrun"]
    state, released, refused = safety.apply(state, wishes, FACTS, 2030.0)
    assert [safe.command.actuator for safe in released] == ["primary_pump"] and not refused


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        (replace(FACTS, entering_c=70.0), "maximum_entering"),
        (replace(FACTS, leaving_c=79.0), "maximum_leaving"),
        (replace(FACTS, primary_flow_l_per_min=0.0), "no_flow"),
    ],
)
def test_trips_break_the_minimum_run(facts: SafetyFacts, rule: str) -> None:
    state, released, _ = safety.apply(running(), [wish("heat_pump", True)], facts, 1100.0)
    assert released[0].forced_by == rule and state.value("heat_pump") is False


def test_unknown_flow_is_no_value() -> None:
    state = running()
    assert safety.apply(state, [wish("heat_pump", True)], FACTS, 1100.0) == (state, (), ())
    assert safety.apply(state, [wish("heat_pump", True)], FACTS, 1100.0)[0] is state


def test_freeze_heats_and_circulates_whatever_is_wished() -> None:
    facts = replace(FACTS, pipe_c=3.0)
    off = [wish("heat_pump", False), wish("distribution_pump", False), wish("primary_pump", False)]
    state, released, refused = safety.apply(safety.start(LIMITS, 0.0), off, facts, 400.0)
    names = [safe.command.actuator for safe in released]
    assert names == ["distribution_pump", "primary_pump", "leaving_setpoint", "heat_pump", "boost"] and not refused
    assert state.value("leaving_setpoint") == LIMITS.maximum_leaving_c
    state, _, refused = safety.apply(state, off, replace(facts, pipe_c=5.0), 2000.0)
    assert {answer.rule for answer in refused} == {"freeze"}
    state, _, refused = safety.apply(state, off, replace(facts, pipe_c=None), 2100.0)
    assert state.freezing
    state, released, _ = safety.apply(state, off, replace(facts, pipe_c=7.0), 2200.0)
    assert not state.freezing and "heat_pump" in [safe.command.actuator for safe in released]


def test_starts_and_off_times_survive_a_restart_and_a_clock_set_back() -> None:
    state = running(1000.0)
    saved = json.loads(json.dumps(state.to_json()))
    again = safety.start(LIMITS, 1100.0, saved)
    assert again.switches["heat_pump"].starts_s == (1100.0,), "as if no time had passed: the clock may have been set"
    assert refusal(again, wish("heat_pump", True), FACTS, 1200.0).rule == "minimum_off"
    back = safety.start(LIMITS, 500.0, saved)
    assert back.switches["heat_pump"].starts_s == (500.0,)


@pytest.mark.parametrize("starts", [[None], ["x"], {}, [[1.0], 900.0]])
def test_a_record_that_makes_no_sense_stops_no_start(starts: object) -> None:
    again = safety.start(LIMITS, 1000.0, {"heat_pump": {"value": True, "since_s": "long ago", "starts_s": starts}})
    assert again.switches["heat_pump"].starts_s in ((), (1000.0,)) and again.value("heat_pump") is False


def test_a_clock_set_ahead_while_the_process_was_down_shortens_nothing() -> None:
    state, released, _ = safety.apply(running(1000.0), [wish("heat_pump", False)], FACTS, 1700.0)
    assert released
    ahead = safety.start(LIMITS, 1710.0 + 86400.0, json.loads(json.dumps(state.to_json())))
    assert refusal(ahead, wish("heat_pump", True), FACTS, 1760.0 + 86400.0).rule == "minimum_off"
    assert ahead.switches["heat_pump"].starts_s == (1010.0 + 86400.0,)


steps = st.tuples(
    st.integers(min_value=1, max_value=400),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 20.0, 67.9]),
    st.sampled_from([None, 3.0, 10.0]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, min_size=50, max_size=60))
def test_property_run_times_and_starts(sequence: list[tuple[int, bool, bool, float | None, float | None]]) -> None:
    """More than 10^4 steps in all: whatever is wished, with freezing and all, the compressor's limits hold."""
    state, now_s = safety.start(LIMITS, 0.0), 0.0
    last, since_s, starts = False, 0.0, []
    for wait_s, heat, pump, entering_c, pipe_c in sequence:
        now_s += wait_s
        facts = replace(FACTS, entering_c=entering_c, pipe_c=pipe_c)
        wishes = [wish("heat_pump", heat), wish("primary_pump", pump)]
        state, released, _ = safety.apply(state, wishes, facts, now_s)
        value = bool(state.value("heat_pump"))
        if value != last:
            assert now_s - since_s >= (LIMITS.minimum_off_s if value else LIMITS.minimum_on_s)
            if value:
                starts = [start_s for start_s in starts if start_s > now_s - 3600.0] + [now_s]
                assert len(starts) <= LIMITS.maximum_starts_per_h
            last, since_s = value, now_s
        if value:
            assert state.value("primary_pump")
        for safe in released:
            assert state.value(safe.command.actuator) == safe.command.value


@settings(max_examples=5, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_property_long_run(seed: int) -> None:
    """10^4 steps of random wishes each."""
    rng = random.Random(seed)
    state, last, since_s = safety.start(LIMITS, 0.0), False, 0.0
    starts: list[float] = []
    for second in range(10_000):
        now_s = second * 7.0
        wishes = [wish("heat_pump", rng.random() < 0.5), wish("primary_pump", rng.random() < 0.8)]
        state, _, _ = safety.apply(state, wishes, FACTS, now_s)
        value = bool(state.value("heat_pump"))
        if value != last:
            assert now_s - since_s >= (300.0 if value else 600.0)
            starts = [s for s in starts if s > now_s - 3600.0] + ([now_s] if value else [])
            assert len(starts) <= 3
            last, since_s = value, now_s
    assert starts
