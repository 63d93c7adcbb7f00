"""The market conversation: latest price, bid, and the forward prices our market shows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gw_spaceheat.messages.base import (
    LeftRightDot,
    MarketPriceUnit,
    MarketQuantityUnit,
    MarketSlotName,
    UtcMilliseconds,
    UtcSeconds,
    Uuid4,
    WireInt,
    WireModel,
)
from gw_spaceheat.messages.units import milliseconds

MARKET_MINUTES = {
    "rt5gate5": 5,
    "rt15gate5": 15,
    "rt30gate5": 30,
    "rt60gate5": 60,
    "rt60gate30": 60,
    "rt60gate30b": 60,
    "da60": 60,
}
UNSIGNED_FEE = "algo_sig_none"
"""The published fee field is a placeholder; ours says so."""

LONGEST_HORIZON = 2016
"""Slots in one message: a week of 5-minute slots."""


def market_slot_name(market_type: str, market_alias: str, start_s: int) -> str:
    """`e.rt60gate5.d1.isone.ver.keene.1673539200`: energy, market type, market maker, slot start in epoch s."""
    return f"e.{market_type}.{market_alias}.{start_s}"


def slot_start_s(slot_name: str) -> int:
    """The start (epoch s) that a slot's name says."""
    return int(slot_name.rsplit(".", 1)[1])


def _check_slot(slot_name: str) -> None:
    length_s = 60 * MARKET_MINUTES[slot_name.split(".", 2)[1]]
    if slot_start_s(slot_name) % length_s:
        raise ValueError(f"MarketSlotName {slot_name}: its start must be a multiple of {length_s} s")


class LatestPrice(WireModel):
    """The price of the slot that was just cleared, in 1/1000 of its unit."""

    from_g_node_alias: LeftRightDot
    price_times_1000: WireInt
    price_unit: MarketPriceUnit = "USDPerMWh"
    market_slot_name: MarketSlotName
    message_id: Uuid4
    type_name: Literal["latest.price"] = "latest.price"
    version: Literal["000"] = "000"

    @model_validator(mode="after")
    def _slot_is_aligned(self) -> Self:
        _check_slot(self.market_slot_name)
        return self

    @property
    def usd_per_mwh(self) -> float:
        return self.price_times_1000 / 1000.0


class PriceQuantityUnitless(WireModel):
    """One corner of a bid curve, in 1/1000 of the bid's units."""

    price_x1000: WireInt
    quantity_x1000: WireInt
    type_name: Literal["price.quantity.unitless"] = "price.quantity.unitless"
    version: Literal["001"] = "001"


class Bid(WireModel):
    """How much a house takes at which price, for one slot; the first corner is the highest price."""

    bidder_alias: LeftRightDot
    market_slot_name: MarketSlotName
    pq_pairs: Annotated[tuple[PriceQuantityUnitless, ...], Field(min_length=1, max_length=200)]
    injection_is_positive: bool
    price_unit: MarketPriceUnit = "USDPerMWh"
    quantity_unit: MarketQuantityUnit = "AvgkW"
    signed_market_fee_txn: str = UNSIGNED_FEE
    type_name: Literal["bid"] = "bid"
    version: Literal["000"] = "000"

    @model_validator(mode="after")
    def _slot_is_aligned(self) -> Self:
        _check_slot(self.market_slot_name)
        return self

    def quantity_kw(self, usd_per_mwh: float) -> float:
        """What is bought at a price: a corner holds from its price up to that of the next dearer one."""
        corners = sorted(self.pq_pairs, key=lambda corner: corner.price_x1000)
        bought = corners[0].quantity_x1000
        for corner in corners:
            if corner.price_x1000 <= round(1000.0 * usd_per_mwh):
                bought = corner.quantity_x1000
        return bought / 1000.0


class SlotResult(WireModel):
    """What became of a slot that was bid for; what is not known is left out, and `reason` says why.

    Bid regret: cost of what was bought (the contract, else what the market sold) less that of the best in hindsight.
    `used_regret_usd` is the same of what was really used and reached; it may be negative.
    """

    from_g_node_alias: LeftRightDot
    message_id: Uuid4
    created_ms: UtcMilliseconds
    market_slot_name: MarketSlotName
    forecast_usd_per_mwh: float
    price_usd_per_mwh: float | None = None
    cleared_kw: float | None = None
    contract_kw: float | None = None
    best_kw: float | None = None
    used_kwh: float | None = None
    regret_usd: Annotated[float, Field(ge=0.0)] | None = None
    used_regret_usd: float | None = None
    reason: str = ""
    type_name: Literal["gw.spaceheat.slot.result"] = "gw.spaceheat.slot.result"
    version: Literal["001"] = "001"


class Prices(WireModel):
    """Forward prices, one per slot of `slot_minutes`, from `start_s`; the total is wholesale plus distribution."""

    from_g_node_alias: LeftRightDot
    message_id: Uuid4
    created_ms: UtcMilliseconds
    start_s: UtcSeconds
    slot_minutes: Annotated[int, Field(gt=0, le=1440)]
    lmp_usd_per_mwh: Annotated[tuple[float, ...], Field(max_length=LONGEST_HORIZON)]
    distribution_usd_per_mwh: Annotated[tuple[float, ...], Field(max_length=LONGEST_HORIZON)]
    type_name: Literal["gw.spaceheat.prices"] = "gw.spaceheat.prices"
    version: Literal["000"] = "000"

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if not self.lmp_usd_per_mwh or len(self.lmp_usd_per_mwh) != len(self.distribution_usd_per_mwh):
            raise ValueError("LmpUsdPerMwh and DistributionUsdPerMwh must be of one length, at least 1")
        return self

    @property
    def total_usd_per_mwh(self) -> tuple[float, ...]:
        pairs = zip(self.lmp_usd_per_mwh, self.distribution_usd_per_mwh, strict=True)
        return tuple(lmp + distribution for lmp, distribution in pairs)

    @property
    def end_s(self) -> int:
        return self.start_s + 60 * self.slot_minutes * len(self.lmp_usd_per_mwh)

    def mean_usd_per_mwh(self, from_s: float, to_s: float) -> float | None:
        """Total price (USD/MWh) from `from_s` to `to_s` (epoch s), each slot by its time in it; None: not known."""
        if not self.start_s <= from_s < to_s <= self.end_s:
            return None
        slot_s = 60.0 * self.slot_minutes
        first, last = int((from_s - self.start_s) // slot_s), ceil((to_s - self.start_s) / slot_s) - 1
        if first == last:
            return self.lmp_usd_per_mwh[first] + self.distribution_usd_per_mwh[first]
        total = 0.0
        for place in range(first, last + 1):
            begins_s = self.start_s + slot_s * place
            within_s = min(to_s, begins_s + slot_s) - max(from_s, begins_s)
            total += within_s * (self.lmp_usd_per_mwh[place] + self.distribution_usd_per_mwh[place])
        return total / (to_s - from_s)


def latest_price_from(
    *, market_alias: str, slot_start_s: int, usd_per_mwh: float, message_id: str, market_type: str = "rt60gate5"
) -> LatestPrice:
    """`slot_start_s` must be a multiple of the market's slot length (an hour), else ValidationError."""
    return LatestPrice(
        from_g_node_alias=market_alias,
        price_times_1000=round(usd_per_mwh * 1000.0),
        market_slot_name=market_slot_name(market_type, market_alias, slot_start_s),
        message_id=message_id,
    )


def bid_from(
    *,
    bidder_alias: str,
    market_alias: str,
    slot_start_s: int,
    pairs: Sequence[tuple[float, float]],
    market_type: str = "rt60gate5",
) -> Bid:
    """A bid of (USD/MWh, average kW taken) corners; they are sent by falling price."""
    corners = sorted(pairs, key=lambda pair: -pair[0])
    return Bid(
        bidder_alias=bidder_alias,
        market_slot_name=market_slot_name(market_type, market_alias, slot_start_s),
        pq_pairs=tuple(
            PriceQuantityUnitless(price_x1000=round(price * 1000.0), quantity_x1000=round(quantity_kw * 1000.0))
            for price, quantity_kw in corners
        ),
        injection_is_positive=False,
    )


@dataclass(frozen=True, slots=True)
class SlotOutcome:
    """What became of a slot: powers (kW) on average over it. None: not known, or there was none; `reason` says why."""

    forecast_usd_per_mwh: float
    price_usd_per_mwh: float | None = None
    cleared_kw: float | None = None
    contract_kw: float | None = None
    best_kw: float | None = None
    used_kwh: float | None = None
    regret_usd: float | None = None
    used_regret_usd: float | None = None
    reason: str = ""


def slot_result_from(*, alias: str, slot_name: str, message_id: str, now_s: float, outcome: SlotOutcome) -> SlotResult:
    """A regret below 0 is no regret: ValidationError."""
    return SlotResult(
        from_g_node_alias=alias,
        message_id=message_id,
        created_ms=milliseconds(now_s),
        market_slot_name=slot_name,
        **asdict(outcome),
    )


def prices_from(
    *,
    market_alias: str,
    message_id: str,
    now_s: float,
    start_s: int,
    lmp_usd_per_mwh: Sequence[float],
    distribution_usd_per_mwh: Sequence[float],
    slot_minutes: int = 60,
) -> Prices:
    return Prices(
        from_g_node_alias=market_alias,
        message_id=message_id,
        created_ms=milliseconds(now_s),
        start_s=start_s,
        slot_minutes=slot_minutes,
        lmp_usd_per_mwh=tuple(float(price) for price in lmp_usd_per_mwh),
        distribution_usd_per_mwh=tuple(float(price) for price in distribution_usd_per_mwh),
    )
