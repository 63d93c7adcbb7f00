"""Uncertain prices and weather: one market slot is common to all scenarios, what follows is known then and differs.

The common part is what is decided now: to the end of the slot the case's bid is for, whatever its steps' lengths. In it
price and weather are the case's own. Behind it lies the mean of the scenarios' costs-to-go, so the common part is a
programme of its own, with that mean as its end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gw_spaceheat.errors import BadInput
from gw_spaceheat.planning.actions import Action, Water
from gw_spaceheat.planning.bid import market_slot
from gw_spaceheat.planning.case import PlanningCase, Scenario
from gw_spaceheat.planning.grid import CORNERS, Grid, Table
from gw_spaceheat.planning.model.maths import Floats
from gw_spaceheat.planning.model.transition import State
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.problem import Problem, problem_of
from gw_spaceheat.planning.roll_out import Taken, behind_usd, best_of, rows_of, tried
from gw_spaceheat.planning.solve import Solution, continued, mode_now, solve, tables_of

SAME_S = 1.0
LEAST_WORTH_USD = 1e-9
"""Less is rounding."""


@dataclass(frozen=True, slots=True)
class ScenarioPlan:
    """The plan on the case's own series with the common part, and what uncertainty did to it."""

    solution: Solution
    first_action: int
    """Cheapest in expectation."""
    certain_action: int
    """What the case's own series alone would have made of it."""
    expected_usd: tuple[float, ...]
    """Expected cost to the end of each first action and the best common part after it."""
    per_scenario: tuple[Solution, ...]
    """Each scenario's solution after the common part."""
    changed: bool
    """Whether the uncertainty changes what is done in the common part."""
    worth_usd: float
    """What looking at the scenarios saves on average, against acting on the case's own series in the common part."""

    @property
    def plan(self) -> Plan:
        return self.solution.plan


def plan_scenarios(case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS) -> ScenarioPlan:
    """Expected cost over the case's scenarios. Price and weather of the common part are the case's own in all of them.

    Raises BadInput where the case has no scenarios.
    """
    if not case.scenarios:
        raise BadInput("planning case: has no scenarios")
    common = common_steps(case)
    certain = solve(case, options)
    futures = [solve(_in_scenario(case, scenario, common), options) for scenario in case.scenarios]
    shares = [scenario.probability for scenario in case.scenarios]
    end = _end_of(futures, shares)
    tables = _common_tables(certain, futures, shares, common, options)
    own = certain.taken[:common]
    ways = [_cheapest_way(certain, common, tables, end, first) for first in range(len(certain.problem.actions))]
    expected = [_cost_usd(way, end) for way in ways]
    own_usd, certain_action = _cost_usd(own, end), certain.plan.steps[0].action
    expected[certain_action] = min(expected[certain_action], own_usd)
    first = min(range(len(expected)), key=expected.__getitem__)
    worth_usd = own_usd - expected[first]
    changed = worth_usd >= LEAST_WORTH_USD
    way = ways[first] if changed else own
    return ScenarioPlan(
        solution=continued(certain, way) if changed else certain,
        first_action=first if changed else certain_action,
        certain_action=certain_action,
        expected_usd=tuple(expected),
        per_scenario=tuple(continued(future, way) for future in futures),
        changed=changed,
        worth_usd=worth_usd if changed else 0.0,
    )


def common_steps(case: PlanningCase) -> int:
    """So many of the case's first steps are decided before it is known which scenario comes true."""
    slot = market_slot(case) or market_slot(replace(case, commitments=()))
    ends_s = case.start_s + 60.0 * np.cumsum(case.step_minutes)
    end_s = float(ends_s[0]) if slot is None else slot[1]
    return int(np.searchsorted(ends_s, end_s - SAME_S)) + 1


def _in_scenario(case: PlanningCase, scenario: Scenario, common: int) -> PlanningCase:
    """The case with the scenario's series after the common part."""
    changed = {}
    for name in ("price_usd_per_mwh", "outdoor_c", "wind_m_per_s"):
        series, own = getattr(scenario, name), getattr(case, name)
        if series is not None:
            changed[name] = series.copy()
            if own is not None:
                changed[name][:common] = own[:common]
    return replace(case, scenarios=(), **changed)


def _end_of(futures: Sequence[Solution], shares: Sequence[float]) -> Callable[[Taken], float]:
    """Mean cost-to-go (USD) behind a common part that ends with the given step."""

    def end_usd(last: Taken) -> float:
        costs = (behind_usd(one.problem, rows_of(one.tables[last.step + 1]), last) for one in futures)
        return sum(share * usd for share, usd in zip(shares, costs, strict=True))

    return end_usd


def _common_tables(
    certain: Solution, futures: Sequence[Solution], shares: Sequence[float], common: int, options: PlannerOptions
) -> list[Table]:
    """Cost-to-go inside the common part, on the grid of the case's own series."""
    if common == 1:
        return certain.tables
    problem = certain.problem
    level, spread = (np.tile(nodes, 3) for nodes in problem.nodes)
    nodes = State(level, spread, np.repeat(problem.grid.house_nodes(), problem.nodes[0].size))
    last: Table = np.zeros((2, problem.grid.size), dtype=np.float32)
    for one, share in zip(futures, shares, strict=True):
        last += np.float32(share) * _read(one.problem.grid, one.tables[common][:2], nodes)
    return tables_of(_beginning(problem, common), options, last=last)


def _read(grid: Grid, table: Table, states: State[Floats]) -> Table:
    """The table's rows at states that need not be its nodes; shape (rows, states)."""
    weights: Table = np.empty((states.level.size, CORNERS), dtype=np.float32)
    cells = grid.weigh(states, weights)
    values: Table = (table[:, cells[:, np.newaxis] + np.array(grid.offsets)] * weights).sum(axis=2)
    return values


def _beginning(problem: Problem, steps: int) -> Problem:
    """The problem's first steps alone."""
    horizon = problem.horizon
    return replace(
        problem,
        heats=problem.heats[:steps],
        alike=problem.alike[:steps],
        times=problem.times[:steps],
        horizon=replace(horizon, price_usd_per_kwh=horizon.price_usd_per_kwh[:steps]),
    )


def _cheapest_way(
    solution: Solution, common: int, tables: list[Table], end: Callable[[Taken], float], first: int
) -> list[Taken]:
    """The common part that begins with the given action; `tables` inside it, `end` behind it."""
    problem, way = solution.problem, list[Taken]()
    state, mode = problem.start, mode_now(solution.case, problem)
    for index in range(common):
        choices = tried(problem, index, state, mode, [first] if index == 0 else None)
        if index + 1 == common:
            totals = [taken.cost_usd + end(taken) for taken in choices]
            best = choices[min(range(len(choices)), key=totals.__getitem__)]
        else:
            best, _ = best_of(problem, rows_of(tables[index + 1]), choices)
        way.append(best)
        state, mode = best.outcome.after, best.mode
    return way


def _cost_usd(way: Sequence[Taken], end: Callable[[Taken], float]) -> float:
    """What a common part costs, with what is to be expected behind it."""
    return sum(taken.cost_usd for taken in way) + end(way[-1])


def first_actions(case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS) -> tuple[str, ...]:
    """Names of the actions that `ScenarioPlan` counts by index, no two alike."""
    return tuple(_name(action) for action in problem_of(case, options).actions)


def _name(action: Action) -> str:
    words = [action.rung.name.lower(), ("hold", "coast", "preheat")[action.target]]
    if action.water is not Water.USUAL:
        words.append(action.water.name.lower())
    return ", ".join([*words, "element"] if action.boost else words)
