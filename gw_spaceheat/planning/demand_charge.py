"""A demand charge: the greatest average power of any step is paid for, above the month's peak so far.

A peak belongs to the whole plan and not to a step, so the programme is solved under a few caps on the electric power
and the cheapest sum of plan and peak wins. The tables of a cap are those of a house whose heat pump is so much smaller;
the plan is then rolled out with the heat pump as it is, run for as much of each step as the cap allows. A cap it cannot
keep, with its minimum time and as far as it can be turned down, is not tried. What heat is worth at the end is for all
of them what it is worth to the house as it is: a cap of today binds nobody after the horizon.
Costs nine plans' time, where there is such a charge.
"""

from dataclasses import replace

from gw_spaceheat.planning.actions import Rung
from gw_spaceheat.planning.case import DemandCharge, PlanningCase
from gw_spaceheat.planning.model.parameters import HeatPumpParameters, PlannerParameters
from gw_spaceheat.planning.model.transition import State
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.problem import Problem
from gw_spaceheat.planning.roll_out import Mode, Taken, best_of, rows_of, tried
from gw_spaceheat.planning.solve import Solution, mode_now, put_together, solve

CAP_SHARES = (0.0, 0.25, 0.4, 0.55, 0.7, 0.85)
LEAST_CAP_KW = 0.5
TRACE_KWH, TRACE_SHARE = 1e-6, 1e-3
ATTEMPTS = 3
"""Electricity is not quite in proportion to a run's length: what charges has another COP than what serves."""


def capped(parameters: PlannerParameters, cap_kw: float) -> PlannerParameters:
    """The house as if its heat pump and element together could draw no more than `cap_kw`."""
    pump, boost = parameters.heat_pump, parameters.boost
    if pump is not None:
        pump = replace(pump, greatest_electric_kw=min(pump.greatest_electric_kw, cap_kw))
    if boost is not None:
        left_kw = cap_kw - (pump.greatest_electric_kw if pump is not None else 0.0)
        boost = replace(boost, rated_kw=left_kw) if 0.0 < left_kw < boost.rated_kw else boost if left_kw > 0.0 else None
    return replace(parameters, heat_pump=pump, boost=boost)


def solve_with_demand_charge(case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS) -> Solution:
    """The cheapest solution over a few caps on the power; a case without a demand charge is solved once."""
    free = solve(case, options)
    if case.demand_charge is None:
        return free
    found = {case.parameters.greatest_electric_kw: free}

    def usd(cap_kw: float) -> float:
        return found[cap_kw].plan.objective_usd

    for cap_kw in _caps_kw(free, case.demand_charge):
        found[cap_kw] = _kept_under(free, case, cap_kw, options)
    for cap_kw in _between(sorted(found), min(found, key=usd)):
        found[cap_kw] = _kept_under(free, case, cap_kw, options)
    return found[min(found, key=usd)]


def least_share(pump: HeatPumpParameters | None, step_s: float) -> float:
    """The least share of its power that the heat pump can draw in a step: turned down, or for its minimum run only."""
    if pump is None:
        return 0.0
    for_its_time = min(1.0, pump.minimum_on_s / step_s)
    return min(for_its_time, pump.minimum_modulation) if pump.leaving_choice else for_its_time


def _caps_kw(free: Solution, charge: DemandCharge) -> list[float]:
    """From the least the house can draw while it runs to what it draws without a charge."""
    case = free.case
    greatest_kw = max(step.average_w for step in free.plan.steps) / 1000.0
    least = max(least_share(case.parameters.heat_pump, 60.0 * minutes) for minutes in set(case.step_minutes))
    floor_kw = max(charge.peak_so_far_kw, LEAST_CAP_KW, least * greatest_kw)
    return [floor_kw + share * (greatest_kw - floor_kw) for share in CAP_SHARES] if floor_kw < greatest_kw else []


def _between(caps_kw: list[float], best_kw: float) -> list[float]:
    """The middles between the best cap and its neighbours."""
    place = caps_kw.index(best_kw)
    near = caps_kw[max(0, place - 1) : place + 2]
    return [0.5 * (best_kw + other) for other in near if other != best_kw]


def _kept_under(free: Solution, case: PlanningCase, cap_kw: float, options: PlannerOptions) -> Solution:
    """The plan by the tables of the capped house, with the heat pump as it is and every step's power under the cap."""
    problem, small = free.problem, solve(replace(case, parameters=capped(case.parameters, cap_kw)), options)
    state, mode, done = problem.start, mode_now(case, problem), list[Taken]()
    for index in range(problem.horizon.steps):
        choices = _allowed(problem, index, state, mode, cap_kw)
        best, _ = best_of(small.problem, rows_of(small.tables[index + 1]), choices)
        done.append(best)
        state, mode = best.outcome.after, best.mode
    return replace(small, plan=put_together(case, problem, free.tables, done), taken=done)


def _allowed(problem: Problem, index: int, state: State[float], mode: Mode, cap_kw: float) -> list[Taken]:
    """What keeps to the cap, with the run that just does; where nothing does, what draws least."""
    most_kwh, least = cap_kw * problem.heats[index].hours, _least(problem, index)
    choices = tried(problem, index, state, mode)
    possible = [
        taken for taken in choices if not taken.runs or taken.share >= least - TRACE_SHARE or taken.share <= 0.0
    ]
    allowed = [taken for taken in possible if taken.outcome.electric_kwh <= most_kwh + TRACE_KWH]
    for number, taken in enumerate(choices):
        if taken.action.rung is Rung.FULL and taken not in allowed:
            shorter = _shortened(problem, index, state, mode, number, taken, most_kwh)
            allowed += [shorter] if shorter.outcome.electric_kwh <= most_kwh + TRACE_KWH else []
    return allowed or [min(possible or choices, key=lambda taken: taken.outcome.electric_kwh)]


def _least(problem: Problem, index: int) -> float:
    return least_share(problem.house.source.pump, 3600.0 * problem.heats[index].hours)


def _shortened(
    problem: Problem, index: int, state: State[float], mode: Mode, number: int, taken: Taken, most_kwh: float
) -> Taken:
    """A full run for so much less of the step that it draws `most_kwh`, or for as little as is allowed."""
    hours, least = problem.heats[index].hours, _least(problem, index)
    for _ in range(ATTEMPTS):
        share = taken.share * most_kwh / taken.outcome.electric_kwh
        lines = dict.fromkeys([hours], [(0.0, max(share, least), 0.0)] * len(problem.actions))
        taken = tried(replace(problem, lines=lines), index, state, mode, [number])[0]
        if taken.outcome.electric_kwh <= most_kwh + TRACE_KWH:
            break
    return taken
