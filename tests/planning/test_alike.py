"""Steps of like weather share what is dear to work out: fewer of them, at no cost worth naming."""

from dataclasses import replace

import numpy as np
import pytest

from gw_spaceheat.planning.model.heat_load import alike_steps
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.problem import problem_of
from gw_spaceheat.planning.solve import solve, terminal_usd
from tests.planning.houses import random_winter

EXACT = PlannerOptions(alike_k=0.0)


def test_alike_steps_cost_nothing() -> None:
    rng, spent, best, same = np.random.default_rng(11), 0.0, 0.0, 0
    for _ in range(20):
        case = random_winter(rng)
        exact, alike = solve(case, EXACT), solve(case)
        assert len(set(alike.problem.alike)) < 0.7 * len(set(exact.problem.alike))
        end_usd = terminal_usd(exact.problem, exact.tables, alike.taken[-1])
        spent += alike.plan.objective_usd + alike.plan.terminal_value_usd - end_usd
        best += exact.plan.objective_usd
        same += alike.plan.steps[0].action == exact.plan.steps[0].action
    print(f"dearer by {100.0 * (spent / best - 1.0):.3f} %, first action the same in {same} of 20")
    assert abs(spent / best - 1.0) < 0.002
    assert same >= 19


def test_the_mean_of_the_weather_is_kept() -> None:
    case = random_winter(np.random.default_rng(3))
    windy = replace(
        case, parameters=replace(case.parameters, load=replace(case.parameters.load, wind_kw_per_k_m_s=0.004))
    )
    windy = replace(windy, wind_m_per_s=np.linspace(0.0, 15.0, 48))
    horizon = problem_of(windy, EXACT).horizon
    alike = alike_steps(horizon, windy.parameters.load, 0.5)
    assert np.abs(alike.outdoor_c - horizon.outdoor_c).max() < 0.5
    assert np.abs(alike.load_kw - horizon.load_kw).max() < 0.25
    assert alike.outdoor_c.mean() == pytest.approx(horizon.outdoor_c.mean())
    assert alike.load_kw.mean() == pytest.approx(horizon.load_kw.mean())
    assert np.array_equal(alike.price_usd_per_kwh, horizon.price_usd_per_kwh)


def test_what_is_asked_for_is_never_averaged() -> None:
    case = replace(random_winter(np.random.default_rng(4)), setpoint_c=np.linspace(17.0, 21.0, 48))
    problem = problem_of(case, PlannerOptions(alike_k=50.0))
    asked = [step.setpoint_k for step in problem.heats]
    assert [step.setpoint_k for step in problem.alike] == asked
