"""A hostile world over safety filter and authority, and a checker that knows only what physically happened.

The world has two clocks: the true one, by which the checker measures, and the SCADA's, which may step at a restart.
"""

import json
import random
from collections import Counter
from dataclasses import dataclass, field, replace

from gw_spaceheat.decisions import authority, dispatch, safety
from gw_spaceheat.decisions.command import Actuator, Command, Commander, Refusal
from gw_spaceheat.decisions.safety import SafeCommand, SafetyFacts, SafetyLimits
from tests.campaigns.dispatch_world import DispatchWorld

ACTUATORS: tuple[Actuator, ...] = (
    "store_valve", "primary_pump", "distribution_pump", "store_pump", "leaving_setpoint", "heat_pump", "boost",
)  # fmt: skip
MEASURED = frozenset(("leaving_c", "entering_c", "coldest_zone_c", "pipe_c"))
LIMITS = SafetyLimits(frozenset(ACTUATORS), valve_forbids_load=True, measured=MEASURED)
PERIODS_S = (1.0, 1.0, 5.0, 20.0, 40.0, 150.0, 400.0, 1000.0)
CLOCK_STEPS_S = (0.0, 0.0, -86400.0, -600.0, -30.0, 30.0, 600.0, 3600.0, 1e7)
EASY = 1e-6


@dataclass(slots=True)
class Truth:
    """What is so, and (None: sensor lost) what is measured of it."""

    true_c: dict[str, float] = field(
        default_factory=lambda: {"leaving": 50.0, "entering": 45.0, "zone": 20.0, "pipe": 20.0, "tank": 60.0}
    )
    flow_l_per_min: float = 20.0
    lost: set[str] = field(default_factory=set)
    house_cold: bool = False

    def known(self, name: str) -> float | None:
        return None if name in self.lost else self.true_c[name]

    def wander(self, rng: random.Random) -> None:
        reach = {"leaving": (30.0, 82.0), "entering": (25.0, 72.0), "zone": (4.0, 22.0), "pipe": (1.0, 25.0)}
        for name, (low_c, high_c) in {**reach, "tank": (40.0, 90.0)}.items():
            # Most often mild, so that long runs happen; sometimes at the edge.
            if rng.random() < 0.1:
                self.true_c[name] = rng.uniform(low_c, high_c)
            elif rng.random() < 0.5:
                self.true_c[name] = (low_c + high_c) / 2.0
            if rng.random() < 0.03:
                self.lost ^= {name}
        if rng.random() < 0.05:
            self.flow_l_per_min = rng.choice((0.0, 20.0, 20.0))
            self.lost ^= {"flow"} if rng.random() < 0.2 else set()

    def facts(self, limits: SafetyLimits, commander: Commander) -> SafetyFacts:
        return SafetyFacts(
            limits,
            commander,
            leaving_c=self.known("leaving"),
            entering_c=self.known("entering"),
            primary_flow_l_per_min=None if "flow" in self.lost else self.flow_l_per_min,
            coldest_zone_c=self.known("zone"),
            pipe_c=self.known("pipe"),
            boost_tank_c=self.known("tank"),
            house_cold=self.house_cold,
        )

    def unmeasured(self, source: str) -> bool:
        """Nobody knows how hot it makes the water."""
        return "tank" in self.lost if source == "boost" else {"leaving", "entering"} <= self.lost

    def excused(self, source: str) -> bool:
        """Frost is near, was a moment ago, or nobody can say; a heat pump may serve a cold house, too."""
        zone_c, pipe_c = self.known("zone"), self.known("pipe")
        near = (zone_c is not None and zone_c < 9.0) or (pipe_c is not None and pipe_c < 6.0)
        return near or (zone_c is None and pipe_c is None) or (source == "heat_pump" and self.house_cold)


class Checker:
    """Its own book of what the switches did, by the true clock and by constants of its own."""

    minimum_off_s, minimum_on_s, starts_per_h = 300.0, 600.0, 3
    overrun_s, flow_deadline_s = 30.0, 60.0
    lost_after_s, proven_s = 90.0, 120.0

    def __init__(self, actuators: frozenset[str] = frozenset(ACTUATORS)) -> None:
        self.actuators = actuators
        self.on: dict[str, bool] = dict.fromkeys(ACTUATORS, False)
        self.moved_s: dict[str, float] = dict.fromkeys(ACTUATORS, -1e9)
        self.starts_s: list[float] = []
        self.violations: Counter[str] = Counter()
        self.actuations = 0
        self.lost_s: dict[str, float | None] = {"boost": None, "heat_pump": None}
        self.seen_lost_s: dict[str, float] = {"boost": -1e9, "heat_pump": -1e9}
        self.blind_s: float | None = None
        self.left_remote_s = self.granted_s = -1e9
        self.commander = Commander.LOCAL
        self.setpoint_c: float | None = None  # the machine's own

    def powered_off(self, now_s: float) -> None:
        """Safe pattern at a restart: by design it may cut a minimum run short, nothing else."""
        for name, was_on in self.on.items():
            if was_on:
                self.on[name], self.moved_s[name] = False, now_s
        if self.commander is Commander.REMOTE:
            self.left_remote_s = now_s
        self.commander = Commander.LOCAL
        for name in self.lost_s:
            self.lost_s[name], self.seen_lost_s[name] = None, -1e9
        self.blind_s = None

    def switched(self, safe: SafeCommand, truth: Truth, now_s: float) -> None:
        name, value = safe.command.actuator, safe.command.value
        if name not in self.actuators:
            self.violations["no such actuator"] += 1
        if not safe.forced_by and safe.command.commander is not self.commander:
            self.violations["one commander"] += 1
        if name == "leaving_setpoint":
            if value > 75.0:
                self.violations["over-temperature setpoint"] += 1
            self.setpoint_c = float(value)
            return
        if not isinstance(value, bool):
            self.violations["no switch value"] += 1
        if value is self.on[name]:
            return
        self.actuations += 1
        if value and name in self.lost_s and not truth.excused(name):
            if truth.unmeasured(name):
                self.violations[f"{name} on, its limit unmeasured"] += 1
            elif now_s - self.seen_lost_s[name] < self.proven_s - EASY:
                self.violations[f"{name} on, its sensor just back"] += 1
        if name == "heat_pump":
            self._heat_pump(bool(value), truth, now_s)
        elif name == "boost" and value:
            tank_c = truth.known("tank")
            if tank_c is not None and tank_c >= 83.0:
                self.violations["over-temperature tank"] += 1
        elif name == "primary_pump" and not value and now_s - self.moved_s["heat_pump"] < self.overrun_s - EASY:
            self.violations["pump overrun"] += 1
        elif name == "store_valve" and self.on["store_pump"]:
            self.violations["valve under load"] += 1
        self.on[name], self.moved_s[name] = bool(value), now_s
        if self.on["heat_pump"] and not self.on["primary_pump"]:
            self.violations["flow before heat"] += 1

    def _heat_pump(self, value: bool, truth: Truth, now_s: float) -> None:
        lasted_s = now_s - self.moved_s["heat_pump"]
        if value:
            if lasted_s < self.minimum_off_s - EASY:
                self.violations["minimum off"] += 1
            self.starts_s = [*(start_s for start_s in self.starts_s if start_s > now_s - 3600.0 + EASY), now_s]
            if len(self.starts_s) > self.starts_per_h:
                self.violations["starts per hour"] += 1
            entering_c = truth.known("entering")
            if entering_c is not None and entering_c >= 68.0:
                self.violations["over-temperature entering"] += 1
            leaving_c = truth.known("leaving")
            if leaving_c is not None and leaving_c > 75.0:
                self.violations["over-temperature leaving at a start"] += 1
        elif lasted_s < self.minimum_on_s - EASY and not self._must_stop(truth, now_s) and not self._blind(now_s):
            self.violations["minimum on"] += 1

    def _must_stop(self, truth: Truth, now_s: float) -> str:
        entering_c, leaving_c = truth.known("entering"), truth.known("leaving")
        if entering_c is not None and entering_c > 69.0:
            return "over-temperature entering"
        if leaving_c is not None and leaving_c > 78.0:
            return "over-temperature leaving"
        dry = "flow" not in truth.lost and truth.flow_l_per_min < 1.0
        return "heat without flow" if dry and now_s - self.moved_s["heat_pump"] > self.flow_deadline_s + EASY else ""

    def _blind(self, now_s: float) -> bool:
        """Frost lets a blind heat pump go on, it does not make it see: once frost is over it may stop at once."""
        return self.blind_s is not None and now_s - self.blind_s >= self.lost_after_s - EASY

    def passed(self, truth: Truth, now_s: float) -> None:
        """After a whole control period."""
        if self.on["heat_pump"] and (why := self._must_stop(truth, now_s)):
            self.violations[why] += 1
        if not truth.unmeasured("heat_pump"):
            self.blind_s = None
        elif self.blind_s is None:
            self.blind_s = now_s
        for name, since_s in self.lost_s.items():
            if not truth.unmeasured(name) or truth.excused(name):
                self.lost_s[name] = None
                continue
            self.lost_s[name] = now_s if since_s is None else since_s
            self.seen_lost_s[name] = now_s
            if self.on[name] and since_s is not None and now_s - since_s >= self.lost_after_s + EASY:
                self.violations[f"{name} goes on, its limit unmeasured"] += 1
        tank_c, zone_c, pipe_c = truth.known("tank"), truth.known("zone"), truth.known("pipe")
        if self.on["boost"] and tank_c is not None and tank_c >= 85.0:
            self.violations["over-temperature tank"] += 1
        freezes = (zone_c is not None and zone_c < 7.0) or (pipe_c is not None and pipe_c < 4.0)
        if freezes and not (self.on["distribution_pump"] and self.on["primary_pump"]):
            self.violations["freezing without circulation"] += 1
        if freezes and self.setpoint_c != 75.0:
            self.violations["freezing with lukewarm water"] += 1

    def commands(self, commander: Commander, facts: authority.AuthorityFacts, now_s: float) -> None:
        """Who commands after a decision, against what was so when it was made."""
        if commander is Commander.REMOTE:
            if self.commander is not Commander.REMOTE and now_s - self.left_remote_s < 300.0 - EASY:
                self.violations["back to remote too soon"] += 1
            if facts.opted_out or facts.house_cold or not facts.contract_live or facts.heartbeat_age_s > 170.0:
                self.violations["remote without right"] += 1
        if self.commander is Commander.REMOTE and commander is not Commander.REMOTE:
            self.left_remote_s = now_s
        if commander is Commander.ADMIN and now_s - self.granted_s > 3600.0 + EASY:
            self.violations["admin beyond the lease"] += 1
        self.commander = commander


class World:
    """Draws what happens and carries out what is released, as `actors/scada.py` does: file first, then the relay."""

    def __init__(self, seed: int, limits: SafetyLimits = LIMITS) -> None:
        self.rng = random.Random(seed)
        self.limits = limits
        self.true_s, self.offset_s = 1.7e9, 0.0
        self.truth, self.checker = Truth(), Checker(limits.actuators)
        self.safety = safety.start(limits, self.true_s)
        self.authority = authority.AuthorityState()
        self.file = json.dumps({"safety": self.safety.to_json(), "authority": self.authority.to_json()})
        self.refused: Counter[str] = Counter()
        self.dispatches = DispatchWorld(self.rng, lambda: self.clock_s, self.checker.violations)
        self.restarts = self.forgets = 0
        self.checker.powered_off(self.true_s)
        self.facts = authority.AuthorityFacts(True, 10.0, True, True, False, False)

    @property
    def clock_s(self) -> float:
        return self.true_s + self.offset_s

    def run(self, steps: int) -> Checker:
        for _ in range(steps):
            self.step()
        return self.checker

    def step(self) -> None:
        rng = self.rng
        self.true_s += rng.choice(PERIODS_S)
        self.truth.wander(rng)
        self.truth.house_cold = self.facts.house_cold
        if rng.random() < 0.01:
            self._restart()
        self._decide_authority()
        commander = self.authority.commander
        facts = self.truth.facts(self.limits, commander)
        wishes = tuple(
            Command(name, self._value_of(name), whose)
            for whose in rng.sample(list(Commander), 3)
            for name in rng.sample(ACTUATORS, rng.randint(0, 7))
        )
        self._hear_dispatches()
        if commander is Commander.REMOTE:
            dispatched = self.dispatches.desk.wishes(self.dispatches.buys_heat)
            self.dispatches.book.holds(dispatched, self.true_s)
            wishes = dispatch.overlaid(wishes, dispatched)
        self.safety, released, refused = safety.apply(self.safety, wishes, facts, self.clock_s)
        self._save()
        self.refused.update(refusal.rule for refusal in refused)
        desk = self.dispatches.desk.commands
        if commander is Commander.REMOTE:
            for refusal in refused:
                desk.refused(refusal.command.actuator, refusal.rule, refusal.text, refusal.wait_s)
            for safe in released:
                if safe.forced_by:
                    desk.drop(safe.command.actuator, safe.forced_by, "safety")
        dies_after = rng.randint(0, len(released)) if released and rng.random() < 0.01 else None
        for number, safe in enumerate(released):
            if number == dies_after:
                self._restart()
                return
            self.checker.switched(safe, self.truth, self.true_s)
            self.dispatches.book.acts(safe, self.dispatches.buys_heat, self.true_s)
        self.checker.passed(self.truth, self.true_s)

    def _value_of(self, name: Actuator) -> bool | float:
        if name == "leaving_setpoint":
            return self.rng.uniform(-10.0, 90.0)
        share = self.rng.random()
        return 0.5 if share < 0.005 else share < 0.6

    def _hear_dispatches(self) -> None:
        """Some come in, from whoever; a clock that is wrong by more than a moment is not trusted."""
        rng, state = self.rng, self.authority
        if rng.random() < 0.05:
            self.dispatches.buys_heat = rng.random() < 0.8
        facts = dispatch.RemoteFacts(state.commander, authority.wait_s(state, self.clock_s), self.dispatches.buys_heat)
        while rng.random() < 0.5:
            self.dispatches.hear(facts, abs(self.offset_s) < 1.0, self.true_s)

    def _save(self) -> None:
        self.file = json.dumps({"safety": self.safety.to_json(), "authority": self.authority.to_json()})

    def _restart(self) -> None:
        self.restarts += 1
        self.checker.powered_off(self.true_s)
        self.true_s += self.rng.choice((0.0, 1.0, 30.0, 600.0))
        self.offset_s += self.rng.choice(CLOCK_STEPS_S)
        if self.rng.random() < 0.8:
            self.offset_s = 0.0  # set by the network
        self.dispatches.restart()
        saved = json.loads(self.file)
        self.safety = safety.start(self.limits, self.clock_s, saved["safety"])
        self.authority = authority.restored(saved["authority"], self.clock_s)

    def _decide_authority(self) -> None:
        rng, facts = self.rng, self.facts
        if rng.random() < 0.1:
            change: dict[str, bool | float] = rng.choice(
                ({"contract_live": rng.random() < 0.8}, {"heartbeat_age_s": rng.choice((5.0, 60.0, 169.0, 171.0))},
                 {"house_cold": rng.random() < 0.2}, {"opted_out": rng.random() < 0.2},
                 {"link_proven": rng.random() < 0.8}, {"clock_trusted": rng.random() < 0.8})
            )  # fmt: skip
            self.facts = facts = replace(facts, **change)  # type: ignore[arg-type]
        request = None
        if rng.random() < 0.02:
            kind = rng.choice(list(authority.Event))
            request = authority.AdminRequest(kind, rng.choice(("ann", "bob")), rng.choice((-1.0, 60.0, 3600.0, 1e6)))
        for asked in (request, None) if request is not None else (None,):
            self.authority, effects = authority.decide(self.authority, facts, self.clock_s, asked)
            if any(isinstance(e, authority.CommanderChanged) and e.previous is Commander.REMOTE for e in effects):
                self.dispatches.desk.commands.forget("remote commands no longer")
            if any(isinstance(effect, authority.RequestGranted) for effect in effects):
                self.checker.granted_s = self.true_s
        self.checker.commands(self.authority.commander, facts, self.true_s)


def dropping(rule: str, refusal: Refusal | None) -> Refusal | None:
    """The answer of a filter from which one rule is taken out."""
    return None if refusal is not None and refusal.rule == rule else refusal
