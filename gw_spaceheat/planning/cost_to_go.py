"""Backward pass: cost-to-go on the grid of states, per mode of the heat source, with interpolation between states.

A table has one row per mode: off, on, then `more_on` rows (so many steps it must still run), then `more_off` rows.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gw_spaceheat.planning.actions import Rung, StepTimes, committed_share, is_committed, line_of, only_starts
from gw_spaceheat.planning.grid import CORNERS, Grid, Places, Table
from gw_spaceheat.planning.model.heat_load import StepHeat, Wanted
from gw_spaceheat.planning.model.maths import ARRAYS, Floats
from gw_spaceheat.planning.model.source import Charging
from gw_spaceheat.planning.model.transition import State
from gw_spaceheat.planning.problem import Problem
from gw_spaceheat.planning.terminal import terminal_value_usd

OFF, ON = 0, 1
NOT_ALLOWED_USD = np.float32(1e9)
TINY_KWH = 1e-9


def row_of(running: bool, more: int, more_on: int, more_off: int) -> int:
    """Row of a table for a source that runs (rests) and must do so for `more` further steps."""
    if running:
        return ON + min(more, more_on)
    return OFF if min(more, more_off) == 0 else ON + more_on + min(more, more_off)


@dataclass(slots=True)
class Prepared:
    """All actions of one step from all states: everything but the price and the cost-to-go behind it."""

    cells: Places
    """Of the states after the actions, in a table of two rows: those of idle actions in the first."""
    weights: Table
    electric_kwh: Table
    """Shape (actions, states), as are the costs."""
    other_usd: Table
    start_usd: Table
    """Of the running actions: a start's cost, or a prohibitive one if there is no time for that much heat.

    Broadcasts against (running actions, states).
    """
    costs_usd: Table
    only_starts: int | None = None
    """The running action, counted among these, that a source which runs on may not take."""
    price_usd_per_kwh: float = float("nan")

    def at_price(self, price_usd_per_kwh: float) -> Table:
        """Immediate cost (USD), starts not counted."""
        if price_usd_per_kwh != self.price_usd_per_kwh:
            np.multiply(self.electric_kwh, np.float32(price_usd_per_kwh), out=self.costs_usd)
            self.costs_usd += self.other_usd
            self.price_usd_per_kwh = price_usd_per_kwh
        return self.costs_usd


def prepare(
    problem: Problem, step: StepHeat, index: int, weights: Table, charging: Charging[Floats] | None = None
) -> Prepared:
    """Try all actions of a step from all nodes; arrays of shape (actions, 3 houses, levels * spreads).

    `weights` is filled: a step's are large, and only one step's are needed at a time.
    """
    house, grid, times = problem.house, problem.grid, problem.times[index]
    level, spread = problem.nodes
    wanted = Wanted(*step.tables[:, problem.targets, :, np.newaxis].astype(np.float32))
    charging = _charging_of(problem, [step])[0] if charging is None else charging
    room = house.room_kwh(ARRAYS, level, spread, wanted)
    share = _shares(problem, step, index, wanted, charging, room, level, spread)
    boost: Floats | None = None
    if any(action.boost for action in problem.actions):
        boost_kwh = house.source.boost_kw * step.hours
        boost = np.array([boost_kwh * action.boost for action in problem.actions], dtype=np.float32)
        boost = boost[:, np.newaxis, np.newaxis]
    house_k = grid.house_nodes().astype(np.float32)[:, np.newaxis]
    outcome = house.move(
        ARRAYS,
        step.hours,
        State(level, spread, house_k),
        grid.lowest_k,
        grid.highest_k,
        wanted,
        share,
        charging,
        boost,
        room,
    )
    other = house.cost_usd(ARRAYS, step, house_k, outcome)
    shape = (len(problem.actions), grid.size)
    cells = grid.weigh(outcome.after, weights)
    stays_on = share[problem.idle :].reshape(-1) >= times.stops_below
    cells[problem.idle * grid.size :] += grid.size * stays_on.astype(cells.dtype)
    start: Table = np.full((1, 1), house.source.start_usd, dtype=np.float32)
    if times.delayed:
        too_much = share[problem.idle :].reshape(-1, grid.size) > times.start_share + 1e-6
        start = np.where(too_much, NOT_ALLOWED_USD, start)
    return Prepared(
        cells,
        weights,
        outcome.electric_kwh.astype(np.float32, copy=False).reshape(shape),
        other.astype(np.float32, copy=False).reshape(shape),
        start,
        np.empty(shape, dtype=np.float32),
        only_start_of(problem, step, times),
    )


def only_start_of(problem: Problem, step: StepHeat, times: StepTimes) -> int | None:
    """Which of the running actions only starts; there is one such rung."""
    running = problem.actions[problem.idle :]
    return next((place for place, action in enumerate(running) if only_starts(action, step, times)), None)


class Known:
    """Steps that were prepared and will be met again, with the large arrays of those that will not, for reuse."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._earliest = {step: index for index, step in reversed(list(enumerate(problem.alike)))}
        self._known: dict[StepHeat, Prepared] = {}
        self._free: list[Table] = []

    def prepared(self, step: StepHeat, index: int, charging: Charging[Floats]) -> Prepared:
        """Good until the next call."""
        found = self._known.get(step)
        if found is None:
            shape = (len(self._problem.actions) * self._problem.grid.size, CORNERS)
            weights = self._free.pop() if self._free else np.empty(shape, dtype=np.float32)
            found = self._known[step] = prepare(self._problem, step, index, weights, charging)
        if index == self._earliest[step]:
            self._free.append(self._known.pop(step).weights)
        return found


def _charging_of(problem: Problem, steps: list[StepHeat]) -> list[Charging[Floats]]:
    """How each action would charge the store in each step: shape (actions, 1, levels * spreads), or the last of it."""
    waters = list(dict.fromkeys(action.water for action in problem.actions))
    ways = [problem.charging_all(steps, water) for water in waters]
    if len(ways) == 1:
        return [Charging(*quantities) for quantities in zip(*ways[0], strict=True)]
    own = [waters.index(action.water) for action in problem.actions]
    stacked = [np.stack(quantity, axis=1)[:, own, np.newaxis] for quantity in zip(*ways, strict=True)]
    return [Charging(*quantities) for quantities in zip(*stacked, strict=True)]


def _shares(
    problem: Problem,
    step: StepHeat,
    index: int,
    wanted: Wanted[Floats],
    charging: Charging[Floats],
    room: Floats,
    level: Table,
    spread: Table,
) -> Floats:
    """Share of the step each action runs the source, shape (actions, 3, levels * spreads)."""
    house, times = problem.house, problem.times[index]
    capacity = house.source.boost_kw * step.hours if house.through_store else wanted.capacity_kwh
    follow = np.minimum(wanted.wanted_kwh / np.maximum(capacity, TINY_KWH), 1.0)
    lines = np.array([line_of(action, times) for action in problem.actions], dtype=np.float32).T[..., np.newaxis]
    slope, constant, least = lines[..., np.newaxis]
    share = np.empty((len(problem.actions), 3, level.size), dtype=np.float32)
    share[...] = np.maximum(follow * slope + constant, least)
    for place, action in enumerate(problem.actions):
        own = Wanted(*(quantity[place] for quantity in wanted))
        if is_committed(action, step):
            charge = charging if charging.cop.ndim == 1 else Charging(*(quantity[place] for quantity in charging))
            share[place] = committed_share(ARRAYS, step, own, charge, room[place] if room.ndim == 3 else room)
        elif action.rung is Rung.STORE_FIRST and not house.through_store:
            fall_k = own.wanted_kwh * (1.0 / house.store.kwh_per_k)
            from_store, _ = house.deliverable(ARRAYS, level, spread, fall_k, own)
            share[place] = np.maximum(follow[place] * (1.0 - from_store), times.least)
    return share


class Behind:
    """Cost-to-go of all actions' next states. Work arrays are kept between steps."""

    def __init__(self, grid: Grid, actions: int, idle: int) -> None:
        self._size = grid.size
        self._split = idle * grid.size
        self._row, self._block = grid.spreads, grid.levels * grid.spreads
        # One line per node and mode: the eight values of its cell side by side, so that a state costs one fetch.
        # Made by doubling, what is doubled taken as one wider number: as few and as even copies as there can be.
        self._pairs = np.zeros((2 * grid.size, 2), dtype=np.float32)
        self._fours = np.zeros((2 * grid.size, 2), dtype=np.float64)
        self._eights = np.zeros((2 * grid.size, 2), dtype=np.complex128)
        self._cells = self._eights.view(np.float32)
        self._corners = np.empty((actions * grid.size, CORNERS), dtype=np.float32)
        self._ones = np.ones(CORNERS, dtype=np.float32)

    def all(self, prepared: Prepared, after: Table, out: Table) -> None:
        """Idle actions lead to the row off, running ones to the row on; into `out` of shape (actions, states)."""
        self._line_up(after[: ON + 1].reshape(-1), 0)
        self._gather(prepared, slice(None), out)

    def idle(self, prepared: Prepared, row: Table, out: Table) -> None:
        """Idle actions lead to `row`, which replaces the row off."""
        self._line_up(row, 0)
        self._gather(prepared, slice(0, self._split), out)

    def running(self, prepared: Prepared, row: Table, out: Table) -> None:
        """Running actions lead to `row`, which replaces the row on."""
        self._line_up(row, self._size)
        self._gather(prepared, slice(self._split, None), out)

    def _line_up(self, values: Table, first: int) -> None:
        own = slice(first, first + values.size)
        pairs, fours, eights = self._pairs[own], self._fours[own], self._eights[own]
        pairs[:, 0] = values
        pairs[:-1, 1] = values[1:]
        pair = pairs.view(np.float64)[:, 0]
        fours[:, 0] = pair
        fours[: -self._row, 1] = pair[self._row :]
        four = fours.view(np.complex128)[:, 0]
        eights[:, 0] = four
        eights[: -self._block, 1] = four[self._block :]

    def _gather(self, prepared: Prepared, part: slice, out: Table) -> None:
        corners = self._corners[part]
        np.take(self._cells, prepared.cells[part], axis=0, out=corners, mode="clip")
        np.multiply(corners, prepared.weights[part], out=corners)
        np.dot(corners, self._ones, out=out.reshape(-1))


class Candidates(Protocol):
    """What the backward pass remembers of one step for the roll-out: what is best where."""

    def near(self, line: int, left: int, running: bool) -> set[int]:
        """Actions that are best at any of four nodes, of `Grid.corner`; of a source that is off, idle and running."""


@dataclass(frozen=True, slots=True)
class CostsAtNodes:
    """`Candidates` of one step, found when asked for. `costs`: of all actions at all nodes, starts not counted."""

    costs: Table
    """Shape (actions, lines, spreads)."""
    idle: int

    def near(self, line: int, left: int, running: bool) -> set[int]:
        idle, near = self.idle, self.costs[:, line : line + 2, left : left + 2]
        if running:
            return set(near.argmin(axis=0).reshape(-1).tolist())
        started = {number + idle for number in near[idle:].argmin(axis=0).reshape(-1).tolist()}
        return started.union(near[:idle].argmin(axis=0).reshape(-1).tolist() if idle > 1 else (0,))


def end_table(problem: Problem) -> Table:
    """Cost-to-go (USD) after the last step: what heat left then is worth, in both modes."""
    level, _ = problem.nodes
    end = -terminal_value_usd(problem.house, problem.horizon, problem.heats, level.astype(np.float64))
    return np.tile(end.astype(np.float32), (2, 3))


def backward(problem: Problem, last: Table | None = None, kept: list[Candidates] | None = None) -> list[Table]:
    """Cost-to-go (USD) before each step and after the last, shape (modes, states). `last`: given, not computed.

    `kept` takes, per step, what the roll-out wants to know of its actions.
    """
    grid, idle = problem.grid, problem.idle
    tables = [end_table(problem) if last is None else last]
    shape = (len(problem.actions), grid.size)
    behind = Behind(grid, len(problem.actions), idle)
    known = Known(problem)
    different = list(dict.fromkeys(problem.alike))
    ways = dict(zip(different, _charging_of(problem, different), strict=True))
    prices = problem.horizon.price_usd_per_kwh.tolist()
    next_more = (0, 0)
    costs = np.empty((len(problem.alike) if kept is not None else 1, *shape), dtype=np.float32)
    spare = np.empty(shape, dtype=np.float32)
    for index in range(len(problem.alike) - 1, -1, -1):
        step, times = problem.alike[index], problem.times[index]
        prepared, after = known.prepared(step, index, ways[step]), tables[-1]
        now = prepared.at_price(prices[index])
        table = np.empty((2 + times.more_on + times.more_off, grid.size), dtype=np.float32)
        more, own = (times.more_on, times.more_off), costs[index if kept is not None else 0]
        _fill(table, after, behind, prepared, now, own, spare, more, next_more, idle)
        next_more = more
        tables.append(table)
    if kept is not None:
        kept.extend(CostsAtNodes(one.reshape(len(one), -1, grid.spreads), idle) for one in costs)
    tables.reverse()
    return tables


def _fill(
    table: Table,
    after: Table,
    behind: Behind,
    prepared: Prepared,
    now: Table,
    costs: Table,
    spare: Table,
    more: tuple[int, int],
    next_more: tuple[int, int],
    idle: int,
) -> None:
    """One step of the recursion, for all modes. `costs` keeps what each action costs where the source runs on."""
    more_on, more_off = more
    behind.all(prepared, after, costs)
    costs += now
    rest = costs[:idle].min(axis=0)
    started, starts = costs[idle:], spare[idle:]
    if prepared.only_starts is not None and not more_on:
        starts[...] = started
        started = starts  # next, what only starts is struck out of the costs of running on
    run = _runs_on(costs[idle:], prepared)
    np.minimum(rest, run, out=table[ON])
    if more_on:
        # A start binds the source: behind it lies the row that counts the steps it must still run.
        behind.running(prepared, after[row_of(True, more_on, *next_more)], starts)
        starts += now[idle:]
        started = starts
    if prepared.start_usd.size > 1:
        least = np.add(started, prepared.start_usd, out=starts).min(axis=0)
    else:
        least = started.min(axis=0) if more_on else run
        least = least + prepared.start_usd[0]
    np.minimum(rest, least, out=table[OFF])
    if more_on:
        table[row_of(True, 1, *more)] = run
        for left in range(2, more_on + 1):
            behind.running(prepared, after[row_of(True, left - 1, *next_more)], spare[idle:])
            spare[idle:] += now[idle:]
            table[row_of(True, left, *more)] = _runs_on(spare[idle:], prepared)
    if more_off:
        table[row_of(False, 1, *more)] = rest
        for left in range(2, more_off + 2):
            behind.idle(prepared, after[row_of(False, left - 1, *next_more)], spare[:idle])
            spare[:idle] += now[:idle]
            bound = spare[:idle].min(axis=0)
            if left <= more_off:
                table[row_of(False, left, *more)] = bound
        np.minimum(bound, run, out=table[ON])


def _runs_on(costs: Table, prepared: Prepared) -> Table:
    """Least cost (USD) of the running actions for a source that runs already: what only starts is out of its reach."""
    if prepared.only_starts is not None:
        costs[prepared.only_starts] = NOT_ALLOWED_USD
    least: Table = costs.min(axis=0)
    return least
