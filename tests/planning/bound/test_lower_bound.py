"""The lower bound: never above what the planner finds, and near it where the relaxation gives nothing away."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gw_spaceheat.planning.bound.lower_bound import OPTIMAL, lower_bound
from gw_spaceheat.planning.case import Commitment, DemandCharge, PlanningCase, StateNow
from gw_spaceheat.planning.model.parameters import (
    BoilerParameters,
    BoostParameters,
    BufferParameters,
    CarnotCop,
    HeatPumpParameters,
    HouseSlack,
    LinearCop,
    LoadLine,
    MeltingParameters,
    PlannerParameters,
    StoreParameters,
    quadratic_curve,
    tank_kwh_per_k,
)
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.plan_case import plan_and_bid, plan_case
from gw_spaceheat.planning.solve import make_plan
from tests.planning.golden import EASY, GAP_EASY, HARD, HOUSE, case_of

SEEDS = 100


@pytest.mark.parametrize("name", EASY)
def test_golden_case_is_within_two_percent_of_the_bound(name: str) -> None:
    plan, bound = make_plan(EASY[name]), lower_bound(EASY[name])
    assert bound.status == OPTIMAL
    assert bound.objective_usd <= plan.objective_usd + 1e-5 * (1.0 + abs(plan.objective_usd))
    assert bound.gap_share(plan) <= GAP_EASY, f"{name}: {bound.gap_share(plan):.4f}"


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
def test_hard_golden_case_is_reported(name: str) -> None:
    plan, bound = make_plan(HARD[name]), lower_bound(HARD[name])
    print(
        f"{name}: plan {plan.objective_usd:.3f} USD, bound {bound.objective_usd:.3f}, gap {bound.gap_share(plan):.3f}"
    )
    assert bound.status == OPTIMAL
    assert bound.objective_usd <= plan.objective_usd + 1e-5 * (1.0 + abs(plan.objective_usd))


def random_parameters(chance: random.Random) -> PlannerParameters:
    """Any kind of house: water, melting or no store, heat pump, element or both, boiler, movable thermostats."""
    kind = chance.choice(["water", "water", "element", "melting", "no store", "both", "choice", "movable", "boiler"])
    loss_kw_per_k = chance.uniform(0.1, 0.3)
    linear = LinearCop(2.5, 0.03, chance.choice([0.0, -0.01]))
    pump = HeatPumpParameters(
        rated_heat_kw=chance.uniform(5.0, 14.0),
        greatest_electric_kw=chance.uniform(3.0, 8.0),
        cop=linear if chance.random() < 0.5 else CarnotCop(),
        lift_k=chance.choice([5.0, 8.0]),
        minimum_modulation=chance.choice([0.2, 0.4]),
        leaving_choice=kind == "choice",
    )
    store = StoreParameters(
        tank_kwh_per_k(chance.uniform(300.0, 2000.0)),
        chance.uniform(0.0, 0.03),
        maximum_c=85.0 if kind in ("element", "both") else 75.0,
        melting=MeltingParameters(50.0, 54.0, 20.0) if kind == "melting" else None,
    )
    middle = (chance.uniform(35.0, 48.0), 4.0)
    return PlannerParameters(
        load=LoadLine(loss_kw_per_k * 20.0 - 0.3, -loss_kw_per_k),
        emitters=quadratic_curve(25.0, middle, (60.0, 9.0), chance.uniform(4.0, 12.0)),
        house=HouseSlack(chance.uniform(1.0, 8.0), movable=kind == "movable"),
        heat_pump=None if kind == "element" else pump,
        store=None if kind == "no store" else store,
        buffer=BufferParameters(tank_kwh_per_k(150.0), 0.002) if kind not in ("no store", "element") else None,
        boost=BoostParameters(chance.uniform(3.0, 9.0)) if kind in ("element", "both") else None,
        boiler=BoilerParameters(8.0, 0.85, chance.uniform(0.05, 0.2)) if kind == "boiler" else None,
    )


def random_case(chance: random.Random) -> PlanningCase:
    """Mixed steps, negative prices, stores cold to boiling, houses off their target, commitments."""
    minutes = tuple(chance.choice([15, 30, 60]) for _ in range(chance.choice([4, 8, 12])))
    steps, start_s = len(minutes), 1.6e9
    middle_c, top_c, over_k = chance.uniform(-20.0, 12.0), chance.uniform(20.0, 80.0), chance.uniform(0.0, 12.0)
    parameters = random_parameters(chance)
    layers = (top_c, top_c - over_k / 2.0, top_c - over_k) if parameters.store is not None else ()
    setpoints = np.array([chance.choice([19.0, 20.0, 21.0]) for _ in minutes])
    return PlanningCase(
        start_s,
        minutes,
        np.array([middle_c + chance.uniform(-3.0, 3.0) for _ in minutes]),
        np.array([chance.choice([chance.uniform(-100.0, 400.0), 100.0]) for _ in range(steps)]),
        parameters,
        StateNow(layers, top_c, 20.0 + chance.choice([0.0, 0.0, -0.4, 0.7, -6.0, 3.0]), chance.random() < 0.5, start_s),
        setpoint_c=setpoints if chance.random() < 0.3 else None,
        commitments=(Commitment(start_s, start_s + 3600.0, chance.uniform(0.0, 4.0)),) if chance.random() < 0.2 else (),
        demand_charge=DemandCharge(0.5, 1.0) if chance.random() < 0.2 else None,
    )


def sharp(case: PlanningCase, return_c: float) -> PlanningCase:
    """The case with water that always comes back equally cold."""
    parameters = case.parameters
    return replace(case, parameters=replace(parameters, emitters=replace(parameters.emitters, return_c=return_c)))


@pytest.mark.parametrize("returns", ["as the emitters cool it", "equally cold"])
def test_bound_is_never_above_the_plan(returns: str) -> None:
    above = []
    for seed in range(SEEDS if returns != "equally cold" else SEEDS // 2):
        case = random_case(random.Random(seed))
        if returns == "equally cold":
            case = sharp(case, 20.0 + seed % 5 * 4.0)
        planned, bound = plan_case(case), lower_bound(case, segment_k=6.0)
        # Also of the plan as the bid buys its slot.
        least_usd = min(plan.objective_usd for plan in (planned.solution.plan, plan_and_bid(planned)[0]))
        if bound.status != OPTIMAL or bound.objective_usd > least_usd + 1e-5 * (1.0 + abs(least_usd)):
            above.append((seed, bound.status, least_usd, bound.objective_usd))
    assert not above, f"(seed, status, plan, bound): {above}"


def test_finer_segments_give_no_lower_bound_on_a_leaving_dependent_cop() -> None:
    case = case_of(replace(HOUSE, heat_pump=replace(HOUSE.heat_pump or HeatPumpParameters(11.0, 7.0), cop=CarnotCop())))
    coarse, fine = lower_bound(case, segment_k=8.0), lower_bound(case, segment_k=3.0)
    assert fine.objective_usd >= coarse.objective_usd
    assert fine.objective_usd <= make_plan(case).objective_usd


def test_cost_is_comparable_with_the_plans_own() -> None:
    # Comfort so dear that not even the last hour is worth a cooler house.
    case, options = EASY["no-store-flat-price"], PlannerOptions(below_setpoint_usd_per_k_h=0.5)
    plan, bound = make_plan(case, options), lower_bound(case, options)
    # Without a store and at one price there is nothing to decide.
    assert bound.cost_usd(plan) == pytest.approx(plan.total_cost_usd, rel=1e-6)
    assert bound.gap_share(plan) == pytest.approx(0.0, abs=1e-6)


def test_without_a_price_below_nothing_no_plan_costs_less_than_nothing() -> None:
    # Far too small a heat pump: the comfort it misses is worth more than all it pays.
    small = replace(HOUSE, heat_pump=HeatPumpParameters(1.0, 0.5))
    cold = case_of(small, outdoor_c=-6.0, swing_k=0.0, store_c=(50.0, 45.0, 40.0))
    bound, plan = lower_bound(cold), make_plan(cold)
    assert plan.total_cost_usd - bound.gap_usd(plan) < 0.0 <= bound.cost_usd(plan) <= plan.total_cost_usd
    paid = replace(cold, price_usd_per_mwh=np.where(np.arange(48) < 2, -50.0, 100.0))
    assert lower_bound(paid).least_cost_usd == pytest.approx(-0.05)


def test_every_golden_case_stands_in_the_document() -> None:
    document = Path(__file__).resolve().parents[3] / "docs" / "planning_bound.md"
    rows = [line.split("|") for line in document.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(EASY) + len(HARD)
    met = {row[1].strip(): row[5].strip() == "yes" for row in rows[1:]}
    assert met == dict.fromkeys(EASY, True) | dict.fromkeys(HARD, False)
