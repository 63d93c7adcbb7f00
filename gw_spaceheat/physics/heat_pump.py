"""Air-to-water heat pump: efficiency and capacity as functions of outdoor and leaving water temperature."""

from gw_spaceheat.house.model import HeatPump
from gw_spaceheat.physics.water import ZERO_C_IN_K

CONDENSER_APPROACH_K = 5.0
EVAPORATOR_APPROACH_K = 7.0
COP_MINIMUM = 1.0
COP_MAXIMUM = 7.0
LEAST_LIFT_K = 15.0
LEAST_CAPACITY_SHARE = 0.2
DEFROST_BELOW_C = 5.0
"""Outdoors: colder than this, frost grows on the evaporator and is melted off with heat from the water."""


def cop(outdoor_c: float, leaving_c: float) -> float:
    """Heat out per electricity in (C, C -> 1), Carnot times a fitted second-law efficiency.

    Fit to a generic cold-climate unit, RMSE 0.20 (11.2 kW data point: -7/35 C 3.00, +2/35 4.00, +7/35 4.86,
    where the fit gives 3.02, 3.83 and 4.43); limited to 1..7, where the fit has no data.
    """
    condensing_k = leaving_c + CONDENSER_APPROACH_K + ZERO_C_IN_K
    evaporating_k = outdoor_c - EVAPORATOR_APPROACH_K + ZERO_C_IN_K
    lift_k = max(condensing_k - evaporating_k, LEAST_LIFT_K)
    efficiency = 0.672 + 0.00326 * outdoor_c - 0.00368 * leaving_c
    return min(max(efficiency * condensing_k / lift_k, COP_MINIMUM), COP_MAXIMUM)


def capacity_w(heat_pump: HeatPump, outdoor_c: float, leaving_c: float) -> float:
    """Greatest thermal output (W): linear in both temperatures, never more than the nameplate's electricity gives."""
    share = (
        1.0
        + heat_pump.capacity_per_k_outdoor * (outdoor_c - heat_pump.rated_outdoor_c)
        - heat_pump.capacity_per_k_leaving * (leaving_c - heat_pump.rated_leaving_c)
    )
    thermal_w = heat_pump.rated_heat_w * max(share, LEAST_CAPACITY_SHARE)
    return min(thermal_w, heat_pump.nameplate_w * cop(outdoor_c, leaving_c))


def electric_w(heat_pump: HeatPump, heat_w: float, outdoor_c: float, leaving_c: float) -> float:
    """Electricity for `heat_w` of heat (W), without standby and pumps, at most the nameplate."""
    return min(heat_w / cop(outdoor_c, leaving_c), heat_pump.nameplate_w)
