"""The homeowner's opt-out: one local act revokes remote dispatch and slots, and holds until it is taken back.

Pure. The record is the same whether it comes from the file of `gws optout` or from a message on the local link.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gw_spaceheat.errors import BadInput, IllegalEvent

LONGEST_NAME = 100


class Choice(StrEnum):
    TAKES_PART = "takes part"
    OPTED_OUT = "opted out"


class Event(StrEnum):
    OPTS_OUT = "opts out"
    TAKES_BACK = "takes back"


TABLE: dict[Choice, dict[Event, Choice]] = {
    Choice.TAKES_PART: {Event.OPTS_OUT: Choice.OPTED_OUT, Event.TAKES_BACK: Choice.TAKES_PART},
    Choice.OPTED_OUT: {Event.OPTS_OUT: Choice.OPTED_OUT, Event.TAKES_BACK: Choice.TAKES_PART},
}


def next_choice(choice: Choice, event: Event) -> Choice:
    """The cell of the table; IllegalEvent where it is empty."""
    following = TABLE[choice].get(event)
    if following is None:
        raise IllegalEvent("opt-out", choice, event)
    return following


@dataclass(frozen=True, slots=True)
class OptOut:
    """`by`: who said so last; `since_s`: when, epoch seconds."""

    choice: Choice = Choice.TAKES_PART
    by: str = ""
    since_s: float = 0.0

    @property
    def opted_out(self) -> bool:
        return self.choice is Choice.OPTED_OUT

    def to_json(self) -> dict[str, object]:
        return {"version": 1, "opted_out": self.opted_out, "by": self.by, "since_s": self.since_s}


def decide(state: OptOut, event: Event, by: str, now_s: float) -> tuple[OptOut, bool]:
    """The state after a person's word, and whether it changed anything."""
    following = next_choice(state.choice, event)
    if following is state.choice:
        return state, False
    return OptOut(following, by[:LONGEST_NAME], now_s), True


def from_json(data: Mapping[str, object]) -> OptOut:
    """What `to_json` wrote, or a person by hand: `opted_out` alone is enough. BadInput otherwise."""
    opted_out, by, since_s = data.get("opted_out"), data.get("by", ""), data.get("since_s", 0.0)
    if not isinstance(opted_out, bool) or not isinstance(by, str) or not isinstance(since_s, int | float):
        raise BadInput("opt-out file: opted_out must be true or false")
    return OptOut(Choice.OPTED_OUT if opted_out else Choice.TAKES_PART, by[:LONGEST_NAME], float(since_s))
