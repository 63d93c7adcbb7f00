"""A link over a real broker: paho, driven by one thread of ours.

Why not paho's own thread: one exception there ends it while `is_connected()` stays true, its back-off has no
jitter, and publishing from several threads has deadlocked it before. Here one thread alone touches the client;
others put into a bounded queue. A QoS 1 message is held in memory until the broker acknowledges it; what must
survive a power cut belongs into the outbox first.
"""

import logging
import random
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gw_spaceheat.errors import BadInput, OurError
from gw_spaceheat.wires.mqtt_protocol import Guard, LinkNotice, OnMessage, OnState

LOG = logging.getLogger(__name__)

# The select of the network thread ends after this long when nothing happens; such an idle round is the only
# clock this module needs, so time-outs below are "at least" values.
ROUND_S = 0.25
CONNECT_TIMEOUT_S = 5.0
CONNACK_TIMEOUT_S = 8.0  # a captive portal opens the socket and never speaks MQTT
# MQTT re-sends only on a new connection, so an acknowledgement lost on a live one has to force a new one.
PUBACK_TIMEOUT_S = 15.0
PUBACK_OVERTAKEN_BY = 200
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 60.0
# A connection that held this long resets the back-off. Long, for two clients of one name throw each other out for as
# long as both come back soon.
STABLE_AFTER_S = 60.0
IN_FLIGHT = 20  # paho's own limit; the rest waits in our queue
REFUSED = {"Bad user name or password", "Not authorized", "Bad authentication method", "Banned"}


@dataclass(frozen=True, slots=True)
class MqttLinkSettings:
    """Where the broker is and who we are. `client_id` must be ours alone, or two clients throw each other out."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    client_id: str = ""
    keepalive_s: int = 20
    tls: bool = False
    tls_ca_path: Path | None = None
    tls_cert_path: Path | None = None
    tls_key_path: Path | None = None
    max_queued: int = 10_000


@dataclass(frozen=True, slots=True)
class _Outgoing:
    topic: str
    payload: bytes
    qos: int
    retain: bool


class MqttLink:
    """One client of one broker. Connects, subscribes, retries with jitter, and never raises when offline."""

    def __init__(
        self,
        settings: MqttLinkSettings,
        on_message: OnMessage,
        on_state: OnState,
        subscriptions: Sequence[str],
        guard: Guard,
        rng: random.Random | None = None,
    ) -> None:
        """`on_message` and `on_state` run in the network thread: they must only hand over and return.

        `guard` runs a step and gives back what it raised: paho's thread died silently of a handler's bug.
        Raises BadInput when a certificate or key file cannot be used.
        """
        if not 1 <= settings.port <= 65535:
            raise BadInput(f"broker {settings.host}: port {settings.port} is not in 1..65535")
        self.settings = settings
        self.callback_errors = 0
        self.dropped = 0
        self._on_message, self._on_state, self._guard = on_message, on_state, guard
        self._subscriptions = tuple(subscriptions)
        # Jitter only has to differ between clients, so their names will do as seed.
        self._rng = rng or random.Random(settings.client_id)
        self._lock = threading.RLock()  # paho may call on_publish inside publish
        self._queue: deque[_Outgoing] = deque()
        self._in_flight: dict[int, tuple[int, int]] = {}  # message id -> (idle rounds, acknowledgements) when sent
        self._stopping, self._drained, self._ended = threading.Event(), threading.Event(), threading.Event()
        self._notice: LinkNotice | None = None
        self._problem = ""
        self._idle_rounds = self._acknowledged = self._failures = 0
        self._stable_from = 0
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._client = self._make_client()
        self._thread: threading.Thread | None = None

    @property
    def name(self) -> str:
        return f"broker {self.settings.host}:{self.settings.port}"

    @property
    def problem(self) -> str:
        """One line about what is wrong now, or empty."""
        return self._problem

    @property
    def state(self) -> LinkNotice | None:
        """The last notice given."""
        return self._notice

    @property
    def unsent(self) -> int:
        """Messages queued here or not yet acknowledged by the broker."""
        return len(self._queue) + len(self._in_flight)

    def alive(self) -> bool:
        """Whether the network thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the network thread. Returns at once."""
        if self.alive():
            return
        if self._stopping.is_set():
            raise OurError(f"{self.name}: a stopped link cannot be started again, make a new one")
        self._thread = threading.Thread(target=self.run, name=f"mqtt-{self.settings.client_id}", daemon=True)
        self._thread.start()

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> bool:
        """Queue a message; any thread. False when dropped: queue full, stopped, or offline with QoS 0.

        Raises OurError for a topic or QoS that no broker would take.
        """
        if not topic or any(mark in topic for mark in "+#\0") or len(topic.encode()) > 65535 or qos not in (0, 1):
            raise OurError(f"{self.name}: cannot publish to topic {topic!r} with QoS {qos}")
        offline = self._notice not in (LinkNotice.CONNECTED, LinkNotice.SUBSCRIBED, LinkNotice.SUBSCRIBE_REFUSED)
        with self._lock:
            if self._stopping.is_set() or (qos == 0 and offline) or self.unsent >= self.settings.max_queued:
                self.dropped += 1
                return False
            self._drained.clear()
            self._queue.append(_Outgoing(topic, bytes(payload), qos, retain))
        self._wake()
        return True

    def stop(self, timeout_s: float) -> None:
        """Send what can still be sent, disconnect, end the thread; returns within `timeout_s` whatever happens."""
        if self.alive() and self._notice in (LinkNotice.CONNECTED, LinkNotice.SUBSCRIBED) and self.unsent:
            self._drained.wait(timeout_s * 0.6)
        self._stopping.set()
        self._wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s * 0.4)
        if not self.alive():
            self._wake_out.close()
            self._wake_in.close()
        self._tell(LinkNotice.STOPPED, "")

    def run(self) -> None:
        """The network loop; blocks until stopped. A bug in it is told as `failed`, and the loop begins anew."""
        while (bug := self._guard(self._loop)) is not None:
            LOG.error("%s: network loop ended: %s", self.name, bug)
            self._failures += 1
            self._close_socket()
            self._tell(LinkNotice.FAILED, f"{self.name}: network loop ended by {bug}; retrying")
            if self._stopping.wait(self._retry_delay_s()):
                return

    # -- the network thread ------------------------------------------------------------------------------

    def _loop(self) -> None:
        while not self._stopping.is_set():
            if self._connect():
                self._serve()
            if self._stopping.wait(self._retry_delay_s()):
                break
        if self._client.socket() is not None:
            self._client.disconnect()
            self._client.loop_write()
        self._close_socket()

    def _connect(self) -> bool:
        self._tell(LinkNotice.CONNECTING, self._problem)
        try:
            self._client.connect(self.settings.host, self.settings.port, self.settings.keepalive_s)
        except (OSError, UnicodeError, ValueError) as error:
            self._failures += 1
            self._tell(LinkNotice.UNREACHABLE, f"{self.name}: unreachable, {error}; retrying")
            return False
        return True

    def _serve(self) -> None:
        """Move bytes until the connection ends or is given up."""
        connack_rounds = self._idle_rounds + round(CONNACK_TIMEOUT_S / ROUND_S)
        while not self._stopping.is_set():
            self._send_queued()
            network = self._client.socket()
            if network is None or not self._exchange(network):
                break
            up = self._notice in (LinkNotice.CONNECTED, LinkNotice.SUBSCRIBED, LinkNotice.SUBSCRIBE_REFUSED)
            if not up and self._idle_rounds >= connack_rounds:
                self._failures += 1
                self._tell(LinkNotice.UNREACHABLE, f"{self.name}: no answer to CONNECT in {CONNACK_TIMEOUT_S:.0f} s")
                break
            if up and self._idle_rounds >= self._stable_from + round(STABLE_AFTER_S / ROUND_S):
                self._failures = 0
            if self._acknowledgement_lost():
                LOG.warning("%s: an acknowledgement is missing, connecting anew", self.name)
                break
        if not self._stopping.is_set():
            self._close_socket()
            if self._notice in (LinkNotice.CONNECTED, LinkNotice.SUBSCRIBED, LinkNotice.SUBSCRIBE_REFUSED):
                self._failures += 1
                self._tell(LinkNotice.DISCONNECTED, f"{self.name}: connection lost; retrying")

    def _exchange(self, network: "paho.SocketLike") -> bool:
        """One select round. False when the connection is over."""
        writing = [network] if self._client.want_write() else []
        try:
            readable, writable, _ = select.select([network, self._wake_in], writing, [], ROUND_S)
        except (OSError, ValueError):
            return False
        if not readable and not writable:
            self._idle_rounds += 1
        if self._wake_in in readable:
            self._wake_in.recv(4096)
        ok = MQTTErrorCode.MQTT_ERR_SUCCESS
        if writable and self._client.loop_write() != ok:
            return False
        if network in readable:
            if self._client.loop_read() != ok:
                return False
            while _pending(self._client):
                if self._client.loop_read() != ok:
                    return False
        return self._client.loop_misc() == ok

    def _send_queued(self) -> None:
        """Give paho up to IN_FLIGHT messages; before CONNACK nothing, so that order is kept."""
        if self._notice not in (LinkNotice.CONNECTED, LinkNotice.SUBSCRIBED, LinkNotice.SUBSCRIBE_REFUSED):
            return
        while self._queue and len(self._in_flight) < IN_FLIGHT:
            item = self._queue[0]
            with self._lock:
                sent = self._client.publish(item.topic, item.payload, item.qos, item.retain)
                if item.qos == 1:  # paho keeps it, and sends it again on the next connection, whatever rc says
                    self._in_flight[sent.mid] = (self._idle_rounds, self._acknowledged)
                self._queue.popleft()
            if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        self._note_drained()

    def _acknowledgement_lost(self) -> bool:
        if not self._in_flight:
            return False
        rounds, count = next(iter(self._in_flight.values()))
        too_long = self._idle_rounds - rounds >= round(PUBACK_TIMEOUT_S / ROUND_S)
        return too_long or self._acknowledged - count >= PUBACK_OVERTAKEN_BY

    def _retry_delay_s(self) -> float:
        if self._notice is LinkNotice.AUTH_REFUSED:
            ceiling_s = LONGEST_RETRY_S  # a person has to mend this; hammering helps nobody
        else:
            ceiling_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(self._failures, 10))
        return ceiling_s * self._rng.uniform(0.5, 1.0)

    # -- callbacks of paho (in the network thread, from loop_read) ----------------------------------------

    def _connected(
        self, client: paho.Client, _user: object, _flags: object, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._failures += 1
            if reason.getName() in REFUSED:
                text = f"{self.name}: auth-refused for user {self.settings.username!r} ({reason.getName()})"
                self._tell(LinkNotice.AUTH_REFUSED, text)
            else:
                self._tell(LinkNotice.UNREACHABLE, f"{self.name}: refused us ({reason.getName()}); retrying")
            return
        self._stable_from = self._idle_rounds
        # paho now sends again whatever was in flight, so their waiting starts anew.
        self._in_flight = dict.fromkeys(self._in_flight, (self._idle_rounds, self._acknowledged))
        self._tell(LinkNotice.CONNECTED, "")
        if self._subscriptions:
            client.subscribe([(topic, 1) for topic in self._subscriptions])
        else:
            self._tell(LinkNotice.SUBSCRIBED, "")

    def _subscribed(
        self, _client: paho.Client, _user: object, _mid: int, reasons: list[ReasonCode], _p: Properties | None
    ) -> None:
        denied = [topic for topic, reason in zip(self._subscriptions, reasons, strict=False) if reason.is_failure]
        if denied:
            self._tell(LinkNotice.SUBSCRIBE_REFUSED, f"{self.name}: subscription to {denied[0]} refused")
        else:
            self._tell(LinkNotice.SUBSCRIBED, "")

    def _published(
        self, _client: paho.Client, _user: object, mid: int, _reason: ReasonCode, _p: Properties | None
    ) -> None:
        if self._in_flight.pop(mid, None) is not None:
            self._acknowledged += 1
        self._note_drained()

    def _received(self, _client: paho.Client, _user: object, message: paho.MQTTMessage) -> None:
        self._hand_over(lambda: self._on_message(message.topic, bytes(message.payload), bool(message.retain)))

    def _hand_over(self, step: Callable[[], None]) -> None:
        """A handler's bug must not end the link."""
        bug = self._guard(step)
        if bug is not None:
            self.callback_errors += 1
            LOG.error("%s: handler failed: %s", self.name, bug)

    # -- small things -------------------------------------------------------------------------------------

    def _make_client(self) -> paho.Client:
        s = self.settings
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=s.client_id, clean_session=True)
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(IN_FLIGHT)
        client.on_connect, client.on_subscribe = self._connected, self._subscribed
        client.on_publish, client.on_message = self._published, self._received
        client.on_socket_open = _no_delay
        if s.username is not None:
            client.username_pw_set(s.username, s.password)
        if s.tls:
            ca, cert, key = (str(path) if path else None for path in (s.tls_ca_path, s.tls_cert_path, s.tls_key_path))
            try:
                client.tls_set(ca_certs=ca, certfile=cert, keyfile=key)
            except (OSError, ValueError) as error:
                raise BadInput(f"{self.name}: cannot use TLS files {ca}, {cert}, {key}: {error}") from error
        return client

    def _tell(self, notice: LinkNotice, problem: str) -> None:
        self._problem = problem
        if notice is self._notice:
            return
        self._notice = notice
        self._hand_over(lambda: self._on_state(notice))

    def _note_drained(self) -> None:
        with self._lock:
            if not self._queue and not self._in_flight:
                self._drained.set()

    def _wake(self) -> None:
        try:
            self._wake_out.send(b"w")
        except OSError:
            return  # full: the thread has enough reasons to wake already

    def _close_socket(self) -> None:
        network = self._client.socket()
        if network is not None:
            network.close()


def _pending(client: paho.Client) -> bool:
    """TLS may hold decrypted bytes that select cannot see."""
    network = client.socket()
    return isinstance(network, ssl.SSLSocket) and network.pending() > 0


def _no_delay(_client: paho.Client, _user: object, network: object) -> None:
    # Nagle's algorithm and delayed acknowledgements together cost 88 ms for each QoS 1 round trip.
    if isinstance(network, socket.socket):
        network.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
