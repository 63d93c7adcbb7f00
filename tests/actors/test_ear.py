"""The ear acknowledges after the commit and never before; while its store is away nothing is lost or acknowledged."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from actors.base import Context
from actors.ear import BATCH_MESSAGES, Ear
from actors.events import Send
from actors.gateway import Gateway
from actors.hand_over import Raw
from actors.post import Post
from actors.runtime import VirtualRuntime
from gw_spaceheat.errors import StorageError
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode, topic_of
from gw_spaceheat.messages.link import Ack
from gw_spaceheat.messages.telemetry import power_watts_from, report_from
from gw_spaceheat.simulation.broker import SimulatedBroker
from gw_spaceheat.storage.ear_store import Heard
from gw_spaceheat.storage.outbox import Outbox
from gw_spaceheat.storage.sqlite_ear import SqliteEar
from gw_spaceheat.wires.mqtt_protocol import Link, OnMessage, OnState

START_S = 1_481_518_800.0
SCADA = "d1.isone.house.scada"


@dataclass
class FakeLink:
    said: list[tuple[str, bytes]] = field(default_factory=list)
    problem: str = ""

    def start(self) -> None: ...

    def stop(self, timeout_s: float) -> None: ...

    def alive(self) -> bool:
        return True

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> bool:
        self.said.append((topic, payload))
        return True


class Shaky(SqliteEar):
    away = False

    def put_all(self, batch: Sequence[Heard]) -> int:
        if self.away:
            raise StorageError("store: away; must be there")
        return super().put_all(batch)


class House:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.runtime = VirtualRuntime(START_S, 0, lambda _, who, kind, text: self.lines.append(f"{who} {kind} {text}"))
        self.store, self.link = Shaky(None), FakeLink()

        def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
            return self.link

        def make(context: Context) -> Ear:
            self.actor = Ear(context, open_link, self.store)
            return self.actor

        self.ear = self.runtime.add("ear", make)
        self.runtime.start("ear")
        self.now_s = START_S

    def hear(self, seq: int, to: str = "ear") -> None:
        header = Header(SCADA, to, "power.watts", f"id-{seq}", True, boot=1, seq=seq)
        self.ear.tell(Raw(topic_of(SCADA, to, "power.watts"), encode(Envelope(header, power_watts_from(seq))), False))

    def run(self, seconds: float) -> None:
        self.now_s += seconds
        self.runtime.run_until(self.now_s)

    def acked(self) -> list[str]:
        found = []
        for topic, payload in self.link.said:
            ack = decode(payload).payload
            assert topic == "gw/ear/to/d1-isone-house-scada/gridworks-ack" and isinstance(ack, Ack)
            found.append(ack.ack_message_id)
        return found


def test_a_batch_is_committed_after_a_tenth_of_a_second_and_then_acknowledged() -> None:
    house = House()
    for seq in range(3):
        house.hear(seq)
    house.run(0.08)
    assert house.acked() == [] and house.store.count() == 0
    house.run(0.04)
    assert house.acked() == ["id-0", "id-1", "id-2"] and house.store.count() == 3


def test_a_full_batch_does_not_wait() -> None:
    house = House()
    for seq in range(BATCH_MESSAGES):
        house.hear(seq)
    house.run(0.01)
    assert len(house.acked()) == BATCH_MESSAGES


def test_what_is_said_to_an_atomic_tnode_is_stored_and_left_to_it_to_acknowledge() -> None:
    house = House()
    house.hear(1, to="ltn")
    house.run(1.0)
    assert house.store.count() == 1 and house.acked() == []


def test_what_was_stored_before_is_acknowledged_again() -> None:
    house = House()
    for _ in range(2):
        house.hear(1)
        house.run(1.0)
    assert house.acked() == ["id-1", "id-1"] and house.store.count() == 1


def test_while_the_store_is_away_nothing_is_acknowledged_and_nothing_lost() -> None:
    house = House()
    house.store.away = True
    for seq in range(2 * BATCH_MESSAGES):
        house.hear(seq)
        house.run(0.05)
    assert house.acked() == [] and house.store.count() == 0
    house.store.away = False
    house.run(31.0)
    assert house.store.count() == len(house.acked()) == 2 * BATCH_MESSAGES
    assert [line for line in house.lines if "stores again" in line]


def test_a_stop_commits_what_waits() -> None:
    house = House()
    house.hear(1)
    house.run(0.05)
    kept: list[int] = []
    house.store.close = lambda: kept.append(house.store.count())  # type: ignore[method-assign]
    house.actor.on_stop()
    assert kept == [1]


def test_a_scada_without_atomic_tnode_empties_its_outbox_into_the_ear() -> None:
    """The whole way: outbox, broker, ear, store, acknowledgement, outbox."""
    runtime, store, outbox = VirtualRuntime(START_S, 0), SqliteEar(None), Outbox(None)
    broker = SimulatedBroker(runtime.schedule, runtime.chance("broker"))
    post = Post("cloud", SCADA, {"ear": "ear"}, ("gw/ear/to/d1-isone-house-scada/#",), frozenset({"gridworks.ack"}))

    def opener(name: str, on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
        return broker.client(name, on_message, on_state, subscriptions)

    runtime.add("ear", partial(Ear, open_link=partial(opener, "ear"), store=store))
    scada = runtime.add(
        "scada", partial(Gateway, post=post, open_link=partial(opener, "scada"), routes=(), outbox=outbox)
    )
    runtime.start("ear")
    runtime.start("scada")
    runtime.run_until(START_S + 1.0)
    for number in range(40):
        at_ms = int(START_S + 300 * number) * 1000
        report = report_from(
            alias=SCADA,
            instance_id=runtime.new_id(),
            about_alias="d1.isone.house.ta",
            slot_start_s=int(START_S) + 300 * number,
            slot_duration_s=300,
            readings={"tank-top": [(20.0 + number, at_ms)]},
            telemetries={"tank-top": "WaterTempCTimes1000"},
            message_id=runtime.new_id(),
            created_s=START_S,
        )
        scada.tell(Send("ear", report))
    runtime.run_until(START_S + 60.0)
    assert outbox.count() == 0 and store.count() == 40
    found = store.readings(SCADA, "tank-top", 0, 2**62)
    assert [reading.wire_value for reading in found] == [1000 * (20 + number) for number in range(40)]
