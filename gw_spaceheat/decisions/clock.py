"""May the time of day be trusted? Contracts, slots and tariff windows need it; safety and heating do not. Pure.

The SCADA's own time is the wall clock at its start, carried on by the monotonic clock: durations are right whatever
happens to the wall clock. A Raspberry Pi has no clock that runs without power: until the network has set it, its wall
clock is that of the last shutdown. When the two differ, one of them is wrong; when the network has set the wall clock,
it is ours, and the program begins anew with the right one.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from gw_spaceheat.errors import IllegalEvent

BUILT_S = 1_704_067_200.0  # 2024-01-01, when this program began: no clock that runs shows less
JUMP_S = 10.0
HELD_S = 2 * 86400.0  # without the network a quartz of 50 ppm is 9 s off by then
ANEW_AFTER_S = 5.0


class Trust(StrEnum):
    UNPROVEN = "unproven"
    PROVEN = "proven"
    HELD = "held"
    WRONG = "wrong"


class Event(StrEnum):
    SYNCHRONISED = "synchronised"
    SYNCHRONISATION_LOST = "synchronisation_lost"
    HELD_TOO_LONG = "held_too_long"
    JUMPED = "jumped"
    AGREES = "agrees"


TABLE: dict[Trust, dict[Event, Trust]] = {
    Trust.UNPROVEN: {Event.SYNCHRONISED: Trust.PROVEN, Event.JUMPED: Trust.WRONG},
    Trust.PROVEN: {Event.SYNCHRONISATION_LOST: Trust.HELD, Event.JUMPED: Trust.WRONG},
    Trust.HELD: {
        Event.SYNCHRONISED: Trust.PROVEN,
        Event.HELD_TOO_LONG: Trust.UNPROVEN,
        Event.JUMPED: Trust.WRONG,
    },
    Trust.WRONG: {Event.AGREES: Trust.UNPROVEN},
}


def next_trust(trust: Trust, event: Event) -> Trust:
    """The cell of the table; IllegalEvent where it is empty."""
    following = TABLE[trust].get(event)
    if following is None:
        raise IllegalEvent("clock", trust, event)
    return following


@dataclass(frozen=True, slots=True)
class ClockState:
    """`since_s`: of this trust; `anew_s`: since when the network's time has been another than ours."""

    trust: Trust = Trust.UNPROVEN
    since_s: float = -inf
    anew_s: float = inf

    @property
    def trusted(self) -> bool:
        return self.trust in (Trust.PROVEN, Trust.HELD)


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """`wall_s`: what the system's clock says; `synchronised`: whether the network has set it, None: nobody can say.

    `earliest_s`: a clock that shows less is wrong.
    """

    wall_s: float
    synchronised: bool | None
    earliest_s: float = BUILT_S


@dataclass(frozen=True, slots=True)
class TrustChanged:
    trust: Trust
    reason: str


@dataclass(frozen=True, slots=True)
class BeginAnew:
    """The program must take the right time; that is done with actuators in the safe pattern."""

    reason: str


Effect = TrustChanged | BeginAnew


def decide(state: ClockState, facts: ClockFacts, now_s: float) -> tuple[ClockState, tuple[Effect, ...]]:
    """One look at the system's clock. `now_s`: our own steady time, epoch seconds."""
    off_s = facts.wall_s - now_s
    effects: list[Effect] = []
    while (found := _event(state, facts, off_s, now_s)) is not None:
        event, reason = found
        state = ClockState(next_trust(state.trust, event), now_s)
        effects.append(TrustChanged(state.trust, reason))
    if state.trust is Trust.WRONG and facts.synchronised and facts.wall_s >= facts.earliest_s:
        state = replace(state, anew_s=min(state.anew_s, now_s))
        if now_s - state.anew_s >= ANEW_AFTER_S:
            effects.append(BeginAnew(f"the network's time is {off_s:+.0f} s from ours"))
    elif state.anew_s < inf:
        state = replace(state, anew_s=inf)
    return state, tuple(effects)


def _event(state: ClockState, facts: ClockFacts, off_s: float, now_s: float) -> tuple[Event, str] | None:
    trust = state.trust
    if trust is Trust.WRONG:
        agrees = abs(off_s) <= JUMP_S and facts.wall_s >= facts.earliest_s
        return (Event.AGREES, "it is the system's clock again") if agrees else None
    if facts.wall_s < facts.earliest_s:
        return Event.JUMPED, "the system's clock shows a time before this program was written"
    if abs(off_s) > JUMP_S:
        return Event.JUMPED, f"the system's clock is {off_s:+.0f} s from ours"
    if facts.synchronised:
        return None if trust is Trust.PROVEN else (Event.SYNCHRONISED, "set by the network")
    if trust is Trust.PROVEN:
        return Event.SYNCHRONISATION_LOST, f"no network time; good for {HELD_S / 3600.0:.0f} h"
    if trust is Trust.HELD and now_s - state.since_s > HELD_S:
        return Event.HELD_TOO_LONG, f"no network time for {HELD_S / 3600.0:.0f} h"
    return None
