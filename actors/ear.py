"""The ear: listens to the broker and stores every valid message once. It never answers and never commands."""

from collections import Counter
from collections.abc import Sequence

from actors.base import Context, Shell
from actors.events import Tick
from actors.gateway import Notice, OpenLink, Raw
from gw_spaceheat.errors import BadMessage, StorageError
from gw_spaceheat.messages.envelope import decode, parse_topic
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.wires.mqtt_protocol import Link

COUNT = Tick("count")
COUNT_S = 60.0


class Ear(Shell):
    """Events are stored once, by their sender's boot and number; states, which have none, are all kept."""

    def __init__(
        self, context: Context, open_link: OpenLink, store: MessageStore, subscriptions: Sequence[str] = ("gw/#",)
    ) -> None:
        super().__init__(context)
        self._open_link = open_link
        self._store = store
        self._subscriptions = subscriptions
        self._link: Link | None = None
        self.stored = 0
        self.refused: Counter[str] = Counter()

    def begin(self) -> None:
        tell = self.context.me.tell
        self._link = self._open_link(
            lambda topic, payload, retained: tell(Raw(topic, payload, retained)),
            lambda text: tell(Notice(text)),
            self._subscriptions,
        )
        self._link.start()
        self.context.after(COUNT_S, COUNT)

    def end(self) -> None:
        if self._link is not None:
            self._link.stop(2.0)
        self._store.close()

    def release(self) -> None:
        if self._link is not None:
            self._link.stop(0.2)

    def handle(self, message: object) -> None:
        match message:
            case Raw():
                self._hear(message)
            case Notice(text):
                problem = self._link.problem if self._link is not None else ""
                self.context.log("link", f"{text}" + (f": {problem}" if problem else ""))
            case Tick("count"):
                self.context.after(COUNT_S, COUNT)
                self.context.log("ear", f"{self.stored} stored, {sum(self.refused.values())} refused")

    def _hear(self, raw: Raw) -> None:
        try:
            topic = parse_topic(raw.topic)
            header = decode(raw.payload).header
            if header.src != topic.source:
                raise BadMessage("sender differs", f"topic says {topic.source}, header says {header.src}")
        except BadMessage as error:
            self.refused[error.reason] += 1
            return
        now_s = self.context.now()
        try:
            self.stored += self._store.put(header.src, header.boot, header.seq, now_s, header.message_type, raw.payload)
        except StorageError as error:
            self.context.log("storage", str(error))
