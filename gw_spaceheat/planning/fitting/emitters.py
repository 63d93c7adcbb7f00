"""Required source water: what the emitters gave at which supply temperature, as the radiator exponent law (EN 442)."""

import math

import numpy as np

from gw_spaceheat.house.model import Emitters, Plumbing
from gw_spaceheat.physics.building import normal_shares
from gw_spaceheat.physics.emitters import NOMINAL_ROOM_C
from gw_spaceheat.physics.heat_load import EMITTER_EXPONENT, required_source_water_c
from gw_spaceheat.planning.fitting.delivered import Delivered
from gw_spaceheat.planning.fitting.estimate import Estimate, Mask, Refused, held_for, jackknife, or_house_file, span
from gw_spaceheat.planning.fitting.history import Samples
from gw_spaceheat.planning.fitting.instruments import Instruments
from gw_spaceheat.planning.model.maths import Floats

STEADY_STEPS = 3
PRIMARY_STEADY_STEPS = 5
LEAST_RANGE_K = 5.0
LEAST_SAMPLES = 120
SHIFT_FACTOR = 1.0 + (EMITTER_EXPONENT - 1.0)
"""A constant error of the drop bends as well as shifts the curve: at zero heat this much more than in the middle."""
SHARES = (0.0, 0.5, 1.0)
NAMES = (("rswt_zero_c", "C"), ("rswt_half_c", "C"), ("rswt_design_c", "C"))


def fit_emitters(
    samples: Samples, plumbing: Plumbing, heat: Delivered | Refused, tools: Instruments
) -> tuple[Estimate, Estimate, Estimate]:
    """Source water (C) required for no heat, half the house file's design heat, and all of it."""
    emitters = plumbing.emitters
    found = heat if isinstance(heat, Refused) else _fit(samples, plumbing, heat, tools)
    if not isinstance(found, Refused):
        # Three points of one curve: two of them from elsewhere would not be a curve.
        found = next((one for one in found if isinstance(one, Refused)), found)
    zero, half, design = (
        or_house_file(
            found if isinstance(found, Refused) else found[index],
            *NAMES[index],
            required_source_water_c(emitters, share * emitters.design_heat_w),
        )
        for index, share in enumerate(SHARES)
    )
    return zero, half, design


def _fit(
    samples: Samples, plumbing: Plumbing, heat: Delivered, tools: Instruments
) -> tuple[Estimate | Refused, ...] | Refused:
    supply_c = samples.get("dist_swt_c")
    rooms_c = [samples.get(f"zone_{zone.name}_c") for zone in plumbing.zones]
    known_c = [room_c for room_c in rooms_c if room_c is not None]
    if supply_c is None or len(known_c) < len(rooms_c):
        return Refused("supply water and room temperatures are not all measured")
    shares = normal_shares([zone.share for zone in plumbing.zones])
    room_c = np.sum([share * one for share, one in zip(shares, known_c, strict=True)], axis=0)
    use = held_for(heat.flowing, STEADY_STEPS) & (heat.drop_k > 0.0) & (supply_c > room_c + 1.0)
    primary = samples.get("primary_flow_l_per_min")
    if primary is not None:
        # While the heat source stands still, the exposed pipe takes part of the return's heat.
        use &= held_for(primary > 0.0, PRIMARY_STEADY_STEPS)
    use &= np.isfinite(supply_c + room_c + heat.drop_k)
    if use.sum() < LEAST_SAMPLES:
        return Refused(f"{int(use.sum())} minutes of steady flow, {LEAST_SAMPLES} are needed")
    supply_c, room_c = supply_c[use], room_c[use]
    low_c, high_c = np.percentile(supply_c, (2.0, 98.0))
    if high_c - low_c < LEAST_RANGE_K:
        return Refused(f"supply water spans {high_c - low_c:.1f} K, {LEAST_RANGE_K:.0f} K are needed for a curve")
    # As it would be with all valves open and rooms of 20 C, in design heats.
    room_factor = (supply_c - room_c) / (supply_c - NOMINAL_ROOM_C)
    shares_of_design = heat.full_kw_per_k * heat.drop_k[use] / room_factor / (plumbing.emitters.design_heat_w / 1000.0)
    bent = shares_of_design ** (1.0 / EMITTER_EXPONENT)
    pair_share = math.sqrt(2.0) * tools.temperature_k / float(np.mean(heat.drop_k[use]))
    return _estimates(samples.day_of[use], supply_c, bent, heat.calibration_share, pair_share, tools)


def _estimates(
    days: Floats, supply_c: Floats, bent: Floats, heat_share: float, pair_share: float, tools: Instruments
) -> tuple[Estimate | Refused, ...] | Refused:
    places = np.array([share ** (1.0 / EMITTER_EXPONENT) for share in SHARES])

    def line(keep: Mask) -> Floats:
        slope, zero_c = np.polyfit(bent[keep], supply_c[keep], 1)
        result: Floats = zero_c + slope * places
        return result

    found = jackknife(days, line)
    if isinstance(found, Refused):
        return found
    about = span(supply_c, "C", "supply water")
    span_k = float(found.values[2] - found.values[0])
    design_k = float(found.values[2]) - NOMINAL_ROOM_C
    estimates = []
    for index, (name, unit) in enumerate(NAMES):
        # The heat's scale stretches the curve about its zero; a pair of thermometers that disagree shifts all of it,
        # the more where it is extrapolated; and the supply's own error adds to every point.
        stretch_k = span_k * float(places[index]) * heat_share / EMITTER_EXPONENT
        shift_k = SHIFT_FACTOR * span_k * float(np.mean(bent)) * pair_share / EMITTER_EXPONENT
        error_k = math.hypot(stretch_k, shift_k, tools.temperature_k)
        estimates.append(found.estimate(index, name, unit, error_k, about, days.size, scale=design_k))
    return tuple(estimates)


def fitted_emitters(emitters: Emitters, points: tuple[Estimate, Estimate, Estimate]) -> Emitters:
    """The house file's emitters with the fitted curve."""
    zero, _, design = points
    return emitters.model_copy(update={"zero_load_water_c": zero.value, "design_water_c": design.value})
