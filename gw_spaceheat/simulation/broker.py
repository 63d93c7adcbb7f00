"""A broker in virtual time: same links as MQTT, with faults that a test or a study can set.

Runs in one thread, without clock: the scheduler it is given decides when a delivery happens. With a fixed
delay order is kept; `reorder` breaks it on purpose.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from gw_spaceheat.errors import OurError
from gw_spaceheat.wires.mqtt_protocol import LinkNotice, OnMessage, OnState

Schedule = Callable[[float, Callable[[], None]], None]
MAX_QUEUED = 10_000


@dataclass(slots=True)
class Faults:
    """What is wrong with the network now. Shares are 0..1 per delivery and hold for QoS 1 too: worse than MQTT."""

    delay_s: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0  # share of deliveries that get up to `reorder_s` more delay
    reorder_s: float = 1.0

    @property
    def by_chance(self) -> bool:
        return self.drop > 0.0 or self.duplicate > 0.0 or self.reorder > 0.0


class SimulatedBroker:
    """Routes by topic filters with + and #, keeps retained messages, delivers through `schedule`."""

    def __init__(self, schedule: Schedule, rng: random.Random) -> None:
        self.faults = Faults()
        self.delivered = 0
        self._schedule, self._rng = schedule, rng
        self._links: dict[str, SimulatedLink] = {}
        self._retained: dict[str, bytes] = {}
        self._routes: dict[str, tuple[SimulatedLink, ...]] = {}
        self._running = True

    def client(
        self, client_id: str, on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]
    ) -> "SimulatedLink":
        """A link of this broker. A second one of the same name throws the first out, as with MQTT."""
        return SimulatedLink(self, client_id, on_message, on_state, tuple(subscriptions))

    def partition(self, client_id: str, silent: bool = False) -> None:
        """Cut one client off. Silent: neither side is told, as with a half-open socket, and messages are lost."""
        link = self._find(client_id)
        link.lost_silently = silent
        if not silent:
            link.lose(LinkNotice.DISCONNECTED)

    def heal(self, client_id: str) -> None:
        """End a partition; what the client queued meanwhile is sent now."""
        link = self._find(client_id)
        link.cut = link.lost_silently = False
        self.reach(link)

    def stop(self) -> None:
        """The broker dies: retained messages are gone and every client notices."""
        self._running = False
        self._retained.clear()
        for link in list(self._links.values()):
            link.lose(LinkNotice.DISCONNECTED, cut=False)

    def start(self) -> None:
        """The broker is back, empty."""
        self._running = True
        for link in list(self._links.values()):
            self.reach(link)

    # -- used by the links --------------------------------------------------------------------------------

    def join(self, link: "SimulatedLink") -> None:
        older = self._links.get(link.client_id)
        if older is not None and older is not link:
            older.lose(LinkNotice.DISCONNECTED)
        self._links[link.client_id] = link
        self.reach(link)

    def reach(self, link: "SimulatedLink") -> None:
        """Let a link in when nothing stands between, and hand it the retained messages of its filters."""
        if link.up or link.cut or not link.started:
            return
        if not self._running:
            link.tell(LinkNotice.UNREACHABLE)
            return
        self._routes.clear()
        link.come_up()
        for topic, payload in list(self._retained.items()):
            if link.wants(topic):
                self._deliver(link, topic, payload, True)

    def leave(self, link: "SimulatedLink") -> None:
        if self._links.get(link.client_id) is link:
            del self._links[link.client_id]
        self._routes.clear()

    def route(self, topic: str, payload: bytes, retain: bool) -> None:
        """Give a message to every link whose filter matches, the sender included."""
        if retain:
            if payload:
                self._retained[topic] = payload
            else:
                self._retained.pop(topic, None)
        links = self._routes.get(topic)
        if links is None:
            links = tuple(link for link in self._links.values() if link.wants(topic))
            self._routes[topic] = links
        for link in links:
            self._deliver(link, topic, payload, False)

    def _deliver(self, link: "SimulatedLink", topic: str, payload: bytes, retained: bool) -> None:
        faults = self.faults
        delay_s, copies = faults.delay_s, 1
        if faults.by_chance:
            if self._rng.random() < faults.drop:
                return
            copies += self._rng.random() < faults.duplicate
            if self._rng.random() < faults.reorder:
                delay_s += self._rng.uniform(0.0, faults.reorder_s)
        for _ in range(copies):
            self._schedule(delay_s, partial(link.receive, topic, payload, retained))

    def _find(self, client_id: str) -> "SimulatedLink":
        if client_id not in self._links:
            raise OurError(f"simulated broker: no started client {client_id!r}, known: {sorted(self._links)}")
        return self._links[client_id]


class SimulatedLink:
    """One client of a simulated broker; serves the `Link` protocol."""

    def __init__(
        self,
        broker: SimulatedBroker,
        client_id: str,
        on_message: OnMessage,
        on_state: OnState,
        subscriptions: tuple[str, ...],
    ) -> None:
        self.client_id = client_id
        self.started = self.up = self.cut = self.lost_silently = False
        self.dropped = 0
        self._broker, self._on_message, self._on_state = broker, on_message, on_state
        self._filters = tuple(text.split("/") for text in subscriptions)
        self._queue: deque[tuple[str, bytes, bool]] = deque()
        self._notice: LinkNotice | None = None

    @property
    def problem(self) -> str:
        bad = (LinkNotice.DISCONNECTED, LinkNotice.UNREACHABLE)
        return f"simulated broker: {self.client_id} is {self._notice}" if self._notice in bad else ""

    def start(self) -> None:
        if self.started:
            return
        self.started = True
        self.tell(LinkNotice.CONNECTING)
        self._broker.join(self)

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> bool:
        """As `Link.publish`: QoS 1 is queued while cut off, QoS 0 dropped."""
        if self.up:
            if not self.lost_silently:
                self._broker.route(topic, payload, retain)
            return True
        stopped = self._notice is LinkNotice.STOPPED
        if stopped or qos == 0 or len(self._queue) >= MAX_QUEUED:
            self.dropped += 1
            return False
        self._queue.append((topic, payload, retain))
        return True

    def stop(self, timeout_s: float) -> None:
        """Leave the broker at once; deliveries under way to this client are lost."""
        self.started = self.up = False
        self._broker.leave(self)
        self.tell(LinkNotice.STOPPED)

    # -- used by the broker -------------------------------------------------------------------------------

    def wants(self, topic: str) -> bool:
        levels = topic.split("/")
        return any(_matches(levels, wanted) for wanted in self._filters)

    def receive(self, topic: str, payload: bytes, retained: bool) -> None:
        if self.up and not self.lost_silently:
            self._broker.delivered += 1
            self._on_message(topic, payload, retained)

    def come_up(self) -> None:
        self.up = True
        self.tell(LinkNotice.CONNECTED)
        self.tell(LinkNotice.SUBSCRIBED)
        while self._queue and self.up:
            self._broker.route(*self._queue.popleft())

    def lose(self, notice: LinkNotice, cut: bool = True) -> None:
        self.cut = self.cut or cut
        if self.up:
            self.up = False
            self.tell(notice)

    def tell(self, notice: LinkNotice) -> None:
        if notice is not self._notice:
            self._notice = notice
            self._on_state(notice)


def matches(topic: str, topic_filter: str) -> bool:
    """Whether an MQTT topic falls under a filter (MQTT 3.1.1, section 4.7)."""
    return _matches(topic.split("/"), topic_filter.split("/"))


def _matches(levels: list[str], wanted: list[str]) -> bool:
    if levels[0].startswith("$") and wanted[0] in ("+", "#"):
        return False
    for index, want in enumerate(wanted):
        if want == "#":
            return True
        if index >= len(levels) or (want != "+" and want != levels[index]):
            return False
    return len(levels) == len(wanted)
