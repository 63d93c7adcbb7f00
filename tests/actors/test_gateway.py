"""Gateways on a simulated broker: nothing is lost, nothing is stored twice, strangers are refused and counted."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from actors.base import Context, Shell
from actors.events import Received, Send
from actors.gateway import Gateway, OpenLink
from actors.post import Post
from actors.runtime import VirtualRuntime
from gw_spaceheat.messages.base import WireModel
from gw_spaceheat.messages.contract import ContractStatus, SlowContractHeartbeat, SlowDispatchContract, make_heartbeat
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode, topic_of
from gw_spaceheat.messages.link import Ack
from gw_spaceheat.messages.telemetry import Report, report_from
from gw_spaceheat.simulation.broker import SimulatedBroker
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.storage.outbox import Outbox
from gw_spaceheat.wires.mqtt_protocol import Link, OnMessage, OnState

START_S = 1_481_518_800.0
SCADA, ATN = "d1.isone.house.scada", "d1.isone.house"
DASHED = {SCADA: "d1-isone-house-scada", ATN: "d1-isone-house"}
LINK_TYPES = frozenset({"gridworks.ping", "gridworks.ack"})


class Listener(Shell):
    def __init__(self, context: Context, heard: list[object]) -> None:
        super().__init__(context)
        self._heard = heard

    def handle(self, message: object) -> None:
        self._heard.append(message)


@dataclass
class Bench:
    """A SCADA's and an AtomicTNode's gateway on one broker."""

    runtime: VirtualRuntime = field(default_factory=lambda: VirtualRuntime(START_S, 7))
    outbox: Outbox = field(default_factory=lambda: Outbox(None))
    store: MessageStore = field(default_factory=lambda: MessageStore(None))
    heard: list[object] = field(default_factory=list)
    gateways: dict[str, Gateway] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.broker = SimulatedBroker(self.runtime.schedule, random.Random(3))
        self.broker.faults.delay_s = 0.02
        self.listener = self.runtime.add("listener", lambda context: Listener(context, self.heard))
        scada = Post("cloud", SCADA, {"ltn": ATN}, (f"gw/{DASHED[ATN]}/to/s/#",), LINK_TYPES)
        atn = Post("cloud", ATN, {"s": SCADA}, (f"gw/{DASHED[SCADA]}/to/ltn/#",), LINK_TYPES | {"report"})
        self._add("scada", scada, outbox=self.outbox)
        self._add("atn", atn, store=self.store)
        self.runtime.start("listener")
        self.runtime.start("scada")
        self.runtime.start("atn")

    def _add(self, name: str, post: Post, outbox: Outbox | None = None, store: MessageStore | None = None) -> None:
        def make(context: Context) -> Gateway:
            gateway = Gateway(context, post, self.opener(name), [self.listener], outbox, store)
            self.gateways[name] = gateway
            return gateway

        self.runtime.add(name, make)

    def opener(self, client_id: str) -> OpenLink:
        def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
            return self.broker.client(client_id, on_message, on_state, subscriptions)

        return open_link

    def run(self, seconds: float) -> None:
        self.runtime.run_until(self.runtime.now() + seconds)

    def report(self, number: int) -> Report:
        return report_from(
            alias=SCADA,
            instance_id=self.runtime.new_id(),
            about_alias=f"{ATN}.ta",
            slot_start_s=int(START_S) // 300 * 300 + 300 * number,
            slot_duration_s=300,
            readings={"hp-lwt": [(40.0, int(START_S) * 1000)]},
            telemetries={"hp-lwt": "WaterTempCTimes1000"},
            message_id=self.runtime.new_id(),
            created_s=START_S,
        )

    def send_reports(self, count: int) -> None:
        for number in range(count):
            self.runtime.address("scada").tell(Send("ltn", self.report(number)))

    def received(self) -> list[Received]:
        return [message for message in self.heard if isinstance(message, Received)]

    def say(self, payload: WireModel, type_name: str, source: str, topic_source: str, to: str = "ltn") -> None:
        """A hostile or mistaken client's message."""
        header = Header(source, to, type_name, self.runtime.new_id(), True, 1, 1)
        link = self.broker.client("stranger", lambda *_: None, lambda _: None, ())
        link.start()
        link.publish(topic_of(topic_source, to, type_name), encode(Envelope(header, payload)))
        self.run(1.0)


def heartbeat(new_id: Callable[[], str]) -> SlowContractHeartbeat:
    contract = SlowDispatchContract(
        scada_alias=SCADA,
        start_s=int(START_S) // 300 * 300 + 300,
        duration_minutes=60,
        avg_power_watts=3000,
        oil_boiler_on=False,
        contract_id=new_id(),
    )
    return make_heartbeat("ltn", contract, ContractStatus.CREATED, int(START_S * 1000.0))


def test_events_survive_a_broker_that_dies_and_are_acked_and_deleted_once() -> None:
    bench = Bench()
    bench.run(5.0)
    bench.broker.stop()
    bench.run(1.0)
    bench.send_reports(50)
    bench.run(60.0)
    assert bench.outbox.count() == 50, "committed and kept"
    assert bench.store.count() == 0
    bench.broker.start()
    bench.run(60.0)
    assert bench.outbox.count() == 0
    assert [row.seq for row in bench.store.rows(0, 1000, "report")] == list(range(1, 51))
    assert [message.header.seq for message in bench.received()] == list(range(1, 51)), "each once, in order"


def test_events_under_way_when_the_broker_dies_again_and_again() -> None:
    bench = Bench()
    bench.run(5.0)
    for _ in range(5):
        bench.send_reports(30)
        bench.run(0.03)  # some arrived, their acknowledgements did not
        bench.broker.stop()
        bench.run(20.0)
        bench.broker.start()
        bench.run(0.03)
    bench.run(120.0)
    assert bench.outbox.count() == 0
    assert sorted(row.seq or 0 for row in bench.store.rows(0, 1000, "report")) == list(range(1, 151))


def test_no_event_is_lost_on_a_network_that_drops_and_doubles() -> None:
    bench = Bench()
    bench.broker.faults.drop, bench.broker.faults.duplicate, bench.broker.faults.reorder = 0.3, 0.3, 0.3
    bench.run(5.0)
    bench.send_reports(40)
    bench.run(900.0)
    assert bench.outbox.count() == 0
    assert sorted(row.seq or 0 for row in bench.store.rows(0, 1000, "report")) == list(range(1, 41))


def test_an_event_delivered_twice_is_stored_once_and_acked_each_time() -> None:
    bench = Bench()
    bench.broker.faults.duplicate = 1.0
    bench.run(5.0)
    bench.send_reports(3)
    bench.run(30.0)
    assert [row.seq for row in bench.store.rows(0, 100, "report")] == [1, 2, 3]
    assert bench.outbox.count() == 0


def test_a_crashed_gateway_comes_back_and_loses_nothing() -> None:
    bench = Bench()
    bench.run(5.0)
    bench.broker.stop()
    bench.send_reports(10)
    bench.run(1.0)
    bench.runtime.address("scada").tell(Send("nobody", object()))  # type: ignore[arg-type]
    bench.run(1.0)
    bench.runtime.replace("scada")
    bench.broker.start()
    bench.run(60.0)
    assert bench.outbox.count() == 0
    assert bench.store.count() == 10


@pytest.mark.parametrize(
    ("source", "topic_source", "rule"),
    [
        (SCADA.replace("house", "other"), SCADA.replace("house", "other"), None),  # not subscribed: never arrives
        (SCADA.replace("house", "other"), SCADA, "sender differs"),
    ],
)
def test_a_wrong_sender_is_refused_and_counted(source: str, topic_source: str, rule: str | None) -> None:
    bench = Bench()
    bench.run(5.0)
    bench.say(bench.report(1), "report", source, topic_source)
    assert bench.store.count() == 0
    assert bench.received() == []
    assert bench.gateways["atn"].refused == ({rule: 1} if rule else {})


def test_an_unknown_sender_behind_a_wide_subscription_is_refused() -> None:
    bench = Bench()
    post = Post("cloud", ATN, {"s": SCADA}, ("gw/#",), LINK_TYPES | {"report"})
    bench._add("wide", post, store=bench.store)
    bench.runtime.start("wide")
    bench.run(5.0)
    bench.say(bench.report(1), "report", "d1.isone.thief.scada", "d1.isone.thief.scada")
    assert bench.store.count() == 0
    assert bench.gateways["wide"].refused["sender not of this link"] >= 1


def test_a_heartbeat_on_the_local_link_is_refused_and_counted() -> None:
    lines: list[str] = []
    runtime = VirtualRuntime(START_S, 7, sink=lambda _, who, kind, text: lines.append(f"{who} {kind} {text}"))
    bench = Bench(runtime=runtime)
    admin = "d1.isone.house.admin"
    post = Post("local", SCADA, {"admin": admin}, (f"gw/{admin.replace('.', '-')}/to/s/#",), LINK_TYPES | {"send.snap"})
    bench._add("local", post)
    bench.runtime.start("local")
    bench.run(5.0)
    for _ in range(3):
        bench.say(heartbeat(runtime.new_id), "slow.contract.heartbeat", admin, admin, to="s")
    assert bench.gateways["local"].refused == {"type not for this link": 3}
    assert bench.received() == []
    refused = [line for line in lines if line.startswith("local refused")]
    assert len(refused) == 1, "a flood is not answered with a flood of lines"
    assert "slow.contract.heartbeat on link local" in refused[0]


def test_nonsense_is_refused_and_harms_nobody() -> None:
    bench = Bench()
    bench.run(5.0)
    link = bench.broker.client("stranger", lambda *_: None, lambda _: None, ())
    link.start()
    for payload in (b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"Header":{},"Payload":{},"TypeName":"gw"}'):
        link.publish(f"gw/{DASHED[SCADA]}/to/ltn/report", payload)
    bench.run(1.0)
    assert sum(bench.gateways["atn"].refused.values()) == 5
    bench.send_reports(1)
    bench.run(5.0)
    assert bench.store.count() == 1


def test_an_ack_of_something_never_sent_deletes_nothing() -> None:
    bench = Bench()
    bench.run(5.0)
    bench.broker.partition("atn")
    bench.send_reports(1)
    bench.run(1.0)
    bench.say(Ack(ack_message_id=bench.runtime.new_id()), "gridworks.ack", ATN, ATN, to="s")
    assert bench.outbox.count() == 1


def test_an_ack_of_another_permitted_peer_deletes_nothing() -> None:
    """The market may speak on this link, but what the AtomicTNode has to store only the AtomicTNode may acknowledge."""
    bench = Bench()
    market = "d1.isone.market"
    peers = {"ltn": ATN, "market": market}
    own = ("gw/d1-isone-house/to/s/#", "gw/d1-isone-market/to/s/#")
    outbox = Outbox(None)
    bench._add("two-peers", Post("cloud", SCADA, peers, own, LINK_TYPES, watched="ltn"), outbox=outbox)
    bench.runtime.stop("atn")  # nobody else acknowledges
    payloads: list[bytes] = []
    ear = bench.broker.client("ear", lambda _, payload, __: payloads.append(payload), lambda _: None, ("gw/#",))
    ear.start()
    bench.run(1.0)
    bench.runtime.start("two-peers")
    bench.run(5.0)
    bench.runtime.address("two-peers").tell(Send("ltn", bench.report(1)))
    bench.run(1.0)
    report_id, ping_id = (
        next(h.message_id for p in payloads if (h := decode(p).header).message_type == wanted)
        for wanted in ("report", "gridworks.ping")
    )
    for message_id in (report_id, ping_id):
        bench.say(Ack(ack_message_id=message_id), "gridworks.ack", market, market, to="s")
    gateway = bench.gateways["two-peers"]
    assert outbox.count() == 1
    assert gateway.refused == {"ack not of the receiver": 2}
    bench.say(Ack(ack_message_id=report_id), "gridworks.ack", ATN, ATN, to="s")
    assert outbox.count() == 0


def test_a_poison_row_becomes_a_dead_letter_and_the_rest_passes() -> None:
    bench = Bench()
    bench.outbox.put("gw/x/to/ltn/report", b"\xff no message")
    bench.send_reports(3)
    bench.run(30.0)
    assert [row.seq for row in bench.store.rows(0, 100, "report")] == [2, 3, 4]
    assert bench.outbox.count() <= 1, "nothing but the word about the gap, which this receiver does not take"
    assert next(why for _, why in bench.outbox.dead_letters()) == "no message of ours"


def test_an_event_the_receiver_refuses_does_not_hold_up_the_others() -> None:
    bench = Bench()
    both = {"ltn": ATN}, (f"gw/{DASHED[ATN]}/to/s/#",), LINK_TYPES
    outbox = Outbox(None)
    bench.runtime.stop("scada")
    bench._add("proven", Post("cloud", SCADA, *both, watched="ltn"), outbox=outbox)
    bench.runtime.start("proven")
    bench.run(5.0)
    proven = bench.runtime.address("proven")
    proven.tell(Send("ltn", heartbeat(bench.runtime.new_id)))  # of a type that this receiver does not take
    for number in range(3):
        proven.tell(Send("ltn", bench.report(number)))
    bench.run(200.0)
    assert [row.seq for row in bench.store.rows(0, 100, "report")] == [2, 3, 4]
    assert outbox.dead_letters()[0][0].seq == 1


def test_a_receiver_that_cannot_store_does_not_acknowledge() -> None:
    bench = Bench()
    bench.run(5.0)
    bench.store.close()
    bench.send_reports(3)
    bench.run(30.0)
    assert bench.outbox.count() == 3, "kept until it can"


def test_a_dead_disk_ends_nothing_and_events_are_said_unsaved(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    bench = Bench(outbox=Outbox(tmp_path / "data" / "outbox"))
    bench.run(5.0)
    bench.send_reports(2)
    bench.run(5.0)
    assert len(bench.received()) == 2
    assert bench.store.count() == 0, "without a number it is no event that counts"
    (tmp_path / "data").unlink()
    bench.send_reports(2)
    bench.run(30.0)
    assert [row.seq for row in bench.store.rows(0, 100, "report")] == [1, 2]
