"""The MQTT link against a real broker, and against peers that misbehave on purpose."""

import os
import random
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.base import run_guarded
from gw_spaceheat.errors import BadInput, OurError
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.storage.outbox import Outbox
from gw_spaceheat.wires import mqtt
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings
from gw_spaceheat.wires.mqtt_protocol import Link, LinkNotice

LIMIT_S = 45.0


class Heard:
    """Collects what a link says; waits with a hard limit."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.states: list[str] = []
        self._changed = threading.Condition()

    def message(self, topic: str, payload: bytes, retained: bool) -> None:
        with self._changed:
            self.messages.append((topic, payload, retained))
            self._changed.notify_all()

    def state(self, notice: str) -> None:
        with self._changed:
            self.states.append(notice)
            self._changed.notify_all()

    def wait(self, condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, limit_s), f"states {self.states}, {len(self.messages)} messages"

    def wait_state(self, notice: str, times: int = 1) -> None:
        self.wait(lambda: self.states.count(notice) >= times)


class Links:
    """Makes links and stops them all."""

    def __init__(self) -> None:
        self.made: list[MqttLink] = []

    def new(
        self, port: int, name: str, heard: Heard, *subscriptions: str, keepalive_s: int = 20, password: str = "right"
    ) -> MqttLink:
        settings = MqttLinkSettings("127.0.0.1", port, "house", password, name, keepalive_s)
        link = MqttLink(settings, heard.message, heard.state, subscriptions, run_guarded, random.Random(1))
        self.made.append(link)
        link.start()
        return link


@pytest.fixture
def links() -> Iterator[Links]:
    links = Links()
    yield links
    for link in links.made:
        link.stop(2.0)
        assert not link.alive(), "the network thread must end"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(folder=tmp_path / "broker", username="house", password="right", kind="mosquitto")
    broker.start()
    yield broker
    broker.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.broker
def test_round_trip_retained_and_order(broker: EmbeddedBroker, links: Links) -> None:
    heard = Heard()
    ear: Link = links.new(broker.port, "ear", heard, "house/#")
    heard.wait_state(LinkNotice.SUBSCRIBED)
    assert heard.states == ["connecting", "connected", "subscribed"]
    scada = links.new(broker.port, "scada", Heard())
    for number in range(200):
        assert scada.publish("house/report", b"%d" % number)
    heard.wait(lambda: len(heard.messages) == 200)
    assert [int(payload) for _, payload, _ in heard.messages] == list(range(200))
    scada.publish("house/state", b"warm", retain=True)
    heard.wait(lambda: len(heard.messages) == 201)
    late = Heard()
    links.new(broker.port, "late", late, "house/state")
    late.wait(lambda: late.messages == [("house/state", b"warm", True)])
    assert ear.problem == ""


@pytest.mark.broker
def test_wrong_password_is_one_clear_state(broker: EmbeddedBroker, links: Links) -> None:
    heard = Heard()
    link = links.new(broker.port, "scada", heard, "x", password="wrong")
    heard.wait_state(LinkNotice.AUTH_REFUSED)
    assert heard.states == ["connecting", "auth-refused"]
    assert link.problem.startswith(f"broker 127.0.0.1:{broker.port}: auth-refused for user 'house'")
    assert "wrong" not in link.problem + repr(link.settings), "the password is told to nobody"
    assert link.publish("x", b"kept until somebody mends it")


@pytest.mark.broker
def test_outbox_survives_broker_killed_again_and_again(broker: EmbeddedBroker, links: Links, tmp_path: Path) -> None:
    """Every event arrives once in the store although the broker is killed under load and forgets everything."""
    outbox, store = Outbox(tmp_path / "outbox.sqlite"), MessageStore(tmp_path / "ear.sqlite")
    ear_heard, scada_heard = Heard(), Heard()
    stop = threading.Event()

    def store_and_ack(topic: str, payload: bytes, retained: bool) -> None:
        boot, seq = (int(word) for word in payload.split())
        store.put("scada", boot, seq, 0.0, "report", payload)
        ear.publish("ack", payload)
        ear_heard.message(topic, payload, retained)

    def acked(topic: str, payload: bytes, retained: bool) -> None:
        boot, seq = (int(word) for word in payload.split())
        outbox.ack(boot, seq)
        scada_heard.message(topic, payload, retained)

    def send() -> None:
        while not stop.wait(0.1):
            for row in outbox.pending(0, 50):
                scada.publish(row.topic, row.payload)

    ear_settings = MqttLinkSettings("127.0.0.1", broker.port, "house", "right", "ear")
    scada_settings = MqttLinkSettings("127.0.0.1", broker.port, "house", "right", "scada")
    ear = MqttLink(ear_settings, store_and_ack, ear_heard.state, ["event"], run_guarded)
    scada = MqttLink(scada_settings, acked, scada_heard.state, ["ack"], run_guarded)
    links.made += [ear, scada]
    ear.start()
    scada.start()
    scada_heard.wait_state(LinkNotice.SUBSCRIBED)
    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        for life in range(1, 4):
            for _ in range(100):
                outbox.put("event", b"%d %d" % (outbox.boot, outbox.next_seq))
            scada_heard.wait(lambda life=life: len(scada_heard.messages) >= 20 * life)  # type: ignore[misc]
            broker.kill()
            scada_heard.wait_state(LinkNotice.DISCONNECTED, life)
            outbox.put("event", b"%d %d" % (outbox.boot, outbox.next_seq))
            shutil.rmtree(tmp_path / "broker" / "data", ignore_errors=True)
            broker.start()
            scada_heard.wait_state(LinkNotice.SUBSCRIBED, life + 1)
        scada_heard.wait(lambda: outbox.count() == 0)
    finally:
        stop.set()
        sender.join(5.0)
    assert store.count() == 303, "each event is stored, and once"
    assert [row.seq for row in sorted(store.rows(0, 1000), key=lambda row: row.seq or 0)] == list(range(1, 304))


@pytest.mark.broker
def test_link_queues_while_the_broker_is_down(broker: EmbeddedBroker, links: Links) -> None:
    heard, ear_heard = Heard(), Heard()
    link = links.new(broker.port, "scada", heard)
    links.new(broker.port, "ear", ear_heard, "x")
    heard.wait_state(LinkNotice.SUBSCRIBED)
    ear_heard.wait_state(LinkNotice.SUBSCRIBED)
    broker.kill()
    heard.wait_state(LinkNotice.DISCONNECTED)
    ear_heard.wait_state(LinkNotice.DISCONNECTED)
    assert "connection lost" in link.problem or "unreachable" in link.problem
    assert not link.publish("x", b"state", qos=0), "offline, QoS 0 is dropped and says so"
    heard.wait_state(LinkNotice.UNREACHABLE)
    broker.start()
    ear_heard.wait_state(LinkNotice.SUBSCRIBED, 2)
    for number in range(50):
        link.publish("x", b"%d" % number)
    ear_heard.wait(lambda: len(ear_heard.messages) >= 50)
    assert [int(payload) for _, payload, _ in ear_heard.messages] == list(range(50))


@pytest.mark.broker
def test_frozen_broker_is_noticed_and_stop_is_bounded(broker: EmbeddedBroker, links: Links) -> None:
    heard = Heard()
    link = links.new(broker.port, "scada", heard, "x", keepalive_s=2)
    heard.wait_state(LinkNotice.SUBSCRIBED)
    assert broker._process is not None
    os.kill(broker._process.pid, signal.SIGSTOP)
    try:
        link.publish("x", b"goes nowhere")
        heard.wait_state(LinkNotice.DISCONNECTED)
        done = threading.Thread(target=link.stop, args=(1.0,), daemon=True)
        done.start()
        done.join(3.0)
        assert not done.is_alive()
        assert heard.states[-1] == "stopped"
    finally:
        os.kill(broker._process.pid, signal.SIGCONT)
        if link._thread is not None:
            link._thread.join(10.0)


@pytest.mark.broker
def test_a_handler_that_raises_does_not_end_the_link(broker: EmbeddedBroker, links: Links) -> None:
    heard = Heard()

    def fragile(topic: str, payload: bytes, retained: bool) -> None:
        if payload == b"poison":
            raise RuntimeError("handler bug")
        heard.message(topic, payload, retained)

    settings = MqttLinkSettings("127.0.0.1", broker.port, "house", "right", "scada")
    link = MqttLink(settings, fragile, heard.state, ["x"], run_guarded)
    links.made.append(link)
    link.start()
    heard.wait_state(LinkNotice.SUBSCRIBED)
    link.publish("x", b"poison")
    link.publish("x", b"food")
    heard.wait(lambda: [payload for _, payload, _ in heard.messages] == [b"food"])
    assert link.callback_errors == 1
    assert link.alive()


@pytest.mark.broker
def test_stop_sends_what_is_queued(broker: EmbeddedBroker, links: Links) -> None:
    heard, own = Heard(), Heard()
    links.new(broker.port, "ear", heard, "x")
    heard.wait_state(LinkNotice.SUBSCRIBED)
    link = links.new(broker.port, "scada", own)
    own.wait_state(LinkNotice.SUBSCRIBED)
    for number in range(500):
        link.publish("x", b"%d" % number)
    link.stop(5.0)
    heard.wait(lambda: len(heard.messages) == 500)
    assert not link.publish("x", b"late")


def test_absent_broker_is_a_notice_and_the_queue_is_bounded(links: Links) -> None:
    heard = Heard()
    port = free_port()
    link = MqttLink(MqttLinkSettings("127.0.0.1", port, max_queued=3), heard.message, heard.state, ["x"], run_guarded)
    links.made.append(link)
    link.start()
    heard.wait_state(LinkNotice.UNREACHABLE)
    assert f"broker 127.0.0.1:{port}: unreachable" in link.problem
    assert [link.publish("x", b"") for _ in range(4)] == [True, True, True, False]
    assert link.dropped == 1


class RudeBroker:
    """Speaks just enough MQTT to lie: lets clients in, acknowledges only on the second connection."""

    def __init__(self, connack: bool = True) -> None:
        self.published: list[bytes] = []
        self._connack = connack
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LIMIT_S)
        self.port = int(self._listener.getsockname()[1])
        self._connections = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            while True:
                peer, _ = self._listener.accept()
                self._connections += 1
                self._open.append(peer)
                threading.Thread(target=self._speak, args=(peer, self._connections), daemon=True).start()
        except OSError:
            return

    def _speak(self, peer: socket.socket, connection: int) -> None:
        try:
            while head := peer.recv(2):
                body = b""
                while len(body) < head[1]:
                    body += peer.recv(head[1] - len(body))
                if head[0] == 0x10 and self._connack:
                    peer.sendall(b"\x20\x02\x00\x00")
                elif head[0] & 0xF0 == 0x30:
                    self.published.append(head[:1] + body)
                    if connection > 1:
                        peer.sendall(b"\x40\x02" + body[3:5])  # topic "x" is 3 bytes, then the message id
        except OSError:
            return

    def close(self) -> None:
        self._listener.close()
        for peer in self._open:
            peer.close()


def test_lost_acknowledgement_forces_a_new_connection(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "PUBACK_TIMEOUT_S", 0.5)
    rude, heard = RudeBroker(), Heard()
    try:
        link = links.new(rude.port, "scada", heard)
        heard.wait_state(LinkNotice.SUBSCRIBED)
        link.publish("x", b"once")
        heard.wait_state(LinkNotice.SUBSCRIBED, 2)
        assert link._drained.wait(LIMIT_S)
        assert link.unsent == 0
        assert [frame[0] for frame in rude.published] == [0x32, 0x3A], "sent again, marked as a duplicate"
    finally:
        link.stop(2.0)
        rude.close()


def test_a_port_that_never_speaks_mqtt_is_given_up(links: Links, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "CONNACK_TIMEOUT_S", 0.5)
    rude, heard = RudeBroker(connack=False), Heard()
    try:
        link = links.new(rude.port, "scada", heard)
        heard.wait_state(LinkNotice.UNREACHABLE)
        assert "no answer to CONNECT" in link.problem
    finally:
        link.stop(2.0)
        rude.close()


@pytest.mark.broker
def test_a_bug_in_the_network_thread_is_told_and_the_link_comes_back(
    broker: EmbeddedBroker, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, problems = Heard(), []
    settings = MqttLinkSettings("127.0.0.1", broker.port, "house", "right", "scada")

    def on_state(notice: str) -> None:
        problems.append(link.problem)
        heard.state(notice)

    link = MqttLink(settings, heard.message, on_state, ["x"], run_guarded)
    links.made.append(link)
    real_connect = link._client.connect

    def broken_once(host: str, port: int, keepalive_s: int) -> object:
        monkeypatch.setattr(link._client, "connect", real_connect)
        raise RuntimeError("bug")

    monkeypatch.setattr(link._client, "connect", broken_once)
    link.start()
    heard.wait_state(LinkNotice.SUBSCRIBED)
    assert heard.states[:2] == ["connecting", "failed"]
    assert any("RuntimeError: bug" in problem for problem in problems)
    link.publish("x", b"alive")
    heard.wait(lambda: len(heard.messages) == 1)


def test_back_off_grows_is_jittered_and_capped() -> None:
    def delays(seed: int) -> list[float]:
        link = MqttLink(
            MqttLinkSettings("127.0.0.1", 1), lambda *_: None, lambda _: None, [], run_guarded, random.Random(seed)
        )
        found = []
        for failures in range(1, 30):
            link._failures = failures
            found.append(link._retry_delay_s())
        return found

    first = delays(1)
    assert first[0] <= 1.0
    assert all(30.0 <= delay_s <= 60.0 for delay_s in first[8:])
    assert first != delays(2)


@pytest.mark.parametrize("topic", ["", "a/+", "a/#", "a\0"])
def test_impossible_topic_is_our_error(topic: str) -> None:
    link = MqttLink(MqttLinkSettings("127.0.0.1", 1), lambda *_: None, lambda _: None, [], run_guarded)
    with pytest.raises(OurError, match="cannot publish"):
        link.publish(topic, b"")


def test_bad_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"port 0 is not in 1\.\.65535"):
        MqttLink(MqttLinkSettings("h", 0), lambda *_: None, lambda _: None, [], run_guarded)
    ca = tmp_path / "missing.pem"
    with pytest.raises(BadInput, match=r"missing\.pem"):
        MqttLink(
            MqttLinkSettings("h", 8883, tls=True, tls_ca_path=ca), lambda *_: None, lambda _: None, [], run_guarded
        )
