"""The planner: right on what can be known by hand or by trying everything, and never without a plan."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.model import (
    Boost,
    Buffer,
    Building,
    Emitters,
    HeatPump,
    PhaseChange,
    Plumbing,
    Store,
    Zone,
)
from gw_spaceheat.physics import heat_pump as unit
from gw_spaceheat.planning.case import PlanningCase, StateNow
from gw_spaceheat.planning.cost_to_go import backward
from gw_spaceheat.planning.model.heat_load import HOLD
from gw_spaceheat.planning.model.maths import ARRAYS, SCALARS
from gw_spaceheat.planning.model.parameters import DEFROST_SHARE, parameters_of
from gw_spaceheat.planning.model.transition import State
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.problem import problem_of
from gw_spaceheat.planning.roll_out import Mode, tried
from gw_spaceheat.planning.solve import make_plan, mode_now, terminal_usd

BUILDING = Building(
    loss_w_per_k=200.0, air_capacity_kwh_per_k=1.5, mass_capacity_kwh_per_k=8.0, air_mass_conductance_w_per_k=900.0
)
EMITTERS = Emitters(zero_load_water_c=25.0, design_water_c=58.0, design_heat_w=9000.0, design_drop_k=8.0)
ZONES = (Zone(name="down", share=1.0),)
PUMP = HeatPump(nameplate_w=6000.0, rated_heat_w=11000.0)
WATER = Plumbing(
    building=BUILDING,
    emitters=EMITTERS,
    zones=ZONES,
    heat_pump=PUMP,
    store=Store(tanks=3, litres_per_tank=450.0),
    buffer=Buffer(litres=200.0),
)
ELEMENT = Plumbing(
    building=BUILDING,
    emitters=EMITTERS,
    zones=ZONES,
    boost=Boost(rated_w=9000.0),
    store=Store(tanks=1, litres_per_tank=900.0, maximum_c=85.0),
)
MELTING = WATER.model_copy(
    update={
        "store": Store(
            tanks=1,
            litres_per_tank=500.0,
            phase_change=PhaseChange(melt_start_c=56.0, melt_end_c=59.0, latent_kwh=25.0),
        )
    }
)
NO_STORE = Plumbing(building=BUILDING, emitters=EMITTERS, zones=ZONES, heat_pump=PUMP)
BOTH = WATER.model_copy(update={"boost": Boost(rated_w=4500.0)})
HOUSES = {"water": WATER, "element": ELEMENT, "melting": MELTING, "no store": NO_STORE, "both": BOTH}

COLD = StateNow((35.0,) * 6, 35.0, 20.0, False, -1e6)
WARM = StateNow((55.0, 53.0, 51.0, 50.0, 49.0, 48.0), 53.0, 20.0, False, -1e6)


def case_of(
    plumbing: Plumbing = WATER,
    price: list[float] | float = 100.0,
    outdoor_c: float = -5.0,
    state: StateNow = WARM,
    minutes: tuple[int, ...] = (60,) * 24,
    movable: bool = False,
) -> PlanningCase:
    steps = len(minutes)
    prices = np.full(steps, price) if isinstance(price, float) else np.array(price)
    parameters = parameters_of(plumbing, movable)
    return PlanningCase(0.0, minutes, np.full(steps, outdoor_c), prices, parameters, state)


def dear_by_day(hours: int) -> list[float]:
    return [350.0 if 7 <= hour % 24 < 12 or 16 <= hour % 24 < 20 else 90.0 for hour in range(hours)]


def energy_error_kwh(plan: Plan) -> float:
    """Store balance, step by step: what came in less what went out and was lost is what it gained."""
    before, worst = plan.start_store_energy_kwh, 0.0
    for step in plan.steps:
        gained = step.store_heat_kwh - step.store_loss_kwh
        worst = max(worst, abs(step.store_energy_kwh - before - gained))
        before = step.store_energy_kwh
    return worst


def house_error_kwh(case: PlanningCase, plan: Plan) -> float:
    """House balance, step by step: what it got less what it lost to the outside is what it warmed by.

    `plan` on a case whose house is inside its band: what is given up above it or missing below it is in no balance.
    """
    line, capacity = case.parameters.load, case.parameters.house.capacity_kwh_per_k
    before_k, worst = plan.start_house_k, 0.0
    for step, outdoor_c in zip(plan.steps, case.outdoor_c.tolist(), strict=True):
        load_kw = float(line.heat_kw(np.array(outdoor_c))) - line.per_k_kw * before_k
        gained = step.house_heat_kwh + step.unserved_kwh - max(0.0, load_kw) * step.minutes / 60.0
        worst = max(worst, abs(capacity * (step.house_k - before_k) - gained))
        before_k = step.house_k
    return worst


@pytest.mark.parametrize("name", ["water", "element", "melting", "both"])
def test_roll_out_conserves_energy(name: str) -> None:
    case = case_of(HOUSES[name], dear_by_day(48), minutes=(60,) * 48)
    plan = make_plan(case)
    moved = sum(abs(step.store_heat_kwh) for step in plan.steps)
    assert moved > 5.0
    assert energy_error_kwh(plan) <= 0.001 * moved
    assert house_error_kwh(case, plan) <= 1e-6
    for step in plan.steps:
        assert step.house_heat_kwh + step.unserved_kwh >= -1e-9


def brute_force_usd(case: PlanningCase, options: PlannerOptions) -> float:
    """The best objective over every sequence of actions, by following each of them through the same physics."""
    problem = problem_of(case, options)
    tables = backward(problem)

    def follow(index: int, state: State[float], mode: Mode) -> float:
        best = math.inf
        for taken in tried(problem, index, state, mode):
            if index + 1 == len(case.step_minutes):
                rest = -terminal_usd(problem, tables, taken)
            else:
                rest = follow(index + 1, taken.outcome.after, taken.mode)
            best = min(best, taken.cost_usd + rest)
        return best

    return follow(0, problem.start, mode_now(case, problem))


@pytest.mark.parametrize(
    "prices", [[90.0, 90.0, 400.0, 400.0], [300.0, 50.0, 300.0, 120.0], [-50.0, 200.0, 10.0, 90.0]]
)
@pytest.mark.parametrize("name", ["water", "element"])
def test_agrees_with_brute_force(name: str, prices: list[float]) -> None:
    options = PlannerOptions(level_nodes=300, spread_nodes=6)
    case = case_of(HOUSES[name], prices, minutes=(60,) * 4)
    best_usd = brute_force_usd(case, options)
    plan = make_plan(case, options)
    assert plan.objective_usd >= best_usd - 1e-9
    assert plan.objective_usd <= best_usd + 0.01 * abs(best_usd) + 0.01


def test_zero_price_costs_nothing_and_keeps_the_house_warm() -> None:
    plan = make_plan(case_of(price=0.0))
    assert plan.total_cost_usd == 0.0
    assert sum(step.unserved_kwh for step in plan.steps) == pytest.approx(0.0, abs=1e-6)


def test_negative_price_buys_all_it_can() -> None:
    # -300 USD/MWh pays for the worst COP: the heat source runs until the store is full.
    paid = make_plan(case_of(price=-300.0))
    usual = make_plan(case_of(price=100.0))
    assert paid.total_cost_usd < 0.0
    assert sum(step.hp_electric_kwh for step in paid.steps) > sum(step.hp_electric_kwh for step in usual.steps)
    assert any(step.reason == "paid_to_charge" for step in paid.steps)


def test_two_identical_hours_serve_the_load_alike() -> None:
    case = case_of(state=COLD, minutes=(60, 60))
    pump = case.parameters.heat_pump
    assert pump is not None
    plan = make_plan(replace(case, parameters=replace(case.parameters, heat_pump=replace(pump, start_usd=0.0))))
    first, second = plan.steps
    assert first.hp_electric_kwh == pytest.approx(second.hp_electric_kwh, rel=1e-9)
    load_kwh = (200.0 * 25.0 - 300.0) / 1000.0
    assert first.hp_heat_kwh == pytest.approx(load_kwh)
    leaving_c = 25.0 + 33.0 * (load_kwh / 9.0) ** (1 / 1.3) + 3.0
    assert first.hp_electric_kwh == pytest.approx(load_kwh / (unit.cop(-5.0, leaving_c) * DEFROST_SHARE), rel=1e-3)


def test_all_prices_times_seven_is_the_same_plan() -> None:
    options = PlannerOptions()
    scaled = replace(
        options,
        unmet_heat_usd_per_kwh=7.0 * options.unmet_heat_usd_per_kwh,
        below_setpoint_usd_per_k_h=7.0 * options.below_setpoint_usd_per_k_h,
    )
    prices = dear_by_day(30)
    case = case_of(price=prices, minutes=(60,) * 30)
    one = make_plan(case, options)
    pump = case.parameters.heat_pump
    assert pump is not None
    dearer = replace(case.parameters, heat_pump=replace(pump, start_usd=7.0 * pump.start_usd))
    seven = make_plan(replace(case, price_usd_per_mwh=7.0 * case.price_usd_per_mwh, parameters=dearer), scaled)
    assert [step.hp_electric_kwh for step in seven.steps] == pytest.approx([s.hp_electric_kwh for s in one.steps])
    assert seven.total_cost_usd == pytest.approx(7.0 * one.total_cost_usd)


@pytest.mark.parametrize("name", ["water", "element", "melting", "both"])
def test_load_moves_out_of_dear_hours(name: str) -> None:
    prices = dear_by_day(48)
    tariff = make_plan(case_of(HOUSES[name], prices, outdoor_c=0.0, minutes=(60,) * 48))
    flat = make_plan(case_of(HOUSES[name], 150.0, outdoor_c=0.0, minutes=(60,) * 48))

    def dear_kwh(plan: Plan) -> float:
        return sum(step.hp_electric_kwh for step, price in zip(plan.steps, prices, strict=True) if price > 200.0)

    assert dear_kwh(tariff) < 0.5 * dear_kwh(flat)
    # And with a tariff the store is handed over with heat for the dear hours to come.
    assert tariff.terminal_value_usd > 0.0


def test_water_below_rswt_heats_less() -> None:
    problem = problem_of(case_of(outdoor_c=-10.0, minutes=(60,)), PlannerOptions())
    house, wanted = problem.house, problem.heats[0].between(1.0, HOLD)
    emitters = house.parameters.emitters
    for below_k in (2.0, 5.0):
        top_c = wanted.rswt_level - below_k
        share, _ = house.deliverable(SCALARS, top_c, 0.0, 1e-3, wanted)
        assert share == pytest.approx(emitters.heat_at_kw(top_c) / wanted.wanted_kwh, rel=0.03)
    whole, _ = house.deliverable(SCALARS, wanted.rswt_level + 9.0, 0.0, 2.0, wanted)
    assert whole == 1.0
    for top_c in (emitters.water_c[0], 10.0):
        nothing, _ = house.deliverable(SCALARS, top_c, 0.0, 1.0, wanted)
        assert nothing < 0.1


def test_cold_store_serves_nothing_and_hot_store_serves() -> None:
    cold = StateNow((28.0,) * 6, 28.0, 20.0, False, -1e6)
    plan = make_plan(case_of(price=[500.0] * 3, outdoor_c=-10.0, state=cold, minutes=(60,) * 3))
    for step in plan.steps:
        assert step.store_heat_kwh >= -1e-9
        assert step.reason == "store_below_rswt"
    hot = StateNow((60.0,) * 6, 60.0, 20.0, False, -1e6)
    served = make_plan(case_of(price=[500.0] * 3, outdoor_c=-10.0, state=hot, minutes=(60,) * 3))
    assert served.steps[0].store_heat_kwh < -1.0


def test_hotter_store_charges_at_a_worse_cop() -> None:
    hotter = StateNow((64.0,) * 6, 64.0, 20.0, False, -1e6)
    cops = []
    for state in (COLD, hotter):
        step = make_plan(case_of(price=-500.0, outdoor_c=5.0, state=state, minutes=(15,) * 4)).steps[0]
        cops.append(step.hp_heat_kwh / step.hp_electric_kwh)
    assert cops[0] > cops[1] + 0.3


def test_a_store_that_melts_holds_more_and_is_no_hotter() -> None:
    assert MELTING.store is not None and MELTING.store.phase_change is not None
    only_water = MELTING.model_copy(update={"store": MELTING.store.model_copy(update={"phase_change": None})})
    water, melting = (
        make_plan(case_of(plumbing, price=-200.0, outdoor_c=5.0, state=COLD, minutes=(60,) * 12))
        for plumbing in (only_water, MELTING)
    )
    assert max(step.store_top_c for step in melting.steps) <= max(step.store_top_c for step in water.steps) + 1.0
    more_kwh = melting.steps[-1].store_energy_kwh - water.steps[-1].store_energy_kwh
    # Not all of it melts: the bottom is full as soon as its water may not enter the heat pump any more.
    latent_kwh = MELTING.store.phase_change.latent_kwh
    assert 0.5 * latent_kwh < more_kwh <= latent_kwh


def test_undersized_heat_pump_says_what_is_missing() -> None:
    small = WATER.model_copy(update={"heat_pump": HeatPump(nameplate_w=1000.0, rated_heat_w=2000.0)})
    plan = make_plan(case_of(small, outdoor_c=-20.0, state=COLD))
    assert all(any(goal.startswith("heat_unserved_kwh=") for goal in step.unmet) for step in plan.steps)
    assert any(goal.startswith("heat_unserved_kwh=") for goal in plan.unmet)
    assert {step.reason for step in plan.steps} == {"source_at_capacity"}


def test_minimum_times_bind_the_first_step() -> None:
    running = replace(WARM, heat_pump_on=True, heat_pump_since_s=-60.0)
    plan = make_plan(case_of(price=[5000.0, 10.0, 10.0, 10.0], state=running, minutes=(15,) * 4))
    # 540 s of the minimum run of 600 s are left: at least 60 % of the first quarter hour.
    assert plan.steps[0].hp_electric_kwh > 0.3
    stopped = replace(COLD, heat_pump_on=False, heat_pump_since_s=0.0)
    held = make_plan(case_of(price=-900.0, state=stopped, minutes=(5,) * 4))
    assert held.steps[0].hp_electric_kwh == 0.0
    assert held.steps[1].hp_electric_kwh > 0.0


def test_average_power_over_any_window() -> None:
    plan = make_plan(case_of(state=COLD, minutes=(15, 15, 30, 60)))
    energy_kwh = sum(step.hp_electric_kwh for step in plan.steps)
    assert plan.average_w(0.0, 7200.0) == pytest.approx(500.0 * energy_kwh)
    assert plan.first_hour_average_w() == pytest.approx(1000.0 * sum(s.hp_electric_kwh for s in plan.steps[:3]))
    assert plan.average_w(9000.0, 9900.0) == 0.0
    assert plan.average_w(10.0, 10.0) == 0.0
    assert [step.start_s for step in plan.steps] == [0.0, 900.0, 1800.0, 3600.0]


def test_start_price_makes_runs_fewer() -> None:
    prices = [100.0 + 6.0 * (hour % 2) for hour in range(24)]
    starts = []
    for start_usd in (0.0, 1.0):
        case = case_of(price=prices)
        assert case.parameters.heat_pump is not None
        pump = replace(case.parameters.heat_pump, start_usd=start_usd)
        plan = make_plan(replace(case, parameters=replace(case.parameters, heat_pump=pump)))
        starts.append(plan.starts)
    assert starts[1] < starts[0]


def test_a_part_of_a_long_step_ends_at_rest() -> None:
    """As the slot executor runs it: the next run is a new start, and costs one."""
    plan = make_plan(case_of(price=100.0, outdoor_c=5.0))
    greatest_kwh = max(step.hp_electric_kwh for step in plan.steps)
    pairs = list(itertools.pairwise(plan.steps))
    after_part = [now for before, now in pairs if 1e-6 < before.hp_electric_kwh < 0.8 * greatest_kwh]
    assert all(step.started for step in after_part if step.hp_electric_kwh > 1e-6)


def test_stored_heat_is_worth_more_before_dear_hours() -> None:
    ahead = make_plan(case_of(price=[90.0] * 2 + [400.0] * 6 + [90.0] * 16, outdoor_c=-10.0))
    flat = make_plan(case_of(price=90.0, outdoor_c=-10.0))
    assert ahead.marginal_heat_usd_per_kwh > flat.marginal_heat_usd_per_kwh > 0.0


def test_arrays_agree_with_the_physics() -> None:
    leaving_c = np.linspace(20.0, 75.0, 23)
    for outdoor_c in (-30.0, -7.0, 3.0, 20.0):
        pump = parameters_of(WATER).heat_pump
        assert pump is not None
        cops = pump.cop.cop(ARRAYS, outdoor_c, leaving_c)
        capacities = pump.capacity_kw(ARRAYS, outdoor_c, leaving_c, cops)
        for index, leaving in enumerate(leaving_c.tolist()):
            assert cops[index] == pytest.approx(unit.cop(outdoor_c, leaving))
            assert pump.cop.cop(SCALARS, outdoor_c, leaving) == pytest.approx(unit.cop(outdoor_c, leaving))
            assert 1000.0 * capacities[index] == pytest.approx(unit.capacity_w(PUMP, outdoor_c, leaving))


def test_impossible_grids_are_refused() -> None:
    with pytest.raises(BadInput, match="step_minutes"):
        case_of(minutes=())
    with pytest.raises(BadInput, match="price_usd_per_mwh"):
        case_of(price=[1.0, 2.0], minutes=(60,))
