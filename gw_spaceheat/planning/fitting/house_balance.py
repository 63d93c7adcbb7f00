"""Load line and thermal mass: the energy balance of a house of two capacities, over overlapping two-hour windows.

Heat in = loss * (room - outdoor) - gains + air capacity * air's rise + wall capacity * walls' rise. The walls'
temperature is no channel: it follows the air with one time constant, which is searched; given that, all is linear.
"""

import math

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.house.model import Plumbing
from gw_spaceheat.physics.building import normal_shares
from gw_spaceheat.planning.fitting.delivered import Delivered
from gw_spaceheat.planning.fitting.estimate import Estimate, Jackknife, Mask, Refused, jackknife, or_house_file, span
from gw_spaceheat.planning.fitting.history import STEP_S, Samples
from gw_spaceheat.planning.fitting.instruments import Instruments
from gw_spaceheat.planning.model.maths import Floats
from gw_spaceheat.planning.model.parameters import MASS_SHARE, LoadLine, PlannerParameters

Indices = NDArray[np.signedinteger]
WINDOW_STEPS, STRIDE_STEPS, SMOOTH_STEPS = 120, 30, 2
LEAST_OUTDOOR_RANGE_K = 8.0
LEAST_ROOM_RANGE_K = 1.0
"""Twice a thermostat's differential: within that, walls and air move together and only their sum is seen."""
WIDEST_CAPACITY_SHARE = 0.1
"""Wider intervals of the capacity do not cover: with little movement its error is not normal."""
TIME_CONSTANTS_H = np.geomspace(1.5, 60.0, 40)
"""Of the walls. Light frame houses have a few hours, stone a few days."""
RIDGE = 1e-10
MODEL_SHARE = 0.02
"""Of the capacity, one sigma: a house is not two capacities, nor are its rooms where the thermometers are."""
INTERCEPT, SLOPE, AIR, WALLS = 0, 1, 2, 3
NAMES = (("load_at_zero_kw", "kW"), ("load_per_k_kw", "kW/K"), ("house_capacity_kwh_per_k", "kWh/K"))


def fit_house(
    samples: Samples, plumbing: Plumbing, heat: Delivered | Refused, believed: PlannerParameters, tools: Instruments
) -> tuple[Estimate, Estimate, Estimate]:
    """Load at 0 C outdoors (kW), its slope (kW/K, negative), and the capacity a plan may use (kWh/K)."""
    line = believed.load
    values = (line.at_zero_kw, line.per_k_kw, believed.house.capacity_kwh_per_k)
    outdoor_c = samples.get("outdoor_c")
    shares = normal_shares([zone.share for zone in plumbing.zones])
    zones_c = [samples.get(f"zone_{zone.name}_c") for zone in plumbing.zones]
    known_c = [zone_c for zone_c in zones_c if zone_c is not None]
    found: tuple[Estimate | Refused, ...]
    if isinstance(heat, Refused):
        found = (heat, heat, heat)
    elif outdoor_c is None or len(known_c) < len(zones_c) or not known_c:
        found = (Refused("outdoor and room temperatures are not all measured"),) * 3
    else:
        air_c = np.sum([share * zone_c for share, zone_c in zip(shares, known_c, strict=True)], axis=0)
        found = _fit(samples, heat, outdoor_c, air_c, line, tools)
    first, second, third = (
        or_house_file(one, name, unit, value) for one, (name, unit), value in zip(found, NAMES, values, strict=True)
    )
    return first, second, third


def _fit(
    samples: Samples, heat: Delivered, outdoor_c: Floats, air_c: Floats, line: LoadLine, tools: Instruments
) -> tuple[Estimate | Refused, ...]:
    known = outdoor_c[np.isfinite(outdoor_c)]
    low_c, high_c = np.percentile(known, (2.0, 98.0))
    has_slope = bool(high_c - low_c >= LEAST_OUTDOOR_RANGE_K)
    windows = _Windows(samples, heat.heat_kw, outdoor_c, air_c, line, fixed_slope=not has_slope)
    if windows.days.size == 0:
        return (Refused("no two hours without a gap in heat, rooms and outdoor temperature"),) * 3
    fitted = jackknife(windows.days, windows.fit)
    if isinstance(fitted, Refused):
        return (fitted,) * 3
    about = f"{span(known, 'C', 'outdoor')}, {span(air_c[np.isfinite(air_c)], 'C', 'rooms')}"
    count = windows.days.size
    share, per_k = heat.calibration_share, float(fitted.values[1])
    room_k = math.sqrt(2.0) * tools.temperature_k
    at_zero_error = math.hypot(share * float(fitted.values[0]), per_k * room_k)
    slope: Estimate | Refused = Refused(
        f"outdoor temperature spans {high_c - low_c:.1f} K, {LEAST_OUTDOOR_RANGE_K:.0f} K are needed for a slope"
    )
    note = about if has_slope else f"{about}; with the house file's slope"
    if has_slope:
        slope = fitted.estimate(1, *NAMES[1], abs(share * per_k), about, count)
    return (
        fitted.estimate(0, *NAMES[0], at_zero_error, note, count),
        slope,
        _capacity(fitted, share, about, count, windows, air_c),
    )


def _capacity(
    fitted: Jackknife, share: float, about: str, count: int, windows: "_Windows", air_c: Floats
) -> Estimate | Refused:
    low_c, high_c = np.nanpercentile(air_c, (2.0, 98.0))
    if high_c - low_c < LEAST_ROOM_RANGE_K:
        return Refused(f"the rooms moved too little: {high_c - low_c:.1f} K, {LEAST_ROOM_RANGE_K:.1f} K are needed")
    if not windows.has_time_constant:
        return Refused("the rooms moved too little to tell the walls' time constant")
    error = math.hypot(share, MODEL_SHARE) * float(fitted.values[2])
    found = fitted.estimate(2, *NAMES[2], error, about, count, widest_share=WIDEST_CAPACITY_SHARE)
    return Refused(f"{found.reason}; the rooms moved too little") if isinstance(found, Refused) else found


class _Windows:
    """Rows of the regression for each time constant of the walls, summed by day so that leaving one out is cheap."""

    def __init__(
        self, samples: Samples, heat_kw: Floats, outdoor_c: Floats, air_c: Floats, line: LoadLine, fixed_slope: bool
    ) -> None:
        self._fixed_kw_per_k = -line.per_k_kw if fixed_slope else None
        hours = STEP_S / 3600.0
        excess_k = air_c - line.indoor_c - outdoor_c
        start, end, gaps = _ends(heat_kw + excess_k)
        good = gaps == 0
        start, end = start[good], end[good]
        self.days = samples.day_of[start]
        window_h = WINDOW_STEPS * hours
        mean_kw = _trapezoid(heat_kw, start, end)
        mean_k = _trapezoid(excess_k, start, end)
        filled_c = _without_gaps(air_c)
        smooth_c = _smooth(filled_c)
        ones = np.ones(start.size)
        self._target = mean_kw
        tables = []
        for time_constant_h in TIME_CONSTANTS_H:
            wall_c = _follow(filled_c, hours / time_constant_h)
            # What the walls' unknown first temperature leaves behind.
            memory = np.exp(-np.arange(air_c.size) * hours / time_constant_h)
            rises = [(one[end] - one[start]) / window_h for one in (smooth_c, wall_c, memory)]
            tables.append(np.column_stack([ones, mean_k, *rises]))
        if self._fixed_kw_per_k is not None:
            self._target = mean_kw - self._fixed_kw_per_k * mean_k
            tables = [np.delete(table, SLOPE, axis=1) for table in tables]
        self._tables = tables
        self._sums: dict[float, tuple[Floats, Floats, float]] = {day: self._sum(day) for day in np.unique(self.days)}
        self.has_time_constant = True
        if start.size:
            best = int(np.argmin(self._solve(np.unique(self.days))[1]))
            self.has_time_constant = 0 < best < TIME_CONSTANTS_H.size - 1

    def _sum(self, day: float) -> tuple[Floats, Floats, float]:
        rows = self.days == day
        target = self._target[rows]
        squares = np.array([table[rows].T @ table[rows] for table in self._tables])
        products = np.array([table[rows].T @ target for table in self._tables])
        return squares, products, float(target @ target)

    def _solve(self, days: Floats) -> tuple[Floats, Floats]:
        """Coefficients and squared error for every time constant."""
        squares = np.sum([self._sums[day][0] for day in days], axis=0)
        products = np.sum([self._sums[day][1] for day in days], axis=0)
        total = sum(self._sums[day][2] for day in days)
        ridge = RIDGE * np.max(squares, axis=(1, 2))[:, None, None] * np.eye(squares.shape[1])
        coefficients = np.linalg.solve(squares + ridge, products[..., None])[..., 0]
        return coefficients, total - (coefficients * products).sum(axis=1)

    def fit(self, keep: Mask) -> Floats:
        """Load at 0 C (kW), slope (kW/K) and usable capacity (kWh/K) at the best time constant, between grid points."""
        coefficients, error = self._solve(np.unique(self.days[keep]))
        best = int(np.clip(np.argmin(error), 1, error.size - 2))
        left, middle, right = error[best - 1 : best + 2]
        bend = left - 2.0 * middle + right
        place = float(np.clip(0.5 * (left - right) / bend, -1.0, 1.0)) if bend > 0.0 else 0.0
        before, here, after = coefficients[best - 1 : best + 2]
        found = here + 0.5 * place * (after - before) + 0.5 * place**2 * (after - 2.0 * here + before)
        if self._fixed_kw_per_k is not None:
            found = np.insert(found, SLOPE, self._fixed_kw_per_k)
        return np.array([found[INTERCEPT], -found[SLOPE], found[AIR] + MASS_SHARE * found[WALLS]])


def _ends(known: Floats) -> tuple[Indices, Indices, Indices]:
    """First and last sample of each window, and how many samples in it are missing."""
    start = np.arange(SMOOTH_STEPS, known.size - WINDOW_STEPS - SMOOTH_STEPS, STRIDE_STEPS)
    end = start + WINDOW_STEPS
    missing: Indices = np.concatenate(([0], np.cumsum(np.isnan(known))))
    return start, end, missing[end + SMOOTH_STEPS + 1] - missing[start - SMOOTH_STEPS]


def _trapezoid(values: Floats, start: Indices, end: Indices) -> Floats:
    """Mean over each window. Held values without the trapezoid lag by half a sample, which bends the capacity."""
    known = np.nan_to_num(values)
    total = np.concatenate(([0.0], np.cumsum(0.5 * (known[1:] + known[:-1]))))
    result: Floats = (total[end] - total[start]) / WINDOW_STEPS
    return result


def _without_gaps(values: Floats) -> Floats:
    index = np.arange(values.size)
    known = np.isfinite(values)
    result: Floats = np.interp(index, index[known], values[known])
    return result


def _smooth(values: Floats) -> Floats:
    width = 2 * SMOOTH_STEPS + 1
    padded = np.pad(values, SMOOTH_STEPS, mode="edge")
    result: Floats = np.convolve(padded, np.full(width, 1.0 / width), mode="valid")
    return result


def _follow(values: Floats, share: float) -> Floats:
    """First-order lag, beginning in balance; by Fourier transform, since a loop over minutes takes a second."""
    decay = math.exp(-share)
    middle = 0.5 * (values[1:] + values[:-1]) - values[0]
    length = 2 * values.size
    kernel = (1.0 - decay) * decay ** np.arange(values.size)
    lagged = np.fft.irfft(np.fft.rfft(middle, length) * np.fft.rfft(kernel, length), length)
    result: Floats = values[0] + np.concatenate(([0.0], lagged[: middle.size]))
    return result
