"""No command of anybody, no restart, no clock step and no lost sensor breaks a limit of the machines.

The checker shares no code with the filter. Each rule is also taken out once: then the checker must find it missing.
"""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from actors.command_desk import CommandDesk
from actors.remote_desk import RemoteDesk
from gw_spaceheat.decisions import authority, dispatch, safety
from gw_spaceheat.decisions.dispatch import Dispatch, DispatchState, Rejected
from tests.campaigns.commander_world import LIMITS, World, dropping

FAST_STEPS, SLOW_WORLDS, SLOW_STEPS = 10_000, 20, 50_000


def test_ten_thousand_steps_without_a_violation() -> None:
    world = World(1)
    checker = world.run(FAST_STEPS)
    assert not checker.violations
    assert checker.actuations > FAST_STEPS / 3 and world.restarts > 100
    assert len(world.dispatches.book.acted) > FAST_STEPS / 80, "dispatches of the AtomicTNode act, too"
    for rule in ("minimum_off", "minimum_on", "starts_per_hour", "not_commander", "freeze", "pump_before_heat",
                 "heat_off_before_pump", "pump_overrun", "maximum_entering", "maximum_tank", "stale_sensor",
                 "valve_under_load", "setpoint_range", "maximum_leaving", "not_a_switch_value"):  # fmt: skip
        assert world.refused[rule] > 0, f"{rule} was never needed: the world is too mild"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(SLOW_WORLDS))
def test_a_million_steps_without_a_violation(seed: int) -> None:
    assert not World(1000 + seed).run(SLOW_STEPS).violations


REFUSALS = [
    ("minimum_off", "minimum off"),
    ("minimum_on", "minimum on"),
    ("starts_per_hour", "starts per hour"),
    ("maximum_entering", "over-temperature entering"),
    ("maximum_tank", "over-temperature tank"),
    ("stale_sensor", "boost on, its limit unmeasured"),
    ("stale_sensor", "boost on, its sensor just back"),
    ("stale_sensor", "heat_pump on, its limit unmeasured"),
    ("stale_sensor", "heat_pump on, its sensor just back"),
    ("setpoint_range", "over-temperature setpoint"),
    ("pump_before_heat", "flow before heat"),
    ("heat_off_before_pump", "flow before heat"),
    ("pump_overrun", "pump overrun"),
    ("valve_under_load", "valve under load"),
    ("maximum_leaving", "over-temperature leaving at a start"),
    ("not_a_switch_value", "no switch value"),
    ("freeze", "freezing without circulation"),
    ("freeze", "freezing with lukewarm water"),
    ("not_commander", "one commander"),
]


@pytest.mark.parametrize(("rule", "violation"), REFUSALS)
def test_without_a_refusal_the_property_fails(rule: str, violation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = safety._refusal
    monkeypatch.setattr(safety, "_refusal", lambda *given: dropping(rule, whole(*given)))
    assert World(2).run(4000).violations[violation] > 0


def test_without_its_refusal_what_the_house_lacks_is_switched(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = replace(LIMITS, actuators=LIMITS.actuators - {"boost"})
    assert World(2, limits).run(1000).violations["no such actuator"] == 0
    whole = safety._refusal
    monkeypatch.setattr(safety, "_refusal", lambda *given: dropping("no_such_actuator", whole(*given)))
    assert World(2, limits).run(1000).violations["no such actuator"] > 0


@pytest.mark.parametrize(
    ("rule", "violation"),
    [
        ("maximum_entering", "over-temperature entering"),
        ("maximum_leaving", "over-temperature leaving"),
        ("maximum_tank", "over-temperature tank"),
        ("no_flow", "heat without flow"),
    ],
)
def test_without_a_trip_the_property_fails(rule: str, violation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = safety._trip
    monkeypatch.setattr(safety, "_trip", lambda *given: "" if (found := whole(*given)) == rule else found)
    assert World(2).run(4000).violations[violation] > 0


@pytest.mark.parametrize("source", ["boost", "heat_pump"])
def test_without_the_trip_of_a_lost_sensor_the_property_fails(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "_blind_trip", lambda *_: "")
    assert World(2).run(10_000).violations[f"{source} goes on, its limit unmeasured"] > 0


def test_without_freeze_protection_the_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "_freezing", lambda *_: False)
    assert World(2).run(2000).violations["freezing without circulation"] > 0


def without(rules: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate of dispatches without some of its rules."""
    whole = dispatch.decide

    def decide(
        state: DispatchState, heard: Dispatch, link: str, now_s: float, clock_trusted: bool = True
    ) -> tuple[DispatchState, Rejected | None]:
        after, rejected = whole(state, heard, link, now_s, clock_trusted)
        return after, None if rejected is not None and rejected.rule in rules else rejected

    monkeypatch.setattr(dispatch, "decide", decide)


@pytest.mark.parametrize(
    ("rules", "violation"),
    [
        ({"duplicate", "reordered"}, "dispatch twice"),
        ({"reordered"}, "dispatch reordered"),
        ({"expired"}, "dispatch expired"),
        ({"future"}, "dispatch from the future"),
        ({"retained", "duplicate", "reordered"}, "dispatch retained"),
        ({"wrong_link", "duplicate", "reordered"}, "dispatch on the wrong link"),
        ({"clock"}, "dispatch expired"),
    ],
)
def test_without_a_rule_of_the_gate_the_property_fails(
    rules: set[str], violation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(rules, monkeypatch)
    # Some are rare: which world shows it first changes with every draw of chance.
    assert any(World(seed).run(5000).violations[violation] for seed in range(1, 9))


@pytest.mark.parametrize(
    ("rule", "violation"),
    [
        ("not_commander", "dispatch without right"),
        ("slot_energy", "heat nobody bought"),
        ("not_the_boss", "dispatch forged"),
    ],
)
def test_without_a_rule_of_remote_authority_the_property_fails(
    rule: str, violation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("why_not_remote", "why_no_heat"):
        whole = getattr(dispatch, name)

        def answer(*given: object, whole: Callable[..., Rejected | None] = whole) -> Rejected | None:
            rejected = whole(*given)
            return None if rejected is not None and rejected.rule == rule else rejected

        monkeypatch.setattr(dispatch, name, answer)
    assert World(1).run(10_000).violations[violation] > 0


def test_without_signature_lease_or_taking_back_the_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RemoteDesk, "_signed", lambda *_: True)
        assert World(1).run(5000).violations["dispatch forged"] > 0
    with monkeypatch.context() as patch:
        patch.setattr(CommandDesk, "lapse", lambda *_: None)
        assert World(1).run(5000).violations["dispatch beyond its lease"] > 0
    monkeypatch.setattr(CommandDesk, "drop", lambda *_: None)
    monkeypatch.setattr(CommandDesk, "refused", lambda *_: None)
    assert World(1).run(10_000).violations["dispatch twice"] > 0


def test_without_what_was_persisted_starts_are_too_many() -> None:
    class Forgetful(World):
        def _save(self) -> None:
            self.file = json.dumps({"safety": {}, "authority": {}})

    assert Forgetful(3).run(20_000).violations["starts per hour"] > 0


def test_without_order_heat_comes_before_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own check out, only the order of release is left, and wishes may be in any order."""
    whole = safety._refusal
    monkeypatch.setattr(safety, "_refusal", lambda *given: dropping("pump_before_heat", whole(*given)))
    monkeypatch.setattr(safety, "_order", lambda command: -safety._RANK[command.actuator])
    assert World(2).run(2000).violations["flow before heat"] > 0


@pytest.mark.parametrize(
    ("name", "value", "violation"),
    [
        ("RETURN_HYSTERESIS_S", 0.0, "back to remote too soon"),
        ("HEARTBEAT_SILENCE_S", 1e9, "remote without right"),
        ("LONGEST_LEASE_S", 1e9, "admin beyond the lease"),
    ],
)
def test_without_a_rule_of_authority_the_property_fails(
    name: str, value: float, violation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority, name, value)
    assert World(4).run(6000).violations[violation] > 0
