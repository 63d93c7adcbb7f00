"""What one step can do at best, for the lower bound: every figure is as good as the planner's own model, or better."""

from dataclasses import dataclass

import numpy as np

from gw_spaceheat.planning.model.heat_load import StepHeat
from gw_spaceheat.planning.model.maths import ARRAYS, Floats
from gw_spaceheat.planning.model.parameters import HeatPumpParameters
from gw_spaceheat.planning.model.source import ELEMENT_LIFT_K, LEAST_LIFT_K
from gw_spaceheat.planning.problem import Problem

PLACES_PER_NODE = 8
MOST_SEGMENTS = 40
SPREADS = 7
FINE = 8
"""Points per segment at which costs are integrated."""
TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """What the house may want in a step, over all temperatures it can have and all targets of its thermostats."""

    wanted_kwh: Floats
    cop: Floats
    """Points of a staircase: at least so much wanted means at most this COP."""
    worst_cop: float
    capacity_kwh: float
    least_wanted_kwh: float
    lowest_useful_level: float
    """A top below this heats nothing, whatever the house's temperature."""
    highest_rswt_level: float
    half_drop_k: tuple[float, float]
    wanted_lines: list[tuple[float, float]]
    """Wanted heat is at most offset + slope * room temperature, for each (offset, slope)."""
    load_lines: list[tuple[float, float]]
    """And what leaves the house is at least this."""
    highest_after_k: float

    @property
    def greatest_wanted_kwh(self) -> float:
        return float(self.wanted_kwh.max())

    def serving_pieces(self) -> tuple[Floats, Floats]:
        """Widths (kWh) and rising electricity per kWh of a convex cost of direct service, never above the true one."""
        order = np.argsort(self.wanted_kwh)
        wanted = self.wanted_kwh[order]
        best = np.maximum.accumulate(self.cop[order][::-1])[::-1]
        hull = lower_hull(np.concatenate(([0.0], wanted)), np.concatenate(([0.0], wanted / best)))
        widths = np.diff(hull[0])
        return widths, np.diff(hull[1]) / np.maximum(widths, TINY)


def reach_of(problem: Problem, step: StepHeat, highest_k: float, movable: bool) -> Reach:
    """`highest_k`: the warmest the house can be when the step begins."""
    grid = problem.grid
    nodes = grid.house_nodes()
    top = grid.house_place(highest_k)
    places = np.unique(np.minimum(np.linspace(0.0, 2.0, 2 * PLACES_PER_NODE + 1), top))
    house_k = np.interp(places, np.arange(3.0), nodes)
    tables = step.tables if movable else step.tables[:, :1]
    at = np.array([[np.interp(places, np.arange(3.0), row) for row in table] for table in tables])
    cells = np.maximum(at[:, :, :-1], at[:, :, 1:]) if places.size > 1 else at
    wanted, load = at[0].max(axis=0), at[1, 0]
    upper = lower_hull(house_k, -wanted)
    return Reach(
        wanted_kwh=cells[0].reshape(-1),
        cop=cells[5].reshape(-1),
        worst_cop=float(at[5].min()),
        capacity_kwh=float(at[6].max()),
        least_wanted_kwh=float(at[0].min()),
        lowest_useful_level=float((at[2] - at[4]).min()),
        highest_rswt_level=float(at[2].max()),
        half_drop_k=_half_drop_k(problem, at[3]),
        wanted_lines=_lines(upper[0], -upper[1]),
        load_lines=_lines(nodes, step.tables[1, 0]),
        highest_after_k=float(min(grid.highest_k, (house_k + (wanted - load) / problem.house.house_kwh_per_k).max())),
    )


def _half_drop_k(problem: Problem, half_drop_k: Floats) -> tuple[float, float]:
    """Least and greatest; behind a sharp thermocline, at most what lies between the hottest and the coldest water.

    There the spread grows by nearly all that is drawn. The bound takes it as this wide all the time.
    """
    least_k, greatest_k, house = float(half_drop_k.min()), float(half_drop_k.max()), problem.house
    if house.return_level is None:
        return least_k, greatest_k
    start, store = problem.start, house.store
    hottest = max(store.highest_level, start.level + start.spread)
    widest_k = max(hottest - min(start.level, store.ambient_c, house.return_level), LEAST_LIFT_K)
    return min(least_k, widest_k), min(greatest_k, widest_k)


def _lines(xs: Floats, ys: Floats) -> list[tuple[float, float]]:
    if xs.size == 1:
        return [(float(ys[0]), 0.0)]
    slopes = np.diff(ys) / np.diff(xs)
    offsets = ys[:-1] - slopes * xs[:-1]
    # Pieces of one straight line count once.
    return sorted({(round(float(o), 12), round(float(s), 12)) for o, s in zip(offsets, slopes, strict=True)})


def lower_hull(xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
    """Corner points of the greatest convex function below the points; `xs` must not fall."""
    hull: list[tuple[float, float]] = []
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        if hull and x - hull[-1][0] < TINY:
            if y >= hull[-1][1]:
                continue
            hull.pop()
        while len(hull) > 1:
            (x0, y0), (x1, y1) = hull[-2], hull[-1]
            if (y1 - y0) * (x - x0) < (y - y0) * (x1 - x0) - TINY * TINY:
                break
            hull.pop()
        hull.append((x, y))
    return np.array([point[0] for point in hull]), np.array([point[1] for point in hull])


def hull_nodes(level: Floats, spread: Floats, house: Floats, usd: Floats) -> Floats:
    """Indices of the nodes that are corners of the hull along the level, for each spread and house temperature."""
    kept: list[int] = []
    order = np.lexsort((level, spread, house))
    splits = np.nonzero((np.diff(spread[order]) != 0.0) | (np.diff(house[order]) != 0.0))[0] + 1
    for line in np.split(order, splits):
        corners, _ = lower_hull(level[line], usd[line])
        kept += line[np.isin(level[line], corners)].tolist()
    return np.array(kept, dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The store cut by level, coldest segment first."""

    edges: Floats
    kwh_per_k: float
    least_spread_k: float
    greatest_spread_k: float

    @property
    def kwh(self) -> Floats:
        return np.diff(self.edges) * self.kwh_per_k

    @property
    def size(self) -> int:
        return self.edges.size - 1

    def fine_levels(self) -> Floats:
        parts = np.linspace(0.0, 1.0, FINE + 1)[:-1]
        inner = (self.edges[:-1, np.newaxis] + np.diff(self.edges)[:, np.newaxis] * parts).reshape(-1)
        return np.concatenate((inner, self.edges[-1:]))


def segments_of(problem: Problem, reaches: list[Reach], segment_k: float) -> tuple[Floats, Segments]:
    """Lowest level possible before each step and at the end, and segments from there to the hottest level."""
    store, start = problem.house.store, problem.start
    steps = problem.heats[: len(reaches)]
    coldest = min(start.level, store.ambient_c, *(reach.lowest_useful_level for reach in reaches))
    lowest = np.full(len(reaches) + 1, coldest)
    drops = [half_k for reach in reaches for half_k in reach.half_drop_k]
    # The bound's spread is never taken as less than that of steady discharge.
    least_k, greatest_k = min(reach.half_drop_k[1] for reach in reaches), max(start.spread, *drops)
    # Each pass starts from ranges that hold, and narrows them: the second is about as narrow as any further one.
    cold_spread_k = 40.0
    for _ in range(3 if store.usable else 0):
        lifts = [_half_lift_k(problem, step, float(lowest.min()) - cold_spread_k) for step in steps]
        greatest_k = cold_spread_k = max(start.spread, *drops, *(pair[1] for pair in lifts))
        lowest = _lowest_levels(problem, reaches, greatest_k)
    top = max(store.highest_level, start.level)
    if problem.house.through_store:
        top += max(reach.greatest_wanted_kwh for reach in reaches) / store.kwh_per_k
    floor = min(float(lowest.min()), top - 2.0 * segment_k)
    edges = np.linspace(floor, top, max(2, min(MOST_SEGMENTS, round((top - floor) / segment_k))) + 1)
    return lowest, Segments(edges, store.kwh_per_k, least_k, greatest_k)


def _lowest_levels(problem: Problem, reaches: list[Reach], greatest_spread_k: float) -> Floats:
    """Giving ends where the top is of no use any more; below that only losses lower the level."""
    store, level = problem.house.store, problem.start.level
    lowest = [level]
    for step, reach in zip(problem.heats, reaches, strict=False):
        drawn_k = reach.greatest_wanted_kwh / store.kwh_per_k
        useless = reach.lowest_useful_level - greatest_spread_k
        if problem.house.return_level is not None:
            useless = max(useless, problem.house.return_level)
        level = min(level, max(useless, level - drawn_k))
        fallen_c = store.temperature_c(ARRAYS, np.array([level + 0.5 * drawn_k]))
        lost_kw = max(0.0, float(fallen_c[0]) - store.ambient_c) * store.loss_kw_per_k
        level -= lost_kw * step.hours / store.kwh_per_k
        lowest.append(level)
    return np.array(lowest)


def lowest_tops(problem: Problem, reaches: list[Reach]) -> Floats:
    """Lowest level the store's top can have before each step and at the end, if charging does not mix it colder."""
    store, top = problem.house.store, problem.start.level + problem.start.spread
    lowest = [top]
    for step, reach in zip(problem.heats, reaches, strict=False):
        top = min(top, reach.lowest_useful_level)
        warmer_k = max(0.0, float(store.temperature_c(ARRAYS, np.array([top]))[0]) - store.ambient_c)
        top -= warmer_k * store.loss_kw_per_k * step.hours / store.kwh_per_k
        lowest.append(top)
    return np.array(lowest)


def _half_lift_k(problem: Problem, step: StepHeat, coldest_level: float) -> tuple[float, float]:
    """Least and greatest half of the lift while charging a store whose bottom is at `coldest_level` or above."""
    source, store = problem.house.source, problem.house.store
    pump = source.pump
    if pump is None:
        return 0.5 * ELEMENT_LIFT_K, 0.5 * ELEMENT_LIFT_K
    hottest_c = pump.maximum_leaving_c
    part = source.minimum_modulation if source.leaving_choice else 1.0
    coldest_c = float(store.temperature_c(ARRAYS, np.array([coldest_level]))[0])
    leaving_c = np.array([min(coldest_c + part * pump.lift_k, hottest_c), hottest_c])
    cop = pump.cop.cop(ARRAYS, step.outdoor_c, leaving_c)
    full_k = pump.capacity_kw(ARRAYS, step.outdoor_c, leaving_c, cop) * (pump.lift_k / pump.rated_heat_kw)
    least_k = source.minimum_modulation * part * float(full_k.min())
    greatest_k = hottest_c - coldest_c if source.leaving_choice else float(full_k.max())
    return max(0.5 * LEAST_LIFT_K, 0.5 * least_k), max(0.5 * LEAST_LIFT_K, 0.5 * greatest_k)


@dataclass(frozen=True, slots=True, eq=False)
class ChargeLimits:
    """Charging by the source in one step; arrays have one entry per segment."""

    open: Floats
    """1 where it can charge at all."""
    electric: Floats
    """kWh per kWh of heat, mean over the segment; with `electric_error_kwh` taken off once per step it is no more
    than the true cost."""
    electric_error_kwh: float
    electric_low: Floats
    electric_high: Floats
    electric_per_k: float
    """What each kelvin that the spread is below its greatest adds, per kWh of heat."""
    share: Floats
    """Share of the step per kWh of heat; `share_error` likewise."""
    share_error: float
    greatest_kwh: float
    half_lift_k: tuple[float, float]


def charge_limits(problem: Problem, step: StepHeat, segments: Segments, reach: Reach) -> ChargeLimits:
    """Charging at its best: with the coldest bottom that the level allows."""
    pump = problem.house.source.pump
    if pump is None:
        return _element_limits(problem, step, segments.size)
    store, spread, edges = problem.house.store, segments.greatest_spread_k, segments.edges
    level, melting, hot = segments.fine_levels(), store.latent is not None, pump.leaving_choice
    hottest_c, flow_kw_per_k = pump.maximum_leaving_c, pump.rated_heat_kw / pump.lift_k
    lift_k = pump.lift_k * (pump.minimum_modulation if hot else 1.0)
    coldest_c = float(store.temperature_c(ARRAYS, level[:1] - spread)[0])
    ends_kw = _full_kw(pump, step, np.array([min(coldest_c + lift_k, hottest_c), hottest_c]))
    kept_h = pump.derated(step.outdoor_c, 1.0) * step.hours
    left = max(0.0, 1.0 - reach.least_wanted_kwh / reach.capacity_kwh) if reach.capacity_kwh > TINY else 1.0
    greatest_kwh = left * float(ends_kw.max()) * kept_h
    rise_k, spare_k = greatest_kwh / segments.kwh_per_k, 0.0
    if not melting and not hot:
        spare_k = max(0.0, pump.rated_heat_kw * step.hours - step.load_kwh) / segments.kwh_per_k
    # The model's leaving water is that of mid-step, or so much colder.
    behind_k = rise_k if melting else max(0.0, 0.5 * (rise_k - spare_k))
    best_c = store.temperature_c(ARRAYS, level - spread - behind_k) + lift_k
    electric, per_k = _electric(pump, step, best_c, spread - segments.least_spread_k, melting)
    share = _not_falling(1.0 / (np.maximum(_full_kw(pump, step, np.minimum(best_c, hottest_c)), TINY) * kept_h))
    if not melting:
        electric = electric - _bulge(level, electric, rise_k)
        share = share - _bulge(level, share, rise_k)
    last_bottom_c = min(pump.maximum_entering_c, hottest_c - pump.minimum_modulation * ends_kw.min() / flow_kw_per_k)
    bottom_c = store.temperature_c(ARRAYS, edges[:-1] - spread - rise_k)
    flow_kwh = np.maximum(flow_kw_per_k * (hottest_c - bottom_c), TINY) * kept_h
    electric_mean, electric_error = _means(segments, level, electric)
    share_mean, share_error = _means(segments, level, share)
    worst_c = store.temperature_c(ARRAYS, edges[1:]) + (hottest_c if hot else pump.lift_k + 0.5 * spare_k)
    worst = _per_kwh(pump, step, np.minimum(worst_c, hottest_c))
    return ChargeLimits(
        open=((bottom_c <= last_bottom_c) & (greatest_kwh > TINY)).astype(np.float64),
        electric=electric_mean,
        electric_error_kwh=electric_error * segments.kwh_per_k,
        electric_low=electric[:-1].reshape(-1, FINE)[:, 0],
        electric_high=np.maximum.accumulate(np.maximum(worst, electric_mean)),
        electric_per_k=per_k,
        share=np.maximum(share_mean, 1.0 / flow_kwh),
        share_error=share_error * segments.kwh_per_k,
        greatest_kwh=greatest_kwh,
        half_lift_k=_half_lift_k(problem, step, float(level[0]) - spread),
    )


def _element_limits(problem: Problem, step: StepHeat, size: int) -> ChargeLimits:
    kwh, one = problem.house.source.boost_kw * step.hours, np.ones(size)
    half_k = 0.5 * ELEMENT_LIFT_K
    return ChargeLimits(one * (kwh > 0.0), one, 0.0, one, one, 0.0, one / max(kwh, TINY), 0.0, kwh, (half_k, half_k))


def _full_kw(pump: HeatPumpParameters, step: StepHeat, leaving_c: Floats) -> Floats:
    """Capacity before defrosting."""
    return pump.capacity_kw(ARRAYS, step.outdoor_c, leaving_c, pump.cop.cop(ARRAYS, step.outdoor_c, leaving_c))


def _per_kwh(pump: HeatPumpParameters, step: StepHeat, leaving_c: Floats) -> Floats:
    return 1.0 / pump.derated(step.outdoor_c, pump.cop.cop(ARRAYS, step.outdoor_c, leaving_c))


def _not_falling(values: Floats) -> Floats:
    """The greatest function below `values` that never falls."""
    result: Floats = np.minimum.accumulate(values[::-1], axis=0)[::-1]
    return result


def _electric(
    pump: HeatPumpParameters, step: StepHeat, best_c: Floats, range_k: float, melting: bool
) -> tuple[Floats, float]:
    """Electricity per kWh at the coldest leaving water, and what each kelvin more adds, anywhere in `range_k`."""
    colder_k = np.linspace(0.0, range_k, SPREADS)[:, np.newaxis]
    per_kwh = _not_falling(_per_kwh(pump, step, np.minimum(best_c + colder_k, pump.maximum_leaving_c)))
    per_k, rising = 0.0, best_c[1:] < pump.maximum_leaving_c - 1.0
    if not melting and rising.any():
        per_k = max(0.0, float((np.diff(per_kwh[0]) / np.diff(best_c))[rising].min()))
    return _not_falling((per_kwh - per_k * colder_k).min(axis=0)), per_k


def _bulge(level: Floats, values: Floats, width_k: float) -> float:
    """How much the mean over a window of up to `width_k` is above the value in its middle: small, it is curvature."""
    sums = np.concatenate(([0.0], np.cumsum(0.5 * (values[1:] + values[:-1]) * np.diff(level))))
    worst = 0.0
    for width in (width_k, 0.5 * width_k):
        middle = level[(level - 0.5 * width >= level[0]) & (level + 0.5 * width <= level[-1])]
        if width > TINY and middle.size:
            window = np.interp(middle + 0.5 * width, level, sums) - np.interp(middle - 0.5 * width, level, sums)
            worst = max(worst, float((window / width - np.interp(middle, level, values)).max()))
    return worst


def _means(segments: Segments, level: Floats, values: Floats) -> tuple[Floats, float]:
    """Mean per segment, and how much filling from anywhere to anywhere above can be overcharged by that (per kWh/K)."""
    sums = np.concatenate(([0.0], np.cumsum(0.5 * (values[1:] + values[:-1]) * np.diff(level))))
    at_edges = sums[::FINE]
    excess = np.interp(level, segments.edges, at_edges) - sums
    return np.diff(at_edges) / np.diff(segments.edges), float((excess - np.minimum.accumulate(excess)).max())


def least_cost_usd(problem: Problem) -> float:
    """What is earned (USD, negative) by drawing all that can be drawn where that is paid for; else nothing."""
    horizon, house = problem.horizon, problem.house
    paid = np.minimum(horizon.price_usd_per_kwh[: horizon.steps], 0.0) * house.parameters.greatest_electric_kw
    paid += min(house.boiler_usd_per_kwh, 0.0) * house.boiler_kw
    return float((paid * horizon.hours[: horizon.steps]).sum())
