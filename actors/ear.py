"""The ear: listens to the broker and stores every valid message once. It never commands.

Messages are committed in batches. An event that is addressed to the ear is acknowledged after its commit; what is
addressed to an AtomicTNode is the AtomicTNode's to acknowledge. A ping to the ear is answered with the commit that
follows, so that an answer proves the store and not just the process.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from actors.base import Context, Shell
from actors.events import Tick
from actors.gateway import Notice, OpenLink
from actors.hand_over import NO_ROOM, HandOver, Raw
from actors.post import ACK_NAME
from gw_spaceheat.errors import BadMessage, StorageError
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode, parse_topic, topic_of
from gw_spaceheat.messages.link import Ack, Ping
from gw_spaceheat.storage.ear_store import Heard, MessageSink, heard_from
from gw_spaceheat.wires.mqtt_protocol import Link

COUNT, COMMIT = Tick("count"), Tick("commit")
COUNT_S = 60.0
# The pace of a house that drains is its window for each commit; and a late answer makes it send one at a time.
COMMIT_S, LONGEST_RETRY_S = 0.1, 30.0
BATCH_MESSAGES, BATCH_BYTES = 300, 4 * 1024 * 1024
# While the store is away so much is kept; what then arrives is neither kept nor acknowledged, and comes again.
MOST_WAITING_BYTES = 128 * 1024 * 1024
SHORT_NAME = "ear"


@dataclass(slots=True)
class _Waiting:
    """Heard since `since_s` and not yet committed."""

    since_s: float
    heard: list[Heard]
    acks: list[tuple[str, str]]  # sender and message id
    size_bytes: int = 0


class Ear(Shell):
    """Events are stored once, by their sender's boot and number; states, which have none, are all kept."""

    def __init__(
        self,
        context: Context,
        open_link: OpenLink,
        store: MessageSink,
        subscriptions: Sequence[str] = ("gw/#",),
        alias: str = SHORT_NAME,
    ) -> None:
        super().__init__(context)
        self._open_link = open_link
        self._store = store
        self._subscriptions = subscriptions
        self._alias = alias
        self._link: Link | None = None
        self._waiting = _Waiting(context.now(), [], [])
        self._armed = False
        self._failures = 0  # of the store, since its last success
        self.stored = 0
        self.refused: Counter[str] = Counter()

    def begin(self) -> None:
        tell = self.context.me.tell
        self._hand_over = HandOver(tell)
        self._link = self._open_link(
            self._hand_over.give,
            lambda text: tell(Notice(text)),
            self._subscriptions,
        )
        self._link.start()
        self.context.after(COUNT_S, COUNT)

    def end(self) -> None:
        self._commit()
        if self._link is not None:
            self._link.stop(2.0)
        self._store.close()

    def release(self) -> None:
        if self._link is not None:
            self._link.stop(0.2)

    def handle(self, message: object) -> None:
        match message:
            case Raw():
                if refused := self._hand_over.taken():
                    self.refused[NO_ROOM] += refused
                self._hear(message)
            case Notice(text):
                problem = self._link.problem if self._link is not None else ""
                self.context.log("link", f"{text}" + (f": {problem}" if problem else ""))
            case Tick("commit"):
                self._armed = False
                self._commit()
            case Tick("count"):
                self.context.after(COUNT_S, COUNT)
                self.context.log("ear", f"{self.stored} stored, {sum(self.refused.values())} refused")

    def _hear(self, raw: Raw) -> None:
        waiting = self._waiting
        try:
            topic = parse_topic(raw.topic)
            if topic.source == self._alias:
                return  # our own acknowledgements
            envelope = decode(raw.payload)
            header = envelope.header
            if header.src != topic.source:
                raise BadMessage("sender differs", f"topic says {topic.source}, header says {header.src}")
            if waiting.size_bytes > MOST_WAITING_BYTES:
                raise BadMessage(NO_ROOM, f"{waiting.size_bytes} bytes wait for the store")
        except BadMessage as error:
            self.refused[error.reason] += 1
            return
        to_us = topic.destination == SHORT_NAME
        if header.ack_required and to_us:
            waiting.acks.append((header.src, header.message_id))
        if _to_store(envelope, to_us):
            waiting.heard.append(heard_from(envelope, raw.payload, self.context.now()))
            waiting.size_bytes += len(raw.payload)
        full = len(waiting.heard) >= BATCH_MESSAGES or waiting.size_bytes >= BATCH_BYTES
        # The timer's word waits behind all that is in the mailbox, and who is acknowledged meanwhile sends more.
        due = self.context.now() - waiting.since_s >= COMMIT_S
        if (full or due) and not self._failures:
            self._commit()
        else:
            self._arm()

    def _arm(self) -> None:
        if not self._armed:
            delay_s = min(LONGEST_RETRY_S, COMMIT_S * 2.0 ** min(self._failures, 10))
            self._armed = True
            self.context.after(delay_s, COMMIT)

    def _commit(self) -> None:
        """Store what waits, then acknowledge it. While the store fails all waits on, unacknowledged."""
        waiting = self._waiting
        try:
            if waiting.heard:
                self.stored += self._store.put_all(waiting.heard)
        except StorageError as error:
            self._failures += 1
            if str(self._failures).strip("0") == "1":
                text = f"{error}; {len(waiting.heard)} messages wait (failure {self._failures})"
                self.context.log("storage", text)
            self._arm()
            return
        if self._failures:
            self.context.log("storage", f"stores again, {len(waiting.heard)} messages that waited")
        self._failures, self._waiting = 0, _Waiting(self.context.now(), [], [])
        for sender, message_id in waiting.acks:
            self._acknowledge(sender, message_id)

    def _acknowledge(self, sender: str, message_id: str) -> None:
        if self._link is None:
            return
        # Many houses have one ear: it answers each by its whole alias.
        destination = sender.replace(".", "-")
        header = Header(self._alias, destination, ACK_NAME, self.context.new_id())
        ack = encode(Envelope(header, Ack(ack_message_id=message_id)))
        self._link.publish(topic_of(self._alias, destination, ACK_NAME), ack, 0)


def _to_store(envelope: Envelope, to_us: bool) -> bool:
    """Not a ping to us, nor the copy of an event that its addressee was given: the event itself comes to us too."""
    header = envelope.header
    copy = header.boot is not None and not header.ack_required
    return not copy and not (to_us and isinstance(envelope.payload, Ping))
