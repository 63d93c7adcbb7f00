"""The planner: backward dynamic programme over the stratified store and the house, then an exact roll-out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from gw_spaceheat.errors import BadInput
from gw_spaceheat.planning.actions import HOT
from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.cost_to_go import OFF, ON, Candidates, backward
from gw_spaceheat.planning.grid import Table
from gw_spaceheat.planning.model.heat_load import StepHeat
from gw_spaceheat.planning.model.maths import SCALARS
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.plan import Plan, PlanStep
from gw_spaceheat.planning.problem import Problem, mean_price_usd_per_kwh, problem_of
from gw_spaceheat.planning.reasons import reason_of, unmet_of
from gw_spaceheat.planning.roll_out import Mode, Taken, best_of, decided, roll_out, rows_of, tried

NO_UNSERVED_KWH = 0.005
NO_DEGREE_HOURS = 0.01
NO_MISSED_KWH = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A plan with what it rests on: the problem and the cost-to-go tables that bid and policy are made from."""

    plan: Plan
    case: PlanningCase
    problem: Problem
    tables: list[Table]
    taken: list[Taken]


def make_plan(case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS) -> Plan:
    """The cheapest plan the action set allows. Never raises for a physical state; what cannot be met is listed."""
    return solve(case, options).plan


def solve(case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS, first: int | None = None) -> Solution:
    """As `make_plan`, with problem and tables. `first`: the index of the first action, if it is given."""
    problem = problem_of(case, options)
    kept: list[Candidates] = []
    tables = tables_of(problem, options, kept)
    taken = roll_out(problem, tables, mode_now(case, problem), first, _change_usd(case, options), kept)
    return Solution(put_together(case, problem, tables, taken), case, problem, tables, taken)


def continued(solution: Solution, taken: Sequence[Taken]) -> Solution:
    """The solution with its first steps as `taken`, and the best that can follow."""
    problem, done = solution.problem, list(taken)
    for index in range(len(done), problem.horizon.steps):
        rows, mode = rows_of(solution.tables[index + 1]), done[-1].mode
        best, _ = best_of(problem, rows, tried(problem, index, done[-1].outcome.after, mode))
        done.append(decided(problem, rows, mode, best))
    plan = put_together(solution.case, problem, solution.tables, done)
    return replace(solution, plan=plan, taken=done)


def tables_of(
    problem: Problem, options: PlannerOptions, kept: list[Candidates] | None = None, last: Table | None = None
) -> list[Table]:
    """Cost-to-go by NumPy, or by Numba where that is asked for: it takes a second to import."""
    if options.compiled:
        require_numba(options)
        from gw_spaceheat.planning.compiled import backward as compiled

        return compiled.backward(problem, last, kept)
    return backward(problem, last, kept)


def require_numba(options: PlannerOptions) -> None:
    """Raises BadInput where it is asked for and not installed: NumPy in its place would be slower without a word."""
    if options.compiled and find_spec("numba") is None:
        raise BadInput("compiled: needs Numba, which is not installed (extra cloud)")


def mode_now(case: PlanningCase, problem: Problem) -> Mode:
    """Heat source on or off, and what is left of its minimum time."""
    source, state = problem.house.source, case.state
    since_s = max(0.0, case.start_s - state.heat_pump_since_s)
    bound_s = (source.minimum_on_s if state.heat_pump_on else source.minimum_off_s) - since_s
    return Mode(state.heat_pump_on, max(0.0, bound_s) if bound_s == bound_s else 0.0)


def _change_usd(case: PlanningCase, options: PlannerOptions) -> float:
    """Cost of leaving the plan in force: positive if it runs the source now, negative if not, 0 without one."""
    if case.previous is None:
        return 0.0
    end_s = case.start_s + 60.0 * case.step_minutes[0]
    runs = case.previous.average_w(case.start_s, end_s) > 1.0
    covered = case.previous.steps[-1].start_s + 60.0 * case.previous.steps[-1].minutes >= end_s
    return (options.change_usd if runs else -options.change_usd) if covered else 0.0


def put_together(case: PlanningCase, problem: Problem, tables: list[Table], taken: list[Taken]) -> Plan:
    """Put the roll-out into words and money."""
    typical = mean_price_usd_per_kwh(problem.horizon)
    steps: list[PlanStep] = []
    start_s = case.start_s
    for minutes, done in zip(case.step_minutes, taken, strict=True):
        steps.append(_plan_step(problem, done, start_s, minutes, typical))
        start_s += 60.0 * minutes
    end_value = terminal_usd(problem, tables, taken[-1])
    unserved_kwh = sum(step.unserved_kwh for step in steps)
    degree_hours = sum(step.below_setpoint_k_h for step in steps)
    summary = problem.notes
    if unserved_kwh > NO_UNSERVED_KWH:
        summary += (f"heat_unserved_kwh={unserved_kwh:.2f}",)
    if degree_hours > NO_DEGREE_HOURS:
        summary += (f"below_setpoint_k_h={degree_hours:.2f}",)
    missed_kwh = sum(_missed_kwh(problem, done) for done in taken)
    if missed_kwh > NO_MISSED_KWH:
        summary += (f"commitment_missed_kwh={missed_kwh:.2f}",)
    demand_usd = demand_charge_usd(case, steps)
    store, start = problem.house.store, problem.start
    return Plan(
        steps=tuple(steps),
        total_cost_usd=sum(step.cost_usd for step in steps) + demand_usd,
        terminal_value_usd=end_value,
        marginal_heat_usd_per_kwh=_marginal_usd_per_kwh(case, problem, tables[0]),
        unmet=summary,
        objective_usd=sum(done.cost_usd for done in taken) + demand_usd - end_value,
        start_store_energy_kwh=store.energy_kwh(start.level),
        start_store_top_c=store.temperature_c(SCALARS, start.level + start.spread) if store.usable else None,
        start_house_k=start.house_k,
        starts=sum(done.started for done in taken),
        demand_charge_usd=demand_usd,
        parameters_version=case.parameters.version,
    )


def _missed_kwh(problem: Problem, done: Taken) -> float:
    """Electricity bought more or less than an accepted slot asks for."""
    asked_kwh = problem.heats[done.step].committed_kwh
    return abs(done.outcome.electric_kwh - asked_kwh) if asked_kwh == asked_kwh else 0.0


def demand_charge_usd(case: PlanningCase, steps: list[PlanStep]) -> float:
    """What the greatest average power of any step costs above the peak so far (USD)."""
    charge = case.demand_charge
    if charge is None:
        return 0.0
    peak_kw = max(step.average_w for step in steps) / 1000.0
    return charge.usd_per_kw * max(0.0, peak_kw - charge.peak_so_far_kw)


def _plan_step(problem: Problem, done: Taken, start_s: float, minutes: int, typical: float) -> PlanStep:
    house, step, outcome = problem.house, problem.heats[done.step], done.outcome
    price = problem.horizon.price_usd_per_kwh.item(done.step)
    before, after = done.before, outcome.after
    top_before_c = house.store.temperature_c(SCALARS, before.level + before.spread)
    mean_k = 0.5 * (before.house_k + after.house_k)
    fuel_usd = outcome.boiler_kwh * house.boiler_usd_per_kwh
    return PlanStep(
        start_s=start_s,
        minutes=minutes,
        hp_electric_kwh=outcome.electric_kwh,
        hp_heat_kwh=outcome.heat_kwh,
        store_heat_kwh=outcome.charge_kwh - outcome.discharge_kwh,
        store_energy_kwh=house.store.energy_kwh(after.level),
        store_top_c=house.store.temperature_c(SCALARS, after.level + after.spread),
        price_usd_per_mwh=1000.0 * price,
        cost_usd=price * outcome.electric_kwh + fuel_usd,
        reason=reason_of(done, step, top_before_c, price, typical),
        unmet=unmet_of(done, step),
        house_heat_kwh=outcome.heat_kwh - outcome.charge_kwh + outcome.discharge_kwh + outcome.boiler_kwh,
        unserved_kwh=outcome.unserved_kwh,
        store_loss_kwh=outcome.loss_kwh,
        boiler_heat_kwh=outcome.boiler_kwh,
        house_k=after.house_k,
        below_setpoint_k_h=max(0.0, step.setpoint_k - mean_k) * step.hours,
        started=done.started,
        action=problem.actions.index(done.action),
        leaving_c=_leaving_c(problem, done, step),
    )


def _leaving_c(problem: Problem, done: Taken, step: StepHeat) -> float | None:
    """Hottest water (C) asked for: what charging takes by the end of the step, and what the house needs."""
    house, outcome, before = problem.house, done.outcome, done.before
    pump, store = house.source.pump, house.store
    if pump is None or not pump.leaving_choice or outcome.direct_kwh + outcome.charge_kwh <= 0.0:
        return None
    asked_c = float("-inf")
    if outcome.charge_kwh > 0.0:
        way = problem.charging(SCALARS, step, done.action.water, before.level, before.spread)
        bottom, rise_k = before.level - before.spread, outcome.charge_kwh / store.kwh_per_k
        asked_c = store.temperature_c(SCALARS, bottom) + way.lift_k
        # At constant flow water is hotter the more the bottom has warmed; hot water is so from the step's beginning.
        lift_k = pump.lift_k if done.action.water is HOT else way.lift_k
        asked_c = max(asked_c, store.temperature_c(SCALARS, bottom + rise_k) + lift_k)
    if outcome.direct_kwh > 0.0:
        wanted = step.between(problem.grid.house_place(before.house_k), done.action.target)
        asked_c = max(asked_c, store.temperature_c(SCALARS, wanted.rswt_level) + pump.serving_margin_k)
    return min(asked_c, pump.maximum_leaving_c)


def terminal_usd(problem: Problem, tables: list[Table], last: Taken) -> float:
    """What store and house are worth at the case's end (USD), over an empty store and a house at its reference."""
    if not problem.house.store.usable:
        return 0.0
    rows, grid, after = rows_of(tables[problem.horizon.steps]), problem.grid, last.outcome.after
    row = rows[ON if last.mode.running else OFF]
    empty_usd = grid.value(rows[OFF], grid.coldest_level, 0.0, 0.0)
    return empty_usd - grid.value(row, after.level, after.spread, after.house_k)


def _marginal_usd_per_kwh(case: PlanningCase, problem: Problem, table: Table) -> float:
    """What the cost-to-go falls by per kWh more in the store now, over two nodes of the grid."""
    if not problem.house.store.usable:
        return 0.0
    grid, start = problem.grid, problem.start
    row = rows_of(table)[ON if case.state.heat_pump_on else OFF]
    reach = grid.level_step
    low = min(max(start.level - reach, grid.coldest_level), grid.coldest_level + (grid.levels - 3.0) * reach)
    low_usd = grid.value(row, low, start.spread, start.house_k)
    high_usd = grid.value(row, low + 2.0 * reach, start.spread, start.house_k)
    worth = (low_usd - high_usd) / (2.0 * reach * problem.house.store.kwh_per_k)
    return worth if abs(worth) > 1e-6 else 0.0
