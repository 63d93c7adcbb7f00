"""What a network thread hands to an actor: an inbox has no bound of its own, so this counts what waits in it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

NO_ROOM = "no room"
MOST_WAITING = 10_000
"""Messages in an inbox. Far more than a house says in a minute, and far less than a Raspberry Pi's memory."""


@dataclass(frozen=True, slots=True)
class Raw:
    """What the network thread hands over, unread."""

    topic: str
    payload: bytes
    retained: bool


class HandOver:
    """`give` in the network thread, `taken` in the actor for each. What finds no room is counted, and not acknowledged.

    So its sender says it again, if it was an event; a state is replaced by the next one.
    """

    def __init__(self, tell: Callable[[Raw], None], most: int = MOST_WAITING) -> None:
        self._tell = tell
        self._room = threading.Semaphore(most)
        self._refused = 0

    def give(self, topic: str, payload: bytes, retained: bool) -> None:
        if self._room.acquire(blocking=False):
            self._tell(Raw(topic, payload, retained))
        else:
            self._refused += 1

    def taken(self) -> int:
        """One message is out of the inbox. How many were refused since the last time."""
        self._room.release()
        refused, self._refused = self._refused, 0
        return refused
