"""Threaded actors, real mosquitto: the broker is killed and comes back, and no report is lost."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from actors.base import ActorCrashed, Context, Shell, run_guarded
from actors.events import Send
from actors.gateway import Gateway, OpenLink
from actors.post import Post
from actors.runtime import ThreadedRuntime
from actors.supervisor import Supervisor
from gw_spaceheat.messages.telemetry import report_from
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.storage.outbox import Outbox
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings
from gw_spaceheat.wires.mqtt_protocol import Link, OnMessage, OnState

pytestmark = [pytest.mark.broker, pytest.mark.timeout(50)]
LIMIT_S = 35.0
SPEED = 5.0  # gateways repeat after 15 s of their clock
SCADA, ATN = "d1.isone.house.scada", "d1.isone.house"
LINK_TYPES = frozenset({"gridworks.ping", "gridworks.ack"})


class Listener(Shell):
    def handle(self, message: object) -> None:
        if isinstance(message, ActorCrashed):
            raise AssertionError(message)


@dataclass
class House:
    runtime: ThreadedRuntime
    broker: EmbeddedBroker
    outbox: Outbox
    store: MessageStore
    lines: list[str]

    def send(self, numbers: range) -> None:
        for number in numbers:
            report = report_from(
                alias=SCADA,
                instance_id=self.runtime.new_id(),
                about_alias=f"{ATN}.ta",
                slot_start_s=1_481_518_800 + 300 * number,
                slot_duration_s=300,
                readings={},
                telemetries={},
                message_id=self.runtime.new_id(),
                created_s=1_481_518_800.0,
            )
            self.runtime.address("scada").tell(Send("ltn", report))

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        end_s, pause = time.monotonic() + LIMIT_S, threading.Event()
        while not condition():
            assert time.monotonic() < end_s, f"{what}: {self.outbox.count()} kept, {self.lines[-20:]}"
            pause.wait(0.02)

    def stored(self) -> list[int]:
        return sorted(row.seq or 0 for row in self.store.rows(0, 10_000, "report"))


def opener(broker: EmbeddedBroker, client_id: str) -> OpenLink:
    settings = MqttLinkSettings("127.0.0.1", broker.port, "house", "right", client_id)

    def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
        return MqttLink(settings, on_message, on_state, subscriptions, run_guarded, random.Random(client_id))

    return open_link


@pytest.fixture
def house(tmp_path: Path, mosquitto: Path) -> Iterator[House]:
    broker = EmbeddedBroker(folder=tmp_path / "broker", username="house", password="right", kind="mosquitto")
    broker.start()
    lines: list[str] = []
    runtime = ThreadedRuntime(speed=SPEED, sink=lambda _, who, kind, text: lines.append(f"{who} {kind} {text}"))
    outbox, store = Outbox(tmp_path / "outbox.db"), MessageStore(tmp_path / "store.db")
    scada = Post("cloud", SCADA, {"ltn": ATN}, ("gw/d1-isone-house/to/s/#",), LINK_TYPES)
    atn = Post("cloud", ATN, {"s": SCADA}, ("gw/d1-isone-house-scada/to/ltn/#",), LINK_TYPES | {"report", "glitch"})
    listener = runtime.add("listener", Listener)

    def make_scada(context: Context) -> Gateway:
        return Gateway(context, scada, opener(broker, "scada"), [listener], outbox)

    def make_atn(context: Context) -> Gateway:
        return Gateway(context, atn, opener(broker, "atn"), [listener], None, store)

    watched = [runtime.add("scada", make_scada), runtime.add("atn", make_atn)]
    runtime.supervisor = runtime.add(
        "supervisor", lambda context: Supervisor(context, watched, runtime.replace, lambda: None)
    )
    names = ["listener", "supervisor", "scada", "atn"]
    for name in names:
        runtime.start(name)
    yield House(runtime, broker, outbox, store, lines)
    started_s = time.monotonic()
    runtime.stop_all(names)
    assert time.monotonic() - started_s < 5.0
    broker.stop()


def test_no_report_is_lost_when_the_broker_is_killed_and_comes_back(house: House) -> None:
    house.send(range(20))
    house.wait(lambda: house.store.count() >= 5, "first reports")
    house.broker.kill()
    house.send(range(20, 60))
    house.wait(lambda: any("disconnected" in line or "unreachable" in line for line in house.lines), "loss noticed")
    house.broker.start()
    house.send(range(60, 80))
    house.wait(lambda: house.outbox.count() == 0 and house.store.count() == 80, "all stored and acknowledged")
    assert house.stored() == list(range(1, 81))
    assert not [line for line in house.lines if " crash " in line]


def test_a_crashed_gateway_leaves_no_second_client_behind(house: House) -> None:
    """The dead one's network thread must not fight its successor for the client's name."""
    house.send(range(5))
    house.wait(lambda: house.outbox.count() == 0 and house.store.count() == 5, "first reports")
    house.runtime.address("scada").tell(Send("ltn", object()))  # type: ignore[arg-type]
    house.wait(lambda: any("restart scada" in line for line in house.lines), "restart")
    house.wait(lambda: house.lines.count("scada link cloud subscribed") == 2, "linked again")
    house.send(range(5, 15))
    house.wait(lambda: house.outbox.count() == 0 and house.store.count() == 15, "all stored and acknowledged")
    threads = [thread.name for thread in threading.enumerate()]
    assert threads.count("mqtt-scada") == 1
    assert not [line for line in house.lines if "link cloud disconnected" in line]


def test_two_clients_of_one_name_are_noticed_and_come_back_ever_less_often(house: House) -> None:
    """Each connection throws the other one out: told as an event, and the storm dies down instead of raging."""
    house.runtime.follow(house.runtime.now(), 1.0)  # the back-off is of real time, and so must the minute be
    house.wait(lambda: any("link cloud subscribed" in line for line in house.lines), "linked")
    states: list[str] = []
    settings = MqttLinkSettings("127.0.0.1", house.broker.port, "house", "right", "scada")
    twin = MqttLink(settings, lambda *_: None, states.append, ["x"], run_guarded, random.Random(5))
    twin.start()
    try:
        house.wait(lambda: any("has another client our name?" in line for line in house.lines), "noticed")
        before = len(house.lines)
        threading.Event().wait(10.0)
        connects = states.count("connected") + sum("scada link cloud connected" in line for line in house.lines)
        later = sum("scada link cloud connected" in line for line in house.lines[before:])
    finally:
        twin.stop(1.0)
    assert connects < 25, "mosquitto alone would let them throw each other out once a second"
    assert later <= 4
    house.wait(lambda: bool(house.store.rows(0, 100, "glitch")), "told to the receiver")
