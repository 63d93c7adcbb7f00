"""The compiled backward pass: the same tables as NumPy's, for every kind of house and step."""

import random
from dataclasses import replace

import numpy as np
import pytest

from gw_spaceheat.planning import value
from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.parameters import parameters_of
from gw_spaceheat.planning.problem import problem_of
from gw_spaceheat.planning.solve import make_plan
from tests.planning.houses import WATER, case_at, dear_by_day, with_pump
from tests.planning.test_solve import odd_case

pytestmark = pytest.mark.timeout(300)

COARSE = PlannerOptions(level_nodes=24)
SINGLE = 1e-5
"""What single precision leaves over hundreds of steps; the plans agree more closely."""


def worst_difference(case: PlanningCase, options: PlannerOptions) -> float:
    """Of the tables, and of what the actions cost that both call best, relative to the greatest value of a table."""
    from gw_spaceheat.planning import compiled

    problem = problem_of(case, options)
    ours, theirs = list[value.Candidates](), list[value.Candidates]()
    tables = value.backward(problem, kept=ours)
    worst = 0.0
    for one, other in zip(tables, compiled.backward(problem, kept=theirs), strict=True):
        worst = max(worst, float(np.abs(one - other).max() / (1.0 + np.abs(one).max())))
    idle = problem.idle
    for step, other in zip(ours, theirs, strict=True):
        assert isinstance(step, value.CostsAtNodes) and isinstance(other, compiled.BestAtNodes)
        groups = (step.costs[:idle], step.costs[idle:], step.costs)
        for costs, best, first in zip(groups, other.best.astype(int), (0, idle, 0), strict=True):
            regret = np.take_along_axis(costs, best[np.newaxis] - first, axis=0)[0] - costs.min(axis=0)
            worst = max(worst, float(regret.max() / (1.0 + np.abs(costs.min(axis=0)).max())))
    return worst


@pytest.mark.parametrize("minutes", [(60,) * 48, (15,) * 96, (5,) * 60, (5,) * 12 + (15,) * 8 + (60,) * 24])
def test_tables_agree(minutes: tuple[int, ...]) -> None:
    edges = np.cumsum([0, *minutes[:-1]]) // 60
    case = case_at(minutes, [dear_by_day(48)[hour] for hour in edges.tolist()])
    assert worst_difference(case, PlannerOptions()) < SINGLE


def test_tables_agree_for_odd_cases() -> None:
    rng = random.Random(20261121)
    worst = [worst_difference(odd_case(rng), COARSE) for _ in range(60)]
    assert max(worst) < 2e-5


def test_sharp_thermocline_and_rests_agree() -> None:
    parameters = with_pump(parameters_of(WATER, movable=True), leaving_choice=True, minimum_off_s=900.0)
    sharp = replace(parameters, emitters=replace(parameters.emitters, return_c=29.0))
    assert worst_difference(case_at((5,) * 24, parameters=sharp), COARSE) < SINGLE


def test_plans_agree() -> None:
    case = case_at((15,) * 96, [price for price in dear_by_day(24) for _ in range(4)])
    usual, quick = make_plan(case), make_plan(case, PlannerOptions(compiled=True))
    assert quick.objective_usd == pytest.approx(usual.objective_usd, rel=1e-6)
    assert [step.action for step in quick.steps] == [step.action for step in usual.steps]
