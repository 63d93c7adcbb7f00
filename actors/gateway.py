"""One link of one process: bytes in, typed messages out, and the other way round.

Events go through the outbox: committed, then published, and deleted only when the durable receiver has
acknowledged them after its own commit. Where that is not who they are addressed to, the addressee gets a copy at once
and once: control must not wait for a recorder. What is refused is counted and logged, never acted upon.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from actors.base import Address, Context, Shell
from actors.drain import Drain
from actors.events import AskLink, AskMark, Committed, LinkChanged, Offer, Received, Said, Send, Suspicion, Tick
from actors.hand_over import NO_ROOM, HandOver, Raw
from actors.peer_watch import PeerWatch
from actors.post import Post
from gw_spaceheat.decisions import link as machine
from gw_spaceheat.errors import BadMessage, StorageError
from gw_spaceheat.messages import manner_of
from gw_spaceheat.messages.alerts import LogLevel, glitch_from
from gw_spaceheat.messages.base import WireModel, type_name_of
from gw_spaceheat.messages.envelope import Envelope, Header, encode, topic_of
from gw_spaceheat.messages.link import Ack, Ping
from gw_spaceheat.messages.units import milliseconds
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.storage.outbox import Gap, Outbox
from gw_spaceheat.wires.mqtt_protocol import Link, LinkNotice, OnMessage, OnState

KEEP, FORGET = Tick("keep"), Tick("forget")
KEEP_S = 5.0
GAPS_AT_ONCE = 50
REFUSED_BY_BROKER = frozenset({LinkNotice.AUTH_REFUSED, LinkNotice.SUBSCRIBE_REFUSED})
# A recorder commands nobody: that it answers once in five minutes, between two reports, is proof enough.
RECEIVER_RULES = machine.LinkRules(silence_s=150.0, answer_s=10.0, proof_s=330.0)

OpenLink = Callable[[OnMessage, OnState, Sequence[str]], Link]


@dataclass(frozen=True, slots=True)
class Notice:
    text: str


def payload_name(payload: WireModel) -> str:
    return type_name_of(type(payload))


class Gateway(Shell):
    """Speaks on one link. `store` set: this side is a durable receiver, and acks after its commit."""

    def __init__(
        self,
        context: Context,
        post: Post,
        open_link: OpenLink,
        routes: Sequence[Address],
        outbox: Outbox | None = None,
        store: MessageStore | None = None,
        watchman: Address | None = None,
    ) -> None:
        super().__init__(context)
        self._post = post
        self._open_link = open_link
        self._routes = routes
        self._outbox = outbox
        self._drain_of = Drain(outbox, post.receiver) if outbox is not None else None
        self._store = store
        self._watchman = watchman
        self._peer = PeerWatch(post.watched, post.peers.get(post.watched, ""), post.link, machine.LinkRules())
        self._receiver = self._peer
        if post.receiver:
            self._receiver = PeerWatch(post.receiver, post.peers[post.receiver], post.receiver, RECEIVER_RULES)
        self._watches = (self._peer,) if self._receiver is self._peer else (self._peer, self._receiver)
        self._link: Link | None = None
        self._usable = self._forgetting = False
        self._told: Counter[str] = Counter()  # what went wrong with the disk, and how often
        self.refused: Counter[str] = Counter()

    def begin(self) -> None:
        tell = self.context.me.tell
        self._hand_over = HandOver(tell)
        self._link = self._open_link(
            self._hand_over.give,
            lambda text: tell(Notice(text)),
            self._post.subscriptions,
        )
        self._take(machine.LinkEvent.START)
        self._link.start()
        self.context.after(KEEP_S, KEEP)
        if self._outbox is not None and self._outbox.set_aside is not None:
            self.context.log(
                "storage", f"outbox damaged: kept as {self._outbox.set_aside.name}, salvaged what it holds"
            )

    def end(self) -> None:
        if self._link is not None:
            self._link.stop(2.0)

    def release(self) -> None:
        if self._link is not None:  # two clients of one name would throw each other out for ever
            self._link.stop(0.2)

    def handle(self, message: object) -> None:
        match message:
            case Raw():
                if refused := self._hand_over.taken():
                    self.refused[NO_ROOM] += refused
                    self.context.log("refused", f"{NO_ROOM}: {refused} messages found the inbox full")
                self._receive(message)
            case Send():
                self._send(message)
            case Offer():
                self._take_offer(message)
            case AskMark(reply_to):
                reply_to.tell(self._committed())
            case Notice(text):
                self._notice(text)
            case AskLink(reply_to):
                reply_to.tell(LinkChanged(self._post.link, self._peer.active, self.context.now()))
            case Tick("keep"):
                self.context.after(KEEP_S, KEEP)
                self._keep()
            case Tick("forget"):
                self._forget()

    def _notice(self, text: str) -> None:
        self._usable = text == LinkNotice.SUBSCRIBED
        problem = self._link.problem if self._link is not None else ""
        self.context.log("link", f"{self._post.link} {text}" + (f": {problem}" if problem else ""))
        if text in REFUSED_BY_BROKER:
            self._suspect(f"{self._post.link} broker: {text}", problem)
        event = machine.EVENT_OF_NOTICE.get(text)
        if event is not None:
            self._take(event)
        if self._usable:
            self._drain(anew=True)

    def _take(self, event: machine.LinkEvent, watch: PeerWatch | None = None) -> None:
        """Tell one watch, or all of them."""
        for told in self._watches if watch is None else (watch,):
            self._carry_out(told, told.take(event, self.context.now()))

    def _carry_out(self, watch: PeerWatch, effects: Sequence[machine.LinkEffect]) -> None:
        for effect in effects:
            match effect:
                case machine.SendPing():
                    self._say_ping(watch)
                case machine.PeerActive():
                    self._tell_peer(watch, True, "answers")
                    if watch is self._receiver:
                        self._drain(anew=True)
                case machine.PeerLost(reason):
                    self._tell_peer(watch, False, f"is lost: {reason}")
                case machine.ConnectionStorm(losses, within_s) if watch is self._peer:
                    self._alarm(f"connection lost {losses} times in {within_s:.0f} s: has another client our name?", "")

    def _receive(self, raw: Raw) -> None:
        try:
            envelope = self._post.read(raw.topic, raw.payload)
            header, payload = envelope.header, envelope.payload
            if isinstance(payload, Ack):
                self._check_ack(payload, header.src)
        except BadMessage as error:
            self.refused[error.reason] += 1
            self._suspect(f"{self._post.link}: {error.reason}", f"{raw.topic}: {error}")
            # Every tenfold repetition is said again: a flood must not become a flood of our own lines.
            if str(self.refused[error.reason]).strip("0") == "1":
                self.context.log("refused", f"{raw.topic}: {error} (number {self.refused[error.reason]})")
            return
        now_s = self.context.now()
        watch = self._watch_of(header.src)
        if watch is not None:
            self._take(machine.LinkEvent.PEER_HEARD, watch)
        if isinstance(payload, Ack):
            self._acked(payload, watch)
            return
        if self._store is not None and header.boot is not None and header.seq is not None:
            try:
                self._store.put(header.src, header.boot, header.seq, now_s, header.message_type, raw.payload)
            except StorageError as error:
                self._say_storage("not stored and not acknowledged", error)
                return
        if header.ack_required:
            self._publish(self._post.short_of(header.src), Ack(ack_message_id=header.message_id))
        if isinstance(payload, Ping):
            return
        received = Received(self._post.link, header.src, header, payload, raw.retained, now_s)
        for route in self._routes:
            route.tell(received)

    def _suspect(self, cause: str, details: str) -> None:
        if self._watchman is not None:
            self._watchman.tell(Suspicion(cause, details))

    def _check_ack(self, ack: Ack, source: str) -> None:
        """Only who was asked may acknowledge: another permitted peer's word would delete what nobody has stored."""
        watch = self._asked_by(ack.ack_message_id)
        if watch is not None:
            asked = watch.alias
        elif self._drain_of is None or (short := self._drain_of.destination_of(ack.ack_message_id)) is None:
            return
        else:
            asked = self._post.peers.get(short, self._peer.alias)
        if source != asked:
            raise BadMessage("ack not of the receiver", f"{source} acknowledges what was sent to {asked}")

    def _send(self, order: Send) -> None:
        destination, payload = order.destination, order.payload
        if manner_of(payload) != "event" or self._outbox is None:
            header = self._header(destination, payload, ack_required=False)
            expires_ms = None if order.expires_s is None else milliseconds(order.expires_s)
            self._say(replace(header, expires_at_ms=expires_ms, signature=order.signature), payload)
            return
        try:
            self._put(self._outbox, destination, [Said(payload)])
        except StorageError as error:
            # Said once, unsaved: a heartbeat now is worth more than one that waits for a new disk.
            self._publish(destination, payload)
            self._say_storage("sent unsaved", error)
            return
        self._drain()

    def _put(
        self,
        outbox: Outbox,
        destination: str,
        events: Sequence[Said],
        mark: int | None = None,
        told: Sequence[Gap] = (),
    ) -> None:
        """Commit events together; their addressee gets copies where another has to store them. Raises StorageError."""
        outbox.require()
        receiver = self._post.receiver or destination
        envelopes = []
        for seq, said in enumerate(events, outbox.next_seq):
            header = replace(self._header(receiver, said.payload, ack_required=True), boot=outbox.boot, seq=seq)
            envelopes.append(Envelope(header, said.payload))
        outbox.put_all([(_topic(envelope.header), encode(envelope)) for envelope in envelopes], mark, told)
        for envelope, said in zip(envelopes, events, strict=True):
            header = envelope.header
            self.context.log("event", f"{header.message_type} boot {header.boot} seq {header.seq}")
            if receiver != destination and said.fresh:
                self._say(replace(header, dst=destination, ack_required=False), said.payload)

    def _take_offer(self, offer: Offer) -> None:
        """Reports, once: asked for again after a crash of either side, and their mark says whether they are new."""
        if self._outbox is not None:
            try:
                if offer.mark > self._outbox.mark():
                    self._put(self._outbox, offer.destination, offer.reports, offer.mark)
            except StorageError as error:
                self._say_storage("reports stay in the journal", error)
            self._drain()
        offer.reply_to.tell(self._committed())

    def _committed(self) -> Committed:
        outbox, active = self._outbox, self._receiver.active
        if outbox is None:
            return Committed(None, 0, active)
        try:
            outbox.require()
            return Committed(outbox.mark(), outbox.count(), active)
        except StorageError as error:
            self._say_storage("not usable", error)
            return Committed(None, 0, active)

    def _drain(self, anew: bool = False) -> None:
        """Publish what is due of the outbox. QoS 0: the acknowledgement that counts is the receiver's."""
        if not self._usable or self._drain_of is None or self._link is None:
            return
        if anew:
            self._drain_of.begin()
        try:
            for row in self._drain_of.due(self.context.now(), self._receiver.active):
                if not self._link.publish(row.topic, row.payload, 0):
                    self._drain_of.unsent(row)
                    break
        except StorageError as error:
            self._say_storage("not sent", error)

    def _acked(self, ack: Ack, watch: PeerWatch | None) -> None:
        if watch is not None and watch.asked_by(ack.ack_message_id):
            watch.answered()
            self._take(machine.LinkEvent.ROUND_TRIP, watch)
            return
        if self._drain_of is None or self._drain_of.destination_of(ack.ack_message_id) is None:
            return
        self._drain_of.acked(ack.ack_message_id)
        if watch is not None:
            self._take(machine.LinkEvent.ROUND_TRIP, watch)
        # Behind all acknowledgements that wait in our mailbox: one commit deletes them all.
        if not self._forgetting:
            self._forgetting = True
            self.context.me.tell(FORGET)

    def _forget(self) -> None:
        self._forgetting = False
        if self._drain_of is None:
            return
        try:
            self._drain_of.forget()
        except StorageError as error:
            self._say_storage("acknowledged, but not deleted: will be sent again", error)
        self._drain()

    def _say_storage(self, what: str, error: StorageError) -> None:
        self._told[what] += 1
        if str(self._told[what]).strip("0") == "1":
            self.context.log("storage", f"{self._post.link}: {what}: {error} (number {self._told[what]})")

    def _say_gaps(self) -> None:
        """Events that were dropped are themselves events: the receiver may know what it will never see."""
        if self._outbox is None or not self._usable or not (gaps := self._outbox.gaps()[:GAPS_AT_ONCE]):
            return
        text = "; ".join(f"boot {gap.boot} seq {gap.first_seq}..{gap.last_seq}: {gap.reason}" for gap in gaps)
        self._alarm(f"{len(gaps)} gap(s) in the events", text, told=gaps)

    def _alarm(self, summary: str, details: str, told: Sequence[Gap] = ()) -> None:
        """What is wrong with this very link or its outbox: a line, and an event where there is an outbox."""
        self.context.log("alarm", f"{self._post.link}: {summary}")
        if self._outbox is None:
            return
        glitch = glitch_from(
            alias=self._post.alias,
            node="outbox" if told else f"link-{self._post.link}",
            level=LogLevel.WARNING,
            summary=summary,
            details=details,
            now_s=self.context.now(),
        )
        try:
            self._put(self._outbox, self._peer.short or next(iter(self._post.peers)), [Said(glitch)], told=told)
        except StorageError as error:
            self._say_storage("alarm not kept yet", error)

    def _keep(self) -> None:
        for watch in self._watches:
            if watch.alias:
                self._carry_out(watch, watch.tick(self.context.now()))
        self._say_gaps()
        self._drain()

    def _tell_peer(self, watch: PeerWatch, active: bool, said: str) -> None:
        self.context.log("peer", f"{self._post.link}: {watch.alias} {said}")
        for route in self._routes:
            route.tell(LinkChanged(watch.told_as, active, self.context.now()))

    def _say_ping(self, watch: PeerWatch) -> None:
        if watch.alias:
            watch.pinged(self._publish(watch.short, Ping(), ack_required=True))

    def _watch_of(self, alias: str) -> PeerWatch | None:
        return next((watch for watch in self._watches if watch.alias == alias), None)

    def _asked_by(self, message_id: str) -> PeerWatch | None:
        return next((watch for watch in self._watches if watch.asked_by(message_id)), None)

    def _header(self, destination: str, payload: WireModel, ack_required: bool) -> Header:
        return Header(
            src=self._post.alias,
            dst=destination,
            message_type=payload_name(payload),
            message_id=self.context.new_id(),
            ack_required=ack_required,
        )

    def _publish(self, destination: str, payload: WireModel, ack_required: bool = False) -> str:
        """Publish what may be lost; returns its message id."""
        header = self._header(destination, payload, ack_required)
        self._say(header, payload)
        return header.message_id

    def _say(self, header: Header, payload: WireModel) -> None:
        if self._link is not None and self._usable:
            self._link.publish(_topic(header), encode(Envelope(header, payload)), 1)


def _topic(header: Header) -> str:
    return topic_of(header.src, header.dst, header.message_type)
