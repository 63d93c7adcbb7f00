"""Who commands the house: Local, Remote or Admin. Exactly one; all others are refused and answered."""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from gw_spaceheat.decisions.command import Command, Commander, Refusal
from gw_spaceheat.errors import IllegalEvent

HEARTBEAT_SILENCE_S = 170.0  # heartbeats come every 60 s: nearly three missed
RETURN_HYSTERESIS_S = 300.0
LONGEST_LEASE_S = 3600.0


class Event(StrEnum):
    REMOTE_GRANTED = "remote_granted"
    REMOTE_LOST = "remote_lost"
    ADMIN_TAKES = "admin_takes"
    ADMIN_RENEWS = "admin_renews"
    ADMIN_RELEASES = "admin_releases"
    LEASE_LAPSES = "lease_lapses"


TABLE: dict[Commander, dict[Event, Commander]] = {
    Commander.LOCAL: {Event.REMOTE_GRANTED: Commander.REMOTE, Event.ADMIN_TAKES: Commander.ADMIN},
    Commander.REMOTE: {Event.REMOTE_LOST: Commander.LOCAL, Event.ADMIN_TAKES: Commander.ADMIN},
    Commander.ADMIN: {
        Event.ADMIN_RENEWS: Commander.ADMIN,
        Event.ADMIN_RELEASES: Commander.LOCAL,
        Event.LEASE_LAPSES: Commander.LOCAL,
    },
}


@dataclass(frozen=True, slots=True)
class AuthorityState:
    commander: Commander = Commander.LOCAL
    since_s: float = -inf
    left_remote_s: float = -inf
    lease_until_s: float = -inf
    admin: str = ""

    def to_json(self) -> dict[str, object]:
        """For the file that keeps the hysteresis over a restart; times must then be epoch seconds."""
        return {"commander": self.commander.value, "left_remote_s": max(self.left_remote_s, 0.0)}


def restored(data: object, now_s: float) -> AuthorityState:
    """Local after every restart: of a lease the wishes are lost, and remote control has to be proven anew.

    Who was in remote control has just left it. A record from the future (the clock was set back) is taken as now;
    how far the clock was set ahead nobody knows, so what was left is taken as left just now, too.
    """
    record = data if isinstance(data, dict) else {}
    left_s = record.get("left_remote_s", 0.0)
    was_remote = record.get("commander") == Commander.REMOTE.value
    recently = isinstance(left_s, int | float) and left_s > 0.0
    return AuthorityState(left_remote_s=now_s if was_remote or recently else -inf)


@dataclass(frozen=True, slots=True)
class AuthorityFacts:
    """What the change of command depends on; `remote_released`: either side has given remote control back."""

    contract_live: bool
    heartbeat_age_s: float
    link_proven: bool
    clock_trusted: bool
    house_cold: bool
    opted_out: bool
    remote_released: bool = False


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """A person's wish; `kind` is ADMIN_TAKES, ADMIN_RENEWS or ADMIN_RELEASES."""

    kind: Event
    admin: str
    lease_s: float = LONGEST_LEASE_S


@dataclass(frozen=True, slots=True)
class CommanderChanged:
    previous: Commander
    commander: Commander
    reason: str


@dataclass(frozen=True, slots=True)
class RequestGranted:
    request: AdminRequest
    until_s: float


@dataclass(frozen=True, slots=True)
class RequestRefused:
    request: AdminRequest
    reason: str


Effect = CommanderChanged | RequestGranted | RequestRefused


def next_commander(commander: Commander, event: Event) -> Commander:
    """The cell of the table; IllegalEvent where it is empty."""
    following = TABLE[commander].get(event)
    if following is None:
        raise IllegalEvent("authority", commander, event)
    return following


def why_not_remote(facts: AuthorityFacts) -> str:
    """The first condition of remote control that fails; empty if none."""
    if facts.opted_out:
        return "homeowner opted out"
    if facts.house_cold:
        return "house cold"
    if facts.remote_released:
        return "remote control released"
    if not facts.contract_live:
        return "no live contract"
    if facts.heartbeat_age_s > HEARTBEAT_SILENCE_S:
        return f"no heartbeat for more than {HEARTBEAT_SILENCE_S:.0f} s"
    return ""


def decide(
    state: AuthorityState, facts: AuthorityFacts, now_s: float, request: AdminRequest | None = None
) -> tuple[AuthorityState, tuple[Effect, ...]]:
    """One look at the facts, and at one request of a person if there is one. Times in s of one steady clock."""
    if request is not None:
        return _admin(state, request, now_s)
    if state.commander is Commander.ADMIN:
        if now_s < state.lease_until_s:
            return state, ()
        return _change(state, Event.LEASE_LAPSES, now_s, f"lease of {state.admin} lapsed")
    reason = why_not_remote(facts)
    if state.commander is Commander.REMOTE:
        # A link or clock that falters is judged by the heartbeats alone: they are the round trip.
        return _change(state, Event.REMOTE_LOST, now_s, reason) if reason else (state, ())
    if reason or not (facts.link_proven and facts.clock_trusted) or now_s - state.left_remote_s < RETURN_HYSTERESIS_S:
        return state, ()
    return _change(state, Event.REMOTE_GRANTED, now_s, "contract live")


def wait_s(state: AuthorityState, now_s: float) -> float:
    """For so long the AtomicTNode cannot be the commander, whatever happens; 0 when nothing but its contract lacks."""
    hysteresis_s = state.left_remote_s + RETURN_HYSTERESIS_S - now_s
    lease_s = state.lease_until_s - now_s if state.commander is Commander.ADMIN else 0.0
    return 0.0 if state.commander is Commander.REMOTE else max(0.0, hysteresis_s, lease_s)


def _change(
    state: AuthorityState, event: Event, now_s: float, reason: str
) -> tuple[AuthorityState, tuple[Effect, ...]]:
    following = next_commander(state.commander, event)
    left_remote_s = now_s if state.commander is Commander.REMOTE else state.left_remote_s
    changed = replace(state, commander=following, since_s=now_s, left_remote_s=left_remote_s)
    if following is not Commander.ADMIN:
        changed = replace(changed, admin="", lease_until_s=-inf)
    return changed, (CommanderChanged(state.commander, following, reason),)


def _admin(state: AuthorityState, request: AdminRequest, now_s: float) -> tuple[AuthorityState, tuple[Effect, ...]]:
    held = state.commander is Commander.ADMIN and now_s < state.lease_until_s
    if held and state.admin != request.admin:
        return state, (RequestRefused(request, f"{state.admin} holds the house until {state.lease_until_s:.0f} s"),)
    if request.kind is Event.ADMIN_TAKES and not 0 < request.lease_s <= LONGEST_LEASE_S:
        text = f"lease of {request.lease_s:.0f} s refused, it may be at most {LONGEST_LEASE_S:.0f} s"
        return state, (RequestRefused(request, text),)
    kind = Event.ADMIN_RENEWS if held and request.kind is Event.ADMIN_TAKES else request.kind
    if not held and kind in (Event.ADMIN_RENEWS, Event.ADMIN_RELEASES):
        return state, (RequestRefused(request, f"{request.admin} does not hold the house"),)
    until_s = now_s + min(max(request.lease_s, 0.0), LONGEST_LEASE_S)
    if kind is Event.ADMIN_RENEWS:
        return replace(state, lease_until_s=until_s), (RequestGranted(request, until_s),)
    if kind is Event.ADMIN_RELEASES:
        changed, effects = _change(state, kind, now_s, f"{request.admin} released the house")
        return changed, (*effects, RequestGranted(request, now_s))
    if kind is not Event.ADMIN_TAKES:
        return state, (RequestRefused(request, f"{kind} is no request of a person"),)
    lapsed = state
    if state.commander is Commander.ADMIN:  # another's lease ran out and no tick has said so yet
        lapsed, _ = _change(state, Event.LEASE_LAPSES, now_s, "lease lapsed")
    changed, effects = _change(lapsed, kind, now_s, f"{request.admin} took the house")
    return replace(changed, admin=request.admin, lease_until_s=until_s), (*effects, RequestGranted(request, until_s))


def admit(state: AuthorityState, command: Command) -> Refusal | None:
    """None if the command comes from the commander, else the refusal to answer with."""
    if command.commander is state.commander:
        return None
    text = f"{command.actuator}: refused, {state.commander} commands the house, not {command.commander}"
    return Refusal(command, "not_commander", text)
