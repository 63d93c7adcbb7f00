"""One durable receiver for a house: with the ear as it, only the ear's word deletes, and control never waits for it."""

from collections.abc import Sequence
from functools import partial

import pytest

from actors.base import Context
from actors.ear import Ear
from actors.events import LinkChanged, Send
from actors.gateway import Gateway
from actors.post import Post
from gw_spaceheat.errors import StorageError
from gw_spaceheat.messages.link import Ack
from gw_spaceheat.storage.ear_store import Heard
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.storage.outbox import Outbox
from tests.actors.test_gateway import ATN, DASHED, LINK_TYPES, SCADA, Bench, Listener, heartbeat

EAR = "d1.ear"
FROM_EAR = f"gw/d1-ear/to/{DASHED[SCADA]}/#"


class ShakyStore(MessageStore):
    away = False

    def put_all(self, batch: Sequence[Heard]) -> int:
        if self.away:
            raise StorageError("ear's store: away; must be there")
        return super().put_all(batch)


class EarBench(Bench):
    """A SCADA whose durable receiver is the ear, its AtomicTNode, and the ear."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.runtime.stop("scada")
        self.runtime.stop("atn")
        post = Post(
            "cloud", SCADA, {"ltn": ATN, "ear": EAR}, (f"gw/{DASHED[ATN]}/to/s/#", FROM_EAR),
            LINK_TYPES | {"slow.contract.heartbeat"}, watched="ltn", receiver="ear",
        )  # fmt: skip
        atn_types = LINK_TYPES | {"report", "slow.contract.heartbeat"}
        self.at_scada: list[object] = []
        scada_listener = self.runtime.add("scada-listener", lambda context: Listener(context, self.at_scada))
        self.runtime.start("scada-listener")

        def make(context: Context) -> Gateway:
            self.gateways["scada"] = Gateway(context, post, self.opener("scada"), [scada_listener], self.outbox)
            return self.gateways["scada"]

        self.runtime.add("scada", make)
        self._add("atn", Post("cloud", ATN, {"s": SCADA}, (f"gw/{DASHED[SCADA]}/to/ltn/#",), atn_types, watched="s"))
        self.ear_store = ShakyStore(None)
        self.runtime.add("ear", partial(Ear, open_link=self.opener("ear"), store=self.ear_store, alias=EAR))
        self.runtime.start("scada")
        self.runtime.start("atn")
        self.runtime.start("ear")

    def stored(self) -> list[int | None]:
        return [row.seq for row in self.ear_store.rows(0, 1000, "report")]

    def told(self, link: str) -> list[bool]:
        return [said.peer_active for said in self.at_scada if isinstance(said, LinkChanged) and said.link == link]


def test_the_ear_stores_once_and_alone_acknowledges_while_the_atomic_tnode_hears_at_once() -> None:
    bench = EarBench()
    bench.run(2.0)
    bench.send_reports(5)
    bench.run(0.05)
    assert len(bench.received()) == 5, "the AtomicTNode has its copies before the ear has committed"
    assert bench.outbox.count() == 5
    bench.run(10.0)
    assert bench.outbox.count() == 0
    assert bench.stored() == [1, 2, 3, 4, 5], "in order, and the copies are not stored again"
    assert bench.gateways["scada"].refused == {}


def test_without_the_ear_events_wait_and_the_heartbeat_still_comes() -> None:
    bench = EarBench()
    bench.run(5.0)
    bench.runtime.stop("ear")
    bench.broker.partition("ear")
    bench.run(400.0)
    assert bench.told("ear") == [True, False], "the ear is missed within its proof"
    assert bench.told("cloud") == [True], "which says nothing about the AtomicTNode"
    bench.send_reports(3)
    bench.runtime.address("scada").tell(Send("ltn", heartbeat(bench.runtime.new_id)))
    bench.run(1.0)
    assert "slow.contract.heartbeat" in [heard.header.message_type for heard in bench.received()]
    assert bench.outbox.count() == 4
    bench.runtime.start("ear")
    bench.broker.heal("ear")
    bench.run(60.0)
    assert bench.outbox.count() == 0 and bench.stored() == [1, 2, 3]


def test_an_ear_that_cannot_store_answers_no_ping_and_acknowledges_nothing() -> None:
    bench = EarBench()
    bench.run(5.0)
    bench.ear_store.away = True
    bench.send_reports(2)
    bench.run(400.0)
    assert bench.outbox.count() == 2 and bench.told("ear") == [True, False]
    bench.ear_store.away = False
    bench.run(60.0)
    assert bench.outbox.count() == 0 and bench.stored() == [1, 2] and bench.told("ear") == [True, False, True]


def test_a_dead_atomic_tnode_is_missed_although_the_ear_answers() -> None:
    bench = EarBench()
    bench.run(5.0)
    bench.runtime.stop("atn")
    bench.broker.partition("atn")
    for number in range(20):
        bench.runtime.address("scada").tell(Send("ltn", bench.report(number)))
        bench.run(10.0)
    assert bench.told("cloud") == [True, False] and bench.told("ear") == [True]
    assert bench.outbox.count() == 0


@pytest.mark.parametrize("type_name", ["slow.contract.heartbeat", "gridworks.ping"])
def test_an_ear_may_acknowledge_and_nothing_else(type_name: str) -> None:
    bench = EarBench()
    bench.run(2.0)
    bench.say(heartbeat(bench.runtime.new_id), type_name, EAR, EAR, to=DASHED[SCADA])
    assert bench.gateways["scada"].refused == {"type not for this link": 1}


def test_the_atomic_tnode_may_not_acknowledge_what_the_ear_has_to_store() -> None:
    bench = EarBench()
    bench.run(2.0)
    bench.runtime.stop("ear")
    bench.broker.partition("ear")
    bench.send_reports(1)
    bench.run(1.0)
    report_id = bench.received()[0].header.message_id
    bench.say(Ack(ack_message_id=report_id), "gridworks.ack", ATN, ATN, to="s")
    assert bench.outbox.count() == 1
    assert bench.gateways["scada"].refused == {"ack not of the receiver": 1}


def test_an_ear_stores_no_ping_to_itself_but_those_of_others() -> None:
    bench = EarBench()
    bench.run(1000.0)
    pings = bench.ear_store.rows(0, 1000, "gridworks.ping")
    assert {row.source for row in pings} == {SCADA, ATN}
    assert all(b'"Dst":"ear"' not in row.payload for row in pings)
    assert bench.told("ear") == [True]


def test_what_waited_for_another_receiver_is_addressed_anew() -> None:
    """The house got an ear while events for its AtomicTNode, which is gone for good, still waited."""
    outbox, store = Outbox(None), MessageStore(None)
    bench = Bench(outbox=outbox)
    bench.run(1.0)
    bench.runtime.stop("atn")
    bench.broker.partition("atn")
    bench.send_reports(3)
    bench.run(10.0)
    assert outbox.count() == 3
    post = Post("cloud", SCADA, {"ltn": ATN, "ear": EAR}, (FROM_EAR,), LINK_TYPES, watched="ltn", receiver="ear")
    bench.runtime.stop("scada")
    bench._add("new", post, outbox=outbox)
    bench.runtime.add("ear", partial(Ear, open_link=bench.opener("ear"), store=store, alias=EAR))
    bench.runtime.start("ear")
    bench.runtime.start("new")
    bench.run(60.0)
    assert outbox.count() == 0
    assert [row.seq for row in store.rows(0, 10, "report")] == [1, 2, 3]
