"""What a house needs and what its emitters give: steady heat load, and the source water that carries it.

The emitter curve is the radiator exponent law, EN 442 (heat ~ excess temperature ** 1.3), measured from the water
temperature at which the emitters give nothing. Its inverse is the required source water temperature (RSWT).
"""

from gw_spaceheat.house.model import Building, Emitters

EMITTER_EXPONENT = 1.3
RECOVERY_H = 4.0
"""Time constant at which a house that fell below its thermostats' band is brought back."""


def heat_load_w(building: Building, outdoor_c: float, indoor_c: float) -> float:
    """Steady heat, in W, that keeps `indoor_c` at `outdoor_c`, internal gain already taken off; never below 0."""
    return max(0.0, building.loss_w_per_k * (indoor_c - outdoor_c) - building.internal_gain_w)


def recovery_heat_w(building: Building, missing_k: float) -> float:
    """Heat, in W and beyond the load, that brings a house back which is `missing_k` (K) too cold, air and walls."""
    capacity_kwh_per_k = building.air_capacity_kwh_per_k + building.mass_capacity_kwh_per_k
    return 1000.0 * capacity_kwh_per_k * max(0.0, missing_k) / RECOVERY_H


def emitter_heat_w(emitters: Emitters, water_c: float) -> float:
    """Heat, in W, the emitters give off with source water of `water_c`; 0 at or below the zero-load temperature."""
    span_k = _span_k(emitters)
    excess = max(0.0, (water_c - emitters.zero_load_water_c) / span_k)
    return float(emitters.design_heat_w * excess**EMITTER_EXPONENT)


def required_source_water_c(emitters: Emitters, heat_w: float) -> float:
    """RSWT, in C: the coldest source water that gives off `heat_w` (W). Inverse of `emitter_heat_w`."""
    share = max(0.0, heat_w) / emitters.design_heat_w
    return float(emitters.zero_load_water_c + _span_k(emitters) * share ** (1.0 / EMITTER_EXPONENT))


def return_drop_k(emitters: Emitters, heat_w: float) -> float:
    """How much colder, in K, water returns from the emitters while they give `heat_w` (W), at constant flow."""
    return emitters.design_drop_k * max(0.0, heat_w) / emitters.design_heat_w


def _span_k(emitters: Emitters) -> float:
    # A house file may name two equal temperatures; a millikelvin keeps the curve a function instead of a crash.
    return max(1e-3, emitters.design_water_c - emitters.zero_load_water_c)
