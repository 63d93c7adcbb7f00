"""The AtomicTNode's dealings with the market as its actor uses them: bid, clearing, and the look back on each slot."""

from collections import deque
from dataclasses import dataclass, replace

from actors.base import Address, Context
from actors.events import Send
from actors.memory_book import MemoryBook, Recalled
from gw_spaceheat.decisions import atn_contract as rule
from gw_spaceheat.decisions.heard_power import energy_kwh
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.contract import CLAIMS
from gw_spaceheat.messages.market import (
    LatestPrice,
    Prices,
    SlotOutcome,
    bid_from,
    market_slot_name,
    slot_result_from,
    slot_start_s,
)
from gw_spaceheat.planning.bid import Bid, with_bid
from gw_spaceheat.planning.hindsight import Hindsight, SlotSeen, look_back
from gw_spaceheat.planning.live_case import HOUR_S, CaseMaker, Known
from gw_spaceheat.planning.solve import Solution

LOOK_BACK_S = 150.0
"""So long after a slot its contract's end has come, or been given up."""
KEPT_S = 3 * HOUR_S
MARKET_TYPE = "rt60gate5"
OUTDOOR = "outdoor_c"


@dataclass(slots=True)
class Slot:
    """One slot that was bid for, as far as it is known. `counted_kwh`: by the SCADA, of a contract kept to its end."""

    bid: Bid
    usd_per_mwh: float | None = None
    contract_kw: float | None = None
    counted_kwh: float | None = None
    reason: str = "nothing was offered"
    settled: bool = False

    @property
    def start_s(self) -> int:
        return int(self.bid.start_s)

    @property
    def end_s(self) -> int:
        return int(self.bid.end_s)

    @property
    def cleared_kw(self) -> float | None:
        """What the market sold; None: it said no price."""
        return None if self.usd_per_mwh is None else self.bid.average_kw(self.usd_per_mwh)


class MarketBook:
    """Every slot that was bid for is looked back on once, whatever became of it."""

    def __init__(self, house: House, cases: CaseMaker, gateway: Address, memory: MemoryBook) -> None:
        self._house, self._cases, self._gateway, self._memory = house, cases, gateway, memory
        self._slots: dict[int, Slot] = {}  # by start, until looked back on
        self._hours: dict[int, Known] = {}  # what was known when an hour began
        self._heard: deque[tuple[float, float]] = deque()  # (epoch s, W)

    def open(self, recalled: Recalled) -> None:
        """Go on with the bids of the last life."""
        self._hours = recalled.begun
        for start_s, (bid, usd_per_mwh) in recalled.bids.items():
            if start_s not in recalled.looked_back:
                self._slots[start_s] = Slot(bid, usd_per_mwh, reason="restarted since the bid")

    def bid(self, solution: Solution, prices: Prices, context: Context) -> Solution:
        """To the market: what the house buys at which price in the hour that comes.

        The solution that comes back has that hour as the SCADA will execute it; the same one if it does not cover it.
        """
        now_s = context.now()
        slot_s = int((now_s // HOUR_S + 1) * HOUR_S)
        if now_s - solution.case.start_s > 2 * self._house.rates.plan_s:
            return solution
        if slot_s + HOUR_S > solution.case.start_s + 60.0 * sum(solution.case.step_minutes):
            return solution
        bought, bid = with_bid(solution, (slot_s, slot_s + HOUR_S))
        self._slots[slot_s] = Slot(bid)
        self._memory.bids(bid, bought, context)
        said = bid_from(
            bidder_alias=self._house.atn_alias,
            market_alias=prices.from_g_node_alias,
            slot_start_s=slot_s,
            pairs=[(point.price_usd_per_mwh, point.average_kw) for point in bid.points],
            market_type=MARKET_TYPE,
        )
        self._gateway.tell(Send("market", said))
        price = bid.forecast_usd_per_mwh
        context.log("bid", f"{bid.average_kw(price):.3f} kW at {price:.2f} USD/MWh, {len(bid.points)} points")
        return bought

    def clear(self, latest: LatestPrice, context: Context) -> None:
        """The market has said a slot's price."""
        slot = self._slots.get(slot_start_s(latest.market_slot_name))
        if slot is not None:
            slot.usd_per_mwh = latest.usd_per_mwh
        self._memory.hear_price(latest, context)

    def bought_w(self, start_s: int, minutes: int, context: Context) -> float | None:
        """What the market sold us, or would have at the forecast price if it has not answered; None: no bid."""
        slot = self._slots.get(start_s)
        if slot is None or 60.0 * minutes < HOUR_S:
            return None
        price = slot.usd_per_mwh
        if price is None:
            context.log("market", "no price in time: the quantity at the forecast price is offered")
            price = slot.bid.forecast_usd_per_mwh
        return 1000.0 * slot.bid.average_kw(price)

    def hear_power(self, watts: float, at_s: float) -> None:
        """The house draws so much from `at_s` (epoch s) on."""
        self._heard.append((at_s, watts))
        while self._heard[0][0] < at_s - KEPT_S:
            self._heard.popleft()

    def hear_house(self, at_s: float) -> None:
        """The house is there and has said no other power: outside of a contract it says that only when it changes."""
        if self._heard:
            self.hear_power(self._heard[-1][1], at_s)

    def hour_begins(self, known: Known, context: Context) -> None:
        """One slot ends and the next begins: what is measured now is the end of one and the start of the other."""
        now_s = context.now()
        self._hours = {hour_s: known for hour_s, known in self._hours.items() if hour_s > now_s - KEPT_S}
        self._hours[round(now_s / HOUR_S) * int(HOUR_S)] = known

    def hear_contract(self, effect: rule.Effect) -> None:
        """What became of the contract of a slot that was bid for."""
        match effect:
            case rule.SlotAccepted(contract):
                reason, settled, counted_kwh = "", False, None
            case rule.SlotEnded(contract, status, used_wh, cause):
                kept = status in CLAIMS
                reason, settled, counted_kwh = cause, True, used_wh / 1000.0 if kept else None
            case rule.SlotRefused(contract, cause):
                reason, settled, counted_kwh = f"refused: {cause}", True, None
            case rule.OfferNotMade(contract, cause):
                reason, settled, counted_kwh = f"not offered: {cause}", True, None
            case _:
                return
        slot = self._slots.get(contract.start_s)
        if slot is None:
            return
        slot.reason, slot.settled, slot.counted_kwh = reason, settled, counted_kwh
        if isinstance(effect, rule.SlotAccepted | rule.SlotEnded):
            slot.contract_kw = contract.avg_power_watts / 1000.0

    def look_back(self, known: Known, bound: set[int], context: Context) -> None:
        """Bid regret of every slot that is over. `bound`: starts of those whose contract has not ended yet.

        `known`: now, for what has been learned since of prices and house.
        """
        now_s = context.now()
        for slot in sorted(self._slots.values(), key=lambda one: one.start_s):
            over_s = slot.end_s if slot.settled else slot.end_s + LOOK_BACK_S
            if now_s >= over_s and slot.start_s not in bound:
                del self._slots[slot.start_s]
                self._record(slot, known, context)

    def _record(self, slot: Slot, known: Known, context: Context) -> None:
        used_kwh = slot.counted_kwh
        if used_kwh is None:
            used_kwh = energy_kwh(self._heard, slot.start_s, slot.end_s)
        found, missing = self._hindsight(slot, known, used_kwh)
        outcome = SlotOutcome(
            forecast_usd_per_mwh=slot.bid.forecast_usd_per_mwh,
            price_usd_per_mwh=slot.usd_per_mwh,
            cleared_kw=slot.cleared_kw,
            contract_kw=slot.contract_kw,
            best_kw=None if found is None else found.best_kw,
            used_kwh=used_kwh,
            regret_usd=None if found is None else found.regret_usd,
            used_regret_usd=None if found is None else found.used_regret_usd,
            reason="; ".join(filter(None, (slot.reason, missing))),
        )
        context.log("regret", said(outcome))
        result = slot_result_from(
            alias=self._house.atn_alias,
            slot_name=market_slot_name(MARKET_TYPE, known.prices.from_g_node_alias, slot.start_s),
            message_id=context.new_id(),
            now_s=context.now(),
            outcome=outcome,
        )
        self._memory.result(result, context)
        self._gateway.tell(Send("ear", result))

    def _hindsight(self, slot: Slot, known: Known, used_kwh: float | None) -> tuple[Hindsight | None, str]:
        """What the slot has cost, or why nobody can say."""
        if slot.usd_per_mwh is None:
            return None, "no price came"
        begun, ended = self._hours.get(slot.start_s), self._hours.get(slot.end_s)
        if begun is None:
            return None, "what was measured at its start is not known"
        as_now = replace(begun, commitments=(), load_ratio=known.load_ratio, power_ratio=known.power_ratio)
        case = self._cases.case(as_now, slot.start_s)
        if case is None:
            return None, "nothing was measured at its start"
        reached = None if ended is None else self._cases.case(ended, slot.end_s)
        outdoor_c = [
            fresh[OUTDOOR]
            for one, at_s in ((begun, slot.start_s), (ended, slot.end_s))
            if one is not None and OUTDOOR in (fresh := one.fresh(at_s))
        ]
        bought_kw = slot.bid.average_kw(slot.usd_per_mwh) if slot.contract_kw is None else slot.contract_kw
        seen = SlotSeen(
            start_s=slot.start_s,
            end_s=slot.end_s,
            usd_per_mwh=slot.usd_per_mwh,
            bought_kw=bought_kw,
            used_kwh=used_kwh,
            reached=None if reached is None else reached.state,
            outdoor_c=sum(outdoor_c) / len(outdoor_c) if outdoor_c else None,
        )
        return look_back(case, seen, known.prices), ""


def said(outcome: SlotOutcome) -> str:
    """A slot's outcome as a line of the log."""
    if outcome.regret_usd is None or outcome.best_kw is None:
        words = ["not known"]
    else:
        bought_kw = outcome.cleared_kw if outcome.contract_kw is None else outcome.contract_kw
        price, best_kw = outcome.price_usd_per_mwh, outcome.best_kw
        words = [f"{outcome.regret_usd:.4f} USD: {bought_kw:.3f} kW at {price:.2f} USD/MWh, best {best_kw:.3f} kW"]
    if outcome.used_kwh is not None:
        really = "" if outcome.used_regret_usd is None else f": {outcome.used_regret_usd:+.4f} USD"
        words.append(f"used {outcome.used_kwh:.3f} kWh{really}")
    return ", ".join(words) + (f" ({outcome.reason})" if outcome.reason else "")
