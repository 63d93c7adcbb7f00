"""Each thing the planner can weigh, shown to change the plan as it should."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.planning.case import Commitment, DemandCharge, Scenario
from gw_spaceheat.planning.cost_to_go import Candidates, backward, prepare
from gw_spaceheat.planning.demand_charge import solve_with_demand_charge
from gw_spaceheat.planning.documents.plan_json import plan_json
from gw_spaceheat.planning.model.maths import SCALARS
from gw_spaceheat.planning.model.parameters import BoilerParameters, BoostParameters, parameters_of
from gw_spaceheat.planning.model.transition import State
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.plan_case import plan_and_bid, plan_case
from gw_spaceheat.planning.problem import problem_of
from gw_spaceheat.planning.roll_out import Mode, roll_out, tried
from gw_spaceheat.planning.scenarios import first_actions, plan_scenarios
from gw_spaceheat.planning.solve import make_plan, mode_now, put_together
from tests.planning.houses import COLD, WARM, WATER, case_at, dear_by_day, pump_of, with_pump

HOURS = (60,) * 24
MOVABLE = parameters_of(WATER, movable=True)


def running(plan: Plan) -> list[bool]:
    return [step.hp_electric_kwh > 1e-6 for step in plan.steps]


def test_plain_floats_and_arrays_do_the_same() -> None:
    everything = with_pump(
        replace(MOVABLE, boost=BoostParameters(2.0), boiler=BoilerParameters(3.0, 0.9, 0.1)), leaving_choice=True
    )
    problem = problem_of(case_at((60, 15, 5), parameters=everything), DEFAULT_OPTIONS)
    grid = problem.grid
    level, spread = grid.store_nodes()
    rng = random.Random(7)
    weights = np.empty((len(problem.actions) * grid.size, 8), dtype=np.float32)
    for index in range(3):
        prepared = prepare(problem, problem.heats[index], index, weights)
        for _ in range(40):
            house, node = rng.randrange(3), rng.randrange(level.size)
            state = State(float(level[node]), float(spread[node]), float(grid.house_nodes()[house]))
            place = house * level.size + node
            for number, taken in enumerate(tried(problem, index, state, Mode(True))):
                assert prepared.electric_kwh[number, place] == pytest.approx(taken.outcome.electric_kwh, abs=1e-4)
                after = taken.outcome.after
                row = memoryview(grid_values(grid.house_nodes(), level, spread))
                cell = int(prepared.cells[number * grid.size + place]) % grid.size
                found = sum(
                    float(weight) * row[cell + offset]
                    for weight, offset in zip(prepared.weights[number * grid.size + place], grid.offsets, strict=True)
                )
                assert found == pytest.approx(grid.value(row, after.level, after.spread, after.house_k), abs=2e-3)


def grid_values(house: np.ndarray, level: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """A different smooth number at every node."""
    return np.concatenate([10.0 * place + 0.1 * level + spread for place in range(house.size)]).astype(np.float32)


def test_preheating_needs_thermostats_that_move() -> None:
    prices = dear_by_day(24)
    # Where there is a store, it is the better one: a warm house loses more.
    bare = replace(parameters_of(WATER), store=None, buffer=None)
    fixed = make_plan(case_at(HOURS, prices, parameters=bare))
    moved = make_plan(case_at(HOURS, prices, parameters=replace(bare, house=MOVABLE.house)))
    assert max(step.house_k for step in fixed.steps) <= 1e-9
    assert max(step.house_k for step in moved.steps) > 0.1
    assert moved.objective_usd < fixed.objective_usd


def test_setpoints_are_followed() -> None:
    case = case_at(HOURS)
    night = np.array([18.0] * 6 + [20.0] * 18)
    plan = make_plan(replace(case, setpoint_c=night))
    assert plan.steps[5].house_k < -1.0
    assert plan.steps[-1].house_k > -0.3


def test_house_at_eight_degrees_is_warmed_up() -> None:
    plan = make_plan(case_at((60,) * 48, state=replace(WARM, zone_c=8.0)))
    temperatures = [plan.start_house_k, *(step.house_k for step in plan.steps)]
    assert temperatures[0] == -12.0 and temperatures[24] > -4.0
    assert any(goal.startswith("below_setpoint_k=") for goal in plan.steps[0].unmet)


def test_start_gives_heat_after_its_delay() -> None:
    slow = with_pump(parameters_of(WATER), start_delay_s=240.0, start_usd=0.0)
    plan = make_plan(case_at((5,) * 12, -900.0, parameters=slow))
    full_kwh = plan.steps[2].hp_heat_kwh
    assert plan.steps[0].started
    assert plan.steps[0].hp_heat_kwh == pytest.approx(0.2 * full_kwh, rel=0.05)
    assert plan.steps[1].hp_heat_kwh > 0.9 * full_kwh


def test_minimum_run_over_short_steps() -> None:
    # One cheap step in a dear hour does not pay for a run of four steps; without the minimum run it does.
    prices = [400.0] * 6 + [-150.0] + [400.0] * 17
    longest = with_pump(parameters_of(WATER), minimum_on_s=1200.0, start_delay_s=0.0, start_usd=0.0)
    for parameters in (longest, with_pump(longest, minimum_on_s=0.0)):
        plan = make_plan(case_at((5,) * 24, prices, parameters=parameters))
        runs = [len(list(group)) for on, group in itertools.groupby(running(plan)) if on]
        assert running(plan)[6]
        assert (min(runs) >= 4) == (parameters is longest)


def test_minimum_off_over_short_steps() -> None:
    stopped = replace(COLD, heat_pump_on=False, heat_pump_since_s=-60.0)
    rests = with_pump(parameters_of(WATER), minimum_off_s=900.0)
    plan = make_plan(case_at((5,) * 12, -500.0, state=stopped, parameters=rests))
    assert running(plan)[:2] == [False, False]
    assert plan.steps[2].reason == "minimum_time_of_source" or running(plan)[3]


def test_accepted_slot_is_bought() -> None:
    case = case_at((15,) * 16, [400.0] * 4 + [500.0] * 4 + [400.0] * 8)
    free = make_plan(case)
    assert free.average_w(3600.0, 7200.0) < 500.0
    bound = make_plan(replace(case, commitments=(Commitment(3600.0, 7200.0, 2.4),)))
    assert bound.average_w(3600.0, 7200.0) == pytest.approx(2400.0, rel=0.02)
    nothing = make_plan(replace(case_at((15,) * 16, -200.0), commitments=(Commitment(0.0, 3600.0, 0.0),)))
    assert nothing.average_w(0.0, 3600.0) == 0.0
    too_much = make_plan(replace(case, commitments=(Commitment(0.0, 3600.0, 40.0),)))
    assert any(goal.startswith("commitment_missed_kwh=-") for goal in too_much.steps[0].unmet)
    with pytest.raises(BadInput, match="commitment"):
        Commitment(10.0, 10.0, 1.0)


def test_plan_in_force_is_kept_unless_it_costs() -> None:
    case = case_at(HOURS, [100.0, 100.5] * 12)
    plan = make_plan(case)
    again = make_plan(replace(case, previous=plan))
    assert running(again)[0] == running(plan)[0]
    stubborn = PlannerOptions(change_usd=5.0)
    other = replace(
        plan,
        steps=tuple(
            replace(step, hp_electric_kwh=0.0 if on else 2.0)
            for step, on in zip(plan.steps, running(plan), strict=True)
        ),
    )
    assert running(make_plan(replace(case, previous=other), stubborn))[0] != running(plan)[0]
    assert running(make_plan(replace(case, previous=other), PlannerOptions(change_usd=0.0)))[0] == running(plan)[0]


def test_boiler_takes_over_when_electricity_is_dear() -> None:
    oil = replace(parameters_of(WATER), boiler=BoilerParameters(12.0, 0.85, 0.1))
    plan = make_plan(case_at(HOURS, 900.0, state=COLD, parameters=oil))
    assert sum(step.boiler_heat_kwh for step in plan.steps) > 90.0
    assert {"boiler_cheaper"} == {step.reason for step in plan.steps}
    cheap = make_plan(case_at(HOURS, 60.0, state=COLD, parameters=oil))
    assert sum(step.boiler_heat_kwh for step in cheap.steps) < 1.0


def test_chosen_leaving_temperature_is_worth_something() -> None:
    prices = dear_by_day(24)
    fixed = make_plan(case_at(HOURS, prices, outdoor_c=-8.0, state=COLD))
    chosen = make_plan(
        case_at(
            HOURS, prices, outdoor_c=-8.0, state=COLD, parameters=with_pump(parameters_of(WATER), leaving_choice=True)
        )
    )
    assert chosen.objective_usd < fixed.objective_usd


def test_a_chosen_leaving_temperature_is_told() -> None:
    prices, fixed = dear_by_day(24), parameters_of(WATER)
    chosen = with_pump(fixed, leaving_choice=True)
    plan = make_plan(case_at(HOURS, prices, outdoor_c=-8.0, state=COLD, parameters=chosen))
    pump, asked = pump_of(chosen), [step.leaving_c for step in plan.steps]
    assert [one is not None for one in asked] == running(plan)
    known = [one for one in asked if one is not None]
    assert max(known) <= pump.maximum_leaving_c and max(known) > min(known) + 5.0
    # What was charged was made hot enough for the top it led to, but for the line that stands for layers.
    for step in plan.steps:
        assert step.leaving_c is None or step.store_heat_kwh <= 0.0 or step.leaving_c >= step.store_top_c - 2.0
    usual = make_plan(case_at(HOURS, prices, outdoor_c=-8.0, state=COLD, parameters=fixed))
    assert {step.leaving_c for step in usual.steps} == {None}


def test_demand_charge_flattens_the_plan() -> None:
    case = case_at(HOURS, dear_by_day(24, 150.0, 80.0))
    plain = make_plan(case)
    charged = solve_with_demand_charge(replace(case, demand_charge=DemandCharge(5.0, 1.0))).plan
    assert max(step.average_w for step in charged.steps) < max(step.average_w for step in plain.steps)
    assert charged.demand_charge_usd == pytest.approx(
        5.0 * max(0.0, max(step.average_w for step in charged.steps) / 1000.0 - 1.0)
    )
    assert solve_with_demand_charge(case).plan.objective_usd == plain.objective_usd


@pytest.mark.parametrize("minutes", [15, 60])
def test_a_demand_charge_asks_nothing_that_the_heat_pump_cannot_do(minutes: int) -> None:
    """One that nobody can turn down draws its power or nothing: a low average is a short run, and the next a start."""
    count = 24 * 60 // minutes
    case = case_at((minutes,) * count, outdoor_c=-8.0, state=COLD)
    pump = pump_of(case.parameters)
    assert not pump.leaving_choice
    plain = make_plan(case)
    powers_w = [step.average_w for step in plain.steps if step.hp_electric_kwh > 0.01]
    charged = solve_with_demand_charge(replace(case, demand_charge=DemandCharge(100.0))).plan
    assert max(step.average_w for step in charged.steps) < max(powers_w)
    least_share = min(1.0, pump.minimum_on_s / (60.0 * minutes))
    stopped = 0
    for before, step in itertools.pairwise(charged.steps):
        if step.hp_electric_kwh < 0.01:
            continue
        assert step.average_w > 0.9 * least_share * min(powers_w)
        # What ran for a part of a long step had stopped: what runs next has started.
        if minutes == 60 and before.hp_electric_kwh > 0.01 and before.average_w < 0.8 * min(powers_w):
            stopped += 1
            assert step.started
    assert minutes == 15 or stopped > 3


def test_capped_plans_are_judged_by_the_same_end() -> None:
    # A charge of nothing must change nothing, whatever the caps think heat is worth at the end.
    case = case_at(HOURS, dear_by_day(24, 150.0, 80.0))
    charged = solve_with_demand_charge(replace(case, demand_charge=DemandCharge(0.0, 0.0))).plan
    assert charged.objective_usd == pytest.approx(make_plan(case).objective_usd, abs=0.02)


def test_promising_actions_are_enough() -> None:
    for minutes in (HOURS, (15,) * 48, (5,) * 48):
        case = case_at(minutes, dear_by_day(24)[: len(minutes)] * (len(minutes) // 24))
        problem, candidates = problem_of(case, DEFAULT_OPTIONS), list[Candidates]()
        tables, mode = backward(problem, kept=candidates), mode_now(case, problem)
        every, some = (roll_out(problem, tables, mode, None, 0.0, kept) for kept in (None, candidates))
        totals = [put_together(case, problem, tables, taken).objective_usd for taken in (every, some)]
        assert totals[1] == pytest.approx(totals[0], rel=0.005, abs=0.005)


def test_uncertainty_changes_the_first_action() -> None:
    # In the middle a cheap night follows, so nothing is bought now; one chance in three it is dear as never before.
    case = case_at((60,) * 12, [120.0] + [100.0] * 11, outdoor_c=-10.0)
    spike = np.array([120.0] + [3000.0] * 11)
    case = replace(case, scenarios=(Scenario(2 / 3), Scenario(1 / 3, price_usd_per_mwh=spike)))
    found = plan_scenarios(case)
    assert found.changed and found.worth_usd > 0.1
    assert found.plan.steps[0].hp_electric_kwh > make_plan(case).steps[0].hp_electric_kwh
    assert len(first_actions(case)) == len(found.expected_usd)
    certain = plan_scenarios(replace(case, scenarios=(Scenario(0.5), Scenario(0.5))))
    assert not certain.changed and certain.worth_usd == 0.0
    with pytest.raises(BadInput, match="probabilities"):
        replace(case, scenarios=(Scenario(0.5),))


def test_uncertainty_is_worth_the_same_however_the_slot_is_cut() -> None:
    """Which future comes true is known after the market slot, not after its first step."""
    worth, bought_kwh = list[float](), list[float]()
    for slot in ((60,), (30, 30), (15,) * 4, (5,) * 12):
        count = len(slot)
        case = case_at((*slot, *(60,) * 11), [120.0] * count + [100.0] * 11, outdoor_c=-10.0)
        spike = np.array([120.0] * count + [3000.0] * 11)
        case = replace(case, scenarios=(Scenario(2 / 3), Scenario(1 / 3, price_usd_per_mwh=spike)))
        found = plan_scenarios(case)
        assert found.changed
        worth.append(found.worth_usd)
        bought_kwh.append(sum(step.hp_electric_kwh for step in found.plan.steps[:count]))
    assert min(worth) > 0.9 * max(worth), worth
    assert min(bought_kwh) > 0.85 * max(bought_kwh), bought_kwh


def test_the_order_of_the_scenarios_means_nothing() -> None:
    # The quarter hours of the slot have another price in each future: the case's own is the forecast.
    case = case_at((15,) * 4 + (60,) * 8)
    cheap, dear = np.array([100.0] + [20.0] * 3 + [300.0] * 8), np.array([100.0] + [400.0] * 3 + [60.0] * 8)
    futures = (Scenario(0.3, price_usd_per_mwh=cheap), Scenario(0.7, price_usd_per_mwh=dear))
    found = [plan_and_bid(plan_case(replace(case, scenarios=order))) for order in (futures, futures[::-1])]
    (plan, bid), (other_plan, other_bid) = found
    assert bid is not None and other_bid is not None
    assert bid.forecast_usd_per_mwh == other_bid.forecast_usd_per_mwh == pytest.approx(100.0)
    assert [point.average_kw for point in bid.points] == pytest.approx([p.average_kw for p in other_bid.points])
    for step, other in zip(plan.steps, other_plan.steps, strict=True):
        assert step.hp_electric_kwh == pytest.approx(other.hp_electric_kwh, abs=1e-9)


@pytest.mark.parametrize("movable", [False, True])
@pytest.mark.parametrize("choice", [False, True])
@pytest.mark.parametrize("boost", [None, BoostParameters(4.0)])
def test_each_first_action_has_a_name_of_its_own(movable: bool, choice: bool, boost: BoostParameters | None) -> None:
    parameters = with_pump(replace(parameters_of(WATER, movable), boost=boost), leaving_choice=choice)
    names = first_actions(case_at((60,) * 2, parameters=parameters))
    assert len(set(names)) == len(names)
    assert "full, hold" in names and "idle, hold" in names
    # As the plan's JSON keys them: one cost for each.
    case = case_at((60,) * 2, parameters=parameters)
    planned = plan_case(replace(case, scenarios=(Scenario(0.5), Scenario(0.5))))
    said = plan_json(planned.solution.plan, scenarios=planned.scenarios).uncertainty
    assert planned.scenarios is not None and said is not None
    assert len(said.expected_usd) == len(planned.scenarios.expected_usd) == len(names)


def test_longer_horizon_changes_the_first_hour_in_few_cases() -> None:
    rng = random.Random(20261121)
    changed, cases = 0, 60
    for _ in range(cases):
        mean_c, base, dear = rng.uniform(-15.0, 8.0), rng.uniform(40.0, 150.0), rng.uniform(100.0, 400.0)
        days = [dear_by_day(24, dear + base, base) for _ in range(3)]
        prices = [max(-50.0, rng.gauss(price, 15.0)) for price in itertools.chain(*days)]
        swing = rng.uniform(0.0, 6.0)
        outdoor = mean_c + swing * np.sin((np.arange(72) - 9.0) * np.pi / 12.0)
        top_c = rng.uniform(35.0, 65.0)
        state = replace(WARM, store_c=tuple(top_c - layer for layer in range(6)), buffer_c=top_c)
        shift = rng.randrange(24)
        turned = prices[shift:] + prices[:shift]
        short, long = (
            make_plan(replace(case_at((60,) * hours, turned[:hours], state=state), outdoor_c=outdoor[:hours]))
            for hours in (48, 72)
        )
        gap_w = abs(short.first_hour_average_w() - long.first_hour_average_w())
        changed += gap_w > 0.05 * 6000.0
    assert changed < 0.05 * cases


def test_mixed_steps_cost_what_even_ones_cost() -> None:
    prices = dear_by_day(24)
    even = make_plan(case_at(HOURS, prices))
    minutes = (5,) * 12 + (15,) * 44 + (60,) * 12
    hours = np.cumsum([0, *minutes[:-1]]) / 60.0
    mixed = make_plan(case_at(minutes, [prices[int(hour)] for hour in hours]))
    assert mixed.objective_usd == pytest.approx(even.objective_usd, rel=0.05)


def test_interpolation_meets_the_nodes() -> None:
    problem = problem_of(case_at(HOURS), DEFAULT_OPTIONS)
    grid = problem.grid
    level, spread = grid.store_nodes()
    values = grid_values(grid.house_nodes(), level, spread)
    row = memoryview(values)
    for place in (0, 17, level.size - 1):
        for house, house_k in enumerate(grid.house_nodes().tolist()):
            found = grid.value(row, float(level[place]), float(spread[place]), house_k)
            assert found == pytest.approx(float(values[house * level.size + place]), abs=1e-3)
    assert problem.house.store.temperature_c(SCALARS, 50.0) == 50.0


def test_what_cannot_be_right_is_said_in_the_plan() -> None:
    case = case_at(HOURS)
    slot = Commitment(0.0, 3600.0, 1000.0)
    asked = make_plan(replace(case, commitments=(slot, Commitment(1e7, 1e7 + 3600.0, 1.0))))
    assert "commitments_outside_horizon=1" in asked.unmet
    assert any(goal.startswith("commitment_missed_kwh=99") for goal in asked.unmet)
    hot = np.array([268.0] + [-5.0] * 23)
    odd = make_plan(replace(case, outdoor_c=hot, price_usd_per_mwh=np.full(24, 0.12), state=replace(WARM, zone_c=68.0)))
    named = {"outdoor_forecast_out_of_range=1", "price_forecast_under_1_usd_per_mwh", "zone_temperature_missing"}
    assert named <= set(odd.unmet)
    assert not named & set(make_plan(case).unmet)
