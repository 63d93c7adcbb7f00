"""When a link to a peer may be believed: a pure state machine.

A broker's word ("connected", "acknowledged") says nothing about the peer behind it, so `active` is reached and
kept by one thing alone: the peer acknowledged something we sent on this connection. The idea of the states is
GridWorks' proactor (comm_state); the numbers are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from gw_spaceheat.errors import IllegalEvent


class LinkState(StrEnum):
    NOT_STARTED = "not_started"
    CONNECTING = "connecting"
    AWAITING_SETUP = "awaiting_setup"  # the broker let us in, subscriptions are not granted yet
    AWAITING_PEER = "awaiting_peer"  # we could hear the peer, and have no proof that it hears us
    ACTIVE = "active"
    STOPPED = "stopped"


class LinkEvent(StrEnum):
    START = "start"
    CONNECTED = "connected"
    SUBSCRIBED = "subscribed"
    SETUP_FAILED = "setup_failed"  # a subscription was refused
    CONNECT_FAILED = "connect_failed"  # unreachable or refused
    DISCONNECTED = "disconnected"
    PEER_HEARD = "peer_heard"  # any valid message of the peer: no proof, but no need to ping either
    ROUND_TRIP = "round_trip"  # the peer acknowledged a message that we sent
    PEER_SILENT = "peer_silent"  # made by `tick`
    STOP = "stop"


_S, _E = LinkState, LinkEvent

# Late notices of a connection already given up are legal and change nothing: the network thread and the
# actor do not share a clock. After `stopped` everything is late.
TABLE: Mapping[LinkState, Mapping[LinkEvent, LinkState]] = MappingProxyType(
    {
        _S.NOT_STARTED: {_E.START: _S.CONNECTING, _E.STOP: _S.STOPPED},
        _S.CONNECTING: {
            _E.CONNECTED: _S.AWAITING_SETUP,
            _E.CONNECT_FAILED: _S.CONNECTING,
            _E.DISCONNECTED: _S.CONNECTING,
            _E.PEER_HEARD: _S.CONNECTING,
            _E.ROUND_TRIP: _S.CONNECTING,
            _E.STOP: _S.STOPPED,
        },
        _S.AWAITING_SETUP: {
            _E.SUBSCRIBED: _S.AWAITING_PEER,
            _E.SETUP_FAILED: _S.AWAITING_SETUP,
            _E.CONNECT_FAILED: _S.CONNECTING,
            _E.DISCONNECTED: _S.CONNECTING,
            _E.PEER_HEARD: _S.AWAITING_SETUP,
            _E.ROUND_TRIP: _S.AWAITING_SETUP,
            _E.STOP: _S.STOPPED,
        },
        _S.AWAITING_PEER: {
            _E.CONNECT_FAILED: _S.CONNECTING,
            _E.DISCONNECTED: _S.CONNECTING,
            _E.PEER_HEARD: _S.AWAITING_PEER,
            _E.ROUND_TRIP: _S.ACTIVE,
            _E.PEER_SILENT: _S.AWAITING_PEER,
            _E.STOP: _S.STOPPED,
        },
        _S.ACTIVE: {
            _E.CONNECT_FAILED: _S.CONNECTING,
            _E.DISCONNECTED: _S.CONNECTING,
            _E.PEER_HEARD: _S.ACTIVE,
            _E.ROUND_TRIP: _S.ACTIVE,
            _E.PEER_SILENT: _S.AWAITING_PEER,
            _E.STOP: _S.STOPPED,
        },
        _S.STOPPED: {event: _S.STOPPED for event in LinkEvent if event is not _E.START},
    }
)

# What a wire's notice means here; the notices that are missing ("connecting", "stopped") mean nothing new.
EVENT_OF_NOTICE: Mapping[str, LinkEvent] = MappingProxyType(
    {
        "connected": _E.CONNECTED,
        "subscribed": _E.SUBSCRIBED,
        "subscribe-refused": _E.SETUP_FAILED,
        "disconnected": _E.DISCONNECTED,
        "unreachable": _E.CONNECT_FAILED,
        "auth-refused": _E.CONNECT_FAILED,
        "failed": _E.DISCONNECTED,
    }
)


@dataclass(frozen=True, slots=True)
class LinkRules:
    """`silence_s`: without word from the peer for so long we ping. `answer_s`: between pings not answered.

    `proof_s`: a round trip older than this proves nothing any more; has to hold a lost ping or two.
    """

    silence_s: float = 20.0
    answer_s: float = 5.0
    proof_s: float = 60.0
    # More connections lost in so short a time are no weather: most likely a second client has our name, and each
    # throws the other out. Told again after `storm_again_s` if it goes on.
    storm_losses: int = 3
    storm_within_s: float = 60.0
    storm_again_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class LinkView:
    """The machine's memory. Times are epoch seconds."""

    state: LinkState = LinkState.NOT_STARTED
    since_s: float = 0.0
    heard_s: float | None = None
    proven_s: float | None = None
    pinged_s: float | None = None  # the last ping, None when it was answered
    lost_s: tuple[float, ...] = ()  # when connections were lost lately
    storm_s: float | None = None  # when that was told last

    @property
    def active(self) -> bool:
        return self.state is LinkState.ACTIVE


@dataclass(frozen=True, slots=True)
class SendPing:
    """Ask the peer for an acknowledgement; its arrival is to be told as ROUND_TRIP."""


@dataclass(frozen=True, slots=True)
class PeerActive:
    """The peer is proven: send what waits in the outbox."""


@dataclass(frozen=True, slots=True)
class PeerLost:
    """The proof is gone; `reason` is the event that took it."""

    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionStorm:
    """Connections are lost again and again: tell a person."""

    losses: int
    within_s: float


LinkEffect = SendPing | PeerActive | PeerLost | ConnectionStorm


def decide(
    view: LinkView, event: LinkEvent, now_s: float, rules: LinkRules | None = None
) -> tuple[LinkView, tuple[LinkEffect, ...]]:
    """Take one event. The caller tells ROUND_TRIP only for an acknowledgement of a message it really sent.

    Raises IllegalEvent when the table has no cell.
    """
    rules = rules or LinkRules()
    after = TABLE[view.state].get(event)
    if after is None:
        raise IllegalEvent("link", view.state, event)
    was = view.state
    view = replace(view, state=after, since_s=view.since_s if after is was else now_s)
    effects: list[LinkEffect] = []
    if event in (_E.PEER_HEARD, _E.ROUND_TRIP):
        view = replace(view, heard_s=now_s)
    if event is _E.ROUND_TRIP:
        view = replace(view, pinged_s=None, proven_s=now_s if after is _S.ACTIVE else view.proven_s)
    if event is _E.DISCONNECTED and was in (_S.AWAITING_SETUP, _S.AWAITING_PEER, _S.ACTIVE):
        view, storm = _count_loss(view, now_s, rules)
        effects += storm
    if after is _S.ACTIVE and was is not _S.ACTIVE:
        effects.append(PeerActive())
    if was is _S.ACTIVE and after is not _S.ACTIVE:
        effects.append(PeerLost(str(event)))
    if after is _S.AWAITING_PEER and was is not _S.AWAITING_PEER:
        # A new connection, or a peer just lost: ask at once instead of waiting for silence to pass.
        view = replace(view, pinged_s=now_s)
        effects.append(SendPing())
    if after in (_S.CONNECTING, _S.STOPPED):
        view = replace(view, pinged_s=None, heard_s=None, proven_s=None)
    return view, tuple(effects)


def _count_loss(view: LinkView, now_s: float, rules: LinkRules) -> tuple[LinkView, list[LinkEffect]]:
    lost_s = (*(at_s for at_s in view.lost_s if now_s - at_s < rules.storm_within_s), now_s)
    view = replace(view, lost_s=lost_s)
    quiet = view.storm_s is not None and now_s - view.storm_s < rules.storm_again_s
    if len(lost_s) <= rules.storm_losses or quiet:
        return view, []
    return replace(view, storm_s=now_s), [ConnectionStorm(len(lost_s), rules.storm_within_s)]


def tick(view: LinkView, now_s: float, rules: LinkRules | None = None) -> tuple[LinkView, tuple[LinkEffect, ...]]:
    """To be called each second or so: pings a silent peer, and ends `active` when the proof is too old."""
    rules = rules or LinkRules()
    if view.state is _S.ACTIVE and now_s - (view.proven_s if view.proven_s is not None else now_s) >= rules.proof_s:
        return decide(view, _E.PEER_SILENT, now_s, rules)
    if view.state not in (_S.AWAITING_PEER, _S.ACTIVE):
        return view, ()
    if view.pinged_s is not None:
        due = now_s - view.pinged_s >= rules.answer_s
    elif view.state is _S.AWAITING_PEER:
        due = True
    else:
        # A peer that only talks still has to prove that it hears: the proof is renewed in time as well.
        heard_s, proven_s = view.heard_s or view.since_s, view.proven_s or view.since_s
        due = now_s - heard_s >= rules.silence_s or now_s - proven_s >= rules.proof_s / 2
    if not due:
        return view, ()
    return replace(view, pinged_s=now_s), (SendPing(),)
