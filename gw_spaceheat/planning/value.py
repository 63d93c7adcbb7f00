"""Cost-to-go on a rectangular grid of states, with interpolation between them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.planning.inputs import StepInput
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.transition import NO_HEAT_KWH, House, Outcome, SourceBounds

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Grid:
    """Even nodes of level and spread; a state between them is weighted, one beyond them takes the edge."""

    levels: Floats
    spreads: Floats

    @property
    def size(self) -> int:
        return self.levels.size * self.spreads.size

    def states(self) -> tuple[Floats, Floats]:
        """All nodes as two arrays of shape (1, size)."""
        level, spread = np.meshgrid(self.levels, self.spreads, indexing="ij")
        return level.reshape(1, -1), spread.reshape(1, -1)

    def weigh(self, offset: Places | int, level: Floats, spread: Floats) -> "Weighed":
        """Where the states lie between the nodes; `offset` is that of the block of their mode in a table."""
        row, row_weight = _place(self.levels, level)
        column, column_weight = _place(self.spreads, spread)
        return Weighed(offset + row * self.spreads.size + column, self.spreads.size, row_weight, column_weight)


@dataclass(frozen=True, slots=True)
class Weighed:
    """States between the nodes of a grid: first corner and weights."""

    corner: Places
    columns: int
    row_weight: Floats
    column_weight: Floats

    def value(self, table: Floats) -> Floats:
        """Bilinear value of `table` (flat, one block of the grid's size per mode) at the states."""
        corner = self.corner
        lower = table.take(corner)
        lower += self.column_weight * (table.take(corner + 1) - lower)
        corner = corner + self.columns
        upper = table.take(corner)
        upper += self.column_weight * (table.take(corner + 1) - upper)
        result: Floats = lower + self.row_weight * (upper - lower)
        return result


def _place(nodes: Floats, value: Floats) -> tuple[Places, Floats]:
    scaled = (value - nodes[0]) * (1.0 / (nodes[1] - nodes[0]))
    scaled = np.minimum(np.maximum(scaled, 0.0), nodes.size - 1.000001)
    index = scaled.astype(np.intp)
    return index, scaled - index


def make_grid(house: House, steps: tuple[StepInput, ...], level: float, spread: float) -> Grid:
    """Nodes from the coldest level of any use to the hottest, the state now included."""
    store, options = house.store, house.options
    lift_k = house.source.pump.lift_k if house.source.pump else 0.0
    widest = max(lift_k, max(step.drop_k for step in steps), 2.0) / 2.0
    coldest = min(level, store.level(min(step.rswt_c for step in steps) - 10.0))
    hottest = max(level, store.highest_level, coldest + 10.0)
    return Grid(
        np.linspace(coldest, hottest, options.level_nodes),
        np.linspace(0.0, max(widest, min(spread, 25.0)), options.spread_nodes),
    )


def terminal_value_usd(house: House, steps: tuple[StepInput, ...], level: Floats) -> Floats:
    """What heat left at the end saves, judged by the horizon's last day.

    Counted above the mean level at which, in steady discharge, the top just reaches the day's RSWT: a lukewarm store
    is worth nothing to a cold house. All of it is worth the median price; as much as the dear hours need is worth
    the mean (a spike limited), because what is not stored by then is bought then, or bought in fewer cheap hours.
    """
    hours, last = 0.0, list[StepInput]()
    for step in reversed(steps):
        last.append(step)
        hours += step.hours
        if hours >= 24.0:
            break
    rswt_c = sum(step.rswt_c for step in last) / len(last)
    least_c = rswt_c - 0.5 * max(step.drop_k for step in last)
    outdoor_c = sum(step.outdoor_c for step in last) / len(last)
    _, cop = house.source.serving(outdoor_c, min(rswt_c + house.options.serving_margin_k, house.source.hottest_c))
    usable_kwh = house.store.kwh_per_k * np.maximum(0.0, level - house.store.level(least_c))
    prices = np.array([step.price_usd_per_kwh for step in last])
    loads = np.array([step.load_kwh for step in last])
    usual = max(0.0, float(np.median(prices)))
    mean = min(float(prices.mean()), float(np.quantile(prices, 0.9)))
    dear_kwh = float(loads[prices > max(usual, mean)].sum())
    worth_usd = usual * usable_kwh + max(0.0, mean - usual) * np.minimum(usable_kwh, dear_kwh)
    result: Floats = house.options.terminal_discount / cop * worth_usd
    return result if house.store.usable and house.has_source else 0.0 * usable_kwh


@dataclass(frozen=True, slots=True)
class Prepared:
    """All actions of one step from some states: everything but the price and the cost-to-go behind it."""

    outcome: Outcome
    share: Floats
    running: NDArray[np.bool_]
    weighed: Weighed

    def costs_usd(self, step: StepInput, options: PlannerOptions, table: Floats) -> Floats:
        """Cost of each action from each state to the end (USD): electricity, discomfort, cost-to-go; no start."""
        electricity = step.price_usd_per_kwh * self.outcome.electric_kwh
        discomfort = options.comfort_usd_per_kwh * self.outcome.unserved_kwh
        result: Floats = electricity + discomfort + self.weighed.value(table)
        return result


def prepare(house: House, step: StepInput, grid: Grid, level: Floats, spread: Floats, bounds: SourceBounds) -> Prepared:
    """Try all actions of a step from states of shape (1, states)."""
    share = house.shares(level, spread, step, bounds)
    outcome = house.step(level, spread, share, step)
    running = outcome.electric_kwh > NO_HEAT_KWH
    weighed = grid.weigh(running * grid.size, outcome.level_after, outcome.spread_after)
    return Prepared(outcome, share, running, weighed)


def backward(house: House, steps: tuple[StepInput, ...], grid: Grid, first: SourceBounds) -> list[Floats]:
    """Cost-to-go (USD) before each step and after the last: flat tables, first block source off, second on."""
    level, spread = grid.states()
    after = -terminal_value_usd(house, steps, level)[0]
    tables = [np.concatenate((after, after))]
    known: tuple[StepInput, SourceBounds] | None = None
    for index in range(len(steps) - 1, -1, -1):
        # Quarter hours of one forecast hour differ in nothing but perhaps the price: their physics is done once.
        wanted = (replace(steps[index], price_usd_per_kwh=0.0), first if index == 0 else SourceBounds())
        if wanted != known:
            prepared = prepare(house, steps[index], grid, level, spread, wanted[1])
            starts_usd = house.options.start_usd * prepared.running
            known = wanted
        cost = prepared.costs_usd(steps[index], house.options, tables[-1])
        off_usd, on_usd = np.minimum.reduce(cost + starts_usd), np.minimum.reduce(cost)
        tables.append(np.concatenate((off_usd, on_usd)))
    tables.reverse()
    return tables
