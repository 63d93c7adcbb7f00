"""What an actor may ask of a link to a broker. `MqttLink` and the simulated broker both serve it.

A link says what it is doing through `on_state`, always with one of the `LinkNotice` texts, and only when it
changes. A notice tells about the broker alone: that the *peer* lives is proven by `decisions/link.py`.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol


class LinkNotice(StrEnum):
    """The texts given to `on_state`."""

    CONNECTING = "connecting"
    CONNECTED = "connected"  # the broker let us in; subscriptions are on their way
    SUBSCRIBED = "subscribed"  # every subscription was granted: the link can be used
    DISCONNECTED = "disconnected"  # was connected, is lost, will retry
    UNREACHABLE = "unreachable"  # no broker answered, will retry
    AUTH_REFUSED = "auth-refused"  # the broker answered and does not want this name and password
    SUBSCRIBE_REFUSED = "subscribe-refused"  # let in, but a subscription was denied
    FAILED = "failed"  # a bug ended the network loop, which begins anew: will retry
    STOPPED = "stopped"


OnMessage = Callable[[str, bytes, bool], None]
"""Called with topic, payload, and whether the broker had retained the message."""

OnState = Callable[[str], None]

Guard = Callable[[Callable[[], None]], str | None]
"""Runs a step; what it raised comes back as text. The edge of a thread that is no actor's; `actors/base.py` has it."""


class Link(Protocol):
    """One client of one broker."""

    @property
    def problem(self) -> str:
        """One line a person can read about what is wrong now; empty when nothing is."""
        ...

    def start(self) -> None:
        """Begin to connect and return at once; an absent broker is a notice, not an error."""
        ...

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> bool:
        """Hand a message over from any thread. False: it was dropped (queue full, or offline with QoS 0)."""
        ...

    def stop(self, timeout_s: float) -> None:
        """Send what is queued if that can be done in time, disconnect, and return within `timeout_s` seconds."""
        ...
