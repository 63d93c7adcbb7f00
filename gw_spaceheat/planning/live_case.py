"""A running house as a planning case: what its AtomicTNode has heard so far, cut to the steps of the next 48 hours."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from gw_spaceheat.house.model import House
from gw_spaceheat.markets.series import utc_text
from gw_spaceheat.messages.market import Prices
from gw_spaceheat.physics.thermometers import top_first
from gw_spaceheat.planning.case import CALM_M_PER_S, Commitment, PlanningCase, StateNow
from gw_spaceheat.planning.model.parameters import PlannerParameters, parameters_of, tank_kwh_per_k

HOUR_S = 3600.0
STEP_S = 300.0
HORIZON_H = 48
LEAST_PRICES_S = 2 * HOUR_S
READING_GOOD_FOR_S = 600.0
HEAT_TAKEN = ("distribution_flow_l_per_min", "dist_swt_c", "dist_rwt_c")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the AtomicTNode believes: outdoor C by epoch s and who says so; the house; how finely it looks ahead."""

    outdoor_c: Callable[[float], float]
    parameters: PlannerParameters | None = None
    """None: those of the house's file."""
    quarters_h: int = 0
    """So many hours ahead it plans in quarter hours."""
    forecaster: str = "weather series"
    note: str = ""
    """Of the parameters: what its AtomicTNode says at its start."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was heard until now. `readings`: value and epoch s by quantity; `runs`: heat source on, and since when."""

    prices: Prices
    readings: Mapping[str, tuple[float, float]]
    runs: tuple[bool, float]
    commitments: tuple[Commitment, ...] = ()
    load_ratio: float = 1.0
    """What the house was seen to take, and its source to draw, over what the parameters say."""
    power_ratio: float = 1.0

    def fresh(self, now_s: float) -> dict[str, float]:
        """Readings young enough to plan with."""
        return {name: value for name, (value, at_s) in self.readings.items() if now_s - at_s < READING_GOOD_FOR_S}


def heat_taken_kw(readings: Mapping[str, tuple[float, float]], now_s: float) -> float | None:
    """Heat (kW) the house takes by its own flow and water; None where that is not read, or not lately."""
    taken = [readings.get(name) for name in HEAT_TAKEN]
    fresh = [reading[0] for reading in taken if reading is not None and now_s - reading[1] < READING_GOOD_FOR_S]
    if len(fresh) < len(HEAT_TAKEN):
        return None
    litres_per_min, supply_c, return_c = fresh
    return tank_kwh_per_k(60.0 * litres_per_min) * (supply_c - return_c)


class CaseMaker:
    """One house and its outlook; `case` is a pure function of what is known and of the time."""

    def __init__(self, house: House, outlook: Outlook) -> None:
        self._outlook = outlook
        self._parameters = outlook.parameters or parameters_of(house.plumbing)
        quantities = {channel.quantity for channel in house.channels}
        self._store = top_first(quantities, "tank")
        self._buffer = top_first(quantities, "buffer_")
        self._zones = house.plumbing.zones

    def believed_load_kw(self, at_s: float) -> float:
        """Heat (kW) that the parameters say the house needs at a time's weather."""
        return float(self._parameters.load.heat_kw(np.array(self._outlook.outdoor_c(at_s)), CALM_M_PER_S))

    def start_s(self, now_s: float) -> float:
        """Where a case made now begins: cases begin on steps of 5 minutes."""
        return round(now_s / STEP_S) * STEP_S

    def why_no_prices(self, prices: Prices, now_s: float) -> str:
        """Why the prices are none to plan with now; empty: they are."""
        start_s = self.start_s(now_s)
        if prices.start_s > start_s:
            return f"prices begin at {utc_text(prices.start_s)}, a plan would at {utc_text(start_s)}"
        if prices.end_s - now_s < LEAST_PRICES_S:
            return f"prices end at {utc_text(prices.end_s)}, must reach {LEAST_PRICES_S / HOUR_S:.0f} h ahead"
        return ""

    def case(self, known: Known, now_s: float) -> PlanningCase | None:
        """None: there are no prices for it, or no reading is fresh."""
        prices, fresh = known.prices, known.fresh(now_s)
        if self.why_no_prices(prices, now_s) or not fresh:
            return None
        # The rest of this hour is the first step, so that every further step is one market hour.
        start_s = self.start_s(now_s)
        first_minutes = int((HOUR_S - start_s % HOUR_S) / 60.0)
        hour_s = start_s // HOUR_S * HOUR_S
        hours = min(HORIZON_H, int((prices.end_s - hour_s) // HOUR_S))
        minutes = _step_minutes(first_minutes, hours, self._outlook.quarters_h)
        begins_s = start_s + 60.0 * (np.cumsum(minutes) - np.array(minutes))
        middles_s = begins_s + 30.0 * np.array(minutes)
        usd_per_mwh = [
            prices.mean_usd_per_mwh(step_s, step_s + 60.0 * length)
            for step_s, length in zip(begins_s.tolist(), minutes, strict=True)
        ]
        return PlanningCase(
            start_s=start_s,
            step_minutes=minutes,
            outdoor_c=np.array([self._outlook.outdoor_c(time_s) for time_s in middles_s.tolist()]),
            price_usd_per_mwh=np.array(usd_per_mwh, dtype=np.float64),
            parameters=self._parameters.scaled(known.load_ratio, 1.0 / known.power_ratio),
            state=self._state(fresh, known.runs),
            wind_m_per_s=np.full(len(minutes), CALM_M_PER_S),
            commitments=known.commitments,
        )

    def _state(self, fresh: Mapping[str, float], runs: tuple[bool, float]) -> StateNow:
        zones = [(zone.share, fresh[f"zone_{zone.name}_c"]) for zone in self._zones if f"zone_{zone.name}_c" in fresh]
        buffer = [fresh[name] for name in self._buffer if name in fresh]
        return StateNow(
            store_c=tuple(fresh.get(name, math.nan) for name in self._store),
            buffer_c=sum(buffer) / len(buffer) if buffer else None,
            zone_c=sum(share * value for share, value in zones) / sum(share for share, _ in zones) if zones else None,
            heat_pump_on=runs[0],
            heat_pump_since_s=runs[1],
        )


def _step_minutes(first: int, hours: int, quarters_h: int) -> tuple[int, ...]:
    """The rest of this hour, then hours; the first `quarters_h` of them in quarters, as far as they fit."""
    minutes: list[int] = []
    for hour in range(hours):
        length = first if hour == 0 else 60
        minutes += [15] * (length // 15) if hour < quarters_h and length % 15 == 0 else [length]
    return tuple(minutes)
