"""May a direct command to an actuator act? At most once, in order, in time, on its own link. Pure.

The order is that of the sender's own times, for each sender and actuator: an OFF is never undone by an older ON that
comes late. What is remembered is to be on disk before the command acts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

VALID_S = 60.0
CLOCK_SKEW_S = 60.0
REMEMBERED = 128
LONGEST_NAME = 200
MOST_SENDERS = 64


@dataclass(frozen=True, slots=True)
class Dispatch:
    """`actuator` empty: addressed to nothing this house has. `link`: on which it came."""

    command_id: str
    source: str
    actuator: str
    sent_ms: int
    link: str
    retained: bool = False


@dataclass(frozen=True, slots=True)
class DispatchState:
    """`newest_ms`: by sender and actuator; `seen`: ids already acted upon."""

    seen: tuple[str, ...] = ()
    newest_ms: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        return {"seen": list(self.seen), "newest_ms": dict(self.newest_ms)}


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why it does not act: a countable rule and a text for people."""

    rule: str
    reason: str


def decide(
    state: DispatchState, dispatch: Dispatch, link: str, now_s: float, clock_trusted: bool = True
) -> tuple[DispatchState, Rejected | None]:
    """The state to save before acting, or the same state and the first rule the dispatch breaks."""
    age_s = now_s - dispatch.sent_ms / 1000.0
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
        (newest_ms is not None and dispatch.sent_ms <= newest_ms, "reordered", "older than a command already heard"),
    )
    for broken, rule, reason in rules:
        if broken:
            return state, Rejected(rule, reason)
    seen = (*state.seen, dispatch.command_id)[-REMEMBERED:]
    newest = {**state.newest_ms, key: dispatch.sent_ms}
    if len(newest) > MOST_SENDERS:
        # The oldest go: by their age they would be refused as expired anyhow.
        newest = dict(sorted(newest.items(), key=lambda item: item[1])[-MOST_SENDERS:])
    return DispatchState(seen, newest), None


def restored(data: object) -> DispatchState:
    """What `to_json` wrote; anything else counts as nothing: expiry still holds."""
    record = data if isinstance(data, dict) else {}
    seen, newest = record.get("seen"), record.get("newest_ms")
    return DispatchState(
        tuple(str(command_id) for command_id in seen)[-REMEMBERED:] if isinstance(seen, list) else (),
        {str(key): ms for key, ms in newest.items() if isinstance(ms, int)} if isinstance(newest, dict) else {},
    )
