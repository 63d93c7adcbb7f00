"""The bid: monotone, exact at its breakpoints, one with the plan, and what re-solving at another price would buy."""

import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gw_spaceheat.decisions import slot as scada_rule
from gw_spaceheat.decisions.offer import OfferFacts, SourceLimits, offered_w
from gw_spaceheat.errors import BadInput
from gw_spaceheat.messages.market import bid_from
from gw_spaceheat.planning import bid as rule
from gw_spaceheat.planning.bid import as_bought, bid_of, market_slot, solve_with_bid, whole_run, with_bid
from gw_spaceheat.planning.case import Commitment, PlanningCase, StateNow
from gw_spaceheat.planning.model.heat_load import HOLD
from gw_spaceheat.planning.model.maths import ARRAYS, Floats
from gw_spaceheat.planning.model.parameters import parameters_of
from gw_spaceheat.planning.model.transition import State
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.plan_case import plan_and_bid, plan_case
from gw_spaceheat.planning.slot_executor import (
    SlotStart,
    _cut,
    _wanted,
    behind_slot_usd,
    full_water,
    minimum_run_kwh,
    run_slot,
)
from gw_spaceheat.planning.solve import Solution, solve
from tests.planning.golden import EASY, HARD
from tests.planning.houses import COLD, WARM, WATER, case_at, dear_by_day, with_pump

GOLDEN = {**EASY, **HARD}
HOUSE = parameters_of(WATER)


QUICK = PlannerOptions(level_nodes=48, spread_nodes=3)
HOUR_S = 3600.0


def random_case(chance: random.Random) -> PlanningCase:
    """Weather, prices, store, minutes and house by chance; more than a day, so that no tail lives the slot again."""
    minutes = chance.choice([(60,) * 27, (35, *(60,) * 27), (15,) * 8 + (60,) * 25, (5, *(60,) * 27)])
    hours = np.cumsum((0, *minutes[:-1])) / 60.0
    top_c = chance.uniform(30.0, 68.0)
    layers = tuple(top_c - chance.uniform(0.0, 4.0) * layer for layer in range(6))
    since_s = -chance.choice([30.0, 400.0, 1e6])
    state = StateNow(layers, top_c, 20.0 + chance.uniform(-0.4, 0.8), chance.random() < 0.5, since_s)
    house = with_pump(HOUSE, start_usd=chance.choice([0.0, 0.03, 0.1]), start_delay_s=chance.choice([0.0, 215.0]))
    swing = chance.uniform(0.0, 150.0) * np.sin(hours / 2.0 + chance.uniform(0.0, 6.0))
    outdoor_c = chance.uniform(-20.0, 12.0) + 4.0 * np.sin((hours - 9.0) * np.pi / 12.0)
    parameters = replace(house, house=replace(house.house, movable=chance.random() < 0.3))
    return PlanningCase(0.0, minutes, outdoor_c, chance.uniform(-20.0, 200.0) + swing, parameters, state)


def slot_of(case: PlanningCase) -> tuple[float, float]:
    """The first slot; after a first step of 5 min the hour behind it, as the AtomicTNode bids."""
    return (300.0, 300.0 + HOUR_S) if case.step_minutes[0] == 5 else free_slot(case)


def free_slot(case: PlanningCase) -> tuple[float, float]:
    slot = market_slot(case)
    assert slot is not None
    return slot


def at_price(case: PlanningCase, slot: tuple[float, float], usd_per_mwh: float) -> PlanningCase:
    """The case with another price in the slot."""
    ends_s = case.start_s + 60.0 * np.cumsum(case.step_minutes)
    inside = (ends_s > slot[0] + 1.0) & (ends_s <= slot[1] + 1.0)
    return replace(case, price_usd_per_mwh=np.where(inside, usd_per_mwh, case.price_usd_per_mwh))


def bought_anew(solution: Solution, start: SlotStart, powers_kwh: Floats, usd_per_mwh: float) -> tuple[float, float]:
    """(kW, total USD) of the cheapest of these budgets at a price, by trying all: no envelope."""
    targets = np.array(rule.targets_of(solution.problem))
    runs = run_slot(solution.problem, start, np.repeat(powers_kwh, targets.size), np.tile(targets, powers_kwh.size))
    behind_usd = behind_slot_usd(solution.problem, solution.tables, start, runs)
    totals_usd = runs.electric_kwh * usd_per_mwh / 1000.0 + runs.other_usd + behind_usd
    place = int(totals_usd.argmin())
    return float(runs.electric_kwh[place]) / start.hours, float(totals_usd[place])


def check_by_solving_anew(seed: int) -> None:
    """A new solution at a random price of the slot, its own tables, the same executor: it buys what the bid says."""
    chance = random.Random(seed)
    case = random_case(chance)
    slot, usd_per_mwh = slot_of(case), chance.uniform(-100.0, 500.0)
    solution = solve(case, QUICK)
    bid = bid_of(solution, *slot)
    powers_kwh = rule.budgets_kwh(solution, rule.slot_start(solution, *slot))
    anew = solve(at_price(case, slot, usd_per_mwh), QUICK)
    # Before the slot the new plan may do something else: the question is what it buys from the same state.
    new_kw, new_usd = bought_anew(anew, rule.slot_start(solution, *slot), powers_kwh, usd_per_mwh)
    bought_kw = bid.average_kw(usd_per_mwh)
    grid_kw = max((dear - cheap for cheap, dear in pairwise([cost.average_kw for cost in bid.costs])), default=0.0)
    same_usd = abs(bid.total_usd(bought_kw, usd_per_mwh) - new_usd) < 1e-5
    assert abs(bought_kw - new_kw) <= grid_kw + 1e-6 or same_usd, (seed, usd_per_mwh, bought_kw, new_kw, grid_kw)


@pytest.mark.parametrize("hundred", range(2))
def test_the_bid_is_what_solving_anew_would_buy(hundred: int) -> None:
    for seed in range(100 * hundred, 100 * hundred + 100):
        check_by_solving_anew(seed)


@pytest.mark.slow
@pytest.mark.parametrize("hundred", range(10))
def test_the_bid_is_what_solving_anew_would_buy_a_thousand_times(hundred: int) -> None:
    for seed in range(1000 + 100 * hundred, 1100 + 100 * hundred):
        check_by_solving_anew(seed)


def test_quantity_never_rises_with_price_and_many_powers_were_tried() -> None:
    for seed in range(60):
        case = random_case(random.Random(seed))
        bid = bid_of(solve(case, QUICK), *slot_of(case))
        prices = [point.price_usd_per_mwh for point in bid.points]
        powers = [point.average_kw for point in bid.points]
        assert prices == sorted(prices)
        assert all(dear < cheap for cheap, dear in pairwise(powers))
        assert min(powers) >= 0.0
        assert max(powers) <= case.parameters.greatest_electric_kw + 1e-6


def test_at_least_25_powers_from_nothing_to_all_that_can_be_drawn() -> None:
    solution = solve(case_at((60,) * 24, dear_by_day(24)))
    bid = bid_of(solution, 0.0, HOUR_S)
    assert len(bid.costs) >= 25
    assert bid.costs[0].average_kw == 0.0
    own_kw = solution.plan.first_hour_average_w() / 1000.0
    assert min(abs(cost.average_kw - own_kw) for cost in bid.costs) < 0.05
    most_kw = bid.costs[-1].average_kw
    assert bid.average_kw(-1e5) == pytest.approx(most_kw)
    assert bid.average_kw(1e5) == 0.0


def test_a_whole_run_has_its_start_and_needs_its_room() -> None:
    delay_s = 360.0
    slow = with_pump(HOUSE, start_delay_s=delay_s)
    run = whole_run(solve(case_at((60,) * 24, parameters=slow, state=COLD)), 0.0, HOUR_S)
    assert run is not None
    assert run.average_kw == pytest.approx(run.running_kw * (1.0 - delay_s / HOUR_S))
    boiling = replace(WARM, store_c=(74.0,) * 6)
    assert whole_run(solve(case_at((60,) * 24, state=boiling)), 0.0, HOUR_S) is None


def test_a_house_without_store_has_a_whole_run_where_it_takes_all_the_heat() -> None:
    bare = replace(HOUSE, store=None, buffer=None)
    cold, mild = (solve(case_at((60,) * 12, outdoor_c=outdoor_c, parameters=bare)) for outdoor_c in (-25.0, -5.0))
    wanted = cold.problem.heats[0].between(1.0, HOLD)
    assert wanted.capacity_kwh < wanted.wanted_kwh
    run = whole_run(cold, 0.0, HOUR_S)
    assert run is not None
    assert run.running_kw == pytest.approx(wanted.capacity_kwh / wanted.cop)
    # On a mild day it can run through, too, but at less than it could draw: nobody knows when it does.
    assert whole_run(mild, 0.0, HOUR_S) is None


def test_breakpoints_are_where_two_quantities_cost_the_same() -> None:
    eager = with_pump(parameters_of(WATER), start_usd=0.0)
    bid = bid_of(solve(case_at((60,) * 24, dear_by_day(24), outdoor_c=-15.0, parameters=eager)), 0.0, HOUR_S)
    assert len(bid.points) >= 3
    for cheap, dear in pairwise(bid.points):
        price = dear.price_usd_per_mwh
        assert bid.total_usd(cheap.average_kw, price) == pytest.approx(bid.total_usd(dear.average_kw, price), abs=1e-9)
        assert bid.average_kw(price) == dear.average_kw, "a tie goes to the smaller quantity"
        for cost in bid.costs:
            assert bid.total_usd(cost.average_kw, price) >= bid.total_usd(dear.average_kw, price) - 1e-9


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_at_the_forecast_price_the_bid_buys_the_plans_quantity(name: str) -> None:
    case = GOLDEN[name]
    solution, bid = solve_with_bid(case)
    planned_kw = solution.plan.average_w(bid.start_s, bid.end_s) / 1000.0
    assert bid.average_kw(bid.forecast_usd_per_mwh) == pytest.approx(planned_kw, abs=1e-6)
    # It is the plan's own quantity, or one that costs no more.
    assert solution.plan.objective_usd <= solve(case).plan.objective_usd + 0.005


def test_the_plan_with_its_slot_is_a_whole_plan() -> None:
    for seed in range(40):
        case = random_case(random.Random(seed))
        solution, bid = solve_with_bid(case, QUICK, slot_of(case))
        assert [step.minutes for step in solution.plan.steps] == list(case.step_minutes)
        planned_kw = solution.plan.average_w(bid.start_s, bid.end_s) / 1000.0
        assert bid.average_kw(bid.forecast_usd_per_mwh) == pytest.approx(planned_kw, abs=1e-6)
        store_kwh = solution.plan.start_store_energy_kwh
        for step in solution.plan.steps:
            store_kwh += step.store_heat_kwh - step.store_loss_kwh
            assert store_kwh == pytest.approx(step.store_energy_kwh, abs=1e-4)


def by_the_scada(solution: Solution, start: SlotStart, budget_kwh: float, tick_s: float = 20.0) -> tuple[float, int]:
    """(kWh, starts) of the slot by `decisions/slot.py` itself, asked every 20 s; the planner's physics in between."""
    problem = solution.problem
    pump = problem.house.source.pump
    assert pump is not None
    watts = 1000.0 * pump.greatest_electric_kw
    source = scada_rule.HeatSource(watts, 0.0, pump.start_delay_s, pump.minimum_on_s)
    state: State[Floats] = State(*(np.array([value]) for value in start.state))
    on, started_s, used_kwh, power_w, starts = start.mode.running, -1e6, 0.0, 0.0, 0
    for piece in start.pieces:
        for tick in range(round(piece.length_s / tick_s)):
            now_s = piece.from_s + tick * tick_s
            view = scada_rule.SlotView("x", 1000.0 * budget_kwh / start.hours, 0.0, start.seconds, 1000.0 * used_kwh)
            run = scada_rule.decide(view, source, on, power_w, now_s).run
            if run and not on:
                started_s, starts = now_s, starts + 1
            on = run
            heats = on and now_s - started_s >= pump.start_delay_s
            step = _cut(problem.heats[piece.step], tick_s)
            wanted = _wanted(problem, step, state, np.array([0]))
            charging = problem.charging(ARRAYS, step, full_water(problem), state.level, state.spread)
            room_kwh = problem.house.room_kwh(ARRAYS, state.level, state.spread, wanted)
            grid = problem.grid
            outcome = problem.house.move(
                ARRAYS, step.hours, state, grid.lowest_k, grid.highest_k, wanted, np.array([float(heats)]), charging,
                None, room_kwh,
            )  # fmt: skip
            state, electric_kwh = outcome.after, float(outcome.electric_kwh[0])
            used_kwh += electric_kwh
            power_w = 3.6e6 * electric_kwh / tick_s
    return used_kwh, starts


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("layers", [COLD.store_c, WARM.store_c])
def test_the_executor_buys_what_the_scadas_own_would(running: bool, layers: tuple[float, ...]) -> None:
    state = StateNow(layers, layers[0], 20.0, running, -1e6)
    solution = solve(case_at((60,) * 12, 100.0, state=state), QUICK)
    start = rule.slot_start(solution, 0.0, HOUR_S)
    whole = whole_run(solution, 0.0, HOUR_S)
    assert whole is not None
    nearly_whole = [share * whole.average_kw for share in (0.94, 0.98)]
    for budget_kwh in (0.0, 0.2, 0.5, 0.9, 1.7, 2.9, 4.1, 9.0, *nearly_whole):
        runs = run_slot(solution.problem, start, np.array([budget_kwh]), np.array([0]))
        scada_kwh, starts = by_the_scada(solution, start, budget_kwh)
        assert float(runs.electric_kwh[0]) == pytest.approx(scada_kwh, rel=0.03, abs=0.06), budget_kwh
        assert starts == int(runs.started[0])


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("layers", [COLD.store_c, WARM.store_c])
def test_a_nearly_whole_run_is_counted_as_the_scada_runs_the_offer_for_it(
    running: bool, layers: tuple[float, ...]
) -> None:
    state = StateNow(layers, layers[0], 20.0, running, -1e6)
    solution = solve(case_at((60,) * 12, 100.0, state=state), QUICK)
    start, whole = rule.slot_start(solution, 0.0, HOUR_S), whole_run(solution, 0.0, HOUR_S)
    assert whole is not None
    limits = SourceLimits(1e6)
    bought_kw = whole.average_kw * np.array([0.96, 0.97, 0.98, 0.99])
    facts = OfferFacts(0, 60, 1000.0 * bought_kw[0], 1000.0 * whole.average_kw, limits)
    assert offered_w(facts) == 1000.0 * whole.average_kw
    runs = run_slot(solution.problem, start, bought_kw, np.zeros(4, dtype=np.intp))
    scada_kwh, starts = by_the_scada(solution, start, whole.average_kw)
    assert runs.electric_kwh.tolist() == pytest.approx([scada_kwh] * 4, rel=0.03)
    assert set(runs.started.astype(int).tolist()) == {starts}


def test_less_than_a_minimum_run_is_refused_and_a_running_source_ends_its_minimum() -> None:
    solution = solve(case_at((60,) * 12), QUICK)
    start = rule.slot_start(solution, 0.0, HOUR_S)
    least_kwh = minimum_run_kwh(solution.problem)
    runs = run_slot(solution.problem, start, np.array([0.0, 0.99 * least_kwh, 1.01 * least_kwh]), np.array([0, 0, 0]))
    assert runs.electric_kwh[:2].tolist() == [0.0, 0.0]
    assert float(runs.electric_kwh[2]) == pytest.approx(1.01 * least_kwh, rel=0.01)
    just_on = replace(WARM, heat_pump_on=True, heat_pump_since_s=0.0)
    solution = solve(case_at((60,) * 12, state=just_on), QUICK)
    runs = run_slot(solution.problem, rule.slot_start(solution, 0.0, HOUR_S), np.array([0.0]), np.array([0]))
    assert float(runs.electric_kwh[0]) > 0.3, "ten minutes must be run"
    assert not bool(runs.running[0])


def test_a_run_that_nothing_takes_heat_from_is_no_start_in_bid_and_plan() -> None:
    """In summer, beside a store that is full, what is paid to be bought cannot be."""
    full = replace(WARM, store_c=(74.0,) * 6, heat_pump_on=False)
    solution = solve(case_at((60,) * 12, -200.0, outdoor_c=25.0, state=full), QUICK)
    start = rule.slot_start(solution, 0.0, HOUR_S)
    runs = run_slot(solution.problem, start, np.array([0.0, 3.0, np.inf]), np.array([0, 0, 0]))
    assert runs.electric_kwh.tolist() == [0.0, 0.0, 0.0]
    assert not runs.started.any() and not runs.running.any()
    assert runs.other_usd.tolist() == pytest.approx([float(runs.other_usd[0])] * 3)
    assert len(set(runs.bound_s.tolist())) == 1


def test_a_slot_inside_steps_has_a_bid_too() -> None:
    solution = solve(case_at((60,) * 24, dear_by_day(24)), QUICK)
    bid = bid_of(solution, 900.0, 4500.0)
    assert len(bid.points) >= 2
    assert bid.forecast_usd_per_mwh == pytest.approx(90.0)


@pytest.mark.parametrize("slot", [(-3600.0, 0.0), (3600.0, 3600.0), (82800.0, 90000.0)])
def test_a_slot_that_the_plan_does_not_cover_is_refused(slot: tuple[float, float]) -> None:
    with pytest.raises(BadInput, match="the plan ends at 86400 s"):
        bid_of(solve(case_at((60,) * 24), QUICK), *slot)


def test_the_message_says_the_same_curve() -> None:
    bid = bid_of(solve(case_at((60,) * 24, dear_by_day(24))), 0.0, HOUR_S)
    pairs = [(point.price_usd_per_mwh, point.average_kw) for point in bid.points]
    said = bid_from(bidder_alias="d1.beech", market_alias="d1.market", slot_start_s=1_600_002_000, pairs=pairs)
    for price in (-2000.0, 0.0, 88.0, 140.0, 333.0, 5000.0):
        assert said.quantity_kw(price) == pytest.approx(bid.average_kw(price), abs=0.0006)


def test_what_is_committed_is_kept_and_not_bid_for_again() -> None:
    case = replace(case_at((15,) * 4 + (60,) * 8), commitments=(Commitment(0.0, 3600.0, 1.5),))
    assert market_slot(case) == (3600.0, 7200.0)
    solution, bid = solve_with_bid(case)
    bought_kwh = sum(step.hp_electric_kwh for step in solution.plan.steps[:4])
    assert bought_kwh == pytest.approx(1.5, abs=0.1)
    assert solution.plan.steps[4].hp_electric_kwh == pytest.approx(bid.average_kw(bid.forecast_usd_per_mwh), abs=1e-6)


def test_where_all_is_committed_nothing_is_bid_for() -> None:
    case = replace(case_at((60,) * 6, 400.0), commitments=(Commitment(0.0, 6.0 * HOUR_S, 18.0),))
    assert market_slot(case) is None
    planned = plan_case(case)
    plan, bid = plan_and_bid(planned)
    assert bid is None and plan is planned.solution.plan
    with pytest.raises(BadInput, match="every step is committed"):
        solve_with_bid(case)


@pytest.mark.parametrize("minutes", [(60,) * 6, (240, 120)])
def test_a_bid_for_what_is_committed_knows_what_missing_it_costs(minutes: tuple[int, ...]) -> None:
    """Electricity is dear, so a bid that forgot the commitment would buy nothing, and the plan look cheaper for it."""
    case = replace(case_at(minutes, 400.0), commitments=(Commitment(0.0, 6.0 * HOUR_S, 15.0),))
    solution = solve(case, QUICK)
    slot = (0.0, max(HOUR_S, 60.0 * minutes[0]))
    committed_kwh = 15.0 * (slot[1] - slot[0]) / (6.0 * HOUR_S)
    kept, bid = with_bid(solution, slot)
    bought_kwh = bid.average_kw(bid.forecast_usd_per_mwh) * bid.hours
    assert bought_kwh == pytest.approx(committed_kwh, abs=0.1)
    assert kept.plan.objective_usd >= solution.plan.objective_usd - 0.02
    # What the costs of two powers differ by is what the plan of each says.
    nothing_kw, price = bid.costs[0].average_kw, bid.forecast_usd_per_mwh
    broken = as_bought(solution, bid, nothing_kw)
    said_usd = bid.total_usd(nothing_kw, price) - bid.total_usd(bid.average_kw(price), price)
    difference_usd = broken.plan.objective_usd - kept.plan.objective_usd
    assert difference_usd > committed_kwh
    if len(minutes) == 6:
        assert said_usd == pytest.approx(difference_usd, rel=0.1)
