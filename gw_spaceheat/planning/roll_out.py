"""Forward from the state now: each step the best action by cost-to-go at the true, unrounded state.

Works on plain floats: the same physics as the backward pass (`House.move`), and no node in sight.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gw_spaceheat.planning.actions import IDLE, STORE_FIRST, Action, Water, committed_share, is_committed, only_starts
from gw_spaceheat.planning.cost_to_go import Candidates, row_of
from gw_spaceheat.planning.grid import Table
from gw_spaceheat.planning.model.heat_load import Wanted
from gw_spaceheat.planning.model.maths import SCALARS
from gw_spaceheat.planning.model.source import Charging
from gw_spaceheat.planning.model.transition import Outcome, State
from gw_spaceheat.planning.problem import Problem

NO_CHARGING = Charging(0.0, 1.0, 1.0)
"""Of a source that is off."""
NOT_IN_TIME_USD = 1e6
"""An action that a minimum time forbids is taken only if there is no other. Control knows it by its size
(`policy_control.NO_TIME_USD`); in the tables it is `value.NOT_ALLOWED_USD`."""


class Mode(NamedTuple):
    """Heat source on or off, and how long (s) it must stay so."""

    running: bool
    bound_s: float = 0.0


class Taken(NamedTuple):
    """An action tried in one step: what it does and what it costs at once (USD)."""

    step: int
    """Of the step."""
    action: Action
    share: float
    before: State[float]
    outcome: Outcome[float]
    mode: Mode
    started: bool
    forced: bool
    """A minimum time decides the step (`decided`)."""
    cost_usd: float
    """Electricity, fuel, discomfort, start, missed commitment; no cost-to-go."""

    @property
    def runs(self) -> bool:
        """Whether the source runs in this step, be it only for a part of it."""
        return self.action.rung is not IDLE


def tried(
    problem: Problem, index: int, state: State[float], mode: Mode, which: Iterable[int] | None = None
) -> list[Taken]:
    """Every action of a step (or those of `which`) from one state, minimum times and the start's delay included."""
    step = problem.heats[index]
    place = problem.grid.house_place(state.house_k)
    wanted_at: dict[int, Wanted[float]] = {}
    water: Water | None = None
    charging = NO_CHARGING
    result: list[Taken] = []
    actions, lines = problem.actions, problem.lines[step.hours]
    for number in range(len(actions)) if which is None else which:
        action, line = actions[number], lines[number]
        wanted = wanted_at.get(action.target)
        if wanted is None:
            wanted = wanted_at[action.target] = step.between(place, action.target)
        running = number >= problem.idle
        if running and action.water is not water:
            water = action.water
            charging = problem.charging(SCALARS, step, water, state.level, state.spread)
        own = charging if running else NO_CHARGING
        result.append(_try(problem, index, state, mode, action, line, wanted, own))
    return result


def _try(
    problem: Problem,
    index: int,
    state: State[float],
    mode: Mode,
    action: Action,
    line: tuple[float, float, float],
    wanted: Wanted[float],
    charging: Charging[float],
) -> Taken:
    house, step, grid = problem.house, problem.heats[index], problem.grid
    running = action.rung is not IDLE
    started = running and not mode.running
    room_kwh = house.room_kwh(SCALARS, state.level, state.spread, wanted)
    share, late = _share(problem, index, state, mode, action, line, wanted, charging, room_kwh)
    boost_kwh = house.source.boost_kw * step.hours if action.boost and not late else None
    outcome = house.move(
        SCALARS,
        step.hours,
        state,
        grid.lowest_k,
        grid.highest_k,
        wanted,
        share,
        charging,
        boost_kwh,
        room_kwh,
    )
    electric_kwh = outcome.electric_kwh
    cost = problem.horizon.price_usd_per_kwh.item(index) * electric_kwh
    cost += house.cost_usd(SCALARS, step, state.house_k, outcome)
    if started:
        cost += house.source.start_usd
    step_s = 3600.0 * step.hours
    if running == mode.running:
        bound_s = mode.bound_s - step_s
    else:
        bound_s = (house.source.minimum_on_s if running else house.source.minimum_off_s) - step_s
    too_little = mode.running and only_starts(action, step, problem.times[index])
    if late or too_little or (mode.bound_s > 0.0 and mode.running and not running):
        cost += NOT_IN_TIME_USD
    forced = mode.bound_s >= step_s and not 0.0 < share < 1.0
    # Late by its start, a run to the step's end is whole all the same.
    reach = 1.0 if mode.running else max(0.0, 1.0 - (mode.bound_s + house.source.start_delay_s) / step_s)
    if running and share < reach * problem.times[index].stops_below:
        rested_s = (1.0 - share) * step_s
        after = Mode(False, max(0.0, house.source.minimum_off_s - rested_s))
    else:
        after = Mode(running, bound_s if bound_s > 0.0 else 0.0)
    return Taken(index, action, share, state, outcome, after, started, forced, cost)


def _share(
    problem: Problem,
    index: int,
    state: State[float],
    mode: Mode,
    action: Action,
    line: tuple[float, float, float],
    wanted: Wanted[float],
    charging: Charging[float],
    room_kwh: float,
) -> tuple[float, bool]:
    """Share of the step the source runs, and whether that comes too early for its minimum off time."""
    if action.rung is IDLE:
        return 0.0, False
    house, step = problem.house, problem.heats[index]
    capacity = house.source.boost_kw * step.hours if house.through_store else wanted.capacity_kwh
    follow = min(1.0, wanted.wanted_kwh / capacity) if capacity > 0.0 else 1.0
    if is_committed(action, step):
        share = committed_share(SCALARS, step, wanted, charging, room_kwh)
    else:
        if action.rung is STORE_FIRST and not house.through_store:
            fall_k = wanted.wanted_kwh / house.store.kwh_per_k
            from_store, _ = house.deliverable(SCALARS, state.level, state.spread, fall_k, wanted)
            follow *= 1.0 - from_store
        slope, constant, floor = line
        share = max(slope * follow + constant, floor)
    step_s = 3600.0 * step.hours
    if mode.running:
        least = problem.times[index].least * min(1.0, mode.bound_s / step_s)
        return (share if share > least else least), False
    # A start waits for the minimum off time, then for its own delay.
    greatest = 1.0 - (mode.bound_s + house.source.start_delay_s) / step_s
    late = mode.bound_s >= step_s
    return (share if share < greatest else max(0.0, greatest)), late


def best_of(problem: Problem, rows: list[memoryview], choices: list[Taken]) -> tuple[Taken, float]:
    """The cheapest of `choices` with the cost-to-go behind it, and that total (USD)."""
    best, least_usd = choices[0], float("inf")
    for taken in choices:
        usd = taken.cost_usd + behind_usd(problem, rows, taken)
        if usd < least_usd:
            best, least_usd = taken, usd
    return best, least_usd


def decided(problem: Problem, rows: list[memoryview], mode: Mode, best: Taken) -> Taken:
    """The chosen action, forced also where without the minimum time the source would have been switched otherwise."""
    if mode.bound_s <= 0.0 or best.forced:
        return best
    free, _ = best_of(problem, rows, tried(problem, best.step, best.before, Mode(mode.running)))
    return best if free.runs == best.runs else best._replace(forced=True)


def rows_of(table: Table) -> list[memoryview]:
    """A table's rows, quick to read single numbers from."""
    return [memoryview(row) for row in table]


def behind_usd(problem: Problem, rows: list[memoryview], taken: Taken) -> float:
    """Cost-to-go (USD) of the state after `taken`; `rows` of the table behind its step."""
    return cost_to_go_usd(problem, rows, taken.step + 1, taken.mode, taken.outcome.after)


def cost_to_go_usd(problem: Problem, rows: list[memoryview], following: int, mode: Mode, state: State[float]) -> float:
    """Cost-to-go (USD) at `state` before the step `following`; `rows` of the table there."""
    more, more_on, more_off = 0, 0, 0
    if following < len(problem.heats):
        times = problem.times[following]
        more_on, more_off = times.more_on, times.more_off
        step_s = 3600.0 * problem.heats[following].hours
        more = int(-(-mode.bound_s // step_s)) if mode.bound_s > 1e-6 else 0
    row = rows[row_of(mode.running, more, more_on, more_off)]
    return problem.grid.value(row, state.level, state.spread, state.house_k)


def promising(problem: Problem, candidates: Candidates, state: State[float], running: bool) -> set[int]:
    """Actions that are best at a node around the state; if the source is off, the best idle and the best running ones.

    What is best nowhere around a state is hardly ever best at it.
    """
    line, left = problem.grid.corner(state.level, state.spread, state.house_k)
    return candidates.near(line, left, running)


def roll_out(
    problem: Problem,
    tables: list[Table],
    mode: Mode,
    first: int | None,
    change_usd: float,
    kept: list[Candidates] | None = None,
) -> list[Taken]:
    """The plan's steps. `first`: the first action is given. `change_usd`: > 0 on leaving, < 0 on taking the source on.

    A change against the plan in force costs its size, in the first step only. With `kept`, of the backward pass, only
    promising actions are tried after that.
    """
    state, done = problem.start, list[Taken]()
    for index in range(problem.horizon.steps):
        hurried = index > 0 and mode.bound_s <= 0.0
        which = promising(problem, kept[index], state, mode.running) if kept is not None and hurried else None
        choices = tried(problem, index, state, mode, which)
        if len(choices) == 1:
            done.append(choices[0])
            state, mode = choices[0].outcome.after, choices[0].mode
            continue
        rows = rows_of(tables[index + 1])
        if index == 0 and first is not None:
            choices = [choices[first]]
        best, least_usd = best_of(problem, rows, choices)
        if index == 0 and change_usd != 0.0 and len(choices) > 1:
            best = _calm(problem, rows, choices, change_usd, best, least_usd)
        done.append(decided(problem, rows, mode, best))
        state, mode = best.outcome.after, best.mode
    return done


def _calm(
    problem: Problem, rows: list[memoryview], choices: list[Taken], change_usd: float, best: Taken, least_usd: float
) -> Taken:
    """The best choice that keeps to the plan in force, unless changing saves more than it costs."""
    should_run = change_usd > 0.0
    if best.runs == should_run:
        return best
    kept = [taken for taken in choices if taken.runs == should_run]
    totals = [taken.cost_usd + behind_usd(problem, rows, taken) for taken in kept]
    cheapest = min(range(len(kept)), key=totals.__getitem__)
    return kept[cheapest] if totals[cheapest] - least_usd <= abs(change_usd) else best
