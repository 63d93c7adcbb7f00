"""Invariant: a dispatch acts at most once, in the order in which it was sent, in time, on its link, over restarts."""

import json
import random
from dataclasses import dataclass, replace

import pytest

from gw_spaceheat.decisions import dispatch as gate
from gw_spaceheat.decisions.dispatch import Dispatch, DispatchState

ACTUATORS = ("heat_pump", "boost", "store_pump")


@dataclass
class Wire:
    """A hostile network: what was ever sent may come again, late, in any order, retained, or on the other link."""

    rng: random.Random
    sent: list[Dispatch]
    now_s: float = 1.7e9

    def next(self) -> Dispatch:
        rng = self.rng
        if self.sent and rng.random() < 0.6:
            old = rng.choice(self.sent[-30:])
            change: dict[str, object] = rng.choice(
                ({}, {}, {"retained": True}, {"link": "cloud"}, {"actuator": ""},
                 {"command_id": f"forged-{rng.getrandbits(64)}"})
            )  # fmt: skip
            return replace(old, **change)  # type: ignore[arg-type]
        sent_s = self.now_s + rng.choice((0.0, -1.0, -20.0, -61.0, 59.0, 61.0, 86400.0))
        name = f"id-{len(self.sent)}"
        fresh = Dispatch(name, rng.choice(("ann", "bob")), rng.choice(ACTUATORS), int(sent_s * 1000), "local")
        self.sent.append(fresh)
        return fresh


def campaign(seed: int, steps: int) -> tuple[list[str], int]:
    """(violations, actuations); a book of its own."""
    rng = random.Random(seed)
    wire, state = Wire(rng, []), DispatchState()
    violations: list[str] = []
    acted: set[str] = set()
    newest_ms: dict[tuple[str, str], int] = {}
    for _ in range(steps):
        wire.now_s += rng.choice((0.001, 1.0, 5.0, 30.0))
        heard = wire.next()
        state, rejected = gate.decide(state, heard, "local", wire.now_s, clock_trusted=True)
        file = json.dumps(state.to_json())  # on disk before it acts
        if rng.random() < 0.02:
            state = gate.restored(json.loads(file))  # killed between the file and the relay: not executed
            continue
        if rejected is not None:
            continue
        age_s = wire.now_s - heard.sent_ms / 1000
        key = (heard.source, heard.actuator)
        checks = {
            "double": heard.command_id in acted,
            "expired": age_s > 60.0,
            "future": age_s < -60.0,
            "reordered": heard.sent_ms <= newest_ms.get(key, -1),
            "retained": heard.retained,
            "misaddressed": heard.actuator not in ACTUATORS,
            "wrong link": heard.link != "local",
        }
        violations += [name for name, broken in checks.items() if broken]
        acted.add(heard.command_id)
        newest_ms[key] = heard.sent_ms
    return violations, len(acted)


def test_ten_thousand_dispatches() -> None:
    violations, acted = campaign(1, 10_000)
    assert not violations and acted > 300


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(10))
def test_a_million_dispatches(seed: int) -> None:
    assert not campaign(100 + seed, 100_000)[0]


@pytest.mark.parametrize(
    ("rules", "violation"),
    [
        ({"duplicate", "reordered"}, "double"),
        ({"reordered"}, "reordered"),
        ({"expired"}, "expired"),
        ({"future"}, "future"),
        ({"retained"}, "retained"),
        ({"wrong_link"}, "wrong link"),
        ({"no_such_actuator"}, "misaddressed"),
    ],
)
def test_without_a_rule_the_property_fails(rules: set[str], violation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gate.decide

    def without(
        state: DispatchState, heard: Dispatch, link: str, now_s: float, clock_trusted: bool = True
    ) -> tuple[DispatchState, gate.Rejected | None]:
        after, rejected = whole(state, heard, link, now_s, clock_trusted)
        return after, None if rejected is not None and rejected.rule in rules else rejected

    monkeypatch.setattr(gate, "decide", without)
    assert violation in campaign(2, 4000)[0]


def test_rules_and_their_names() -> None:
    now_s = 1000.0
    good = Dispatch("a", "ann", "boost", 1_000_000, "local")
    state, none = gate.decide(DispatchState(), good, "local", now_s)
    assert none is None and gate.restored(json.loads(json.dumps(state.to_json()))) == state
    for change, rule in (
        ({}, "duplicate"),
        ({"command_id": "b"}, "reordered"),
        ({"command_id": "b", "sent_ms": 900_000}, "expired"),
        ({"command_id": "b", "sent_ms": 1_070_000}, "future"),
        ({"command_id": "b", "actuator": ""}, "no_such_actuator"),
        ({"source": "x" * 300, "command_id": "b"}, "sender"),
        ({"link": "cloud"}, "wrong_link"),
        ({"retained": True}, "retained"),
    ):
        after, rejected = gate.decide(state, replace(good, **change), "local", now_s)  # type: ignore[arg-type]
        assert rejected is not None and rejected.rule == rule
        # What is refused for good is refused again, whatever is said then.
        seen = (*state.seen, "b") if rule in gate.FINAL and change.get("command_id") else state.seen
        assert set(after.seen) == set(seen) and after.newest_ms == state.newest_ms
    _, rejected = gate.decide(state, replace(good, command_id="b"), "local", now_s, clock_trusted=False)
    assert rejected is not None and rejected.rule == "clock"
    assert gate.restored("nonsense") == DispatchState()
    for number in range(300):
        sent_ms = 1_000_001 + number
        state, _ = gate.decide(state, Dispatch(str(number), str(number), "boost", sent_ms, "local"), "local", now_s)
    assert len(state.seen) == gate.REMEMBERED and len(state.newest_ms) == gate.MOST_SENDERS
