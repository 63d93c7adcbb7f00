"""The backward pass compiled by Numba (extra `cloud`): as `value`, from the physics in `compiled_step`.

Chosen by `PlannerOptions.compiled`; a test holds both to the same tables.
"""

from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.planning.actions import Action, Rung, StepTimes, is_committed
from gw_spaceheat.planning.compiled.numbers import HouseNumbers, StepNumbers
from gw_spaceheat.planning.compiled.step import (
    COMMITTED,
    LINE,
    STORE_FIRST,
    Indices,
    Prepared,
    compiled,
    prepare,
)
from gw_spaceheat.planning.cost_to_go import OFF, ON, Candidates, end_table, only_start_of
from gw_spaceheat.planning.grid import HOUSE_NODES, NEARLY_ONE, Places, Table
from gw_spaceheat.planning.model.heat_load import StepHeat
from gw_spaceheat.planning.problem import Problem

Actions = NDArray[np.int8]

NEVER_C, NEVER_FULL_C, NEXT = -1e9, 1e9, np.uint64(1)
NONE = -1
"""No action only starts."""


@compiled
def _costs(
    prepared: Prepared,
    action: int,
    place: int,
    price: np.float32,
    after: Table,
    sizes: tuple[np.uint64, np.uint64],
    out: Table,
) -> None:
    """Cost of an action in a step and of what follows it, from all states of one house temperature.

    `after`: the row of the mode it leads to.
    """
    spreads, block = sizes
    cell, level, spread = prepared.cell[action, place], prepared.level[action, place], prepared.spread[action, place]
    house, electric = prepared.house[action, place], prepared.electric_kwh[action, place]
    other = prepared.other_usd[action, place]
    for n in range(out.size):
        # Unsigned: Numba need not look whether an index counts from the end.
        at, x, y = np.uint64(cell[n]), spread[n], level[n]
        near = after[at] + x * (after[at + NEXT] - after[at])
        far = after[at + spreads] + x * (after[at + spreads + NEXT] - after[at + spreads])
        cool = near + y * (far - near)
        at += block
        near = after[at] + x * (after[at + NEXT] - after[at])
        far = after[at + spreads] + x * (after[at + spreads + NEXT] - after[at + spreads])
        warm = near + y * (far - near)
        out[n] = cool + house[n] * (warm - cool) + electric[n] * price + other[n]


@compiled
def _lower(out: Table, costs: Table) -> None:
    for n in range(out.size):
        out[n] = min(out[n], costs[n])


@compiled
def _lower_and_tell(out: Table, best: Indices, costs: Table, action: np.int32) -> None:
    for n in range(out.size):
        best[n] = action if costs[n] < out[n] else best[n]
    _lower(out, costs)


@compiled
def _lower_by_start(out: Table, costs: Table, start_usd: Table) -> None:
    for n in range(out.size):
        out[n] = min(out[n], costs[n] + start_usd[n])


@compiled
def _cheapest(
    prepared: Prepared,
    first: int,
    last: int,
    price: np.float32,
    after: Table,
    sizes: tuple[np.uint64, np.uint64],
    run: Table,
    starts: Table,
    best: Indices,
    only_starts: int,
) -> None:
    """Least cost over the actions from `first` to `last`, without a start's cost (and by which), and with it.

    Without one, that which only starts does not count.
    """
    run[:] = np.inf
    starts[:] = np.inf
    count = prepared.cell.shape[2]
    costs = np.empty(count, np.float32)
    for place in range(HOUSE_NODES):
        own = slice(place * count, (place + 1) * count)
        for action in range(first, last):
            _costs(prepared, action, place, price, after, sizes, costs)
            if action != only_starts:
                _lower_and_tell(run[own], best[own], costs, np.int32(action))
            _lower_by_start(starts[own], costs, prepared.start_usd[action, place])


@compiled
def _tell(kept: Actions, idle: Indices, running: Indices, rest: Table, run: Table) -> None:
    """What is best, into (idle | running | any where the source runs on)."""
    for n in range(rest.size):
        kept[0, n] = idle[n]
    for n in range(rest.size):
        kept[1, n] = running[n]
    for n in range(rest.size):
        kept[2, n] = running[n] if run[n] < rest[n] else idle[n]


@compiled
def _fill(
    prepared: Prepared,
    idle: int,
    price: np.float32,
    after: Table,
    more: tuple[int, int],
    next_more: tuple[int, int],
    stops: bool,
    only: int,
    sizes: tuple[np.uint64, np.uint64],
    kept: Actions,
    table: Table,
) -> None:
    """One step of the recursion, for all modes: as `value._fill`. `stops`: cells reach from the row off to that on.

    `only`: the action that only starts. `kept` takes the best idle action, the best running one and the best of all
    where the source runs on.
    """
    actions, size = prepared.cell.shape[0], table.shape[1]
    more_on, more_off = more
    last_on, last_off = next_more
    work, best = np.empty((4, size), np.float32), np.empty((3, size), np.int32)
    rest, run, starts, spare, unused = work[0], work[1], work[2], work[3], best[2]
    _cheapest(prepared, 0, idle, price, after[OFF], sizes, rest, spare, best[0], NONE)
    on = np.concatenate((after[OFF], after[ON])) if stops else after[ON]
    _cheapest(prepared, idle, actions, price, on, sizes, run, starts, best[1], only)
    _tell(kept, best[0], best[1], rest, run)
    if more_on > 0:
        _cheapest(prepared, idle, actions, price, after[ON + min(more_on, last_on)], sizes, spare, starts, unused, only)
        table[ON + 1] = run
        for left in range(2, more_on + 1):
            row = after[ON + min(left - 1, last_on)]
            _cheapest(prepared, idle, actions, price, row, sizes, table[ON + left], spare, unused, only)
    table[OFF] = rest
    _lower(table[OFF], starts)
    if more_off > 0:
        table[ON + more_on + 1] = rest
        for left in range(2, more_off + 2):
            stay = min(left - 1, last_off)
            row = after[ON + last_on + stay if stay > 0 else OFF]
            _cheapest(prepared, 0, idle, price, row, sizes, rest, spare, unused, NONE)
            if left <= more_off:
                table[ON + more_on + left] = rest
    table[ON] = rest
    _lower(table[ON], run)


@compiled
def _backward(
    house: HouseNumbers,
    nodes: tuple[Table, Table, Table],
    idle: int,
    steps: Places,
    numbers: Table,
    tables: Table,
    charging: Table,
    waters: Places,
    ways: Table,
    prices: Table,
    rows: Places,
    last: Table,
    best: Actions,
    out: Table,
) -> None:
    """All steps, last first. `steps`: which of the different steps each one is; `rows`: (row of `out`, modes)."""
    different, actions, count = tables.shape[0], tables.shape[1], nodes[0].size
    floats = np.empty((different, 6, actions, HOUSE_NODES, count), np.float32)
    cells = np.empty((different, actions, HOUSE_NODES, count), np.int32)
    ready = np.zeros(different, np.bool_)
    sizes = (np.uint64(house.spreads), np.uint64(house.block))
    after, next_more = last, (0, 0)
    for index in range(steps.size - 1, -1, -1):
        which = steps[index]
        n, done = numbers[which], floats[which]
        step = StepNumbers(n[0], n[1], n[2], n[3], n[4], n[5])
        prepared = Prepared(cells[which], done[0], done[1], done[2], done[3], done[4], done[5])
        if not ready[which]:
            ready[which] = True
            prepare(house, step, idle, nodes, tables[which], charging[which], waters, ways[which], prepared)
        first, more_on, more_off = rows[index]
        table = out[first : first + 2 + more_on + more_off]
        stops = bool(step.stops_below > np.float32(0.0))
        kept = best[min(index, best.shape[0] - 1)]
        _fill(
            prepared, idle, prices[index], after, (more_on, more_off), next_more, stops, int(n[6]), sizes, kept, table
        )
        after, next_more = table, (more_on, more_off)


def _kind(problem: Problem, step: StepHeat, action: Action) -> np.float32:
    if is_committed(action, step):
        return COMMITTED
    return STORE_FIRST if action.rung is Rung.STORE_FIRST and not problem.house.through_store else LINE


def _ways(problem: Problem, step: StepHeat) -> Table:
    """The same for all steps of one length, but for what is committed in them."""
    kwh = problem.house.source.boost_kw * step.hours
    found: list[tuple[float, ...]] = []
    for line, action in zip(problem.lines[step.hours], problem.actions, strict=True):
        found.append((float(_kind(problem, step, action)), *line, kwh, kwh * action.boost))
    return np.array(found, dtype=np.float32)


def _length(step: StepHeat) -> tuple[float, bool]:
    return step.hours, isnan(step.committed_kwh)


def _step_numbers(problem: Problem, step: StepHeat, times: StepTimes) -> tuple[float, ...]:
    greatest = times.start_share + 1e-6 if times.delayed else np.inf
    committed_kwh = step.committed_kwh if step.committed_kwh == step.committed_kwh else -1.0
    only = only_start_of(problem, step, times)
    return (
        step.hours,
        step.setpoint_k,
        committed_kwh,
        problem.house.source.start_usd,
        min(greatest, 2.0),
        times.stops_below,
        NONE if only is None else problem.idle + only,
    )


def _house_numbers(problem: Problem) -> HouseNumbers:
    house, grid, options = problem.house, problem.grid, problem.house.options
    store, latent = house.store, problem.house.store.latent
    melting_k = latent.melt_end_c - latent.melt_start_c + latent.latent_k if latent else 0.0
    numbers = (
        store.kwh_per_k,
        1.0 / store.kwh_per_k,
        store.loss_kw_per_k / store.kwh_per_k,
        store.ambient_c,
        store.highest_level,
        min(store.fullest_bottom, NEVER_FULL_C),
        store.usable,
        house.through_store,
        latent.melt_start_c if latent else 0.0,
        melting_k,
        latent.latent_k / melting_k if latent else 0.0,
        house.return_level is not None,
        NEVER_C if house.return_level is None else house.return_level,
        house.boiler_kw,
        house.boiler_usd_per_kwh,
        house.house_kwh_per_k,
        1.0 / house.house_kwh_per_k,
        house.restarts_per_kwh,
        grid.lowest_k,
        grid.highest_k,
        options.unmet_heat_usd_per_kwh,
        options.below_setpoint_usd_per_k_h,
        options.commitment_usd_per_kwh,
        grid.coldest_level,
        1.0 / grid.level_step,
        (grid.levels - 1) * NEARLY_ONE,
        1.0 / grid.spread_step,
        (grid.spreads - 1) * NEARLY_ONE,
        (HOUSE_NODES - 1) * NEARLY_ONE,
        grid.spreads,
        grid.levels * grid.spreads,
    )
    return HouseNumbers(*(np.float32(number) for number in numbers))


@dataclass(frozen=True, slots=True)
class BestAtNodes:
    """`Candidates` of one step, already known. Shape (idle | running | any, lines, spreads), one byte each."""

    best: Actions

    def near(self, line: int, left: int, running: bool) -> set[int]:
        rows = slice(2, 3) if running else slice(0, 2)
        return set(self.best[rows, line : line + 2, left : left + 2].tobytes())


def backward(problem: Problem, last: Table | None = None, kept: list[Candidates] | None = None) -> list[Table]:
    """As `value.backward`."""
    after = end_table(problem) if last is None else last
    first_times = dict(zip(reversed(problem.alike), reversed(problem.times), strict=True))
    firsts = list(dict.fromkeys(problem.alike))
    different = {step: number for number, step in enumerate(firsts)}
    ways = {length: _ways(problem, step) for length, step in {_length(step): step for step in firsts}.items()}
    waters = list(dict.fromkeys(action.water for action in problem.actions))
    modes = np.array([(2 + times.more_on + times.more_off) for times in problem.times])
    begins = np.cumsum(modes) - modes
    rows = np.array([(begin, t.more_on, t.more_off) for begin, t in zip(begins.tolist(), problem.times, strict=True)])
    out = np.empty((int(modes.sum()), problem.grid.size), dtype=np.float32)
    kept_steps = len(problem.alike) if kept is not None else 1
    best = np.empty((kept_steps, 3, problem.grid.size), dtype=np.int8)
    tables = np.array([step.tables for step in firsts], dtype=np.float32)[:, :, problem.targets].transpose(0, 2, 3, 1)
    charging = np.array([problem.charging_all(firsts, water) for water in waters]).transpose(2, 0, 1, 3)
    _backward(
        _house_numbers(problem),
        (*problem.nodes, problem.grid.house_nodes().astype(np.float32)),
        problem.idle,
        np.array([different[step] for step in problem.alike]),
        np.array([_step_numbers(problem, step, first_times[step]) for step in firsts], dtype=np.float32),
        np.ascontiguousarray(tables),
        np.ascontiguousarray(charging),
        np.array([waters.index(action.water) for action in problem.actions]),
        np.array([ways[_length(step)] for step in firsts]),
        problem.horizon.price_usd_per_kwh.astype(np.float32),
        rows,
        np.ascontiguousarray(after),
        best,
        out,
    )
    if kept is not None:
        kept.extend(BestAtNodes(one) for one in best.reshape(len(best), 3, -1, problem.grid.spreads))
    return [*(out[begin : begin + count] for begin, count in zip(begins, modes, strict=True)), after]
