"""COP, capacity and defrosting of the heat pump from its own power, flow and two thermometers."""

import math
from dataclasses import dataclass

import numpy as np

from gw_spaceheat.planning.fitting.delivered import KW_PER_K_LITRE_PER_MIN
from gw_spaceheat.planning.fitting.estimate import Estimate, Mask, Refused, held_for, jackknife, or_house_file, span
from gw_spaceheat.planning.fitting.history import STEP_S, Samples
from gw_spaceheat.planning.fitting.instruments import Instruments
from gw_spaceheat.planning.model.maths import SCALARS, Floats
from gw_spaceheat.planning.model.parameters import CarnotCop, HeatPumpParameters

RUNNING_SHARE = 0.07
"""Of the greatest power: above standby and fan."""
STEADY_BEFORE_STEPS, STEADY_AFTER_STEPS = 12, 3
LEAST_RUNNING_H = 6.0
FULL_PERCENTILE = 90.0
FULL_WITHIN = 0.03
LEAST_FULL_SHARE = 0.15
NEAR_LIMIT_SHARE = 0.97
NAMES = (("cop_scale", "1"), ("rated_heat_kw", "kW"), ("defrost_share", "1"), ("lift_k", "K"))


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    """Samples of a running heat pump."""

    days: Floats
    outdoor_c: Floats
    leaving_c: Floats
    heat_kw: Floats
    power_kw: Floats
    steady: Mask
    flow: Floats


def fit_heat_pump(
    samples: Samples, pump: HeatPumpParameters, tools: Instruments
) -> tuple[Estimate, Estimate, Estimate, Estimate]:
    """Scale of the Carnot form, heat at rated conditions (kW), COP's share left by defrost, lift at full heat (K)."""
    scale = pump.cop.scale if isinstance(pump.cop, CarnotCop) else 1.0
    values = (scale, pump.rated_heat_kw, pump.defrost_share, pump.lift_k)
    running = _running(samples, pump)
    found: list[Estimate | Refused] = [running] * 4 if isinstance(running, Refused) else _fit(running, pump, tools)
    first, second, third, fourth = (
        or_house_file(one, name, unit, value) for one, (name, unit), value in zip(found, NAMES, values, strict=True)
    )
    return first, second, third, fourth


def _running(samples: Samples, pump: HeatPumpParameters) -> _Running | Refused:
    names = ("outdoor_c", "hp_lwt_c", "hp_ewt_c", "primary_flow_l_per_min", "heat_pump_w")
    found = [samples.get(name) for name in names]
    known = [values for values in found if values is not None]
    if len(known) < len(names):
        missing = [name for name, values in zip(names, found, strict=True) if values is None]
        return Refused(f"not measured: {', '.join(missing)}")
    outdoor_c, leaving_c, entering_c, flow, power_w = known
    power_kw = power_w / 1000.0
    heat_kw = flow * KW_PER_K_LITRE_PER_MIN * (leaving_c - entering_c)
    on = (power_kw > RUNNING_SHARE * pump.greatest_electric_kw) & (flow > 0.0)
    if not on.any():
        return Refused("the heat pump never ran")
    on &= np.isfinite(heat_kw + power_kw + outdoor_c)
    # A defrost takes heat: it ends steadiness as a stop does.
    steady = held_for(on & (heat_kw > 0.0), STEADY_BEFORE_STEPS, STEADY_AFTER_STEPS)
    hours = float(steady.sum()) * STEP_S / 3600.0
    if hours < LEAST_RUNNING_H:
        return Refused(f"the heat pump ran steadily for {hours:.1f} h, {LEAST_RUNNING_H:.0f} h are needed")
    leaving_c = np.maximum(leaving_c, entering_c)
    return _Running(
        samples.day_of[on], outdoor_c[on], leaving_c[on], heat_kw[on], power_kw[on], steady[on], flow[on]
    )  # fmt: skip


def _fit(running: _Running, pump: HeatPumpParameters, tools: Instruments) -> list[Estimate | Refused]:
    steady = running.steady
    carnot = np.array(
        [
            CarnotCop().cop(SCALARS, outdoor_c, leaving_c)
            for outdoor_c, leaving_c in zip(running.outdoor_c.tolist(), running.leaving_c.tolist(), strict=True)
        ]
    )
    ideal_kw = running.power_kw * carnot
    lift_k = running.heat_kw[steady] / (running.flow[steady] * KW_PER_K_LITRE_PER_MIN)
    heat_share = math.hypot(tools.flow_share, math.sqrt(2.0) * tools.temperature_k / float(lift_k.mean()))
    about = f"{span(running.outdoor_c, 'C', 'outdoor')}, {span(running.leaving_c[steady], 'C', 'leaving water')}"

    def scale(keep: Mask) -> Floats:
        use = keep & steady
        return np.array([running.heat_kw[use].sum() / ideal_kw[use].sum()])

    found = jackknife(running.days, scale)
    if isinstance(found, Refused):
        return [found] * 4
    count = int(steady.sum())
    share = math.hypot(heat_share, tools.power_share) * float(found.values[0])
    rated, lift = _capacity(running, pump, tools, heat_share, about)
    return [found.estimate(0, *NAMES[0], share, about, count), rated, _defrost(running, pump, ideal_kw), lift]


def _defrost(running: _Running, pump: HeatPumpParameters, ideal_kw: Floats) -> Estimate | Refused:
    if pump.defrost_below_c is None:
        return Refused("it never defrosts, the house file says")
    cold = running.outdoor_c < pump.defrost_below_c
    hours = float(cold.sum()) * STEP_S / 3600.0
    if hours < LEAST_RUNNING_H:
        return Refused(f"the heat pump ran for {hours:.1f} h below {pump.defrost_below_c:.0f} C")

    def left(keep: Mask) -> Floats:
        every, clean = keep & cold, keep & cold & running.steady
        clean_cop = running.heat_kw[clean].sum() / ideal_kw[clean].sum()
        return np.array([running.heat_kw[every].sum() / ideal_kw[every].sum() / clean_cop])

    found = jackknife(np.where(cold, running.days, running.days[cold][0]), left)
    if isinstance(found, Refused):
        return found
    # Flow and power meter cancel in this ratio.
    return found.estimate(0, *NAMES[2], 0.0, span(running.outdoor_c[cold], "C", "outdoor"), int(cold.sum()))


def _capacity(
    running: _Running, pump: HeatPumpParameters, tools: Instruments, heat_share: float, about: str
) -> tuple[Estimate | Refused, Estimate | Refused]:
    """Full output shows as many equal greatest values; a throttled unit's outputs are all different."""
    derated = (
        1.0
        + pump.per_k_outdoor * (running.outdoor_c - pump.rated_outdoor_c)
        - pump.per_k_leaving * (running.leaving_c - pump.rated_leaving_c)
    )
    rated_kw = running.heat_kw / np.maximum(derated, pump.least_share)
    use = running.steady & (running.power_kw < NEAR_LIMIT_SHARE * pump.greatest_electric_kw)
    if not use.any():
        return (Refused("the heat pump ran at its electric limit only"),) * 2
    full_kw = float(np.percentile(rated_kw[use], FULL_PERCENTILE))
    full = use & (np.abs(rated_kw / full_kw - 1.0) < FULL_WITHIN)
    if full.sum() < LEAST_FULL_SHARE * use.sum():
        return (Refused(f"full output in {100.0 * full.sum() / use.sum():.0f} % of the running time only"),) * 2
    flow = float(np.median(running.flow[full])) * KW_PER_K_LITRE_PER_MIN
    found = jackknife(
        running.days[full],
        lambda keep: np.array([np.median(rated_kw[full][keep]), np.median(rated_kw[full][keep]) / flow]),
    )
    if isinstance(found, Refused):
        return (Refused(f"at full output: {found.reason}"),) * 2
    count = int(full.sum())
    lift_share = math.sqrt(2.0) * tools.temperature_k / float(found.values[1])
    return (
        found.estimate(0, *NAMES[1], heat_share * float(found.values[0]), about, count),
        found.estimate(1, *NAMES[3], lift_share * float(found.values[1]), about, count),
    )
