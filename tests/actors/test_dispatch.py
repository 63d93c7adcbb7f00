"""The AtomicTNode's direct commands, end to end in a virtual house: order, signature, gate, authority, slot, lease."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from actors.atomic_tnode import AtomicTNode
from actors.dispatcher import ANSWER_FILE, ORDER_FILE, Dispatcher, Written
from commands.site import Site, load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.decisions import atn_contract
from gw_spaceheat.decisions.atn_contract import make_contract
from gw_spaceheat.decisions.atn_dispatch import Order
from gw_spaceheat.decisions.dispatch import signed_bytes
from gw_spaceheat.decisions.ledger import Signer
from gw_spaceheat.messages.dispatch import AdminKeepAlive, FsmEvent, relay_event_from
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode, topic_of
from gw_spaceheat.storage.ledger_file import signing
from gw_spaceheat.storage.state_file import StateFile

MIDNIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()
ID = "00000000-0000-4000-8000-{:012d}"
STORE_PUMP, HEAT_PUMP = "relay-store-pump", "relay-heat-pump"


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site("beech")


class Run:
    """A house with its AtomicTNode, and somebody who hears all of the cloud link and can say anything on both."""

    def __init__(self, site: Site, folder: Path | None = None) -> None:
        self.lines: list[tuple[float, str, str, str]] = []
        self.site = site
        self.house = VirtualHouse(site, MIDNIGHT_S, 1, planning=False, sink=self._keep, folder=folder)
        self.said: list[bytes] = []
        topic = topic_of(site.house.atn_alias, "s", "fsm.event")
        self.cloud = self.house.cloud.client("spy", self._hear, lambda _: None, [topic])
        self.local = self.house.local.client("spy", lambda *_: None, lambda _: None, [])
        self.cloud.start()
        self.local.start()
        self.topic = topic

    def _keep(self, at_s: float, actor: str, kind: str, text: str) -> None:
        self.lines.append((at_s - MIDNIGHT_S, actor, kind, text))

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        self.said.append(payload)

    def to(self, seconds: float) -> "Run":
        self.house.run_until(MIDNIGHT_S + seconds)
        return self

    def slot(self, watts: float) -> "Run":
        """The AtomicTNode offers the first hour at this power, and commands half a minute later."""
        self.to(5.0)
        atn = self.house.runtime._addresses["atn"].actor
        assert isinstance(atn, AtomicTNode)
        terms = make_contract(self.site.house.scada_alias, ID.format(100), watts, int(MIDNIGHT_S), 60)
        atn._decide(atn_contract.MakeOffer(terms))
        self.to(30.0)
        assert self.of("scada", "authority")[-1].startswith("local -> remote")
        return self

    def on(self, seconds: float) -> "Run":
        return self.to(self.house.runtime.now() - MIDNIGHT_S + seconds)

    def order(self, node: str, value: bool, hold_s: float = 120.0) -> "Run":
        self.house.runtime.address("dispatcher").tell(Order(node, value, self.house.runtime.now() + hold_s))
        return self.on(3.0)

    def of(self, actor: str, kind: str) -> list[str]:
        return [text for _, who, what, text in self.lines if (who, what) == (actor, kind)]

    def became(self) -> list[str]:
        """What the AtomicTNode was told, without what it said itself."""
        return [text.partition(": ")[2] for text in self.of("dispatcher", "dispatch") if ": " in text]

    def answers(self) -> list[str]:
        """What the SCADA answered on the cloud link."""
        return self.of("scada", "ltn")

    @staticmethod
    def forged(data: bytes, **changes: object) -> bytes:
        """A dispatch with other words in it, and signed by nobody anew."""
        envelope = decode(data)
        return encode(replace(envelope, payload=envelope.payload.model_copy(update=changes)))

    def releases(self, actuator: str) -> int:
        return sum(text.startswith(f"{actuator} = ") for text in self.of("scada", "release"))


@pytest.fixture
def remote(site: Site) -> Run:
    """A slot that buys half of what the heat pump can take."""
    return Run(site).slot(3000.0)


def test_an_order_acts_is_answered_and_ends_with_its_hold(remote: Run) -> None:
    plant = remote.house.plant
    before = plant.actuator("store_pump")
    remote.order(STORE_PUMP, not before)
    assert plant.actuator("store_pump") is not before
    assert remote.answers() == [f"{STORE_PUMP} = {not before}: done"]
    assert remote.became() == ["done"]
    remote.on(400.0)
    assert plant.actuator("store_pump") is before, "back to what Local makes of the slot"
    assert remote.became() == ["done", "over"] and "store_pump: the command's lease is over" in remote.answers()
    assert not remote.of("scada", "crash")


def test_a_long_order_is_said_again_before_its_lease_ends(remote: Run) -> None:
    before = remote.house.plant.actuator("store_pump")
    remote.order(STORE_PUMP, not before, 900.0)
    for _ in range(14):
        remote.on(60.0)
        assert remote.house.plant.actuator("store_pump") is not before
    assert len(remote.said) == 6 and len({decode(data).payload.trigger_id for data in remote.said}) == 6  # type: ignore[attr-defined]
    assert remote.answers().count(f"{STORE_PUMP} = {not before}: done") == 6


def test_what_a_hostile_network_says_again_does_not_act_again(remote: Run, site: Site) -> None:
    on = not remote.house.plant.actuator("store_pump")
    remote.order(STORE_PUMP, on).order(STORE_PUMP, not on)
    first, second = remote.said
    acted = remote.releases("store_pump")
    for data in (second, first, first):
        remote.cloud.publish(remote.topic, data, 1)
        remote.on(1.0)
    remote.cloud.publish(remote.topic, remote.forged(second, event_name="CloseRelay" if on else "OpenRelay"), 1)
    remote.cloud.publish(remote.topic, remote.forged(second, trigger_id=ID.format(9)), 1)
    remote.cloud.publish(remote.topic, remote.forged(second, to_handle="ltn.relay-boost"), 1)
    remote.local.publish(remote.topic, first, 1)
    remote.on(1.0)
    assert remote.releases("store_pump") == acted
    texts = " | ".join(remote.answers())
    assert texts.count("not signed by the AtomicTNode") == 3
    assert texts.count(": done") == 2
    results = remote.house.atn_store.rows(0, 99, "gw.spaceheat.command.result")
    assert sum(b'"done"' in row.payload for row in results) == 5, (
        "a repeated command gets its own answer again, and acts no more"
    )
    remote.on(70.0)
    remote.cloud.publish(remote.topic, first, 1)
    remote.on(1.0)
    assert remote.releases("store_pump") == acted


def test_a_retained_dispatch_is_refused(site: Site) -> None:
    run = Run(site).slot(3000.0).order(STORE_PUMP, True)
    acted, data = run.releases("store_pump"), run.said[0]
    run.cloud.publish(run.topic, data, 1, retain=True)
    run.house.cloud.partition("scada")
    run.house.cloud.heal("scada")  # subscribes anew: the broker hands out what it keeps
    run.on(2.0)
    assert any("retained by the broker" in text for text in run.answers())
    assert run.releases("store_pump") == acted


def test_over_a_restart_a_dispatch_is_remembered_and_not_executed_again(site: Site, tmp_path: Path) -> None:
    run = Run(site, folder=tmp_path).slot(3000.0)
    on = not run.house.plant.actuator("store_pump")
    run.order(STORE_PUMP, on)
    run.house.runtime.replace("scada")
    run.on(2.0)
    run.cloud.publish(run.topic, run.said[0], 1)
    run.on(2.0)
    assert any("heard before" in text for text in run.answers())
    assert run.house.plant.actuator("store_pump") is False, "the safe pattern of the restart"


def test_without_remote_authority_the_answer_says_who_commands_and_for_how_long(site: Site) -> None:
    run = Run(site).to(60.0)
    before = run.house.plant.actuator("store_pump")
    run.order(STORE_PUMP, not before)
    assert run.became() == ["refused: relay-store-pump: local commands the house, not remote"]
    assert run.house.plant.actuator("store_pump") is before


def test_after_remote_was_lost_the_time_left_is_said(remote: Run) -> None:
    admin, expires_ms = f"{remote.site.house.alias}.admin", int(remote.house.runtime.now() * 1000) + 60_000
    header = Header(admin, "s", "admin.keep.alive", ID.format(1), expires_at_ms=expires_ms)
    remote.local.publish(topic_of(admin, "s", "admin.keep.alive"), encode(Envelope(header, AdminKeepAlive())), 1)
    remote.on(2.0).order(STORE_PUMP, True)
    assert "admin commands the house, not remote; again in 3" in remote.became()[-1]


def test_a_heat_source_needs_a_slot_with_energy_left(site: Site) -> None:
    run = Run(site).slot(0.0).to(700.0).order(HEAT_PUMP, True)
    assert run.became()[-1].startswith("refused: relay-heat-pump: no slot with energy left")
    assert run.house.plant.actuator("heat_pump") is False


def test_a_dispatched_heat_pump_ends_with_the_energy_of_the_slot(site: Site) -> None:
    run = Run(site).slot(1000.0)
    while run.house.plant.actuator("heat_pump") or run.house.runtime.now() < MIDNIGHT_S + 600.0:
        run.on(60.0).order(HEAT_PUMP, True)
    assert "heat_pump: no slot with energy left: what was bought is the most there is" in run.answers()
    run.to(3700.0)
    (ended,) = [text for text in run.of("contract-keeper", "slot") if text.startswith("ended")]
    used_wh = float(ended.split(": ")[1].split()[0])
    assert 1000.0 <= used_wh < 1000.0 + 7000.0 * 600.0 / 3600.0, ended


def test_the_heat_pump_is_held_off_within_a_slot_and_nobody_is_accused(site: Site) -> None:
    run = Run(site).slot(3000.0).to(1000.0)
    assert run.house.plant.actuator("heat_pump") is True
    run.order(HEAT_PUMP, False, 3000.0)
    assert run.house.plant.actuator("heat_pump") is False and run.became()[-1] == "done"
    run.to(3700.0)
    (ended,) = [text for text in run.of("contract-keeper", "slot") if text.startswith("ended")]
    assert "CompletedUnknownOutcome" in ended and "under the AtomicTNode's own dispatches" in ended


def test_a_minimum_time_is_answered_with_the_rule_and_the_time_left(site: Site) -> None:
    run = Run(site).slot(3000.0)
    while not run.house.plant.actuator("heat_pump"):
        run.on(1.0)
    run.on(5.0).order(HEAT_PUMP, False)
    assert "heat pump on for 6 s, minimum is 600 s; again in 594 s" in run.became()[-1]


def test_when_the_line_is_cut_what_it_dispatched_ends(remote: Run) -> None:
    before = remote.house.plant.actuator("store_pump")
    remote.order(STORE_PUMP, not before, 3000.0)
    remote.house.cloud.partition("atn")
    remote.on(310.0)
    assert remote.house.plant.actuator("store_pump") is before
    assert remote.of("scada", "authority")[-1].startswith("remote -> local: no heartbeat")


def test_a_flood_is_not_even_answered(remote: Run, site: Site) -> None:
    sign = signing(bytes(32))
    for number in range(500):
        event: FsmEvent = relay_event_from(
            from_handle="ltn", to_handle=f"ltn.{STORE_PUMP}", closed=number % 2 == 0, trigger_id=ID.format(number),
            now_s=remote.house.runtime.now(),
        )  # fmt: skip
        signature = sign(signed_bytes(site.house.scada_alias, event))
        header = Header(site.house.atn_alias, "s", "fsm.event", ID.format(number), signature=signature)
        remote.cloud.publish(remote.topic, encode(Envelope(header, event)), 1)
    remote.on(1.0)
    assert len(remote.answers()) == 60
    assert sum("more than 60 commands" in text for text in remote.of("scada", "refused")) == 3  # 1, 10, 100


def test_an_order_in_the_file_acts_once_and_one_of_before_the_start_never(site: Site, tmp_path: Path) -> None:
    file, answer = StateFile(tmp_path / ORDER_FILE), StateFile(tmp_path / ANSWER_FILE)
    file.save(Written(1.0, STORE_PUMP, True, 300.0).to_json())
    run = Run(site)
    gateway, signer = run.house.runtime.address("atn-gateway"), Signer("ltn", "", signing(bytes(32)))
    run.house.runtime.add("dispatcher", lambda context: Dispatcher(context, site.house, gateway, signer, tmp_path))
    run.house.runtime.replace("dispatcher")
    run.to(10.0)
    assert not run.said
    file.save(Written(2.0, STORE_PUMP, True, 300.0).to_json())
    run.on(10.0)
    assert len(run.said) == 1
    answered = answer.load()
    assert answered is not None and answered["number"] == 2.0 and "local commands the house" in str(answered["text"])
    (tmp_path / ORDER_FILE).write_text('{"number": 3}')
    run.on(10.0)
    assert len(run.said) == 1 and "must hold number, node, value and hold_s" in run.of("dispatcher", "dispatch")[-1]
