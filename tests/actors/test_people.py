"""The homeowner's opt-out and the admin's lease in a whole virtual house, on the local link, also offline."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from actors.events import Received
from commands.site import Site, load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.decisions.atn_contract import make_contract
from gw_spaceheat.messages.base import WireModel, type_name_of
from gw_spaceheat.messages.contract import ContractStatus, make_heartbeat
from gw_spaceheat.messages.dispatch import (
    AdminAnalogDispatch,
    AdminDispatch,
    AdminKeepAlive,
    AdminReleaseControl,
    HomeownerOptOut,
    relay_event_from,
    setpoint_dispatch_from,
)
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode, topic_of

MIDNIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()
ID = "00000000-0000-4000-8000-{:012d}"


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site("beech")


class Run:
    """A house with an admin on its local link; lines in seconds since the start."""

    def __init__(self, site: Site, folder: Path | None = None, planning: bool = False) -> None:
        self.start_s = MIDNIGHT_S
        self.lines: list[tuple[float, str, str]] = []
        self.heard: list[dict[str, object]] = []
        self.said: list[tuple[str, bytes]] = []
        self.number = 1000
        self.house = VirtualHouse(site, self.start_s, 1, planning=planning, sink=self._keep, folder=folder)
        self.alias = f"{site.house.alias}.admin"
        result_topic = topic_of(site.house.scada_alias, "admin", "gw.spaceheat.command.result")
        self.local = self.house.local.client("admin", self._hear, lambda _: None, [result_topic])
        self.local.start()
        self.cloud = self.house.cloud.client("intruder", lambda *_: None, lambda _: None, [])
        self.cloud.start()

    def _keep(self, at_s: float, actor: str, kind: str, text: str) -> None:
        self.lines.append((at_s - self.start_s, kind, text))

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        self.heard.append(decode(payload).payload.model_dump())

    def say(self, payload: WireModel, on_cloud: bool = False, source: str = "") -> None:
        source = source or self.alias
        name = type_name_of(type(payload))
        self.number += 1
        expires_ms = int(self.house.runtime.now() * 1000) + 60_000
        data = encode(Envelope(Header(source, "s", name, ID.format(self.number), expires_at_ms=expires_ms), payload))
        self.said.append((topic_of(source, "s", name), data))
        (self.cloud if on_cloud else self.local).publish(topic_of(source, "s", name), data, 1)

    def to(self, seconds: float) -> "Run":
        self.house.run_until(self.start_s + seconds)
        return self

    def of(self, kind: str) -> list[str]:
        return [text for _, what, text in self.lines if what == kind]

    def outcomes(self) -> list[tuple[object, object]]:
        return [(answer["outcome"], answer["rule"]) for answer in self.heard]


def relay(run: Run, node: str, closed: bool, number: int = 1, lease_s: int = 600) -> AdminDispatch:
    event = relay_event_from(
        from_handle="admin", to_handle=f"admin.{node}", closed=closed, trigger_id=ID.format(number),
        now_s=run.house.runtime.now(),
    )  # fmt: skip
    return AdminDispatch(dispatch_trigger=event, timeout_seconds=lease_s)


@pytest.mark.timeout(120)
def test_an_opt_out_ends_remote_and_slot_and_new_ones_are_refused(site: Site, tmp_path: Path) -> None:
    run = Run(site, tmp_path, planning=True).to(600.0)
    assert any(text.startswith("local -> remote") for text in run.of("authority"))
    run.say(HomeownerOptOut(opted_out=True, by="anna"))
    run.to(630.0)
    assert "homeowner opted out (by anna)" in run.of("opt-out")
    assert run.of("authority")[-1] == "remote -> local: homeowner opted out"
    assert any("TerminatedByScada" in text and "homeowner opted out" in text for text in run.of("slot"))
    assert json.loads((tmp_path / "opt_out.json").read_text())["by"] == "anna"
    run.to(1300.0)
    assert any("homeowner opted out" in text for text in run.of("refused"))  # the next offer
    run.house.runtime.replace("scada")
    run.to(1320.0)
    assert run.of("opt-out")[-1] == "homeowner opted out (by anna)"  # remembered
    run.say(HomeownerOptOut(opted_out=False, by="anna"))
    run.to(5000.0)
    assert run.of("authority")[-1].startswith("local -> remote")
    assert not run.of("crash")


def test_the_file_is_enough_and_losing_it_takes_nothing_back(site: Site, tmp_path: Path) -> None:
    run = Run(site, tmp_path).to(10.0)
    path = tmp_path / "opt_out.json"
    path.write_text('{"opted_out": true}')
    run.house.cloud.partition("scada")
    run.to(20.0)
    assert run.of("opt-out") == ["homeowner opted out (by the opt-out file)"]
    path.unlink()
    run.to(30.0)
    assert json.loads(path.read_text())["opted_out"] is True
    path.write_text('{"opted_out": "no"}')
    run.to(60.0)
    assert "still: homeowner opted out" in run.of("opt-out")[-1] and len(run.of("opt-out")) == 2
    path.write_text('{"opted_out": false}')
    run.to(70.0)
    assert run.of("opt-out")[-1].startswith("homeowner takes part")


def test_a_restarted_keeper_of_contracts_accepts_nothing_before_it_knows_of_the_opt_out(
    site: Site, tmp_path: Path
) -> None:
    (tmp_path / "opt_out.json").write_text('{"opted_out": true}')
    run = Run(site, tmp_path).to(62.5)
    run.house.runtime.replace("contract-keeper")
    terms = make_contract(site.house.scada_alias, ID.format(1), 3000.0, int(MIDNIGHT_S) + 300, 60)
    beat = make_heartbeat("ltn", terms, ContractStatus.CREATED, int(run.house.runtime.now() * 1000))
    header = Header(site.house.atn_alias, "s", type_name_of(type(beat)), ID.format(2))
    offer = Received("cloud", site.house.atn_alias, header, beat, False, run.house.runtime.now())
    keeper = run.house.runtime.address("contract-keeper")
    keeper.tell(offer)
    run.to(63.5)
    assert not run.of("contract")
    run.to(75.0)
    keeper.tell(offer)  # as the AtomicTNode says it again
    run.to(76.0)
    assert run.of("contract")[0] == f"refused {ID[:8]}: homeowner opted out"


@pytest.mark.parametrize("opted_out", [True, False])
def test_a_disk_that_cannot_be_written_takes_no_opt_out_message_back(
    site: Site, tmp_path: Path, opted_out: bool
) -> None:
    path, unwritable = tmp_path / "opt_out.json", tmp_path / "opt_out.json.new"
    path.write_text(json.dumps({"opted_out": not opted_out}))
    run = Run(site, tmp_path).to(60.0)
    unwritable.mkdir()
    run.say(HomeownerOptOut(opted_out=opted_out, by="anna"))
    run.to(90.0)
    said = f"homeowner {'opted out' if opted_out else 'takes part'} (by anna)"
    assert [text for text in run.of("opt-out") if text.startswith("homeowner")][-1] == said
    assert sum("opt_out.json" in text for text in run.of("opt-out")) == 1, "told once"
    unwritable.rmdir()
    run.to(100.0)
    assert json.loads(path.read_text())["opted_out"] is opted_out, "kept as soon as the disk takes it"
    path.write_text(json.dumps({"opted_out": not opted_out}))
    run.to(110.0)
    assert run.of("opt-out")[-1].endswith("(by the opt-out file)"), "a new word in the file counts"


PEOPLE: list[Callable[[Run], WireModel]] = [
    lambda run: HomeownerOptOut(opted_out=True),
    lambda run: AdminKeepAlive(),
    lambda run: AdminReleaseControl(),
    lambda run: relay(run, "relay-store-pump", True),
]


@pytest.mark.parametrize("make", PEOPLE)
@pytest.mark.parametrize("source", ["admin", "atn"])
def test_the_same_message_on_the_cloud_link_is_refused(
    site: Site, make: Callable[[Run], WireModel], source: str
) -> None:
    run = Run(site).to(60.0)
    alias = run.alias if source == "admin" else site.house.atn_alias
    if source == "atn":
        # As the AtomicTNode itself would say it: on the topic that the SCADA hears.
        run.say(make(run), on_cloud=True, source=alias)
        run.to(70.0)
        assert any("type not for this link" in text for text in run.of("refused"))
    else:
        run.say(make(run), on_cloud=True)
        run.to(70.0)
    assert not run.of("opt-out") and not run.of("admin")
    assert not any("admin" in text for text in run.of("authority"))


def test_the_admin_switches_is_answered_and_lapses_to_local(site: Site) -> None:
    run = Run(site).to(60.0)
    before = run.house.plant.actuator("store_pump")
    run.say(relay(run, "relay-store-pump", not before, 2, 300))
    run.to(65.0)
    assert run.of("authority")[-1].startswith("local -> admin")
    assert run.house.plant.actuator("store_pump") is not before
    run.say(relay(run, "relay-store-pump", not before, 3, 300))  # it is so already
    run.say(relay(run, "relay-heat-pump", True, 4, 300))  # safety is below the admin too
    run.say(relay(run, "relay-nothing", True, 5, 300))
    run.to(75.0)
    outcomes = {str(a["command_id"])[-1]: (a["outcome"], a["rule"]) for a in run.heard}
    assert outcomes["2"] == outcomes["3"] == ("done", None)
    assert outcomes["4"] == ("refused", "minimum_off") and outcomes["5"] == ("refused", "no_such_actuator")
    run.say(AdminKeepAlive(admin_timeout_seconds=120))
    run.to(190.0)
    assert len(run.of("authority")) == 1
    run.to(200.0)
    assert run.of("authority")[-1].startswith("admin -> local: lease of")
    assert not run.of("crash")


def test_a_lease_that_begins_in_the_second_in_which_one_ended_does_not_inherit_its_commands(site: Site) -> None:
    run = Run(site).to(60.3)
    run.say(relay(run, "relay-store-pump", True, 2, 100))
    run.to(160.4)
    assert run.house.plant.actuator("store_pump") is True
    run.say(AdminKeepAlive(admin_timeout_seconds=300))
    run.to(165.0)
    assert [text.split(":")[0] for text in run.of("authority")] == [
        "local -> admin", "admin -> local", "local -> admin"
    ]  # fmt: skip


def test_a_lease_of_more_than_an_hour_is_refused_and_release_gives_back(site: Site) -> None:
    run = Run(site).to(60.0)
    run.say(relay(run, "relay-store-pump", True, 2, 3601))
    run.say(AdminKeepAlive(admin_timeout_seconds=7200))
    run.to(61.0)
    run.say(AdminReleaseControl())
    run.to(70.0)
    assert not run.of("authority") and run.outcomes() == [("refused", "lease")]
    assert sum("lease of" in text for text in run.of("admin")) == 3  # the answer says it too
    run.say(AdminKeepAlive())
    run.to(80.0)
    run.say(AdminReleaseControl())
    run.to(90.0)
    assert [text.split(":")[0] for text in run.of("authority")] == ["local -> admin", "admin -> local"]


def test_an_admin_sets_the_leaving_temperature() -> None:
    run = Run(load_site("fir")).to(60.0)
    dispatch = setpoint_dispatch_from(
        alias=run.alias, from_handle="admin", to_handle="admin.leaving-setpoint", about_name="leaving-setpoint",
        setpoint_c=48.0, trigger_id=ID.format(7), now_s=run.house.runtime.now(),
    )  # fmt: skip
    run.say(AdminAnalogDispatch(dispatch=dispatch, timeout_seconds=300))
    run.to(70.0)
    assert run.outcomes() == [("done", None)] and run.house.plant.actuator("leaving_setpoint") == 48.0


def test_a_board_that_does_not_move_is_no_effect(site: Site) -> None:
    run = Run(site).to(60.0)
    run.house.wires["relay-bus"].fail("relay-board", "silent")
    run.say(relay(run, "relay-store-pump", False, 2))
    run.to(70.0)
    assert run.outcomes() == [("no_effect", None)]


def test_an_admins_command_acts_once_and_has_one_answer(site: Site) -> None:
    run = Run(site).to(60.0)
    first = relay(run, "relay-store-pump", True, 2, 300)
    run.to(62.0)
    second = relay(run, "relay-store-pump", False, 3, 300)
    run.say(second)
    run.to(70.0)
    run.say(first)  # overtaken
    run.say(second)  # sent twice
    run.to(75.0)
    run.say(AdminReleaseControl())
    run.to(80.0)
    run.house.runtime.replace("scada")
    run.to(140.0)
    run.say(second)  # replayed after a restart and after its time
    run.to(150.0)
    assert run.outcomes() == [
        ("done", None), ("refused", "reordered"), ("done", None), ("refused", "duplicate"),
    ]  # fmt: skip
    assert len([text for text in run.of("authority") if "-> admin" in text]) == 1
    assert not run.of("crash")


def say_again(run: Run, number: int) -> None:
    run.local.publish(*run.said[number], 1)


def test_a_lease_and_its_release_cannot_be_replayed(site: Site, tmp_path: Path) -> None:
    run = Run(site, tmp_path).to(60.0)
    run.say(AdminKeepAlive(admin_timeout_seconds=300))
    run.to(62.0)
    run.say(AdminReleaseControl())
    run.to(64.0)
    say_again(run, 0)
    run.to(66.0)
    run.say(AdminKeepAlive(admin_timeout_seconds=300))
    run.to(68.0)
    say_again(run, 1)
    run.to(70.0)
    assert [text.split(":")[0] for text in run.of("authority")] == [
        "local -> admin", "admin -> local", "local -> admin"
    ]  # fmt: skip
    assert run.outcomes() == [("refused", "duplicate"), ("refused", "duplicate")]
    run.house.runtime.replace("scada")
    run.to(80.0)
    say_again(run, 2)
    run.to(200.0)
    say_again(run, 2)
    run.to(210.0)
    assert len(run.of("authority")) == 3, "nor after a restart, nor after its time"
    assert run.outcomes()[2:] == [("refused", "duplicate"), ("refused", "duplicate")]


def test_an_opt_out_message_cannot_be_replayed(site: Site, tmp_path: Path) -> None:
    run = Run(site, tmp_path).to(60.0)
    run.say(HomeownerOptOut(opted_out=True, by="anna"))
    run.to(65.0)
    run.say(HomeownerOptOut(opted_out=False, by="anna"))
    run.to(70.0)
    say_again(run, 0)
    run.to(75.0)
    assert run.of("opt-out")[-1].startswith("homeowner takes part")
    run.house.runtime.replace("scada")
    run.to(85.0)
    say_again(run, 0)
    run.to(95.0)
    assert run.of("opt-out")[-1].startswith("homeowner takes part")


def test_a_message_without_an_end_does_not_count(site: Site) -> None:
    run = Run(site).to(60.0)
    for payload in (AdminKeepAlive(), HomeownerOptOut(opted_out=True)):
        name = type_name_of(type(payload))
        data = encode(Envelope(Header(run.alias, "s", name, ID.format(1)), payload))
        run.local.publish(topic_of(run.alias, "s", name), data, 1)
    run.to(65.0)
    assert run.outcomes() == [("refused", "no_expiry")] * 2 and not run.of("authority") and not run.of("opt-out")
