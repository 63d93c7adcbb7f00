"""What of an outbox is under way to its receiver: oldest first, in order, a window at a time, alone when in doubt.

After a new connection, and when an acknowledgement fails to come, nobody knows whether the receiver hears us. So the
oldest event goes alone, and only its acknowledgement opens the window; while the oldest is late nothing new is sent.
Otherwise a receiver that comes back in mid-stream would store the later events before the earlier ones.
"""

import json
from dataclasses import dataclass, replace

from gw_spaceheat.errors import StorageError
from gw_spaceheat.storage.outbox import Outbox, OutboxRow

WINDOW = 60  # an ear commits ten times a second
RESEND_AFTER_S = 5.0
LATE_AFTER_S = 0.25  # twice what an ear takes: what is sent before it is late may overtake an event that got lost
SUSPECT_TRIES = 10  # the peer answers, the oldest event is not acknowledged: is it the event, or the receiver's disk?


@dataclass(frozen=True, slots=True)
class Underway:
    """`destination` is the short name of the only one whose acknowledgement counts."""

    row: OutboxRow
    message_id: str
    destination: str
    sent_s: float


class Drain:
    """One connection's view of an outbox. Outbox errors (StorageError) pass through."""

    def __init__(self, outbox: Outbox, receiver: str = "") -> None:
        """`receiver` is the short name of who acknowledges everything; empty: each event whom it is addressed to."""
        self._outbox = outbox
        self._receiver = receiver
        self._under_way: dict[str, Underway] = {}  # by message id, in the order of sending
        self._done: list[tuple[int, int]] = []  # acknowledged and not yet deleted: boot and number
        self._last_seq = 0
        self._open = False
        self._tries = 0
        self.buried = 0

    def begin(self) -> None:
        """A new connection, or a receiver just come back: all that was under way may be lost."""
        self._under_way.clear()
        self._last_seq, self._open = 0, False

    def destination_of(self, message_id: str) -> str | None:
        """Who has to acknowledge this message; None: nobody, it is not under way."""
        found = self._under_way.get(message_id)
        return found.destination if found is not None else None

    def due(self, now_s: float, peer_proven: bool) -> list[OutboxRow]:
        """What to publish now. `peer_proven`: the receiver answers pings, so silence is about the event itself."""
        if self._outbox.count() == 0:
            return []
        oldest = next(iter(self._under_way.values()), None)
        if oldest is not None:
            if now_s - oldest.sent_s >= RESEND_AFTER_S:
                self.begin()
                self._tries += peer_proven
            elif not self._open or now_s - oldest.sent_s >= LATE_AFTER_S:
                return []
        if self._open:
            found = self._outbox.pending(self._last_seq, WINDOW - len(self._under_way))
        else:
            found = self._outbox.pending(0, 2)
            second = self._tries >= SUSPECT_TRIES and self._tries % 2 == 1 and len(found) == 2
            found = found[1:] if second else found[:1]
        return [taken for row in found if (taken := self._register(row, now_s)) is not None]

    def unsent(self, row: OutboxRow) -> None:
        """The link did not take it: it and what comes after are due again."""
        self.begin()

    def acked(self, message_id: str) -> bool:
        """The receiver has committed this event: `forget` may delete it. False: it is not under way."""
        gone = self._under_way.pop(message_id, None)
        if gone is None:
            return False
        self._done.append((gone.row.boot, gone.row.seq))
        head = self._outbox.pending(0, 1) if self._tries >= SUSPECT_TRIES else []
        if head and head[0].seq < gone.row.seq:
            # The one behind it is taken and it is not, however often: it is the event.
            self._outbox.bury(head[0].seq, f"not acknowledged in {self._tries} tries")
            self.buried += 1
        self._tries, self._open = 0, True
        return True

    def forget(self) -> None:
        """Delete what was acknowledged. After a StorageError all of it is sent again, and the receiver knows it."""
        done, self._done = self._done, []
        try:
            if done:
                self._outbox.ack_all(done)
        except StorageError:
            self.begin()
            raise

    def _register(self, row: OutboxRow, now_s: float) -> OutboxRow | None:
        """The row as it is to be published; None: it is no message of ours, and buried."""
        found = _identity(row.payload)
        if found is None:
            self._outbox.bury(row.seq, "no message of ours")
            self.buried += 1
            return None
        message_id, destination = found
        if self._receiver and destination != self._receiver:
            row, destination = _addressed_anew(row, destination, self._receiver), self._receiver
        self._under_way[message_id] = Underway(row, message_id, destination, now_s)
        self._last_seq = row.seq
        return row


def _identity(payload: bytes) -> tuple[str, str] | None:
    """Message id and destination from the header alone, which comes first; None: this is no message of ours."""
    end = payload.find(b',"Payload":')
    try:
        header = json.loads(payload[:end] + b"}")["Header"]
        return str(header["MessageId"]), str(header["Dst"])
    except (ValueError, KeyError, TypeError):
        return None


def _addressed_anew(row: OutboxRow, before: str, receiver: str) -> OutboxRow:
    """An event from before the house was given another receiver: the old one may be gone for good."""
    end = row.payload.find(b',"Payload":')
    header = json.loads(row.payload[:end] + b"}")
    header["Header"]["Dst"] = receiver
    said = json.dumps(header, separators=(",", ":")).encode()[:-1]
    topic = row.topic.replace(f"/to/{before}/", f"/to/{receiver}/", 1)
    return replace(row, topic=topic, payload=said + row.payload[end:])
