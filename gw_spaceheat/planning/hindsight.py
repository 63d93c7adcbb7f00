"""Bid regret: after a slot, what was bought and what was used, against the best that could have been done in it.

Judged from the state measured at the slot's beginning, with the price and the weather that came true and with what is
known at its end of the prices behind it. The slot is free: every power the SCADA's slot executor can be asked for is
rolled from there, as a bid rolls them (`bid`), and behind the slot lies the cost-to-go of that case.
"""

from dataclasses import dataclass, replace

import numpy as np

from gw_spaceheat.messages.market import Prices
from gw_spaceheat.planning.bid import bid_of, slot_start
from gw_spaceheat.planning.case import PlanningCase, StateNow
from gw_spaceheat.planning.inputs import start_of
from gw_spaceheat.planning.model.transition import State
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.problem import start_state
from gw_spaceheat.planning.slot_executor import SlotRuns, SlotStart, behind_slot_usd, run_slot, targets_of
from gw_spaceheat.planning.solve import Solution, mode_now, solve


@dataclass(frozen=True, slots=True)
class SlotSeen:
    """What is known of a slot (epoch s) after its end."""

    start_s: float
    end_s: float
    usd_per_mwh: float
    """The price that came true."""
    bought_kw: float
    """Contracted, or sold by the market, on average over the slot."""
    used_kwh: float | None = None
    """None: not measured."""
    reached: StateNow | None = None
    """Measured at the slot's end; None: what the planner's physics say of the used energy stands for it."""
    outdoor_c: float | None = None
    """Measured in the slot; None: the weather stays as it is believed."""


@dataclass(frozen=True, slots=True)
class Hindsight:
    """Costs (USD) of a slot and all that follows: of the best power (kW), of the bought one, and as it really went."""

    best_kw: float
    best_usd: float
    bought_usd: float
    used_usd: float | None

    @property
    def regret_usd(self) -> float:
        """What the bought quantity cost above the best; never negative."""
        return self.bought_usd - self.best_usd

    @property
    def used_regret_usd(self) -> float | None:
        """What the slot really cost above the best; negative where the house did better than its model can."""
        return None if self.used_usd is None else self.used_usd - self.best_usd


def look_back(
    begun: PlanningCase, seen: SlotSeen, later: Prices, options: PlannerOptions = DEFAULT_OPTIONS
) -> Hindsight:
    """Hindsight on a slot of `begun`, the case as it was measured at the slot's beginning. Raises BadInput.

    `later`: the prices as known now.
    """
    solution = solve(came_true(begun, seen, later), options)
    start = slot_start(solution, seen.start_s, seen.end_s)
    bid = bid_of(solution, seen.start_s, seen.end_s)
    bought_usd = _bought_usd(solution, start, seen)
    best = min(bid.costs, key=lambda cost: bid.total_usd(cost.average_kw, seen.usd_per_mwh))
    best_kw, best_usd = best.average_kw, bid.total_usd(best.average_kw, seen.usd_per_mwh)
    if bought_usd < best_usd:
        best_kw, best_usd = seen.bought_kw, bought_usd
    used_usd = None if seen.used_kwh is None else _used_usd(solution, start, seen, seen.used_kwh)
    return Hindsight(best_kw, best_usd, bought_usd, used_usd)


def came_true(begun: PlanningCase, seen: SlotSeen, later: Prices) -> PlanningCase:
    """The case with what is known after the slot, and nothing committed; a price nobody knows yet is as it was."""
    prices, outdoor_c = begun.price_usd_per_mwh.copy(), begun.outdoor_c.copy()
    end_s = begun.start_s
    for place, minutes in enumerate(begun.step_minutes):
        begin_s, end_s = end_s, end_s + 60.0 * minutes
        if seen.start_s <= begin_s and end_s <= seen.end_s:
            prices[place] = seen.usd_per_mwh
            outdoor_c[place] = outdoor_c[place] if seen.outdoor_c is None else seen.outdoor_c
        else:
            known = later.mean_usd_per_mwh(begin_s, end_s)
            prices[place] = prices[place] if known is None else known
    return replace(begun, price_usd_per_mwh=prices, outdoor_c=outdoor_c, commitments=(), previous=None)


def _bought_usd(solution: Solution, start: SlotStart, seen: SlotSeen) -> float:
    """The cheapest that the slot executor can make of the bought energy, and all that follows."""
    runs = _rolled(solution, start, seen.bought_kw * start.hours)
    rest_usd = runs.other_usd + behind_slot_usd(solution.problem, solution.tables, start, runs)
    return float(np.min(runs.electric_kwh * seen.usd_per_mwh / 1000.0 + rest_usd))


def _used_usd(solution: Solution, start: SlotStart, seen: SlotSeen, used_kwh: float) -> float:
    """The used energy at the real price, and the cost-to-go of the state really reached.

    What the slot costs beside (comfort, a start, fuel) is not measured: it is that of a run with so much energy.
    """
    runs = _rolled(solution, start, used_kwh)
    ended = _as_reached(solution, runs, seen)
    rest_usd = runs.other_usd + behind_slot_usd(solution.problem, solution.tables, start, ended)
    return used_kwh * seen.usd_per_mwh / 1000.0 + float(np.min(rest_usd))


def _rolled(solution: Solution, start: SlotStart, energy_kwh: float) -> SlotRuns:
    """One budget through the slot, once for each target the thermostats may have."""
    targets = np.array(targets_of(solution.problem))
    return run_slot(solution.problem, start, np.full(targets.size, energy_kwh), targets)


def _as_reached(solution: Solution, runs: SlotRuns, seen: SlotSeen) -> SlotRuns:
    """The runs as if they had all come to the measured state; as they are where more is missing than at the start."""
    case, problem = solution.case, solution.problem
    if seen.reached is None:
        return runs
    measured, missing = start_of(case.parameters, seen.reached)
    if not set(missing) <= set(start_of(case.parameters, case.state)[1]):
        return runs
    count = runs.electric_kwh.size
    state = start_state(problem.house, measured)
    mode = mode_now(replace(case, start_s=seen.end_s, state=seen.reached), problem)
    after = State(*(np.full(count, value) for value in state))
    return replace(runs, after=after, running=np.full(count, mode.running), bound_s=np.full(count, mode.bound_s))
