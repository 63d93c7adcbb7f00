"""In virtual time: bid, clearing, contract and regret; and the house on its policy while the AtomicTNode is away."""

import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from actors.atomic_tnode import AtomicTNode
from actors.events import Received, Tick
from commands.outage import Outage, run_outage
from commands.site import Site, load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.messages.base import type_name_of
from gw_spaceheat.messages.dispatch import HomeownerOptOut
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode, topic_of
from gw_spaceheat.messages.market import SlotResult, slot_start_s
from gw_spaceheat.messages.policy import HousePolicy
from gw_spaceheat.planning.policy import message_of, policy_of

BEECH = "d1.isone.me.versant.keene.beech"
MIDNIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()
MINUTE_S = 60.0
Line = tuple[float, str, str, str]


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(BEECH)


class Run:
    """A house from midnight on, with its lines in minutes since then."""

    def __init__(
        self, site: Site, policies: bool = True, start_s: float = MIDNIGHT_S, folder: Path | None = None
    ) -> None:
        self.start_s = start_s
        self.lines: list[Line] = []
        self.house = VirtualHouse(site, start_s, 1, sink=self._keep, folder=folder, policies=policies)

    def _keep(self, at_s: float, actor: str, kind: str, text: str) -> None:
        self.lines.append(((at_s - self.start_s) / MINUTE_S, actor, kind, text))

    def to(self, minutes: float) -> None:
        self.house.run_until(self.start_s + minutes * MINUTE_S)

    def of(self, kind: str, actor: str = "") -> list[tuple[float, str]]:
        return [(at, text) for at, who, what, text in self.lines if what == kind and actor in ("", who)]


@pytest.fixture(scope="module")
def two_slots(site: Site) -> Run:
    run = Run(site)
    run.to(121.0)
    return run


def test_the_bid_comes_before_the_gate_and_is_cleared_at_it(two_slots: Run) -> None:
    (first_bid, said), (second_bid, _) = two_slots.of("bid")
    (first_cleared, sold), (second_cleared, _) = two_slots.of("cleared", "market")
    assert 50.0 < first_bid < first_cleared <= 55.1
    assert 110.0 < second_bid < second_cleared <= 115.1
    bid_kw, sold_kw = (float(re.search(r"([\d.]+) kW", text).group(1)) for text in (said, sold))  # type: ignore[union-attr]
    assert sold_kw == pytest.approx(bid_kw, abs=0.001)
    assert not two_slots.of("crash")


def test_the_contract_is_what_was_cleared_as_a_whole_run_if_it_is_one(two_slots: Run) -> None:
    (_, sold), _ = two_slots.of("cleared", "market")
    accepted = [(at, text) for at, text in two_slots.of("accepted") if 55.0 < at < 56.0]
    ((_, text),) = accepted
    watts = float(text.split()[1])
    sold_w = 1000.0 * float(sold.split(": ")[1].split()[0])
    assert watts == pytest.approx(sold_w, rel=0.05)


def results(run: Run) -> list[SlotResult]:
    rows = run.house.ear_store.rows(0, 20, "gw.spaceheat.slot.result")
    found = [decode(row.payload).payload for row in rows]
    return [result for result in found if isinstance(result, SlotResult)]


def test_regret_is_recorded_per_slot_and_reaches_the_ear(two_slots: Run) -> None:
    ((at, text),) = two_slots.of("regret")
    assert 119.0 < at < 121.0
    assert float(text.split()[0]) >= 0.0
    (result,) = results(two_slots)
    assert result.regret_usd is not None and result.used_regret_usd is not None and result.used_kwh is not None
    assert result.contract_kw is not None and result.cleared_kw is not None
    assert result.contract_kw == pytest.approx(result.cleared_kw, rel=0.05)
    assert abs(result.used_regret_usd) < 1.0, "what the house really did is near what its model says of it"
    assert result.reason == ""
    assert len(two_slots.house.ear_store.rows(0, 10, "bid")) == 2


def opt_out(run: Run, opted_out: bool) -> None:
    admin = f"{BEECH}.admin"
    now_ms = int(run.house.runtime.now() * 1000)
    message_id = f"c3cd6c8d-e8d8-4875-8f7b-d3ea13c286{int(opted_out):02d}"
    name = type_name_of(HomeownerOptOut)
    header = Header(admin, "s", name, message_id, expires_at_ms=now_ms + 60_000)
    said = encode(Envelope(header, HomeownerOptOut(opted_out=opted_out, by="anna")))
    link = run.house.local.client("admin", lambda *_: None, lambda _: None, [])
    link.start()
    link.publish(topic_of(admin, "s", name), said, 1)


@pytest.mark.timeout(240)
def test_every_slot_that_was_bid_for_has_its_row_whatever_became_of_it(site: Site) -> None:
    """1 to 2: the homeowner opts out in it; 2 to 3: the offer is refused for that; 3 to 4: the market says no price."""
    run = Run(site)
    run.to(111.0)
    opt_out(run, True)
    run.to(130.0)
    opt_out(run, False)
    run.to(170.0)
    run.house.cloud.partition("market")
    run.to(243.0)
    (ended, refused, silent) = results(run)
    assert ended.reason == "homeowner opted out" and ended.regret_usd is not None and ended.contract_kw is not None
    assert refused.reason == "refused: homeowner opted out" and refused.contract_kw is None
    assert refused.cleared_kw is not None and refused.regret_usd is not None, "what the market sold is judged"
    assert refused.used_kwh is not None and refused.used_regret_usd is not None, "so is what the house did instead"
    assert silent.reason == "no price came" and silent.contract_kw is not None
    assert silent.price_usd_per_mwh is None and silent.regret_usd is None and silent.used_kwh is not None
    starts = [slot_start_s(one.market_slot_name) - MIDNIGHT_S for one in (ended, refused, silent)]
    assert starts == [3600.0, 7200.0, 10800.0]
    assert len(run.of("regret")) == 3 and not run.of("crash")


def test_without_a_word_from_the_market_the_plans_own_quantity_is_offered(site: Site) -> None:
    run = Run(site)
    run.to(50.0)
    run.house.cloud.partition("market")
    run.to(62.0)
    assert run.of("market", "atn")[0][1].startswith("no price in time")
    assert [text for at, text in run.of("accepted") if 55.0 < at < 56.0]


@pytest.fixture(scope="module")
def away(site: Site) -> Run:
    """The AtomicTNode stops at 1:30; its slot ends at 2:00; the local controller is restarted at 2:30."""
    run = Run(site)
    run.to(90.0)
    run.house.stop_atomic_tnode()
    run.to(150.0)
    run.house.runtime.stop("local-controller")
    run.house.runtime.start("local-controller")
    run.to(180.0)
    return run


def test_the_slot_goes_first_and_then_the_policy(away: Run) -> None:
    changes = [(at, text) for at, text in away.of("local") if at > 91.0]
    assert all("(slot)" in text for at, text in changes if at < 120.0)
    after = [text for at, text in changes if at >= 120.0]
    assert "(policy): policy: " in after[0]
    assert all("(policy)" in text for text in after)
    assert not away.of("crash")


def test_the_policy_survives_a_restart(away: Run) -> None:
    after = [text for at, text in away.of("local") if at >= 150.0]
    assert after
    assert "(policy)" in after[0]


def test_without_a_policy_the_tariff_rules(site: Site) -> None:
    run = Run(site, policies=False)
    run.to(90.0)
    run.house.stop_atomic_tnode()
    run.to(150.0)
    assert run.of("local")
    assert all("policy" not in text for _, text in run.of("local"))


def test_a_policy_that_is_old_or_for_another_house_is_refused(site: Site) -> None:
    run = Run(site)
    run.to(10.0)
    runtime = run.house.runtime
    atn, local = runtime._addresses["atn"].actor, runtime._addresses["local-controller"]
    assert atn is not None
    now_s = runtime.now()

    def hear(message: HousePolicy) -> None:
        header = Header("d1", "s", "gw.spaceheat.policy")
        local.tell(Received("cloud", "d1", header, message, False, now_s))

    made = policy_of(atn._solution)  # type: ignore[attr-defined]
    scada = site.house.scada_alias
    message_id = "c3cd6c8d-e8d8-4875-8f7b-d3ea13c28601"
    good = message_of(made, alias="d1.beech", scada_alias=scada, message_id=message_id, now_s=now_s)
    hear(good.model_copy(update={"scada_alias": "d1.other.scada"}))
    hear(good.model_copy(update={"created_ms": good.created_ms - 3_600_000}))
    hear(good.model_copy(update={"tables": "AAAA", "created_ms": good.created_ms + 1}))
    run.to(11.0)
    refused = [text for _, text in run.of("policy")]
    assert len(refused) == 3
    assert "d1.other.scada" in refused[0]
    assert "older" in refused[1]
    assert "unpacked" in refused[2]
    assert not run.of("crash")


def test_prices_that_begin_later_are_said_and_not_planned_with(site: Site) -> None:
    run = Run(site)
    run.to(6.0)
    atn = run.house.runtime._addresses["atn"]
    assert isinstance(atn.actor, AtomicTNode) and atn.actor._prices is not None
    plan = atn.actor.plan
    later = atn.actor._prices.model_copy(update={"start_s": int(MIDNIGHT_S) + 3 * 3600})
    for minutes in (6.5, 7.0):
        atn.tell(Received("cloud", "d1", Header("d1", "atn", "gw.spaceheat.prices"), later, False, 0.0))
        atn.tell(Tick("plan"))
        run.to(minutes)
    ((_, said),) = run.of("prices", "atn")
    assert said == "prices begin at 2016-12-12T08:00:00Z, a plan would at 2016-12-12T05:05:00Z: no new plan"
    assert atn.actor.plan is plan
    run.to(20.0)
    assert atn.actor.plan is not plan


def hostile(message: HousePolicy, **heat_pump: float) -> HousePolicy:
    document = json.loads(message.parameters)
    document["heat_pump"].update(heat_pump)
    return message.model_copy(update={"parameters": json.dumps(document), "created_ms": message.created_ms + 3_600_000})


def test_a_policy_that_would_fail_is_neither_followed_nor_kept(site: Site, tmp_path: Path) -> None:
    run = Run(site, folder=tmp_path)
    run.to(10.0)
    local, kept = run.house.runtime._addresses["local-controller"], tmp_path / "policy.json"
    saved = kept.read_bytes()
    good = HousePolicy.model_validate_json(saved)
    local.tell(Received("cloud", "d1", Header("d1", "s", "gw.spaceheat.policy"), hostile(good, lift_k=0.0), False, 0.0))
    run.to(11.0)
    ((_, refused),) = run.of("policy")
    assert refused.startswith("refused: policy: its parameters: heat_pump.lift_k: 0.0 must be above 0")
    assert kept.read_bytes() == saved
    assert not run.of("crash")


def test_a_saved_policy_that_would_fail_is_set_aside_and_the_house_goes_on(site: Site, tmp_path: Path) -> None:
    first = Run(site, folder=tmp_path)
    first.to(10.0)
    kept = tmp_path / "policy.json"
    bad = hostile(HousePolicy.model_validate_json(kept.read_bytes()), rated_heat_kw=0.0)
    kept.write_text(bad.model_dump_json(by_alias=True))
    runtime = first.house.runtime
    first.house.stop_atomic_tnode()
    for _ in range(2):
        runtime.stop("local-controller")
        runtime.start("local-controller")
        first.to(20.0)
    ((_, said),) = first.of("policy")
    assert "rated_heat_kw: 0.0 must be above 0" in said and said.endswith(f"set aside as {kept}.damaged")
    assert not kept.exists()
    assert HousePolicy.model_validate_json(kept.with_name("policy.json.damaged").read_bytes()) == bad
    assert not first.of("crash") and first.of("local")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_twelve_hours_away_on_policy_cost_no_more_than_on_the_tariff_rule(site: Site) -> None:
    outage = Outage(6.0, 12.0, 30.0)
    policy, rule = (run_outage(site, MIDNIGHT_S, way, outage, 1) for way in ("policy", "rule"))
    assert policy.on_policy_share > 0.85
    assert rule.on_policy_share == 0.0
    assert policy.even_usd <= rule.even_usd
    assert policy.degree_hours <= rule.degree_hours + 0.1
