"""Accepted slots deliver their energy, over link cuts and reboots; what cannot be met is refused with the reason.

Contract keeper, slot executor and safety filter as they are, over a plant of one heat pump with a slow start. The
energy is that of the plant, not the keeper's count.
"""

import json
import random
from dataclasses import dataclass, field, replace

import pytest

from gw_spaceheat.decisions import contract, safety, slot
from gw_spaceheat.decisions.atn_contract import make_contract
from gw_spaceheat.decisions.command import Command, Commander
from gw_spaceheat.messages.contract import ContractStatus, SlowDispatchContract, make_heartbeat

SOURCE = slot.HeatSource(6000.0)
FACTS = contract.ContractFacts("d1.beech.scada", SOURCE.running_w, SOURCE.minimum_run_wh)
LIMITS = safety.SafetyLimits(frozenset(("heat_pump", "primary_pump")))
SAFE_FACTS = safety.SafetyFacts(LIMITS)
HOUR_S = 1_700_002_800 // 3600 * 3600
SETTLE_S = 3600
WORDS = {
    "capacity": ("above the capacity",),
    "minimum run": ("below one minimum run",),
    "negative": ("negative power",),
    "late": ("ago", "over"),
    "far": ("too far ahead",),
    "overlap": ("overlaps",),
    "duration": ("longer than",),
    "revoked": ("opted out",),
}


@dataclass
class Plant:
    """Draws standby until its compressor starts; then a power that wanders."""

    rng: random.Random
    on: bool = False
    since_s: float = -1e9
    level_w: float = SOURCE.running_w
    reach: float = 1.0
    """Share of the nameplate that it reaches: less while its water is cold."""
    meter_wh: float = 0.0

    def switch(self, on: bool, now_s: float) -> None:
        if on != self.on:
            self.on, self.since_s = on, now_s

    def second(self, now_s: float) -> float:
        """W of the second that ends now."""
        if int(now_s) % 60 == 0:
            self.level_w = self.reach * SOURCE.running_w * self.rng.uniform(0.95, 1.05)
        runs = self.on and now_s - self.since_s >= SOURCE.start_delay_s
        power_w = self.level_w if runs else SOURCE.standby_w
        self.meter_wh += power_w / 3600.0
        return power_w


@dataclass
class House:
    """A SCADA as far as slots need one. `disk`: what the last Persist wrote."""

    rng: random.Random
    start_s: float
    disk: str = ""
    refused: list[str] = field(default_factory=list)
    ended: list[contract.SlotEnded] = field(default_factory=list)
    facts: contract.ContractFacts = FACTS
    reach: float = 1.0

    def __post_init__(self) -> None:
        self.plant = Plant(self.rng, reach=self.reach)
        self.state = contract.ContractState()
        self.safety = safety.start(LIMITS, self.start_s)

    def take(self, event: contract.Input, now_s: float) -> None:
        self.state, effects = contract.decide(self.state, event, self.facts, now_s)
        for effect in effects:
            match effect:
                case contract.Persist(state):
                    self.disk = json.dumps(state.to_json())
                case contract.Refuse(_, reason):
                    self.refused.append(reason)
                case contract.SlotEnded():
                    self.ended.append(effect)

    def second(self, now_s: float) -> None:
        power_w = self.plant.second(now_s)
        self.take(contract.Tick(power_w / 3600.0), now_s)
        view = contract.slot_view(self.state, now_s)
        run = view is not None and slot.decide(view, SOURCE, self.plant.on, power_w, now_s).run
        wishes = [Command("heat_pump", run, Commander.LOCAL), Command("primary_pump", True, Commander.LOCAL)]
        self.safety, _, _ = safety.apply(self.safety, wishes, SAFE_FACTS, now_s)
        self.plant.switch(bool(self.safety.value("heat_pump")), now_s)

    def reboot(self, now_s: float, down_s: int) -> float:
        """Power cut: the heat pump is off, nobody counts; gives the time at which the process is back."""
        saved = json.dumps(self.safety.to_json())
        self.plant.switch(False, now_s)
        for second in range(1, down_s + 1):
            self.plant.second(now_s + second)
        now_s += down_s
        self.safety = safety.start(LIMITS, now_s, json.loads(saved))
        self.state = contract.from_json(json.loads(self.disk))
        self.take(contract.Restarted(), now_s)
        return now_s


def offer(rng: random.Random, number: int) -> SlowDispatchContract:
    minutes = rng.choice((15, 30, 60, 60, 60, 120))
    least_w = SOURCE.minimum_run_wh * 60.0 / minutes
    watts = rng.choice((0.0, rng.uniform(least_w + 1.0, SOURCE.running_w), rng.uniform(least_w + 1.0, 4000.0)))
    return make_contract(FACTS.scada_alias, f"00000000-0000-4000-8000-{number:012d}", watts, HOUR_S + SETTLE_S, minutes)


def best_wh(from_s: float, to_s: float) -> float:
    """The most this plant can draw when it has to start anew at `from_s`."""
    dead_s = LIMITS.minimum_off_s + SOURCE.start_delay_s
    return max(0.0, to_s - from_s - dead_s) * SOURCE.running_w / 3600.0


def run_slot(seed: int) -> tuple[float, float, float, int]:
    """(promised, used, most that was still possible, reboots) in Wh of one random slot."""
    rng = random.Random(seed)
    house = House(rng, HOUR_S)
    terms = offer(rng, seed)
    start_s, end_s = terms.start_s, terms.end_s
    now_s = float(start_s - rng.choice((1, 60, 1800)))
    heartbeat = make_heartbeat("ltn", terms, ContractStatus.CREATED, int(now_s * 1000))
    house.take(contract.HeartbeatReceived(heartbeat), now_s)
    assert not house.refused, house.refused
    reboots = {rng.randrange(int(start_s), int(end_s)) for _ in range(rng.choice((0, 0, 1, 1, 2)))}
    cut = rng.random() < 0.5  # no word of the other side is ever heard again
    begin_wh = house.plant.meter_wh
    possible_wh, done = float("inf"), 0
    while now_s < end_s + 5.0:
        now_s += 1.0
        if int(now_s) == start_s + 1:
            begin_wh = house.plant.meter_wh
        if any(at_s <= now_s for at_s in reboots) and now_s < end_s - 1.0:
            reboots = {at_s for at_s in reboots if at_s > now_s}
            now_s = house.reboot(now_s, rng.choice((10, 45, 120)))
            done += 1
            possible_wh = min(possible_wh, house.plant.meter_wh - begin_wh + best_wh(now_s, end_s))
            continue
        if not cut and int(now_s) % 60 == 0 and house.state.current is not None:
            said = make_heartbeat("ltn", terms, ContractStatus.ACTIVE, int(now_s * 1000))
            house.take(contract.HeartbeatReceived(said), now_s)
        house.second(now_s)
        if now_s <= end_s:
            used_wh = house.plant.meter_wh - begin_wh
    assert len(house.ended) == 1 and house.state.current is None
    return terms.energy_wh, used_wh, possible_wh, done


def check(seed: int) -> bool:
    """Fails on a breach; gives whether the reboots had left too little time to do it all."""
    promised_wh, used_wh, possible_wh, reboots = run_slot(seed)
    allowed_wh = max(0.02 * promised_wh, SOURCE.minimum_run_wh)
    # A reboot costs the minimum off time and a new start: what then no longer fits cannot be asked for.
    target_wh = min(promised_wh, max(possible_wh, 0.0))
    assert used_wh <= promised_wh + allowed_wh, f"seed {seed}: {used_wh:.0f} Wh of {promised_wh:.0f} Wh"
    assert used_wh >= target_wh - allowed_wh, f"seed {seed}: {used_wh:.0f} Wh of {promised_wh:.0f}, {reboots} reboots"
    return target_wh < promised_wh - allowed_wh


def test_twenty_slots() -> None:
    assert sum(check(seed) for seed in range(20)) <= 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hundred_slots() -> None:
    assert sum(check(seed) for seed in range(1000, 1200)) <= 20, "reboots may excuse few"


def believed(rng: random.Random, reach: float) -> contract.ContractFacts:
    """The SCADA's own estimate of a source that reaches so much: 4 % too low to 6 % too high."""
    drawable_w = reach * SOURCE.running_w * rng.uniform(0.96, 1.06)
    return replace(FACTS, drawable_w=drawable_w)


def run_cold_slot(seed: int) -> bool:
    """One hour offered to a source that does not reach its nameplate; whether it was accepted. Then it is met."""
    rng = random.Random(seed)
    reach = rng.uniform(0.5, 0.9)
    house = House(rng, HOUR_S, facts=believed(rng, reach), reach=reach)
    start_s = HOUR_S + SETTLE_S
    # As an hour amid others: it runs when the slot begins.
    house.plant.on, house.plant.since_s = True, HOUR_S
    house.safety, _, _ = safety.apply(
        house.safety,
        [Command(name, True, Commander.LOCAL) for name in ("heat_pump", "primary_pump")],
        SAFE_FACTS,
        HOUR_S + 600.0,
    )
    terms = make_contract(FACTS.scada_alias, _id(seed), rng.uniform(0.4, 1.0) * SOURCE.running_w, start_s, 60)
    now_s = float(start_s - 1)
    said = make_heartbeat("ltn", terms, ContractStatus.CREATED, int(now_s * 1000))
    house.take(contract.HeartbeatReceived(said), now_s)
    mean_wh = reach * SOURCE.running_w
    if house.refused:
        assert "that the heat source can draw" in house.refused[0]
        assert terms.energy_wh > mean_wh, (
            f"seed {seed}: {terms.energy_wh:.0f} Wh refused, {mean_wh:.0f} Wh were possible"
        )
        return False
    while now_s < start_s + 3605.0:
        now_s += 1.0
        house.second(now_s)
    assert [ended.status for ended in house.ended] == [ContractStatus.COMPLETED_SUCCESS], f"seed {seed}: {house.ended}"
    return True


def test_a_source_below_its_nameplate_meets_what_is_accepted_and_what_it_could_meet_is_accepted() -> None:
    accepted = [run_cold_slot(seed) for seed in range(40)]
    assert 5 <= sum(accepted) <= 35, "both must happen"


@pytest.mark.parametrize("seed", range(10))
def test_what_cannot_be_met_is_refused_with_the_reason(seed: int) -> None:
    rng = random.Random(seed)
    for number in range(20):
        minutes = rng.choice((5, 15, 60, 120))
        wrong = rng.choice(("capacity", "minimum run", "negative", "late", "far", "overlap", "duration", "revoked"))
        watts, start_s, now_s, facts = 3000.0, HOUR_S + 3600, float(HOUR_S + 3590), FACTS
        state = contract.ContractState()
        match wrong:
            case "capacity":
                watts = SOURCE.running_w * rng.uniform(1.01, 50.0)
            case "minimum run":
                minutes = max(minutes, 15)  # in 5 min even a minimum run is above the capacity
                watts = rng.uniform(1.0, 0.95) * SOURCE.minimum_run_wh * 60.0 / minutes - 1.0
            case "negative":
                watts = -rng.uniform(1.0, 1e5)
            case "late":
                now_s = start_s + rng.uniform(301.0, 7200.0)
            case "far":
                now_s = start_s - rng.uniform(7201.0, 1e6)
            case "duration":
                minutes = 1445
            case "revoked":
                facts = contract.ContractFacts(**{**_fields(FACTS), "revoked_by": "homeowner opted out"})
            case "overlap":
                held = make_contract(FACTS.scada_alias, _id(999), 3000.0, start_s, 60)
                first = make_heartbeat("ltn", held, ContractStatus.CREATED, int(now_s * 1000))
                state, _ = contract.decide(state, contract.HeartbeatReceived(first), FACTS, now_s)
        terms = make_contract(FACTS.scada_alias, _id(number), watts, start_s, minutes)
        created_s = min(now_s, start_s + 5.0)
        heartbeat = make_heartbeat("ltn", terms, ContractStatus.CREATED, int(created_s * 1000))
        after, effects = contract.decide(state, contract.HeartbeatReceived(heartbeat), facts, now_s)
        reasons = [effect.reason for effect in effects if isinstance(effect, contract.Refuse)]
        answers = [effect.heartbeat for effect in effects if isinstance(effect, contract.SendHeartbeat)]
        assert reasons and any(word in reasons[0] for word in WORDS[wrong]), f"{wrong}: {reasons}"
        assert answers[0].status is ContractStatus.TERMINATED_BY_SCADA and answers[0].cause == reasons[0]
        assert after.upcoming is state.upcoming and after.current is state.current, "nothing is kept of it"


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _fields(facts: contract.ContractFacts) -> dict[str, object]:
    return {name: getattr(facts, name) for name in facts.__slots__}
