"""Whoever is refused becomes an event in the cloud: with the reason, and not as often as he likes."""

from dataclasses import replace
from datetime import datetime

import pytest

from actors.events import Received
from actors.gateway import Notice
from commands.site import load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.decisions import ledger
from gw_spaceheat.decisions.dispatch import VALID_S
from gw_spaceheat.decisions.suspicion import AGAIN_S
from gw_spaceheat.messages.alerts import Glitch
from gw_spaceheat.messages.base import WireModel
from gw_spaceheat.messages.contract import ContractStatus, SlowContractHeartbeat, SlowDispatchContract, make_heartbeat
from gw_spaceheat.messages.dispatch import HomeownerOptOut
from gw_spaceheat.messages.envelope import LONGEST_MESSAGE_BYTES, Envelope, Header, decode, encode, topic_of
from gw_spaceheat.messages.telemetry import SendSnap
from gw_spaceheat.simulation.broker import SimulatedLink
from gw_spaceheat.storage.ledger_file import new_secret, public_key_of, signing
from gw_spaceheat.wires.mqtt_protocol import LinkNotice

NIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()
SITE = load_site("beech")
HOUSE = SITE.house


class Attacked:
    """A virtual house, somebody with a link of his own to each of its brokers, and what its AtomicTNode has stored."""

    def __init__(self) -> None:
        self.house = VirtualHouse(SITE, NIGHT_S, planning=False)
        self.run(60.0)
        self.thief: dict[str, SimulatedLink] = {}
        for link, broker in (("cloud", self.house.cloud), ("local", self.house.local)):
            self.thief[link] = broker.client("thief", lambda *_: None, lambda _: None, ())
            self.thief[link].start()

    def run(self, seconds: float) -> None:
        self.house.run_until(self.house.runtime.now() + seconds)

    def say(self, link: str, topic_source: str, payload: WireModel, source: str = "", to: str = "s") -> None:
        name = payload.type_name
        header = Header(source or topic_source, to, name, self.house.runtime.new_id())
        self.thief[link].publish(topic_of(topic_source, to, name), encode(Envelope(header, payload)))

    def told(self) -> list[tuple[str, str]]:
        """Summary and details of the watchman's events."""
        payloads = [decode(row.payload).payload for row in self.house.atn_store.rows(0, 10**6, "glitch")]
        return [(g.summary, g.details) for g in payloads if isinstance(g, Glitch) and g.node == "watchman"]


def heartbeat(contract_id: str) -> SlowContractHeartbeat:
    contract = SlowDispatchContract(
        scada_alias=HOUSE.scada_alias, start_s=int(NIGHT_S) + 600, duration_minutes=60,
        avg_power_watts=3000, oil_boiler_on=False, contract_id=contract_id,
    )  # fmt: skip
    return make_heartbeat("ltn", contract, ContractStatus.CREATED, int((NIGHT_S + 60.0) * 1000))


def test_a_quiet_night_has_nobody_to_tell_of() -> None:
    attacked = Attacked()
    attacked.run(1800.0)
    assert attacked.told() == []


@pytest.mark.parametrize("link", ["cloud", "local"])
def test_each_kind_of_refusal_is_one_event_with_its_reason(link: str) -> None:
    attacked = Attacked()
    friend = HOUSE.atn_alias if link == "cloud" else f"{HOUSE.alias}.admin"
    snap = SendSnap(from_g_node_alias=friend)
    attacked.say(link, friend, snap, source="d1.isone.thief")  # in another's name
    attacked.say(link, friend, heartbeat(attacked.house.runtime.new_id()) if link == "local" else snap)
    attacked.thief[link].publish(topic_of(friend, "s", "send.snap"), bytes(LONGEST_MESSAGE_BYTES + 1))
    attacked.thief[link].publish(topic_of(friend, "s", "send.snap"), b"{")
    gateway = attacked.house.runtime.address(f"gateway-{link}")
    gateway.tell(Notice(LinkNotice.AUTH_REFUSED))
    gateway.tell(Notice(LinkNotice.CONNECTED))
    gateway.tell(Notice(LinkNotice.SUBSCRIBED))
    attacked.run(120.0)
    summaries = [summary for summary, _ in attacked.told()]
    wanted = ["sender differs", "too long", "not json"] + ["type not for this link"] * (link == "local")
    for reason in [f"{link}: {reason}" for reason in wanted] + [f"{link} broker: auth-refused"]:
        assert summaries.count(f"refused: {reason}, 1 time(s)") == 1, summaries
    details = dict(attacked.told())[f"refused: {link}: sender differs, 1 time(s)"]
    assert "header says d1.isone.thief" in details


def test_a_flood_is_two_events_in_its_first_hour_and_all_of_it_is_counted() -> None:
    attacked = Attacked()
    for _ in range(300):
        attacked.say("cloud", HOUSE.atn_alias, SendSnap(from_g_node_alias=HOUSE.atn_alias), source="d1.isone.thief")
        attacked.run(1.0)
    assert [summary for summary, _ in attacked.told()] == ["refused: cloud: sender differs, 1 time(s)"]
    attacked.run(AGAIN_S + 60.0)
    assert [summary for summary, _ in attacked.told()][1:] == ["refused: cloud: sender differs, 299 time(s)"]


def test_forged_and_repeated_heartbeats_and_words_of_people_are_told() -> None:
    attacked = Attacked()
    runtime, alias = attacked.house.runtime, HOUSE.atn_alias
    header = Header(alias, "s", "slow.contract.heartbeat", runtime.new_id())
    secret = new_secret()
    signer = ledger.Signer("ltn", public_key_of(secret), signing(secret))
    _, signed, _ = ledger.seal(ledger.LedgerState(), heartbeat(runtime.new_id()), signer, runtime.now())
    forged = signed.model_copy(update={"watt_hours_used": 1})
    keeper, scada = runtime.address("contract-keeper"), runtime.address("scada")
    keeper.tell(Received("cloud", alias, header, forged, True, runtime.now()))
    keeper.tell(Received("cloud", alias, header, forged, False, runtime.now()))
    opt_out = HomeownerOptOut(opted_out=True, by="thief")
    person = replace(header, src=f"{HOUSE.alias}.admin", message_type=opt_out.type_name)
    scada.tell(Received("cloud", person.src, person, opt_out, False, runtime.now()))
    old = replace(person, expires_at_ms=int((runtime.now() - 10 * VALID_S) * 1000))
    scada.tell(Received("local", old.src, old, opt_out, False, runtime.now()))
    attacked.run(60.0)
    summaries = {summary for summary, _ in attacked.told()}
    assert summaries == {
        "refused: heartbeat: retained by the broker, 1 time(s)",
        "refused: heartbeat: not of this ledger, 1 time(s)",
        "refused: word of a person: not fresh or not local, 1 time(s)",
        "refused: local command: expired, 1 time(s)",
    }
