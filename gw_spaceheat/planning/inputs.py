"""From a case as measured to numbers that can be computed with: gaps are filled on the safe side, and named."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.house.model import Plumbing
from gw_spaceheat.physics.heat_load import emitter_heat_w, heat_load_w, required_source_water_c, return_drop_k
from gw_spaceheat.planning.case import PlanningCase, StateNow
from gw_spaceheat.planning.options import PlannerOptions

Floats = NDArray[np.float64]

COLD_STORE_C = 30.0
"""A store nobody can read is taken as too cold to heat with."""
COLD_OUTDOOR_C = -10.0
PRICE_UNKNOWN_USD_PER_MWH = 100.0
READABLE_C = (-40.0, 130.0)
FORECAST_C = (-60.0, 60.0)


@dataclass(frozen=True, slots=True)
class StepInput:
    """One step's constants. Energies in kWh of the whole step."""

    hours: float
    outdoor_c: float
    price_usd_per_kwh: float
    load_kwh: float
    beyond_emitters_kwh: float
    """Heat the emitters cannot give even at the hottest water: unserved whatever is done."""
    rswt_c: float
    drop_k: float


@dataclass(frozen=True, slots=True)
class StoreStart:
    """Measured store and buffer, as mean and top (C)."""

    mean_c: float
    top_c: float


def clean_series(series: Floats, name: str, limits: tuple[float, float], unknown: float) -> tuple[Floats, list[str]]:
    """`series` without gaps (nearest known neighbour, else `unknown`) and inside `limits`; what was missing."""
    values = np.asarray(series, dtype=np.float64)
    known = np.isfinite(values)
    if not known.any():
        return np.full(values.shape, unknown), [f"{name}_missing"]
    notes = [] if known.all() else [f"{name}_gaps={int((~known).sum())}"]
    places = np.arange(values.size)
    return np.clip(np.interp(places, places[known], values[known]), *limits), notes


def readable(value: float | None) -> bool:
    """Whether a temperature (C) is one a working probe can give."""
    return value is not None and READABLE_C[0] <= value <= READABLE_C[1]


def store_start(plumbing: Plumbing, state: StateNow) -> tuple[StoreStart, list[str]]:
    """Mean and top of store and buffer lumped by volume; unreadable layers take their neighbours' mean."""
    notes: list[str] = []
    mean_c, top_c, litres = 0.0, COLD_STORE_C, 0.0
    if plumbing.buffer is not None:
        litres = plumbing.buffer.litres
        if state.buffer_c is None or not readable(state.buffer_c):
            notes.append("buffer_temperature_missing")
            mean_c = top_c = COLD_STORE_C
        else:
            mean_c = top_c = state.buffer_c
    if plumbing.store is not None:
        layers = [layer for layer in state.store_c if readable(layer)]
        if len(layers) < max(1, len(state.store_c)):
            notes.append(f"store_layers_missing={max(1, len(state.store_c)) - len(layers)}")
        store_mean_c = sum(layers) / len(layers) if layers else COLD_STORE_C
        store_litres = plumbing.store.tanks * plumbing.store.litres_per_tank
        mean_c = (mean_c * litres + store_mean_c * store_litres) / (litres + store_litres)
        top_c = layers[0] if layers else COLD_STORE_C
    return StoreStart(mean_c if litres or plumbing.store else COLD_STORE_C, top_c), notes


def setpoint_c(plumbing: Plumbing) -> float:
    """Mean setpoint (C) of the zones, weighted by their share of the house."""
    weight = sum(zone.share for zone in plumbing.zones)
    return sum(zone.setpoint_c * zone.share for zone in plumbing.zones) / weight if weight else 20.0


def step_inputs(
    case: PlanningCase, options: PlannerOptions, hottest_water_c: float
) -> tuple[tuple[StepInput, ...], list[str]]:
    """The steps' constants and the names of inputs that were missing."""
    plumbing, notes = case.plumbing, list[str]()
    outdoor_c, outdoor_notes = clean_series(case.outdoor_c, "outdoor_forecast", FORECAST_C, COLD_OUTDOOR_C)
    price, price_notes = clean_series(case.price_usd_per_mwh, "price_forecast", (-1e6, 1e6), PRICE_UNKNOWN_USD_PER_MWH)
    notes += outdoor_notes + price_notes
    indoor_c = setpoint_c(plumbing)
    recovery_kwh = 0.0
    if case.state.zone_c is None or not readable(case.state.zone_c):
        notes.append("zone_temperature_missing")
    else:
        recovery_kwh = (indoor_c - case.state.zone_c) * plumbing.building.air_capacity_kwh_per_k
    greatest_kw = emitter_heat_w(plumbing.emitters, hottest_water_c) / 1000.0
    steps: list[StepInput] = []
    elapsed_h = 0.0
    for minutes, outdoor, usd_per_mwh in zip(case.step_minutes, outdoor_c.tolist(), price.tolist(), strict=True):
        hours = minutes / 60.0
        recovering_h = max(0.0, min(hours, options.recovery_h - elapsed_h))
        wanted_kwh = heat_load_w(plumbing.building, outdoor, indoor_c) / 1000.0 * hours
        wanted_kwh = max(0.0, wanted_kwh + recovery_kwh * recovering_h / options.recovery_h)
        load_kwh = min(wanted_kwh, greatest_kw * hours)
        load_w = 1000.0 * load_kwh / hours
        steps.append(
            StepInput(
                hours=hours,
                outdoor_c=outdoor,
                price_usd_per_kwh=usd_per_mwh / 1000.0,
                load_kwh=load_kwh,
                beyond_emitters_kwh=wanted_kwh - load_kwh,
                rswt_c=required_source_water_c(plumbing.emitters, load_w),
                drop_k=max(0.5, return_drop_k(plumbing.emitters, load_w)),
            )
        )
        elapsed_h += hours
    return tuple(steps), notes
