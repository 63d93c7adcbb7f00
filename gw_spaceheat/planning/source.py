"""The heat source as the planner sees it: heat pump or boost element, over arrays of leaving temperature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.house.model import HeatPump, Plumbing
from gw_spaceheat.physics import heat_pump as unit
from gw_spaceheat.physics.water import ZERO_C_IN_K

Floats = NDArray[np.float64]

DEFROST_BELOW_C = 5.0
DEFROST_SHARE = 0.95
"""Heat that is left of capacity and COP where the unit defrosts: about 6 reversed minutes every 60 to 90."""
ELEMENT_LIFT_K = 5.0
"""An element stirs its tank: the plume's excess temperature, which decides how fast layers vanish."""


def cop(outdoor_c: float, leaving_c: Floats) -> Floats:
    """`physics.heat_pump.cop` over an array of leaving temperatures (C); a test holds the two equal."""
    condensing_k = leaving_c + (unit.CONDENSER_APPROACH_K + ZERO_C_IN_K)
    lift_k = np.maximum(condensing_k - (outdoor_c - unit.EVAPORATOR_APPROACH_K + ZERO_C_IN_K), unit.LEAST_LIFT_K)
    efficiency = (0.672 + 0.00326 * outdoor_c) - 0.00368 * leaving_c
    result: Floats = np.minimum(np.maximum(efficiency * condensing_k / lift_k, unit.COP_MINIMUM), unit.COP_MAXIMUM)
    return result


def capacity_kw(pump: HeatPump, outdoor_c: float, leaving_c: Floats, cop_now: Floats) -> Floats:
    """`physics.heat_pump.capacity_w` over an array of leaving temperatures (C), in kW."""
    share = (
        1.0
        + pump.capacity_per_k_outdoor * (outdoor_c - pump.rated_outdoor_c)
        - pump.capacity_per_k_leaving * (leaving_c - pump.rated_leaving_c)
    )
    thermal_kw = pump.rated_heat_w / 1000.0 * np.maximum(share, unit.LEAST_CAPACITY_SHARE)
    result: Floats = np.minimum(thermal_kw, pump.nameplate_w / 1000.0 * cop_now)
    return result


@dataclass(frozen=True, slots=True)
class Charging:
    """How the source charges a store whose bottom has given temperatures: kW, COP and lift (K)."""

    rate_kw: Floats
    cop: Floats
    lift_k: Floats


@dataclass(frozen=True, slots=True)
class HeatSource:
    """Heat pump with optional boost element, or the element alone (then `pump` is None)."""

    pump: HeatPump | None
    boost_kw: float
    hottest_c: float
    """Hottest water it can make."""

    @property
    def minimum_on_s(self) -> float:
        return self.pump.minimum_on_s if self.pump else 0.0

    @property
    def minimum_off_s(self) -> float:
        return self.pump.minimum_off_s if self.pump else 0.0

    def derating(self, outdoor_c: float) -> float:
        """Share of heat that defrosting leaves."""
        return DEFROST_SHARE if self.pump and self.pump.defrost and outdoor_c < DEFROST_BELOW_C else 1.0

    def serving(self, outdoor_c: float, leaving_c: float) -> tuple[float, float]:
        """Capacity (kW) and COP while it serves the house directly with water of `leaving_c`."""
        if self.pump is None:
            return self.boost_kw, 1.0
        derating = self.derating(outdoor_c)
        kilowatts = unit.capacity_w(self.pump, outdoor_c, leaving_c) / 1000.0
        return kilowatts * derating, unit.cop(outdoor_c, leaving_c) * derating

    def charging(self, outdoor_c: float, bottom_c: Floats, half_rise_k: Floats) -> Charging:
        """At constant flow the leaving water is `lift` above the store's bottom; the limits are the unit's own.

        `half_rise_k` is how much the store warms to the middle of the step: it costs COP.
        """
        if self.pump is None:
            even = np.ones_like(bottom_c)
            return Charging(even * self.boost_kw, even, even * ELEMENT_LIFT_K)
        pump = self.pump
        flow_kw_per_k = pump.rated_heat_w / 1000.0 / pump.lift_k
        leaving_c = np.minimum(bottom_c + half_rise_k + pump.lift_k, pump.maximum_leaving_c)
        cop_now = cop(outdoor_c, leaving_c)
        full_kw = capacity_kw(pump, outdoor_c, leaving_c, cop_now)
        rate_kw = np.minimum(full_kw, flow_kw_per_k * (pump.maximum_leaving_c - bottom_c))
        stopped = (rate_kw < pump.minimum_modulation * full_kw) | (bottom_c > pump.maximum_entering_c)
        rate_kw = np.where(stopped, 0.0, rate_kw)
        derating = self.derating(outdoor_c)
        return Charging(rate_kw * derating, cop_now * derating, np.maximum(rate_kw / flow_kw_per_k, 0.5))


def source_of(plumbing: Plumbing) -> HeatSource:
    """The house's heat source; a house with neither has one of 0 kW, and its plan says that nothing is met."""
    boost_kw = plumbing.boost.rated_w / 1000.0 if plumbing.boost else 0.0
    if plumbing.heat_pump is not None:
        return HeatSource(plumbing.heat_pump, boost_kw, plumbing.heat_pump.maximum_leaving_c)
    return HeatSource(None, boost_kw, plumbing.boost.maximum_c if plumbing.boost else 60.0)
