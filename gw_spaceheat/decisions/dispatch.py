"""May a direct command to an actuator act? At most once, in order, in time, on its own link. Pure.

The order is that of the sender's own times, for each sender and actuator: an OFF is never undone by an older ON that
comes late. What is remembered is to be on disk before the command acts.

A dispatch of the AtomicTNode acts besides only while it is the commander, and then for `REMOTE_LEASE_S`: what is to
hold longer is dispatched again. Then the actuator is again what Local makes of the slot.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gw_spaceheat.decisions.command import Actuator, Command, Commander, Value
from gw_spaceheat.messages.base import WireModel

VALID_S = 60.0
CLOCK_SKEW_S = 60.0
REMEMBERED = 128
LONGEST_NAME = 200
MOST_SENDERS = 64
REMOTE_LEASE_S = 300.0
REMOTE_BOSS = "ltn"
HEAT_SOURCES: tuple[Actuator, ...] = ("heat_pump", "boost")
FINAL = ("clock", "future")
"""Rules that time alone could undo. What was answered with a refusal never acts later."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """`actuator` empty: addressed to nothing this house has. `link`: on which it came. `expires_ms`: its own end."""

    command_id: str
    source: str
    actuator: str
    sent_ms: int
    link: str
    retained: bool = False
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DispatchState:
    """`newest_ms`: by sender and actuator; `seen`: ids already acted upon, or refused for good."""

    seen: tuple[str, ...] = ()
    newest_ms: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        return {"seen": list(self.seen), "newest_ms": dict(self.newest_ms)}


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why it does not act: a countable rule, a text for people, and in how many s asking again may help (0: never)."""

    rule: str
    reason: str
    wait_s: float = 0.0


# An honest sender may be late or early; these say that somebody repeats, forges, or speaks where nobody should.
SUSPICIOUS = frozenset({"wrong_link", "retained", "reordered", "expired", "no_expiry", "sender", "signature"})


def decide(
    state: DispatchState, dispatch: Dispatch, link: str, now_s: float, clock_trusted: bool = True
) -> tuple[DispatchState, Rejected | None]:
    """The state to save before acting or answering, and the first rule the dispatch breaks."""
    age_s = now_s - dispatch.sent_ms / 1000.0
    late_s = -1.0 if dispatch.expires_ms is None else now_s - dispatch.expires_ms / 1000.0
    key = f"{dispatch.source}/{dispatch.actuator}"
    newest_ms = state.newest_ms.get(key)
    rules = (
        (dispatch.link != link, "wrong_link", f"came on the {dispatch.link} link, only {link} counts"),
        (dispatch.retained, "retained", "retained by the broker is no word of anyone"),
        (dispatch.command_id in state.seen, "duplicate", "this command was heard before"),
        (not clock_trusted, "clock", "the SCADA's clock is not trusted"),
        (not dispatch.actuator, "no_such_actuator", "this house has none"),
        (len(key) > LONGEST_NAME, "sender", "the sender's name is too long"),
        (age_s < -CLOCK_SKEW_S, "future", f"sent {-age_s:.0f} s in the future"),
        (age_s > VALID_S, "expired", f"sent {age_s:.0f} s ago, limit is {VALID_S:.0f} s"),
        (late_s > 0.0, "expired", f"expired {late_s:.0f} s ago by its own word"),
        (newest_ms is not None and dispatch.sent_ms <= newest_ms, "reordered", "older than a command already heard"),
    )
    for broken, rule, reason in rules:
        if broken:
            rejected = Rejected(rule, reason, max(0.0, -age_s) if rule == "future" else 0.0)
            return (_seen(state, dispatch.command_id) if rule in FINAL else state), rejected
    newest = {**state.newest_ms, key: dispatch.sent_ms}
    if len(newest) > MOST_SENDERS:
        # The oldest go: by their age they would be refused as expired anyhow.
        newest = dict(sorted(newest.items(), key=lambda item: item[1])[-MOST_SENDERS:])
    return replace(_seen(state, dispatch.command_id), newest_ms=newest), None


def _seen(state: DispatchState, command_id: str) -> DispatchState:
    return replace(state, seen=(*state.seen, command_id)[-REMEMBERED:])


def restored(data: object) -> DispatchState:
    """What `to_json` wrote; anything else counts as nothing: expiry still holds."""
    record = data if isinstance(data, dict) else {}
    seen, newest = record.get("seen"), record.get("newest_ms")
    return DispatchState(
        tuple(str(command_id) for command_id in seen)[-REMEMBERED:] if isinstance(seen, list) else (),
        {str(key): ms for key, ms in newest.items() if isinstance(ms, int)} if isinstance(newest, dict) else {},
    )


# ---------------------------------------------------------------- of the AtomicTNode


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """`buys_heat`: a slot runs and has energy left. `wait_s`: how long the commander cannot be another, if known."""

    commander: Commander
    wait_s: float
    buys_heat: bool


def why_not_remote(boss: str, actuator: Actuator, value: Value, facts: RemoteFacts) -> Rejected | None:
    """The first rule of remote authority that a dispatch breaks after the gate."""
    if boss != REMOTE_BOSS:
        return Rejected("not_the_boss", f"from {boss!r}, the AtomicTNode's handle is {REMOTE_BOSS!r}")
    if facts.commander is not Commander.REMOTE:
        why = f"{facts.commander} commands the house, not {Commander.REMOTE}"
        return Rejected("not_commander", why, facts.wait_s)
    return why_no_heat(actuator, value, facts.buys_heat)


def why_no_heat(actuator: Actuator, value: Value, buys_heat: bool) -> Rejected | None:
    """A dispatch cannot take energy that no slot has bought."""
    if actuator in HEAT_SOURCES and value and not buys_heat:
        return Rejected("slot_energy", "no slot with energy left: what was bought is the most there is")
    return None


def overlaid(wishes: tuple[Command, ...], dispatched: tuple[Command, ...]) -> tuple[Command, ...]:
    """Local's wishes with those of the AtomicTNode in place of them, actuator by actuator."""
    over = {command.actuator for command in dispatched}
    return (*(wish for wish in wishes if wish.actuator not in over), *dispatched)


def signed_bytes(scada_alias: str, payload: WireModel) -> bytes:
    """What a dispatch's signature is of: the words, and whom they are for; the handles alone fit every house."""
    words = json.dumps(payload.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=True)
    return f"{scada_alias}\n{words}".encode()
