"""The bid: what the house buys in the next slot at which price. What that has cost afterwards: `hindsight`.

Every average power is rolled through the SCADA's slot executor (`slot_run`); behind the slot lies the planner's own
cost-to-go. The curve is the lower envelope of price * quantity + the rest: the breakpoints are the slopes of the lower
convex hull of (quantity, rest), exact, and the quantity never rises with the price. Where two quantities cost the
same, at a breakpoint, the smaller one is bought. The plan's first slot is then what the bid buys at the forecast
price (`solve_with_bid`), executed as the SCADA will: plan, bid and contract say the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf
from typing import NamedTuple

import numpy as np

from gw_spaceheat.errors import BadInput
from gw_spaceheat.planning.actions import Action, Rung
from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.inputs import bound_steps
from gw_spaceheat.planning.model.maths import SCALARS, Floats
from gw_spaceheat.planning.model.transition import Outcome, State
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.problem import Problem
from gw_spaceheat.planning.roll_out import Mode, Taken
from gw_spaceheat.planning.slot_executor import (
    PIECE_S,
    Piece,
    SlotRuns,
    SlotStart,
    behind_slot_usd,
    minimum_run_kwh,
    run_slot,
    targets_of,
)
from gw_spaceheat.planning.solve import Solution, continued, mode_now, solve

POWERS = 33
"""Average powers rolled per slot, from nothing to all the source can draw; the plan's own comes on top."""
LOWEST_USD_PER_MWH = -1000.0
"""Price of the first point: below it the house buys as much as there."""
SAME_S = 1.0
SLOT_S = 3600.0


@dataclass(frozen=True, slots=True)
class BidPoint:
    """At this price and above, up to the next point, the house buys so much on average over the slot."""

    price_usd_per_mwh: float
    average_kw: float


@dataclass(frozen=True, slots=True)
class SlotCost:
    """One average power as the executor delivers it, and what it costs (USD) but for its electricity."""

    average_kw: float
    rest_usd: float
    """Comfort, fuel, the start and missed commitments in the slot, and the cost-to-go at its end."""


@dataclass(frozen=True, slots=True)
class Bid:
    """The curve, points by rising price; `costs` by rising power is what it is the envelope of."""

    start_s: float
    end_s: float
    points: tuple[BidPoint, ...]
    costs: tuple[SlotCost, ...]
    forecast_usd_per_mwh: float

    @property
    def hours(self) -> float:
        return (self.end_s - self.start_s) / 3600.0

    def average_kw(self, price_usd_per_mwh: float) -> float:
        """What the house buys at a price, kW on average over the slot."""
        bought_kw = self.points[0].average_kw
        for point in self.points:
            if point.price_usd_per_mwh <= price_usd_per_mwh:
                bought_kw = point.average_kw
        return bought_kw

    def total_usd(self, average_kw: float, price_usd_per_mwh: float) -> float:
        """Cost of the slot and of all that follows, at a price; between rolled powers in proportion."""
        powers = [cost.average_kw for cost in self.costs]
        rest_usd = float(np.interp(average_kw, powers, [cost.rest_usd for cost in self.costs]))
        return average_kw * self.hours * price_usd_per_mwh / 1000.0 + rest_usd


def market_slot(case: PlanningCase) -> tuple[float, float] | None:
    """The slot (epoch s) a case's bid is for: from its start to the first step's end on a full hour, or an hour on.

    Less than a quarter of an hour is no slot. What is committed already is not bid for again: then it is the slot
    behind that; None: every step is committed.
    """
    start_s = end_s = case.start_s
    committed = np.zeros(len(case.step_minutes), dtype=np.bool_)
    for slot in case.commitments:
        committed |= bound_steps(case, slot)[0]
    for minutes, taken in zip(case.step_minutes, committed.tolist(), strict=True):
        begin_s, end_s = end_s, end_s + 60.0 * minutes
        if begin_s == start_s and taken:
            start_s = end_s
            continue
        passed_s = end_s - start_s
        if passed_s >= SLOT_S - SAME_S or (end_s % SLOT_S < SAME_S and passed_s >= 0.25 * SLOT_S):
            break
    return (start_s, end_s) if start_s < end_s else None


def bid_of(solution: Solution, slot_start_s: float, slot_end_s: float) -> Bid:
    """The bid for a slot (epoch s) inside the plan's horizon, made from the plan's tables. Raises BadInput."""
    start = slot_start(solution, slot_start_s, slot_end_s)
    costs = _rolled(solution, start)[0]
    return Bid(slot_start_s, slot_end_s, _points(costs, start.hours), costs, _price(solution, start))


def expected_bid(solution: Solution, futures: Sequence[Solution], slot: tuple[float, float]) -> Bid:
    """The bid for a slot behind which one of several futures follows: costs are those to be expected.

    `solution` is of the case's own series, whose price is the forecast; `futures` of its scenarios.
    """
    start = slot_start(solution, *slot)
    bids = [bid_of(each, *slot) for each in futures]
    probabilities = [scenario.probability for scenario in solution.case.scenarios]
    costs: list[SlotCost] = []
    for kw in sorted({cost.average_kw for bid in bids for cost in bid.costs}):
        rest_usd = sum(share * bid.total_usd(kw, 0.0) for share, bid in zip(probabilities, bids, strict=True))
        costs.append(SlotCost(kw, rest_usd))
    return Bid(*slot, _points(tuple(costs), start.hours), tuple(costs), _price(solution, start))


def _points(costs: tuple[SlotCost, ...], hours: float) -> tuple[BidPoint, ...]:
    """The curve that buys the cheapest of `costs` at every price."""
    hull = _lower_hull(costs)
    points: list[BidPoint] = []
    for cheap, dear in pairwise(hull):
        slope = (cheap.rest_usd - dear.rest_usd) / (dear.average_kw - cheap.average_kw)
        points.append(BidPoint(1000.0 * slope / hours, cheap.average_kw))
    least_usd = min([LOWEST_USD_PER_MWH, *(point.price_usd_per_mwh - 1.0 for point in points)])
    points.append(BidPoint(least_usd, hull[-1].average_kw))
    return tuple(reversed(points))


def solve_with_bid(
    case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS, slot: tuple[float, float] | None = None
) -> tuple[Solution, Bid]:
    """Plan and bid of a slot (`market_slot` if none is named) that agree at the forecast price. Raises BadInput."""
    named = market_slot(case) if slot is None else slot
    if named is None:
        raise BadInput("planning case: every step is committed already, so there is no slot to bid for")
    return with_bid(solve(case, options), named)


def with_bid(solution: Solution, slot: tuple[float, float]) -> tuple[Solution, Bid]:
    """The bid of a solution, and the solution with that slot as the SCADA will execute what the bid buys."""
    bid = bid_of(solution, *slot)
    return as_bought(solution, bid, bid.average_kw(bid.forecast_usd_per_mwh)), bid


def as_bought(solution: Solution, bid: Bid, average_kw: float) -> Solution:
    """The solution with `average_kw` bought in the bid's slot, and the best that can follow.

    Unchanged if the slot does not begin and end with steps of the plan.
    """
    problem, case = solution.problem, solution.case
    start = slot_start(solution, bid.start_s, bid.end_s)
    first, end = start.pieces[0].step, round(start.end_place)
    if abs(start.end_place - end) > 1e-6 or abs(_offset_s(case, first) - (bid.start_s - case.start_s)) > SAME_S:
        return solution
    runs, place = _bought(solution, start, average_kw)
    return continued(solution, [*solution.taken[:first], *_as_taken(problem, start, runs, place)])


# ---------------------------------------------------------------- where the slot lies


def slot_start(solution: Solution, slot_start_s: float, slot_end_s: float) -> SlotStart:
    """State and mode the plan comes to the slot with, and the slot cut at the plan's steps. Raises BadInput."""
    case, taken = solution.case, solution.taken
    from_s, to_s = slot_start_s - case.start_s, slot_end_s - case.start_s
    ends_s = _offset_s(case, len(case.step_minutes))
    if not -SAME_S <= from_s < to_s - SAME_S <= ends_s:
        raise BadInput(f"slot from {from_s:.0f} to {to_s:.0f} s after the start: the plan ends at {ends_s:.0f} s")
    pieces: list[Piece] = []
    place = 0.0
    state, mode = solution.problem.start, mode_now(case, solution.problem)
    for index, minutes in enumerate(case.step_minutes):
        begin_s, length_s = _offset_s(case, index), 60.0 * minutes
        if begin_s + length_s <= from_s + SAME_S:
            state, mode = taken[index].outcome.after, taken[index].mode
            continue
        if begin_s >= to_s - SAME_S:
            break
        if not pieces and from_s - begin_s > SAME_S:
            # The slot begins inside a step: the state in proportion.
            part = (from_s - begin_s) / length_s
            before, after = taken[index].before, taken[index].outcome.after
            state = State(*(one + part * (other - one) for one, other in zip(before, after, strict=True)))
            mode = Mode(taken[index].mode.running)
        low_s, high_s = max(begin_s, from_s), min(begin_s + length_s, to_s)
        cuts = max(1, ceil((high_s - low_s) / PIECE_S - 1e-6))
        size_s = (high_s - low_s) / cuts
        pieces += [Piece(index, low_s - from_s + cut * size_s, size_s) for cut in range(cuts)]
        place = index + (high_s - begin_s) / length_s
    return SlotStart(state, mode, tuple(pieces), place)


def _offset_s(case: PlanningCase, index: int) -> float:
    """Seconds from the case's start to that of a step."""
    return 60.0 * sum(case.step_minutes[:index])


def _price(solution: Solution, start: SlotStart) -> float:
    """Forecast price (USD/MWh) of the slot: the mean over its time."""
    prices = solution.problem.horizon.price_usd_per_kwh
    return sum(1000.0 * float(prices[piece.step]) * piece.length_s for piece in start.pieces) / start.seconds


# ---------------------------------------------------------------- the runs and their envelope


def budgets_kwh(solution: Solution, start: SlotStart) -> Floats:
    """Nothing, every power from a minimum run to all that can be drawn, and the plan's own."""
    problem = solution.problem
    most_kwh = float(_whole_run(problem, start).electric_kwh[0])
    least_kwh = min(minimum_run_kwh(problem), most_kwh)
    begin_s, end_s = _times_s(solution, start)
    own_kwh = solution.plan.average_w(begin_s, end_s) * start.hours / 1000.0
    return np.unique([0.0, *np.linspace(least_kwh, most_kwh, POWERS - 1), min(own_kwh, most_kwh), inf])


class WholeRun(NamedTuple):
    """A run through all of a slot: electric power (kW) on average over the slot, and while the source runs."""

    average_kw: float
    running_kw: float


def whole_run(solution: Solution, slot_start_s: float, slot_end_s: float) -> WholeRun | None:
    """What the source draws if it runs through the slot (epoch s); None: there is no room for so much heat, or no time.

    Raises BadInput.
    """
    start = slot_start(solution, slot_start_s, slot_end_s)
    runs = _whole_run(solution.problem, start)
    running_h = sum(float(share[0]) * piece.length_s for piece, share, _ in runs.parts) / 3600.0
    if runs.filled[0] or running_h <= 0.0:
        return None
    electric_kwh = float(runs.electric_kwh[0])
    return WholeRun(electric_kwh / start.hours, electric_kwh / running_h)


def _whole_run(problem: Problem, start: SlotStart) -> SlotRuns:
    return run_slot(problem, start, np.array([inf]), np.array(targets_of(problem)[:1]))


def _times_s(solution: Solution, start: SlotStart) -> tuple[float, float]:
    end = int(start.end_place + 1e-9)
    steps = solution.case.step_minutes
    part_s = (start.end_place - end) * 60.0 * steps[end] if end < len(steps) else 0.0
    end_s = solution.case.start_s + _offset_s(solution.case, end) + part_s
    return end_s - start.seconds, end_s


def _rolled(solution: Solution, start: SlotStart) -> tuple[tuple[SlotCost, ...], SlotRuns, list[int]]:
    """Costs by rising power (of equal powers the cheapest), with the runs and the place of each cost among them."""
    budgets, targets = budgets_kwh(solution, start), np.array(targets_of(solution.problem))
    runs = run_slot(solution.problem, start, np.repeat(budgets, targets.size), np.tile(targets, budgets.size))
    rest_usd = runs.other_usd + behind_slot_usd(solution.problem, solution.tables, start, runs)
    order = np.lexsort((rest_usd, np.round(runs.electric_kwh, 9)))
    costs: list[SlotCost] = []
    places: list[int] = []
    for place in order.tolist():
        average_kw = float(runs.electric_kwh[place]) / start.hours
        if not costs or average_kw > costs[-1].average_kw + 1e-6:
            costs.append(SlotCost(average_kw, float(rest_usd[place])))
            places.append(place)
    return tuple(costs), runs, places


def _lower_hull(costs: tuple[SlotCost, ...]) -> list[SlotCost]:
    """Corners of the lower convex hull, by rising power."""
    hull: list[SlotCost] = []
    for cost in costs:
        while len(hull) >= 2 and _above(hull[-2], hull[-1], cost):
            hull.pop()
        hull.append(cost)
    return hull


def _above(left: SlotCost, middle: SlotCost, right: SlotCost) -> bool:
    """Whether `middle` lies on or above the line from `left` to `right`."""
    run, far = middle.average_kw - left.average_kw, right.average_kw - left.average_kw
    return (middle.rest_usd - left.rest_usd) * far >= (right.rest_usd - left.rest_usd) * run


# ---------------------------------------------------------------- the plan as the slot will be executed


def _bought(solution: Solution, start: SlotStart, average_kw: float) -> tuple[SlotRuns, int]:
    """The runs, and which of them delivers (nearest) `average_kw`."""
    costs, runs, places = _rolled(solution, start)
    nearest = min(range(len(costs)), key=lambda place: abs(costs[place].average_kw - average_kw))
    return runs, places[nearest]


def _as_taken(problem: Problem, start: SlotStart, runs: SlotRuns, place: int) -> list[Taken]:
    """One run of the slot as steps of a plan."""
    result: list[Taken] = []
    state, running = start.state, start.mode.running
    for step in sorted({piece.step for piece in start.pieces}):
        parts = [part for part in runs.parts if part[0].step == step]
        outcomes = [_at(outcome, place) for _, _, outcome in parts]
        totals = [sum(values) for values in list(zip(*outcomes, strict=True))[1:]]
        outcome = Outcome(outcomes[-1].after, *totals)
        share = sum(float(share[place]) * piece.length_s for piece, share, _ in parts)
        share /= sum(piece.length_s for piece, _, _ in parts)
        action = _action(problem, outcome.electric_kwh)
        runs_after = bool(float(parts[-1][1][place]) > 1e-9) if parts else running
        started = outcome.electric_kwh > 0.0 and not running
        cost_usd = float(problem.horizon.price_usd_per_kwh[step]) * outcome.electric_kwh
        cost_usd += problem.house.source.start_usd * started
        cost_usd += problem.house.cost_usd(SCALARS, problem.heats[step], state.house_k, outcome)
        mode = Mode(runs_after)
        result.append(Taken(step, action, share, state, outcome, mode, started, False, cost_usd))
        state, running = outcome.after, runs_after
    last = result[-1]
    result[-1] = last._replace(mode=Mode(bool(runs.running[place]), float(runs.bound_s[place])))
    return result


def _at(outcome: Outcome[Floats], place: int) -> Outcome[float]:
    """One of many outcomes, as plain numbers."""
    after = State(*(float(values[place]) for values in outcome.after))
    return Outcome(
        after, *(float(np.broadcast_to(values, outcome.electric_kwh.shape)[place]) for values in outcome[1:])
    )


def _action(problem: Problem, electric_kwh: float) -> Action:
    """The planner's action that is most like what the executor does."""
    rung = Rung.FULL if electric_kwh > 0.0 else Rung.IDLE
    return next(action for action in problem.actions if action.rung is rung)
