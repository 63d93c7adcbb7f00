"""The planner: backward dynamic programme over the stratified store, then a roll-out that conserves energy."""

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.inputs import StepInput, step_inputs, store_start
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.plan import Plan, PlanStep
from gw_spaceheat.planning.reasons import Taken, reason_of, unmet_of
from gw_spaceheat.planning.transition import NO_HEAT_KWH, House, SourceBounds
from gw_spaceheat.planning.value import Grid, backward, make_grid, prepare, terminal_value_usd

Floats = NDArray[np.float64]

NO_UNSERVED_KWH = 0.005


def make_plan(case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS) -> Plan:
    """The cheapest plan the action set allows. Never raises for a physical state; what cannot be met is listed."""
    house = House(case.plumbing, options)
    steps, notes = step_inputs(case, options, house.source.hottest_c)
    start, start_notes = store_start(case.plumbing, case.state)
    notes += start_notes
    if not house.has_source:
        notes.append("no_heat_source")
    level = house.store.level(start.mean_c)
    spread = max(0.0, house.store.level(start.top_c) - level) if house.store.usable else 0.0
    grid = make_grid(house, steps, level, spread)
    first = _first_bounds(case, house)
    tables = backward(house, steps, grid, first)
    taken = _roll_out(case, house, steps, grid, tables, level, spread, first)
    return _plan(case, house, steps, taken, tables[0], grid, level, spread, tuple(notes))


def _first_bounds(case: PlanningCase, house: House) -> SourceBounds:
    """What the source's minimum on and off times leave of the first step."""
    since_s = max(0.0, case.start_s - case.state.heat_pump_since_s)
    step_s = 60.0 * case.step_minutes[0]
    if case.state.heat_pump_on:
        return SourceBounds(least=min(1.0, max(0.0, house.source.minimum_on_s - since_s) / step_s))
    return SourceBounds(greatest=1.0 - min(1.0, max(0.0, house.source.minimum_off_s - since_s) / step_s))


def _roll_out(
    case: PlanningCase,
    house: House,
    steps: tuple[StepInput, ...],
    grid: Grid,
    tables: list[Floats],
    level: float,
    spread: float,
    first: SourceBounds,
) -> list[Taken]:
    """Forward from the state now, each step the best action by cost-to-go at the true, unrounded state."""
    running_before = case.state.heat_pump_on
    taken: list[Taken] = []
    for index, step in enumerate(steps):
        bounds = first if index == 0 else SourceBounds()
        levels, spreads = np.array([[level]]), np.array([[spread]])
        prepared = prepare(house, step, grid, levels, spreads, bounds)
        cost = prepared.costs_usd(step, house.options, tables[index + 1])[:, 0]
        starts = prepared.running[:, 0] & (not running_before)
        best = int(np.argmin(cost + house.options.start_usd * starts))
        outcome = prepared.outcome
        running_now = bool(prepared.running[best, 0])
        done = Taken(
            step=step,
            top_before_c=house.store.top_c(level, spread),
            level=float(outcome.level_after[best, 0]),
            spread=float(outcome.spread_after[best, 0]),
            electric_kwh=float(outcome.electric_kwh[best, 0]),
            heat_kwh=float(outcome.heat_kwh[best, 0]),
            charge_kwh=float(outcome.charge_kwh[best, 0]),
            discharge_kwh=float(outcome.discharge_kwh[best, 0]),
            loss_kwh=float(outcome.loss_kwh[best, 0]),
            unserved_kwh=float(outcome.unserved_kwh[best, 0]),
            source_share=float(prepared.share[best, 0]),
            forced=index == 0 and (bounds.least > 0.0 or bounds.greatest < 1.0),
            started=running_now and not running_before,
        )
        taken.append(done)
        level, spread, running_before = done.level, done.spread, running_now
    return taken


def _plan(
    case: PlanningCase,
    house: House,
    steps: tuple[StepInput, ...],
    taken: list[Taken],
    table: Floats,
    grid: Grid,
    level: float,
    spread: float,
    notes: tuple[str, ...],
) -> Plan:
    """Put the roll-out into words and money."""
    typical_usd_per_kwh = float(np.median([step.price_usd_per_kwh for step in steps]))
    plan_steps: list[PlanStep] = []
    start_s = case.start_s
    for minutes, done in zip(case.step_minutes, taken, strict=True):
        price = done.step.price_usd_per_kwh
        plan_steps.append(
            PlanStep(
                start_s=start_s,
                minutes=minutes,
                hp_electric_kwh=done.electric_kwh,
                hp_heat_kwh=done.heat_kwh,
                store_heat_kwh=done.charge_kwh - done.discharge_kwh,
                store_energy_kwh=house.store.energy_kwh(done.level),
                store_top_c=house.store.top_c(done.level, done.spread),
                price_usd_per_mwh=1000.0 * price,
                cost_usd=price * done.electric_kwh,
                reason=reason_of(done, typical_usd_per_kwh),
                unmet=unmet_of(done),
                house_heat_kwh=done.heat_kwh - done.charge_kwh + done.discharge_kwh,
                unserved_kwh=done.unserved_kwh,
                store_loss_kwh=done.loss_kwh,
            )
        )
        start_s += 60.0 * minutes
    end_value = float(terminal_value_usd(house, steps, np.array([taken[-1].level]))[0])
    cost = sum(step.cost_usd for step in plan_steps)
    unserved_kwh = sum(done.unserved_kwh for done in taken)
    starts = sum(done.started for done in taken)
    summary = (f"heat_unserved_kwh={unserved_kwh:.2f}",) if unserved_kwh > NO_UNSERVED_KWH else ()
    return Plan(
        steps=tuple(plan_steps),
        total_cost_usd=cost,
        terminal_value_usd=end_value,
        marginal_heat_usd_per_kwh=_marginal_usd_per_kwh(case, house, table, grid, level, spread),
        unmet=notes + summary,
        objective_usd=cost
        + house.options.comfort_usd_per_kwh * unserved_kwh
        + house.options.start_usd * starts
        - end_value,
        start_store_energy_kwh=house.store.energy_kwh(level),
    )


def _marginal_usd_per_kwh(
    case: PlanningCase, house: House, table: Floats, grid: Grid, level: float, spread: float
) -> float:
    """What the cost-to-go falls by per kWh more in the store now, over two nodes of the grid."""
    if not house.store.usable:
        return 0.0
    reach = float(grid.levels[1] - grid.levels[0])
    low = min(max(level - reach, float(grid.levels[0])), float(grid.levels[-1]) - 2.0 * reach)
    offset = grid.size if case.state.heat_pump_on else 0
    spreads = np.array([spread, spread])
    costs = grid.weigh(offset, np.array([low, low + 2.0 * reach]), spreads).value(table)
    worth = float(costs[0] - costs[1]) / (2.0 * reach * house.store.kwh_per_k)
    return worth if abs(worth) > NO_HEAT_KWH else 0.0
