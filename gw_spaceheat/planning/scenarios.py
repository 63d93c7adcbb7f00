"""Uncertain prices and weather: the first action is common to all scenarios, what follows is known and differs."""

from dataclasses import dataclass, replace

from gw_spaceheat.errors import BadInput
from gw_spaceheat.planning.actions import Action, Water
from gw_spaceheat.planning.case import PlanningCase, Scenario
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.problem import problem_of
from gw_spaceheat.planning.roll_out import behind_usd, rows_of, tried
from gw_spaceheat.planning.solve import Solution, mode_now, solve


@dataclass(frozen=True, slots=True)
class ScenarioPlan:
    """The plan on the case's own series with the common first action, and what uncertainty did to that action."""

    solution: Solution
    first_action: int
    """Cheapest in expectation."""
    certain_action: int
    """What the case's own series alone would have made of it."""
    expected_usd: tuple[float, ...]
    """Expected cost to the end of each first action."""
    per_scenario: tuple[Solution, ...]
    """Each scenario's solution after the common first action."""

    @property
    def plan(self) -> Plan:
        return self.solution.plan

    @property
    def changed(self) -> bool:
        """Whether the uncertainty changes what is done first."""
        return self.first_action != self.certain_action

    @property
    def worth_usd(self) -> float:
        """What looking at the scenarios saves on average, against acting on the case's own series."""
        return self.expected_usd[self.certain_action] - self.expected_usd[self.first_action]


def plan_scenarios(case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS) -> ScenarioPlan:
    """Expected cost over the case's scenarios. The first step's price and weather are the case's own in all of them."""
    if not case.scenarios:
        raise BadInput("planning case: has no scenarios")
    certain = solve(case, options)
    solved = [solve(_in_scenario(case, scenario), options) for scenario in case.scenarios]
    totals = [_first_costs_usd(case, one) for one in solved]
    expected = [
        sum(scenario.probability * total[action] for scenario, total in zip(case.scenarios, totals, strict=True))
        for action in range(len(totals[0]))
    ]
    certain_action = certain.plan.steps[0].action
    first = min(range(len(expected)), key=expected.__getitem__)
    if expected[certain_action] - expected[first] < 1e-9:
        first = certain_action
    own = certain if first == certain_action else solve(case, options, first)
    after = tuple(solve(_in_scenario(case, scenario), options, first) for scenario in case.scenarios)
    return ScenarioPlan(own, first, certain_action, tuple(expected), after)


def _in_scenario(case: PlanningCase, scenario: Scenario) -> PlanningCase:
    """The case with the scenario's series after the first step."""
    changed = {}
    for name in ("price_usd_per_mwh", "outdoor_c", "wind_m_per_s"):
        series, own = getattr(scenario, name), getattr(case, name)
        if series is not None:
            changed[name] = series.copy()
            if own is not None:
                changed[name][0] = own[0]
    return replace(case, scenarios=(), **changed)


def _first_costs_usd(case: PlanningCase, solution: Solution) -> list[float]:
    """Cost of each first action and of the best that can follow in this scenario."""
    problem, tables = solution.problem, solution.tables
    rows = rows_of(tables[1])
    choices = tried(problem, 0, problem.start, mode_now(case, problem))
    return [taken.cost_usd + behind_usd(problem, rows, taken) for taken in choices]


def first_actions(case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS) -> tuple[str, ...]:
    """Names of the actions that `ScenarioPlan` counts by index, no two alike."""
    return tuple(_name(action) for action in problem_of(case, options).actions)


def _name(action: Action) -> str:
    words = [action.rung.name.lower(), ("hold", "coast", "preheat")[action.target]]
    if action.water is not Water.USUAL:
        words.append(action.water.name.lower())
    return ", ".join([*words, "element"] if action.boost else words)
