"""An AtomicTNode's memory as its actor uses it: what it hears and decides is kept, what it needs again is recalled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import get_args

from pydantic import ValidationError

from actors.base import Context
from gw_spaceheat.decisions import atn_contract as rule
from gw_spaceheat.decisions.corrections import Corrections, document_of, from_document
from gw_spaceheat.decisions.offer import OfferFacts, facts_document
from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.messages.contract import SlowDispatchContract
from gw_spaceheat.messages.forecast import WeatherForecast
from gw_spaceheat.messages.market import LatestPrice, Prices, SlotResult, slot_start_s
from gw_spaceheat.planning.bid import Bid
from gw_spaceheat.planning.documents.case_document import bid_of_document, case_of_document, parameters_document
from gw_spaceheat.planning.live_case import Known
from gw_spaceheat.planning.replay import bid_record, plan_record
from gw_spaceheat.planning.solve import Solution
from gw_spaceheat.storage.atn_memory import AtnMemory, Entry, Kind, Memory

HOUR_S = 3600.0
BIDS_S = 3 * HOUR_S
"""So long a bid is of use: for the offer of its slot, and for the look back after it."""
CORRECTIONS_S = 7 * 24 * HOUR_S
"""So long a house is as it was seen to be."""


@dataclass(frozen=True, slots=True)
class OfferBasis:
    """What an offer rests on. `sold`: its power is that of the bid, at the market's price or the forecast's."""

    facts: OfferFacts
    sold: bool


@dataclass(slots=True)
class Recalled:
    """What an AtomicTNode goes on with after a restart. `bids` by slot start, with the price once it was known.

    `looked_back`: slots whose result is known. `begun`: what was measured at a slot's beginning, by its start.
    """

    contract: rule.AtnState = field(default_factory=rule.AtnState)
    prices: Prices | None = None
    bids: dict[int, tuple[Bid, float | None]] = field(default_factory=dict)
    corrections: Corrections = field(default_factory=Corrections)
    looked_back: set[int] = field(default_factory=set)
    begun: dict[int, Known] = field(default_factory=dict)


class MemoryBook:
    """A memory that fails is said once; only a contract that cannot be kept is not entered into."""

    def __init__(self, memory: AtnMemory, me: str, forecaster: str) -> None:
        """`me`: alias of the AtomicTNode, `forecaster`: whose weather it believes."""
        self._memory, self._me, self._forecaster = memory, me, forecaster
        self._rows: dict[str, int] = {}  # of the newest memory of each kind
        self._last: dict[str, object] = {}  # what was heard last, of what is said again and again
        self._problem = ""

    def open(self, context: Context) -> Recalled:
        """Begin a life: what of the last one still counts. What cannot be read is said and left out."""
        recalled, now_s = Recalled(), context.now()
        try:
            if not self._memory.begin(now_s):
                return recalled
        except StorageError as error:
            self._say(context, error)
            return recalled
        if self._memory.set_aside is not None:
            context.log("storage", f"{self._memory.path} was damaged: set aside as {self._memory.set_aside}")
        for kind in get_args(Kind):
            self._try(context, partial(self._recall_row, kind, now_s))
        for recall in (self._recall_contract, self._recall_prices, self._recall_corrections):
            self._try(context, partial(recall, recalled, now_s))
        for bid in self._recent("bid", now_s, context):
            self._try(context, partial(_recall_bid, recalled, bid))
        for price in self._recent("price", now_s, context):
            self._try(context, partial(_recall_price, recalled, price))
        recalled.looked_back = {int(result.from_s) for result in self._recent("result", now_s, context)}
        for plan in self._recent("plan", now_s, context) if recalled.bids else ():
            self._try(context, partial(_recall_begun, recalled, plan))
        return recalled

    def _try(self, context: Context, recall: Callable[[], None]) -> None:
        """One memory that cannot be read must not take the others along."""
        try:
            recall()
        except (StorageError, BadInput, ValidationError) as error:
            context.log("memory", f"{self._memory.path}: {' '.join(str(error).split())}; not used")

    def _recent(self, kind: Kind, now_s: float, context: Context) -> list[Memory]:
        found: list[Memory] = []
        self._try(context, lambda: found.extend(self._memory.since(kind, now_s - BIDS_S, now_s)))
        return found

    def _recall_row(self, kind: Kind, now_s: float) -> None:
        newest = self._memory.latest(kind, now_s)
        if newest is not None:
            self._rows[kind] = newest.row

    def _recall_contract(self, recalled: Recalled, now_s: float) -> None:
        saved = self._memory.contract_state()
        if saved is not None:
            recalled.contract = rule.from_json(saved, now_s)

    def _recall_prices(self, recalled: Recalled, now_s: float) -> None:
        prices = self._memory.latest("prices", now_s)
        if prices is not None:
            recalled.prices = Prices.model_validate(prices.body)

    def _recall_corrections(self, recalled: Recalled, now_s: float) -> None:
        plan = self._memory.latest("plan", now_s)
        if plan is not None and now_s - plan.known_s < CORRECTIONS_S:
            recalled.corrections = from_document(plan.body.get("corrections"))

    def hear_prices(self, prices: Prices, context: Context) -> None:
        said = (prices.from_g_node_alias, prices.start_s, prices.total_usd_per_mwh)
        if self._last.get("prices") != said:
            self._last["prices"] = said
            entry = self._entry(
                "prices", context, prices.start_s, prices.end_s, _body(prices), prices.from_g_node_alias
            )
            self._keep(context, entry)

    def hear_price(self, latest: LatestPrice, context: Context) -> None:
        start_s = slot_start_s(latest.market_slot_name)
        if self._last.get("price") != latest.market_slot_name:
            self._last["price"] = latest.market_slot_name
            source = latest.from_g_node_alias
            self._keep(context, self._entry("price", context, start_s, start_s + HOUR_S, _body(latest), source))

    def forecast(self, forecast: WeatherForecast, context: Context) -> None:
        said = (forecast.time, forecast.oat_f)
        if self._last.get("forecast") != said:
            self._last["forecast"] = said
            first_s, last_s = forecast.time[0], forecast.time[-1] + HOUR_S
            self._keep(context, self._entry("forecast", context, first_s, last_s, _body(forecast), self._forecaster))

    def planned(self, solution: Solution, known: Known, learned: Corrections, context: Context) -> None:
        case = solution.case
        end_s = case.start_s + 60.0 * sum(case.step_minutes)
        body = plan_record(solution) | {
            "readings": {name: list(reading) for name, reading in known.readings.items()},
            "corrections": document_of(learned),
            "rests_on": self._rests_on("prices", "forecast"),
        }
        shared = parameters_document(case.parameters)
        self._keep(context, self._entry("plan", context, case.start_s, end_s, body, shared=shared))

    def bids(self, bid: Bid, solution: Solution, context: Context) -> None:
        body = bid_record(bid, solution) | {"rests_on": self._rests_on("plan")}
        self._keep(context, self._entry("bid", context, bid.start_s, bid.end_s, body))

    def result(self, result: SlotResult, context: Context) -> None:
        start_s = slot_start_s(result.market_slot_name)
        body = _body(result) | {"rests_on": self._rests_on("prices", "plan")}
        self._keep(context, self._entry("result", context, start_s, start_s + HOUR_S, body))

    def contract(
        self, before: rule.AtnState, event: rule.Input, result: rule.Result, basis: OfferBasis | None, context: Context
    ) -> bool:
        """What an event did to the contract, before it is said. False: it could not be kept."""
        after, effects = result
        if after is before and not effects:
            return True
        entries: list[Entry] = []
        if basis is not None and after.current is not None and after.current is not before.current:
            entries.append(self._offer(basis, after.current.contract, context))
        for effect in effects:
            outcome = _outcome(effect)
            if outcome is not None:
                slot, body = outcome
                who = slot.scada_alias if isinstance(event, rule.HeartbeatReceived) else self._me
                entries.append(self._entry("contract", context, slot.start_s, slot.end_s, body, who))
        if not entries and after.to_json() == before.to_json():
            return True
        return self._keep(context, *entries, state=after)

    def _offer(self, basis: OfferBasis, contract: SlowDispatchContract, context: Context) -> Entry:
        body = {
            "facts": facts_document(basis.facts),
            "contract": contract.model_dump(mode="json", by_alias=True),
            "rests_on": self._rests_on("bid", "price", "plan") if basis.sold else self._rests_on("plan"),
        }
        return self._entry("offer", context, contract.start_s, contract.end_s, body)

    def _rests_on(self, *kinds: str) -> dict[str, int]:
        return {kind: self._rows[kind] for kind in kinds if kind in self._rows}

    def _entry(
        self, kind: Kind, context: Context, from_s: float, to_s: float, body: Mapping[str, object], source: str = "",
        shared: Mapping[str, object] | None = None,
    ) -> Entry:  # fmt: skip
        return Entry(kind, source or self._me, context.now(), float(from_s), float(to_s), body, shared)

    def _keep(self, context: Context, *entries: Entry, state: rule.AtnState | None = None) -> bool:
        try:
            rows = self._memory.store(entries, None if state is None else state.to_json())
        except StorageError as error:
            self._say(context, error)
            for entry in entries:
                self._rows.pop(entry.kind, None)
                self._last.pop(entry.kind, None)
            return False
        self._rows |= {entry.kind: row for entry, row in zip(entries, rows, strict=True)}
        self._problem = ""
        return True

    def _say(self, context: Context, error: StorageError) -> None:
        if str(error) != self._problem:
            self._problem = str(error)
            context.log("storage", f"{error}; no new slot is offered")


def _recall_bid(recalled: Recalled, bid: Memory) -> None:
    recalled.bids[int(bid.from_s)] = (bid_of_document(bid.body.get("bid")), None)


def _recall_price(recalled: Recalled, price: Memory) -> None:
    latest, known = LatestPrice.model_validate(price.body), recalled.bids.get(int(price.from_s))
    if known is not None:
        recalled.bids[int(price.from_s)] = (known[0], latest.usd_per_mwh)


def _recall_begun(recalled: Recalled, plan: Memory) -> None:
    """The plan made for a slot's beginning knew what was measured there."""
    start_s, readings, shared = int(plan.from_s), plan.body.get("readings"), plan.shared
    case = plan.body.get("case")
    if start_s not in recalled.bids or recalled.prices is None or shared is None:
        return
    if not isinstance(case, dict) or not isinstance(readings, dict):
        raise BadInput(f"remembered plan {plan.row}: must have a case and readings")
    state = case_of_document(case, shared).state
    runs = (state.heat_pump_on, state.heat_pump_since_s)
    read = {str(name): (float(value), float(at_s)) for name, (value, at_s) in readings.items()}
    recalled.begun[start_s] = Known(recalled.prices, read, runs)


def _body(message: Prices | LatestPrice | SlotResult | WeatherForecast) -> dict[str, object]:
    return message.model_dump(mode="json", by_alias=True)


def _outcome(effect: rule.Effect) -> tuple[SlowDispatchContract, dict[str, object]] | None:
    """What became of a slot, if the effect says it."""
    match effect:
        case rule.SlotAccepted(contract):
            body: dict[str, object] = {"status": "Accepted"}
        case rule.SlotRefused(contract, cause):
            body = {"status": "Refused", "cause": cause}
        case rule.SlotEnded(contract, status, used_wh, cause):
            body = {"status": status.value, "used_wh": used_wh, "cause": cause}
        case rule.OfferNotMade(contract, reason):
            body = {"status": "NotOffered", "cause": reason}
        case _:
            return None
    return contract, {"contract_id": contract.contract_id} | body
