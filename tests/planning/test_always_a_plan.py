"""Never without a plan: anything a house, a probe or a market can come up with, planned as it is delivered."""

import math
import random
import time
from dataclasses import replace

import numpy as np
import pytest

from gw_spaceheat.house.model import HeatPump
from gw_spaceheat.planning.bound.lower_bound import OPTIMAL, lower_bound
from gw_spaceheat.planning.case import Commitment, DemandCharge, PlanningCase, Scenario, StateNow
from gw_spaceheat.planning.documents.plan_json import PlanJson, plan_json
from gw_spaceheat.planning.model.parameters import BoilerParameters, parameters_of
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.plan_case import plan_and_bid, plan_case
from tests.planning.test_solve import HOUSES, energy_error_kwh

BOUND_EACH = 50
LONGEST_S = 1.0
"""Processor seconds of one of the odd cases, which are small: fifty times what it takes."""


def odd_case(rng: random.Random) -> PlanningCase:
    """Anything a house, a probe or a market can come up with."""
    minutes = rng.choice([(60,) * 23, (60,) * 25, (15,) * 8 + (60,) * 6, (5,) * 12, (60,), (7, 13, 240)])
    gap = [math.nan] if rng.random() < 0.3 else []
    outdoor = [rng.choice([rng.uniform(-45.0, 40.0), *gap]) for _ in minutes]
    price = [rng.choice([rng.uniform(-200.0, 400.0), 10_000.0, 0.0, *gap]) for _ in minutes]
    layers = rng.choice([0, 1, 4, 12])
    state = StateNow(
        tuple(rng.choice([rng.uniform(2.0, 99.0), *gap]) for _ in range(layers)),
        rng.choice([None, 8.0, 99.0, math.nan]),
        rng.choice([None, 8.0, 20.0, 31.0]),
        rng.random() < 0.5,
        -rng.uniform(0.0, 1000.0),
    )
    plumbing = rng.choice(list(HOUSES.values()))
    if plumbing.heat_pump is not None and rng.random() < 0.3:
        plumbing = plumbing.model_copy(update={"heat_pump": HeatPump(nameplate_w=900.0, rated_heat_w=1500.0)})
    parameters = parameters_of(plumbing, rng.random() < 0.5)
    if rng.random() < 0.2:
        parameters = replace(parameters, boiler=BoilerParameters(rng.uniform(1.0, 15.0), 0.85, 0.1))
    if rng.random() < 0.2 and parameters.heat_pump is not None:
        parameters = replace(parameters, heat_pump=replace(parameters.heat_pump, leaving_choice=True))
    case = PlanningCase(0.0, minutes, np.array(outdoor), np.array(price), parameters, state)
    if rng.random() < 0.2:
        case = replace(case, commitments=(Commitment(0.0, 3600.0, rng.uniform(0.0, 12.0)),))
    if rng.random() < 0.2:
        case = replace(case, setpoint_c=np.array([rng.choice([rng.uniform(10.0, 26.0), *gap]) for _ in minutes]))
    return case


def demanding_case(rng: random.Random, before: Plan | None) -> PlanningCase:
    """An odd case with what only a whole case has: wind, a plan in force, and scenarios or a demand charge."""
    case = odd_case(rng)
    count = len(case.step_minutes)
    if rng.random() < 0.2:
        windy = replace(case.parameters, load=replace(case.parameters.load, wind_kw_per_k_m_s=0.003))
        wind = np.array([rng.choice([rng.uniform(0.0, 30.0), math.nan]) for _ in range(count)])
        case = replace(case, parameters=windy, wind_m_per_s=rng.choice([None, wind]))
    if before is not None and rng.random() < 0.3:
        case = replace(case, previous=before)
    kind = rng.random()
    if kind < 0.1:
        return replace(case, demand_charge=DemandCharge(rng.choice([0.0, 5.0, 100.0]), rng.choice([0.0, 2.0, 50.0])))
    if kind < 0.25:
        prices = np.array([rng.uniform(-200.0, 1000.0) for _ in range(count)])
        outdoor = np.array([rng.choice([rng.uniform(-40.0, 10.0), math.nan]) for _ in range(count)])
        futures = (Scenario(0.25, price_usd_per_mwh=prices), Scenario(0.75, outdoor_c=outdoor))
        return replace(case, scenarios=futures)
    return case


@pytest.mark.filterwarnings("error")
def test_always_a_plan() -> None:
    check_odd_cases(20260101, 500)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(20))
def test_always_a_plan_ten_thousand_times(seed: int) -> None:
    check_odd_cases(seed, 500)


def check_odd_cases(seed: int, count: int) -> None:
    """Never an exception, an empty plan or a long wait; energy conserved, what is not met is said. Prints its seed.

    Plan and bid as they are delivered, written as JSON and read back; of every fiftieth also the lower bound.
    """
    rng, longest_s = random.Random(seed), 0.0
    options = PlannerOptions(level_nodes=24)
    plan: Plan | None = None
    for number in range(count):
        case = demanding_case(rng, plan)
        began_s = time.process_time()
        planned = plan_case(case, options)
        plan, bid = plan_and_bid(planned)
        longest_s = max(longest_s, time.process_time() - began_s)
        written = plan_json(plan, scenarios=planned.scenarios).model_dump_json()
        assert len(PlanJson.model_validate_json(written).built().steps) == len(case.step_minutes), number
        if bid is not None:
            bought_kw = [point.average_kw for point in bid.points]
            assert bought_kw == sorted(bought_kw, reverse=True), number
        if number % BOUND_EACH == 0 and not case.scenarios:
            bound = lower_bound(case, options, segment_k=6.0)
            least_usd = bound.objective_usd if bound.status == OPTIMAL else math.inf
            assert min(plan.objective_usd, planned.solution.plan.objective_usd) >= least_usd - 1e-4 * (
                1.0 + abs(least_usd)
            ), number
        moved = sum(abs(step.store_heat_kwh) + step.store_loss_kwh for step in plan.steps)
        assert energy_error_kwh(plan) <= 0.001 * abs(moved) + 1e-6, number
        nameplate_kw = case.parameters.greatest_electric_kw
        for step in plan.steps:
            assert math.isfinite(step.cost_usd) and math.isfinite(step.store_top_c), number
            assert -1e-9 <= step.hp_electric_kwh <= nameplate_kw * step.minutes / 60.0 + 1e-6, number
            assert step.reason, number
            assert step.unserved_kwh < 0.006 or step.unmet, number
    print(f"seed {seed}: {count} cases, the longest took {longest_s:.3f} s")
    assert longest_s < LONGEST_S
