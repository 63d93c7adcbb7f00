"""The heat source as the planner sees it: heat pump, boost element or both, serving the house or charging the store."""

from typing import Generic, NamedTuple

from gw_spaceheat.planning.model.maths import Maths, Quantity
from gw_spaceheat.planning.model.parameters import LinearCop, PlannerParameters

ELEMENT_LIFT_K = 5.0
"""An element stirs its tank: the plume's excess temperature, which decides how fast layers vanish."""
NO_SOURCE_HOTTEST_C = 60.0
LEAST_LIFT_K = 0.5


class Charging(NamedTuple, Generic[Quantity]):
    """How the source charges a store whose bottom has given temperatures: kW, COP and lift (K)."""

    rate_kw: Quantity
    cop: Quantity
    lift_k: Quantity


class HeatSource:
    """The house's heat source; a house without one has 0 kW, and its plan says that nothing is met."""

    def __init__(self, parameters: PlannerParameters) -> None:
        pump, boost = parameters.heat_pump, parameters.boost
        self.pump = pump
        self.boost_kw = boost.rated_kw if boost else 0.0
        self.exists = pump is not None or self.boost_kw > 0.0
        element_c = boost.maximum_c if boost else NO_SOURCE_HOTTEST_C
        self.hottest_c = pump.maximum_leaving_c if pump else element_c
        self.minimum_on_s = pump.minimum_on_s if pump else 0.0
        self.minimum_off_s = pump.minimum_off_s if pump else 0.0
        self.start_delay_s = pump.start_delay_s if pump else 0.0
        self.start_usd = pump.start_usd if pump else 0.0
        self.minimum_modulation = pump.minimum_modulation if pump else 0.0
        self.leaving_choice = pump.leaving_choice if pump else False
        # Where the COP does not know the leaving temperature, the hottest water costs no more than any other.
        self.hot_is_free = (
            pump is not None
            and self.leaving_choice
            and isinstance(pump.cop, LinearCop)
            and pump.cop.per_k_leaving == 0.0
            and pump.per_k_leaving == 0.0
        )

    def serving(
        self, maths: Maths[Quantity], outdoor_c: Quantity | float, rswt_c: Quantity
    ) -> tuple[Quantity, Quantity]:
        """Capacity (kW) and COP while it serves the house directly with water a little above `rswt_c` (C)."""
        if self.pump is None:
            even = rswt_c * 0.0
            return even + self.boost_kw, even + 1.0
        leaving_c = maths.minimum(rswt_c + self.pump.serving_margin_k, self.hottest_c)
        cop = self.pump.cop.cop(maths, outdoor_c, leaving_c)
        capacity_kw = self.pump.capacity_kw(maths, outdoor_c, leaving_c, cop)
        return self.pump.derated(outdoor_c, capacity_kw), self.pump.derated(outdoor_c, cop)

    def charging(
        self,
        maths: Maths[Quantity],
        outdoor_c: Quantity | float,
        bottom_c: Quantity,
        half_rise_k: Quantity,
        part: float,
    ) -> Charging[Quantity]:
        """At constant flow the leaving water is `lift` above the store's bottom; the limits are the unit's own.

        `half_rise_k` is how much the store warms to the middle of the step: it costs COP. `part` < 1: the unit is
        turned down for the whole step and its leaving water is the cooler for it; the rate is then still the full one.
        """
        pump = self.pump
        if pump is None:
            even = bottom_c * 0.0
            return Charging(even + self.boost_kw, even + 1.0, even + ELEMENT_LIFT_K)
        flow_kw_per_k = pump.rated_heat_kw / pump.lift_k
        leaving_c = maths.minimum(bottom_c + half_rise_k + pump.lift_k * part, pump.maximum_leaving_c)
        cop = pump.cop.cop(maths, outdoor_c, leaving_c)
        full_kw = pump.capacity_kw(maths, outdoor_c, leaving_c, cop)
        rate_kw = maths.minimum(full_kw, (bottom_c - pump.maximum_leaving_c) * -flow_kw_per_k)
        may_run = (rate_kw >= full_kw * pump.minimum_modulation) & (bottom_c <= pump.maximum_entering_c)
        rate_kw = rate_kw * may_run
        lift_k = maths.maximum(rate_kw * (part / flow_kw_per_k), LEAST_LIFT_K)
        return Charging(pump.derated(outdoor_c, rate_kw), pump.derated(outdoor_c, cop), lift_k)

    def charging_hot(
        self, maths: Maths[Quantity], outdoor_c: Quantity | float, bottom_c: Quantity, leaving_c: float
    ) -> Charging[Quantity]:
        """Where the leaving temperature can be chosen: water of `leaving_c` in one pass, at as little flow as it takes.

        Never less than the design's lift above the bottom.
        """
        pump = self.pump
        if pump is None:
            return self.charging(maths, outdoor_c, bottom_c, bottom_c * 0.0, 1.0)
        hot_c = maths.minimum(maths.maximum(bottom_c + pump.lift_k, leaving_c), pump.maximum_leaving_c)
        cop = pump.cop.cop(maths, outdoor_c, hot_c)
        flow_kw_per_k = pump.rated_heat_kw / pump.lift_k
        full_kw = pump.capacity_kw(maths, outdoor_c, hot_c, cop)
        rate_kw = maths.minimum(full_kw, (hot_c - bottom_c) * flow_kw_per_k)
        may_run = (rate_kw >= full_kw * pump.minimum_modulation) & (bottom_c <= pump.maximum_entering_c)
        rate_kw = pump.derated(outdoor_c, rate_kw * may_run)
        return Charging(rate_kw, pump.derated(outdoor_c, cop), maths.maximum(hot_c - bottom_c, LEAST_LIFT_K))
