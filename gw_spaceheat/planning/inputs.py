"""From a case as measured to numbers that can be computed with: gaps are filled and named.

Between what is known on both sides; what is not known at all is taken as a careful guess: cold, calm in price, windy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.physics.thermometers import filled
from gw_spaceheat.planning.case import TAIL_STEP_H, Commitment, PlanningCase, StateNow
from gw_spaceheat.planning.model.maths import Floats
from gw_spaceheat.planning.model.parameters import PlannerParameters
from gw_spaceheat.planning.options import PlannerOptions

COLD_STORE_C = 30.0
"""A store nobody can read is taken as too cold to heat with."""
COLD_OUTDOOR_C = -10.0
WIND_UNKNOWN_M_PER_S = 4.0
PRICE_UNKNOWN_USD_PER_MWH = 100.0
READABLE_C = (-40.0, 130.0)
ROOM_C = (-30.0, 50.0)
"""What a thermostat can read: beyond it the unit is wrong or the probe is."""
FORECAST_C = (-60.0, 60.0)
WIND_M_PER_S = (0.0, 60.0)
SETPOINT_C = (5.0, 30.0)
LEAST_PRICE_USD_PER_MWH = 1.0
"""Of the dearest step: where nothing costs more, somebody wrote USD/kWh."""
TAIL_SAMPLES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Horizon:
    """The steps' constants, each of shape (steps,). The last `tail` steps are the last day lived once more."""

    hours: Floats
    outdoor_c: Floats
    price_usd_per_kwh: Floats
    load_kw: Floats
    """Heat that holds the load line's indoor temperature."""
    setpoint_k: Floats
    """Wanted room temperature above the load line's."""
    committed_kwh: Floats
    """Electricity that an accepted slot asks for; NaN: none does."""
    tail: int = 0

    @property
    def steps(self) -> int:
        """Number of steps of the case, the tail not counted."""
        return self.hours.size - self.tail


@dataclass(frozen=True, slots=True)
class Start:
    """Measured state as the planner's: mean and top of its tank (C), house above its reference (K)."""

    mean_c: float
    top_c: float
    house_k: float


def clean_series(series: Floats, name: str, limits: tuple[float, float], unknown: float) -> tuple[Floats, list[str]]:
    """`series` without gaps, and what was wrong with it. A value out of `limits` is no value, but a gap.

    A gap is filled in between its known neighbours, at the ends by the nearest; where nothing is known, by `unknown`.
    """
    values = np.asarray(series, dtype=np.float64)
    said = np.isfinite(values)
    known = said & (values >= limits[0]) & (values <= limits[1])
    gaps, beyond = int((~said).sum()), int((said & ~known).sum())
    notes = [f"{name}_gaps={gaps}"] if gaps and known.any() else []
    notes += [] if known.any() else [f"{name}_missing"]
    notes += [f"{name}_out_of_range={beyond}"] if beyond else []
    if not known.any():
        return np.full(values.shape, unknown), notes
    places = np.arange(values.size)
    return np.interp(places, places[known], values[known]), notes


def readable(value: float | None, limits: tuple[float, float] = READABLE_C) -> bool:
    """Whether a temperature (C) is one a working probe can give."""
    return value is not None and limits[0] <= value <= limits[1]


def start_of(parameters: PlannerParameters, state: StateNow) -> tuple[Start, list[str]]:
    """The store's layers, dead ones as the SCADA fills them; in a house without store its buffer.

    With fewer than half of its layers alive the store is unknown, and taken as cold.
    """
    notes: list[str] = []
    mean_c = top_c = COLD_STORE_C
    if parameters.store is not None:
        layers = [layer if readable(layer) else None for layer in state.store_c]
        dead = layers.count(None) if layers else 1
        if dead > 0:
            notes.append(f"store_layers_missing={dead}")
        whole = filled(layers)
        if whole is not None:
            mean_c, top_c = sum(whole) / len(whole), whole[0]
    elif parameters.buffer is not None:
        if state.buffer_c is None or not readable(state.buffer_c):
            notes.append("buffer_temperature_missing")
        else:
            mean_c = top_c = state.buffer_c
    house_k = 0.0
    if state.zone_c is None or not readable(state.zone_c, ROOM_C):
        notes.append("zone_temperature_missing")
    else:
        house_k = state.zone_c - parameters.load.indoor_c
    return Start(mean_c, top_c, house_k), notes


def horizon_of(case: PlanningCase, options: PlannerOptions) -> tuple[Horizon, list[str]]:
    """The steps' constants and the names of inputs that were missing."""
    outdoor_c, notes = clean_series(case.outdoor_c, "outdoor_forecast", FORECAST_C, COLD_OUTDOOR_C)
    price, price_notes = clean_series(case.price_usd_per_mwh, "price_forecast", (-1e6, 1e6), PRICE_UNKNOWN_USD_PER_MWH)
    if 0.0 < float(np.abs(price).max()) < LEAST_PRICE_USD_PER_MWH:
        price_notes.append("price_forecast_under_1_usd_per_mwh")
    committed_kwh, commitment_notes = _committed_kwh(case)
    price_notes += commitment_notes
    wind: Floats = np.zeros_like(outdoor_c)
    line = case.parameters.load
    if line.wind_kw_per_k_m_s != 0.0:
        unknown = np.full_like(outdoor_c, np.nan) if case.wind_m_per_s is None else case.wind_m_per_s
        wind, wind_notes = clean_series(unknown, "wind_forecast", WIND_M_PER_S, WIND_UNKNOWN_M_PER_S)
        price_notes += wind_notes
    setpoint_k: Floats = np.zeros_like(outdoor_c)
    if case.setpoint_c is not None:
        setpoint_c, setpoint_notes = clean_series(case.setpoint_c, "setpoint", SETPOINT_C, line.indoor_c)
        setpoint_k, price_notes = setpoint_c - line.indoor_c, price_notes + setpoint_notes
    horizon = Horizon(
        hours=np.array(case.step_minutes, dtype=np.float64) / 60.0,
        outdoor_c=outdoor_c,
        price_usd_per_kwh=price / 1000.0,
        load_kw=line.heat_kw(outdoor_c, wind),
        setpoint_k=setpoint_k,
        committed_kwh=committed_kwh,
    )
    return with_tail(horizon, options.tail_h), notes + price_notes


def bound_steps(case: PlanningCase, slot: Commitment) -> tuple[NDArray[np.bool_], Floats]:
    """Which steps an accepted slot binds, and how much of each (s) it covers; both of shape (steps,).

    A step that it covers less than half of is only grazed, and free: its other minutes decide.
    """
    edges_s = case.start_s + 60.0 * np.concatenate(([0], np.cumsum(case.step_minutes)))
    covered_s = np.minimum(edges_s[1:], slot.end_s) - np.maximum(edges_s[:-1], slot.start_s)
    return covered_s >= 0.5 * np.diff(edges_s), np.maximum(covered_s, 0.0)


def _committed_kwh(case: PlanningCase) -> tuple[Floats, list[str]]:
    """Electricity of each step that accepted slots ask for, NaN where no slot does; and the slots that bind no step.

    A slot's energy, as far as its time lies in the horizon, is spread evenly over its time in the steps it binds.
    """
    asked_kwh, outside, short = np.full(len(case.step_minutes), np.nan), 0, 0
    for slot in case.commitments:
        bound, covered_s = bound_steps(case, slot)
        if not bound.any():
            outside, short = (outside, short + 1) if covered_s.any() else (outside + 1, short)
            continue
        energy_kwh = slot.energy_kwh * (covered_s.sum() / (slot.end_s - slot.start_s))
        share_kwh = energy_kwh * covered_s / covered_s[bound].sum()
        asked_kwh = np.where(bound, np.nan_to_num(asked_kwh) + share_kwh, asked_kwh)
    notes = [f"commitments_outside_horizon={outside}"] if outside else []
    return asked_kwh, [*notes, f"commitments_shorter_than_half_a_step={short}"] if short else notes


def with_tail(horizon: Horizon, tail_h: float) -> Horizon:
    """`horizon` followed by its last day (or all of it, if it is shorter), averaged over steps of two hours."""
    count = round(tail_h / TAIL_STEP_H)
    if count <= 0:
        return horizon
    edges_h = np.concatenate(([0.0], np.cumsum(horizon.hours)))
    total_h = float(edges_h[-1])
    period_h = min(24.0, total_h)
    sample_h = (np.arange(count * TAIL_SAMPLES) + 0.5) * (TAIL_STEP_H / TAIL_SAMPLES)
    at_h = total_h - period_h + sample_h % period_h
    index = np.clip(np.searchsorted(edges_h, at_h, side="right") - 1, 0, horizon.hours.size - 1)

    def longer(series: Floats) -> Floats:
        # Weather and setpoint are the day's means: their swing says little about what heat is worth, and equal steps
        # are worked out once.
        return np.concatenate((series, np.full(count, series[index].mean())))

    price = horizon.price_usd_per_kwh[index].reshape(count, TAIL_SAMPLES).mean(axis=1)

    return Horizon(
        hours=np.concatenate((horizon.hours, np.full(count, TAIL_STEP_H))),
        outdoor_c=longer(horizon.outdoor_c),
        price_usd_per_kwh=np.concatenate((horizon.price_usd_per_kwh, price)),
        load_kw=longer(horizon.load_kw),
        setpoint_k=longer(horizon.setpoint_k),
        committed_kwh=np.concatenate((horizon.committed_kwh, np.full(count, np.nan))),
        tail=count,
    )
