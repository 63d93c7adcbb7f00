"""A demand charge: the greatest average power of any step is paid for, above the month's peak so far.

A peak belongs to the whole plan and not to a step, so the programme is solved under a few caps on the electric power
and the cheapest sum of plan and peak wins. What heat is worth at the end is for all of them what it is worth to the
house as it is: a cap of today binds nobody after the horizon. What that leaves open: caps in between (seven are
tried), and a heat pump that could turn down further than its minimum modulation of the capped power. Costs seven
plans' time, where there is such a charge.
"""

from dataclasses import replace

from gw_spaceheat.planning.case import DemandCharge, PlanningCase
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.parameters import PlannerParameters
from gw_spaceheat.planning.solve import Solution, solve, terminal_usd

CAP_SHARES = (0.25, 0.4, 0.55, 0.7, 0.85)
LEAST_CAP_KW = 0.5


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
    best = free = solve(case, options)
    if case.demand_charge is None:
        return free
    greatest_kw = case.parameters.greatest_electric_kw
    for cap_kw in sorted(_caps_kw(case.demand_charge, greatest_kw), reverse=True):
        solution = _valued(free, solve(replace(case, parameters=capped(case.parameters, cap_kw)), options))
        if solution.plan.objective_usd < best.plan.objective_usd:
            best = solution
    return best


def _valued(free: Solution, capped_one: Solution) -> Solution:
    """The capped solution, its plan with what is left at its end valued by the tables of the house without a cap."""
    plan = capped_one.plan
    end_usd = terminal_usd(free.problem, free.tables, capped_one.taken[-1])
    objective_usd = plan.objective_usd + plan.terminal_value_usd - end_usd
    return replace(capped_one, plan=replace(plan, terminal_value_usd=end_usd, objective_usd=objective_usd))


def _caps_kw(charge: DemandCharge, greatest_kw: float) -> set[float]:
    floor_kw = max(charge.peak_so_far_kw, LEAST_CAP_KW)
    caps = {floor_kw, *(floor_kw + share * (greatest_kw - floor_kw) for share in CAP_SHARES)}
    return {cap for cap in caps if cap < greatest_kw}
