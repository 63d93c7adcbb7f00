"""What is owed, what is tried, when the alarm comes; and that ordinary life raises none."""

from dataclasses import replace
from random import Random

import pytest

from gw_spaceheat.decisions.command import Command, Commander
from gw_spaceheat.decisions.proof_of_effect import (
    Alarm,
    Effect,
    ProofFacts,
    ProofState,
    Restored,
    TryAgain,
    alternative,
    decide,
    valve_sign,
)
from gw_spaceheat.decisions.proof_tables import TABLE, VALVE_SIGN, Event, Owed, Phase, next_phase, owed_by
from gw_spaceheat.decisions.safety import Switch
from gw_spaceheat.errors import IllegalEvent
from gw_spaceheat.house.load import load_house

P, E = Phase, Event
EXPECTED = {
    (P.WAITING, E.COMMANDED): P.WAITING,
    (P.WAITING, E.SEEN): P.PROVEN,
    (P.WAITING, E.OVERDUE): P.TRYING,
    (P.TRYING, E.COMMANDED): P.TRYING,
    (P.TRYING, E.SEEN): P.PROVEN,
    (P.TRYING, E.OVERDUE): P.TRYING,
    (P.TRYING, E.EXHAUSTED): P.FAILED,
    (P.PROVEN, E.COMMANDED): P.WAITING,
    (P.PROVEN, E.GONE): P.WAITING,
    (P.FAILED, E.COMMANDED): P.FAILED,
    (P.FAILED, E.SEEN): P.PROVEN,
}


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("event", list(Event))
def test_table(phase: Phase, event: Event) -> None:
    assert set(TABLE) == set(Phase)
    if (phase, event) in EXPECTED:
        assert next_phase(phase, event) is EXPECTED[phase, event]
    else:
        with pytest.raises(IllegalEvent):
            next_phase(phase, event)


def owed_of(name: str) -> tuple[Owed, ...]:
    house = load_house(name)
    actuators = [node.actuator for node in house.nodes if node.actuator]
    return owed_by(house.plumbing, actuators, [c.quantity for c in house.channels], 60.0)


OWED = {(entry.actuator, entry.value, entry.quantity): entry for entry in (*owed_of("beech"), *owed_of("orange"))}
HEAT_PUMP_ON = OWED["heat_pump", True, "heat_pump_w"]
HEAT_PUMP_OFF = OWED["heat_pump", False, "heat_pump_w"]
BOOST_ON = OWED["boost", True, "boost_w"]
PUMP_ON = OWED["store_pump", True, "store_pump_w"]
DISTRIBUTION_OFF = OWED["distribution_pump", False, "distribution_pump_w"]
PRIMARY_OFF = OWED["primary_pump", False, "primary_pump_w"]
VALVE_ON = OWED["store_valve", True, VALVE_SIGN]


def test_deadlines_are_those_of_the_devices() -> None:
    assert (BOOST_ON.effect_deadline_s, HEAT_PUMP_ON.effect_deadline_s) == (6.0, 215.0 + 60.0)
    assert 10.0 <= PUMP_ON.effect_deadline_s <= 30.0
    assert {entry.actuator for entry in owed_of("orange")} == {"boost", "distribution_pump"}
    for entry in OWED.values():
        assert entry.tries * entry.try_s <= 60.0  # so that the alarm comes within deadline + 60 s


class Bench:
    """One thing owed, looked at every 2 s."""

    def __init__(self, owed: Owed, **extra: float | None) -> None:
        self.owed, self.extra = owed, extra
        self.state, self.now_s = ProofState(), 0.0
        self.said: list[tuple[float, Effect]] = []
        self.switches = {owed.actuator: Switch(owed.value, 0.0), "store_pump": Switch(True, 0.0)}
        self.hottest_c: float | None = 40.0
        self.coolest_zone_k: float | None = None

    def to(self, until_s: float, measured: float | None) -> "Bench":
        while self.now_s < until_s:
            self.now_s += 2.0
            values = {**self.extra, self.owed.quantity: measured}
            read_s = dict.fromkeys(values, self.now_s)
            facts = ProofFacts(values, read_s, self.switches, self.hottest_c, 85.0, 50.0, self.coolest_zone_k)
            self.state, effects = decide(self.state, [self.owed], facts, self.now_s)
            self.said += [(self.now_s, effect) for effect in effects]
        return self

    @property
    def alarms(self) -> list[tuple[float, str]]:
        return [(at_s, effect.text) for at_s, effect in self.said if isinstance(effect, Alarm)]


CASES = [
    (HEAT_PUMP_ON, 20.0, "heat-pump open: commanded ON, heat pump 20 W, at least 50 is owed within 275 s"),
    (HEAT_PUMP_OFF, 3000.0, "heat-pump welded: commanded OFF, heat pump 3000 W, at most 720 is owed within 60 s"),
    (BOOST_ON, 0.0, "boost open: commanded ON, boost 0 W, at least 4500 is owed within 6 s"),
    (PUMP_ON, 0.0, "store-pump failed pump: commanded ON, store pump 0 W"),
    (OWED["store_pump", True, "store_flow_l_per_min"], 0.0, "store-pump no flow: commanded ON, store flow 0.0 l/min"),
    (VALVE_ON, -1.0, "store-valve stuck valve: commanded CHARGE, the pipes show discharging within 180 s"),
]


@pytest.mark.parametrize(("owed", "measured", "text"), CASES)
def test_what_is_owed_and_missing_is_tried_and_then_told(owed: Owed, measured: float, text: str) -> None:
    bench = Bench(owed, heat_pump_w=measured).to(owed.effect_deadline_s + 60.0, measured)
    assert len(bench.alarms) == 1 and text in bench.alarms[0][1]
    tries = [effect for _, effect in bench.said if isinstance(effect, TryAgain)]
    assert len(tries) == owed.tries and bench.said.index(next(s for s in bench.said if s[1] == tries[-1])) < owed.tries
    assert bench.state.failed == {owed.actuator: owed.kind}
    bench.to(bench.now_s + 7200.0, measured)
    assert len(bench.alarms) == 1  # said once
    good = owed.level
    restored = [effect for _, effect in bench.to(bench.now_s + 4.0, good).said if isinstance(effect, Restored)]
    assert len(restored) == 1 and not bench.state.failed


@pytest.mark.parametrize("owed", OWED.values(), ids=lambda owed: owed.name)
def test_no_reading_is_no_evidence(owed: Owed) -> None:
    assert not Bench(owed).to(3600.0, None).said


def test_a_reading_from_before_the_command_is_no_evidence() -> None:
    bench = Bench(HEAT_PUMP_ON)
    facts = ProofFacts({"heat_pump_w": 3000.0}, {"heat_pump_w": -1.0}, bench.switches)
    assert decide(ProofState(), [HEAT_PUMP_ON], facts, 1.0)[0].watches[HEAT_PUMP_ON.name].phase is Phase.WAITING


def test_a_heat_pump_that_woke_may_stand_in_its_own_protection() -> None:
    bench = Bench(HEAT_PUMP_ON).to(10.0, 80.0).to(250.0, 3000.0).to(9000.0, 20.0)
    assert not bench.said


def test_a_crankcase_heater_is_no_weld() -> None:
    assert not Bench(HEAT_PUMP_OFF).to(9000.0, 120.0).said


def test_power_that_comes_back_after_off_is_a_weld() -> None:
    bench = Bench(HEAT_PUMP_OFF).to(600.0, 20.0)
    assert len(bench.to(600.0 + 60.0 + 60.0, 3000.0).alarms) == 1


def test_an_element_behind_its_own_thermostat_is_excused() -> None:
    bench = Bench(BOOST_ON)
    bench.hottest_c = 84.0
    assert not bench.to(3600.0, 0.0).said
    bench.hottest_c = None
    assert not bench.to(7200.0, 0.0).said


def test_a_primary_pump_that_the_heat_pump_runs_is_no_weld() -> None:
    assert not Bench(PRIMARY_OFF, heat_pump_w=3000.0).to(600.0, 60.0).said
    assert Bench(PRIMARY_OFF, heat_pump_w=20.0).to(600.0, 60.0).alarms


def test_a_distribution_pump_that_a_thermostat_may_run_is_no_weld() -> None:
    for over_k in (None, -1.0, 1.9):
        bench = Bench(DISTRIBUTION_OFF)
        bench.coolest_zone_k = over_k
        assert not bench.to(600.0, 60.0).said
    bench.coolest_zone_k = 2.1  # nobody asks for heat in a house as warm as this
    ((found_s, text),) = bench.to(1200.0, 60.0).alarms
    assert found_s <= 600.0 + DISTRIBUTION_OFF.effect_deadline_s + 60.0 and "distribution-pump welded" in text


def test_the_valve_is_judged_while_the_store_pump_runs_and_the_waters_differ() -> None:
    bench = Bench(VALVE_ON)
    bench.switches["store_pump"] = Switch(False, 0.0)
    assert not bench.to(3600.0, -1.0).said and not bench.to(3700.0, None).said
    bench.switches["store_pump"] = Switch(True, 3700.0)
    assert not bench.to(3700.0 + 170.0, -1.0).said
    bench.switches["store_pump"] = Switch(False, 0.0)
    bench.to(4000.0, None)
    bench.switches["store_pump"] = Switch(True, 3600.0)
    assert not bench.to(7200.0, 0.0).said
    assert bench.to(7200.0 + 240.0, -1.0).alarms


@pytest.mark.parametrize(
    ("hot_c", "leaving_c", "top_c", "sign"),
    [(50.0, 50.0, 60.0, 1.0), (60.0, 50.0, 60.0, -1.0), (55.0, 53.0, 56.0, 0.0), (30.0, 50.0, 60.0, 0.0)],
)
def test_the_sign_of_the_valve(hot_c: float, leaving_c: float, top_c: float, sign: float) -> None:
    values: dict[str, float | None] = {"store_hot_pipe_c": hot_c, "hp_lwt_c": leaving_c, "tank1_1_c": top_c}
    assert valve_sign(values) == sign
    assert valve_sign({**values, "hp_lwt_c": None}) is None


def test_the_doctor_cycles_a_pump_three_times() -> None:
    bench = Bench(PUMP_ON)
    for number in range(1, 4):
        bench.to(bench.now_s + 14.0, 0.0)
        assert [e.number for _, e in bench.said if isinstance(e, TryAgain)][-1] == number
        at_s = bench.now_s
        bench.switches["store_pump"] = Switch(False, at_s)
        bench.to(at_s + 4.0, 0.0)
        bench.switches["store_pump"] = Switch(True, at_s + 4.0)
    bench.to(bench.now_s + 14.0, 0.0)
    assert len(bench.alarms) == 1
    bench = Bench(PUMP_ON).to(14.0, 0.0)
    bench.switches["store_pump"] = Switch(True, 20.0)
    assert not bench.to(3600.0, 50.0).alarms  # the first try helped


def wishes(**values: bool) -> list[Command]:
    return [Command(name, value, Commander.LOCAL) for name, value in values.items()]  # type: ignore[arg-type]


def test_the_other_path() -> None:
    def path(failed: dict[str, str], *actuators: str, **values: bool) -> dict[str, object]:
        return {c.actuator: c.value for c in alternative(wishes(**values), failed, frozenset(actuators))}  # type: ignore[arg-type]

    assert path({"heat_pump": "open"}, "boost", heat_pump=True, boost=False) == {"heat_pump": True, "boost": True}
    assert path({"heat_pump": "open"}, "boost", heat_pump=False, boost=False)["boost"] is False
    assert path({"heat_pump": "open"}, heat_pump=True) == {"heat_pump": True}
    welded = path({"heat_pump": "welded"}, "primary_pump", heat_pump=False, primary_pump=False)
    assert welded == {"heat_pump": False, "primary_pump": True}
    assert path({"primary_pump": "failed pump"}, heat_pump=True, primary_pump=True)["heat_pump"] is False
    assert alternative([], {"heat_pump": "welded"}, frozenset({"primary_pump"})) == ()


def test_ordinary_life_of_a_heat_pump_raises_nothing() -> None:
    """Start delay, modulation, defrost, cut-out and rest, stops: at random, for sixty runs."""
    rng = Random(1)
    state, now_s = ProofState(), 0.0
    for _ in range(60):
        for value in (True, False):
            since_s = now_s
            until_s = now_s + rng.uniform(300.0, 1500.0)
            delay_s = rng.uniform(0.0, 215.0)
            while now_s < until_s:
                now_s += 2.0
                age_s = now_s - since_s
                if value:
                    watts = 80.0 if age_s < delay_s else rng.choice([80.0, 1300.0, 2450.0, 7000.0])
                else:
                    watts = 3000.0 if age_s < 20.0 else 20.0
                facts = ProofFacts(
                    {"heat_pump_w": watts}, {"heat_pump_w": now_s}, {"heat_pump": Switch(value, since_s)}
                )
                state, effects = decide(state, [HEAT_PUMP_ON, HEAT_PUMP_OFF], facts, now_s)
                assert not effects
    assert replace(state, failed={}) == state
