"""The AtomicTNode of one house: looks 48 h ahead, plans, offers hourly slots, keeps its side of the contract."""

import math

from actors.base import Address, Context, Shell
from actors.events import AskLink, LinkChanged, Received, Send, Tick
from actors.ledger_book import LedgerBook
from actors.market_book import LOOK_BACK_S, MarketBook
from actors.memory_book import MemoryBook, OfferBasis
from gw_spaceheat.decisions import atn_contract as rule
from gw_spaceheat.decisions import corrections
from gw_spaceheat.decisions.drawable import drawable_w
from gw_spaceheat.decisions.offer import OfferFacts, offered_w, source_limits
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.contract import SlowContractHeartbeat
from gw_spaceheat.messages.forecast import weather_forecast_from
from gw_spaceheat.messages.market import LatestPrice, Prices
from gw_spaceheat.messages.telemetry import PowerWatts, SnapshotSpaceheat, latest_of
from gw_spaceheat.planning.bid import whole_run
from gw_spaceheat.planning.case import Commitment
from gw_spaceheat.planning.live_case import (
    HORIZON_H,
    HOUR_S,
    READING_GOOD_FOR_S,
    CaseMaker,
    Known,
    Outlook,
    heat_taken_kw,
)
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.policy import message_of, policy_of
from gw_spaceheat.planning.solve import Solution, solve

PLAN = Tick("plan")
BEAT = Tick("beat")
OFFER = Tick("offer")
FORECAST = Tick("forecast")
BID = Tick("bid")
HOUR_BEGINS = Tick("hour begins")
LOOK_BACK = Tick("look back")
BEAT_S = 5.0
POLICY_S = 300.0  # not oftener
BID_AHEAD_S = 315.0  # the market's gate closes 5 min before the slot
OFFER_AHEAD_S = 280.0  # as soon as the market has cleared: who knows the next hour need not pause before it
MINUTE_S = 60.0  # who could not offer then, tries again


class AtomicTNode(Shell):
    """Plans every `plan_s`; at each hour offers the plan's average power as a slot contract."""

    def __init__(
        self,
        context: Context,
        house: House,
        outlook: Outlook,
        gateway: Address,
        book: LedgerBook,
        memory: MemoryBook,
        scada: str = "s",
        planning: bool = True,
        policies: bool = True,
    ) -> None:
        super().__init__(context)
        self._house = house
        self._outlook = outlook
        self._gateway = gateway
        self._book = book
        self._memory = memory
        self._cases = CaseMaker(house, outlook)
        self._market = MarketBook(house, self._cases, gateway, memory)
        self._scada = scada
        self._planning = planning
        self._policies = policies
        self._policy_said_s = -math.inf
        self._quantity_of = {channel.name: channel.quantity for channel in house.channels}
        self._telemetries = {channel.name: channel.telemetry for channel in house.channels}
        self._values: dict[str, tuple[float, float]] = {}
        self._prices: Prices | None = None
        self._prices_said = ""  # what is wrong with them
        self._on_since: tuple[bool, float] = (False, -math.inf)
        self._contract = rule.AtnState()
        self._limits = source_limits(house.plumbing)
        self._corrections = corrections.Corrections()
        self._predicted_w: dict[int, float] = {}  # by slot start: what the source would draw while it runs
        self._offered_s = 0
        self._scada_lives = False
        self.plan: Plan | None = None
        self._solution: Solution | None = None

    def begin(self) -> None:
        now_s = self.context.now()
        if self._outlook.note:
            self.context.log("parameters", self._outlook.note)
        self._book.open(self.context)
        recalled = self._memory.open(self.context)
        self._contract, self._prices, self._corrections = recalled.contract, recalled.prices, recalled.corrections
        self._market.open(recalled)
        for offer in (self._contract.current, self._contract.ending):
            if offer is not None:
                slot = offer.contract
                self.context.log("resumed", f"{slot.contract_id[:8]} {offer.status} {slot.avg_power_watts} W")
        self._gateway.tell(AskLink(self.context.me))
        self.context.after(5.0, PLAN)
        self.context.after(BEAT_S, BEAT)
        self.context.after(MINUTE_S - (now_s + OFFER_AHEAD_S) % MINUTE_S, OFFER)
        self.context.after(10.0, FORECAST)
        self.context.after(HOUR_S - (now_s + BID_AHEAD_S) % HOUR_S, BID)
        self.context.after(HOUR_S - now_s % HOUR_S, HOUR_BEGINS)
        self.context.after(HOUR_S - (now_s - LOOK_BACK_S) % HOUR_S, LOOK_BACK)

    def handle(self, message: object) -> None:
        match message:
            case Tick("beat"):
                self.context.after(BEAT_S, BEAT)
                self._decide(rule.Tick())
            case Tick("plan"):
                now_s = self.context.now()
                period_s = self._house.rates.plan_s
                # Half a minute before the boundary, so that the plan is fresh when a slot is offered.
                self.context.after(period_s - (now_s + 30.0) % period_s, PLAN)
                if self._planning:
                    self._make_plan()
            case Tick("offer"):
                now_s = self.context.now()
                self.context.after(MINUTE_S - (now_s + OFFER_AHEAD_S) % MINUTE_S, OFFER)
                self._offer()
            case Tick("bid"):
                self.context.after(HOUR_S - (self.context.now() + BID_AHEAD_S) % HOUR_S, BID)
                if self._solution is not None and self._prices is not None:
                    self._solution = self._market.bid(self._solution, self._prices, self.context)
                    self.plan = self._solution.plan
            case Tick("hour begins"):
                self.context.after(HOUR_S - self.context.now() % HOUR_S, HOUR_BEGINS)
                if self._prices is not None:
                    self._market.hour_begins(self._known(self._prices), self.context)
            case Tick("look back"):
                self.context.after(HOUR_S - (self.context.now() - LOOK_BACK_S) % HOUR_S, LOOK_BACK)
                self._look_back()
            case Tick("forecast"):
                now_s = self.context.now()
                self.context.after(HOUR_S - now_s % HOUR_S + 20.0, FORECAST)
                self._say_forecast()
            case LinkChanged(_, peer_active):
                self._scada_lives = peer_active
                if peer_active:
                    self._say_forecast()
            case Received(payload=payload, at_s=at_s):
                self._hear(payload, at_s)

    def _hear(self, payload: object, at_s: float) -> None:
        match payload:
            case SnapshotSpaceheat():
                for name, (value, at_ms) in latest_of(payload, self._telemetries).items():
                    self._values[self._quantity_of[name]] = (value, at_ms / 1000.0)
                self._hear_heat(at_s)
                self._market.hear_house(at_s)
                self._plan_at_last()
            case PowerWatts(watts=watts):
                running = watts > corrections.RUNNING_W
                self._corrections = corrections.power_heard(self._corrections, watts, at_s)
                self._market.hear_power(watts, at_s)
                if running != self._on_since[0]:
                    self._on_since = (running, at_s)
            case Prices():
                self._prices = payload
                self._memory.hear_prices(payload, self.context)
                self._plan_at_last()
            case LatestPrice():
                self._market.clear(payload, self.context)
            case SlowContractHeartbeat():
                why = self._book.hear(payload, self.context)
                if why:
                    self.context.log("ledger", f"refused {payload.contract.contract_id[:8]}: {why}")
                else:
                    self._decide(rule.HeartbeatReceived(payload))

    def _hear_heat(self, at_s: float) -> None:
        """What the house takes against what is believed at this weather."""
        measured_kw = heat_taken_kw(self._values, at_s)
        if measured_kw is not None:
            believed_kw = self._cases.believed_load_kw(at_s)
            self._corrections = corrections.heat_heard(self._corrections, measured_kw, believed_kw, at_s)

    def _decide(self, event: rule.Input, basis: OfferBasis | None = None) -> None:
        result = rule.decide(self._contract, event, self.context.now())
        kept = self._memory.contract(self._contract, event, result, basis, self.context)
        if basis is not None and not kept:
            return  # what is not on disk would be forgotten by a crash: it is not offered
        self._contract, effects = result
        for effect in effects:
            self._market.hear_contract(effect)
            match effect:
                case rule.SendHeartbeat(heartbeat):
                    sealed = self._book.say(heartbeat, self.context)
                    if sealed is not None:
                        self._gateway.tell(Send(self._scada, sealed))
                case rule.SlotAccepted(contract):
                    self.context.log("accepted", f"{contract.contract_id[:8]} {contract.avg_power_watts} W")
                case rule.SlotRefused(contract, cause):
                    self.context.log("refused", f"{contract.contract_id[:8]}: {cause}")
                case rule.SlotEnded(contract, status, used_wh, cause):
                    said = f"{contract.contract_id[:8]} {status}: {used_wh:.0f} of {contract.energy_wh:.0f} Wh"
                    self.context.log("ended", f"{said} {cause}".rstrip())
                    running_w = self._predicted_w.pop(contract.start_s, 0.0)
                    self._corrections = corrections.slot_over(
                        self._corrections, used_wh, running_w, contract.start_s, contract.end_s
                    )
                    self._look_back()
                case rule.OfferNotMade(contract, reason):
                    self.context.log("not-offered", f"{contract.contract_id[:8]}: {reason}")

    def _offer(self) -> None:
        """Offer the slot that begins next, if the plan covers it and no contract is running in it."""
        now_s = self.context.now()
        plan = self.plan
        if (
            plan is None
            or not self._scada_lives
            or now_s - plan.steps[0].start_s > 2 * self._house.rates.plan_s + HOUR_S
        ):
            return
        start_s, minutes = rule.next_slot(now_s)
        current = self._contract.current
        if start_s == self._offered_s or (current is not None and current.contract.end_s > start_s):
            return
        self._offered_s = start_s
        sold_w = self._market.bought_w(start_s, minutes, self.context)
        facts = OfferFacts(
            start_s=start_s,
            minutes=minutes,
            wanted_w=plan.average_w(start_s, start_s + 60.0 * minutes) if sold_w is None else sold_w,
            whole_w=self._whole_run_w(start_s, minutes),
            limits=self._limits,
            drawable_w=drawable_w(self._house.plumbing, self._fresh(now_s), 60.0 * minutes),
        )
        scada = self._house.scada_alias
        contract = rule.make_contract(scada, self.context.new_id(), offered_w(facts), start_s, minutes)
        self._decide(rule.MakeOffer(contract), OfferBasis(facts, sold_w is not None))

    def _fresh(self, now_s: float) -> dict[str, float | None]:
        """By quantity, what was read lately; None where it was not."""
        good_s = now_s - READING_GOOD_FOR_S
        return {name: value if at_s > good_s else None for name, (value, at_s) in self._values.items()}

    def _whole_run_w(self, start_s: int, minutes: int) -> float | None:
        """What the source is expected to draw if it runs through the slot, W on average; None: it cannot."""
        run = None if self._solution is None else whole_run(self._solution, start_s, start_s + 60.0 * minutes)
        if run is None:
            return None
        self._predicted_w = {known_s: w for known_s, w in self._predicted_w.items() if known_s > start_s - 3 * HOUR_S}
        self._predicted_w[start_s] = 1000.0 * run.running_kw
        return 1000.0 * run.average_kw

    def _look_back(self) -> None:
        """On the slots that are over; one whose contract may still be reported on is waited for."""
        if self._prices is not None:
            open_offers = (self._contract.ending, self._contract.current)
            bound = {offer.contract.start_s for offer in open_offers if offer is not None}
            self._market.look_back(self._known(self._prices), bound, self.context)

    def _plan_at_last(self) -> None:
        """After a restart nobody waits for the next planning tick, only for prices and readings."""
        if self.plan is None and self._planning:
            self._make_plan()

    def _make_plan(self) -> None:
        now_s = self.context.now()
        if self._prices is None:
            return
        why = self._cases.why_no_prices(self._prices, now_s)
        if why and not self._prices_said:
            self.context.log("prices", f"{why}: no new plan")
        self._prices_said = why
        known = self._known(self._prices)
        case = self._cases.case(known, now_s)
        if case is None:
            return
        first = self.plan is None
        self._solution = solve(case)
        self.plan = self._solution.plan
        self._memory.planned(self._solution, known, self._corrections, self.context)
        self._say_policy(self._solution, now_s)
        if first or self.plan.unmet:
            hour_w = self.plan.first_hour_average_w()
            self.context.log("plan", f"{hour_w:.0f} W next hour, {self.plan.total_cost_usd:.2f} USD in {HORIZON_H} h")

    def _known(self, prices: Prices) -> Known:
        """What has been heard until now, as it will be remembered."""
        commitments = self._commitments(self._cases.start_s(self.context.now()))
        ratios = self._corrections.ratios
        return Known(prices, dict(self._values), self._on_since, commitments, ratios.load, ratios.power)

    def _say_policy(self, solution: Solution, now_s: float) -> None:
        """To the house, for when the line is cut; the same tables the plan is made from."""
        if not self._policies or now_s - self._policy_said_s < POLICY_S - 1.0:
            return
        self._policy_said_s = now_s
        said = message_of(
            policy_of(solution),
            alias=self._house.atn_alias,
            scada_alias=self._house.scada_alias,
            message_id=self.context.new_id(),
            now_s=now_s,
        )
        self._gateway.tell(Send(self._scada, said))

    def _commitments(self, start_s: float) -> tuple[Commitment, ...]:
        """What the running slot still has to buy, and what the next one will if it is agreed."""
        found: list[Commitment] = []
        for offer in (self._contract.ending, self._contract.current):
            if offer is not None and start_s < offer.contract.end_s - 60.0:
                left_kwh = max(0.0, offer.contract.energy_wh - offer.used_wh) / 1000.0
                found.append(Commitment(max(start_s, offer.contract.start_s), offer.contract.end_s, left_kwh))
        return tuple(found)

    def _say_forecast(self) -> None:
        now_s = self.context.now()
        first_s = int(now_s // HOUR_S * HOUR_S + HOUR_S)
        times_s = [first_s + 3600 * hour for hour in range(HORIZON_H)]
        forecast = weather_forecast_from(
            alias=self._house.atn_alias,
            weather_channel="weather.at.house",
            times_s=times_s,
            outdoor_c=[self._outlook.outdoor_c(time_s) for time_s in times_s],
            weather_id=self.context.new_id(),
            created_s=now_s,
        )
        self._memory.forecast(forecast, self.context)
        self._gateway.tell(Send(self._scada, forecast))
