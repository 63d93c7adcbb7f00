"""A case with all that it holds: scenarios or a demand charge ask for more than one solution."""

from dataclasses import dataclass

from gw_spaceheat.planning.bid import Bid, as_bought, bid_of, expected_bid, market_slot, with_bid
from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.demand_charge import solve_with_demand_charge
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.scenarios import ScenarioPlan, plan_scenarios
from gw_spaceheat.planning.solve import Solution


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """The solution on the case's own series, and what uncertainty made of its first action, if there was any."""

    solution: Solution
    scenarios: ScenarioPlan | None = None


def plan_case(case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS) -> Planned:
    """The cheapest plan: in expectation over the case's scenarios, with its demand charge, or simply."""
    if case.scenarios:
        found = plan_scenarios(case, options)
        return Planned(found.solution, found)
    return Planned(solve_with_demand_charge(case, options))


def plan_and_bid(planned: Planned) -> tuple[Plan, Bid | None]:
    """The bid for the case's market slot, and the plan with that slot as the bid buys it. None: no slot is free.

    Under a demand charge the plan stays as it is: its power is capped for the whole of its time.
    """
    solution, scenarios = planned.solution, planned.scenarios
    slot = market_slot(solution.case)
    if slot is None:
        return solution.plan, None
    if scenarios is not None:
        bid = expected_bid(solution, scenarios.per_scenario, slot)
        return as_bought(solution, bid, bid.average_kw(bid.forecast_usd_per_mwh)).plan, bid
    if solution.case.demand_charge is not None:
        return solution.plan, bid_of(solution, *slot)
    solution, bid = with_bid(solution, slot)
    return solution.plan, bid
