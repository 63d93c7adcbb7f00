"""A lower bound on what any plan can cost: the planner's own model, relaxed to a linear programme.

Every sequence of actions of the planner's transition is a point of the programme at no greater cost, so no plan is
cheaper than the bound. How each part of the model is relaxed, and why that never raises its cost:

* *Store*: cut into segments by level; a store at level L has the segments below L full. Charging from L to L' fills
  those between. A segment costs the electricity of water that leaves as cold as it can there (coldest bottom: level
  less the greatest spread), integrated over the segment; what linear filling of a part of a segment can overcharge is
  taken off as a constant per step. Segments too cold for the emitters even with the greatest spread cannot serve, and
  below RSWT what is given fades with the mean top of the step. An upper segment is never fuller than a lower one.
  Standing loss is that of the mean level.
* *Spread*: a column that is no less than the true one, nor than that of steady discharge. Its change by charging and
  giving is a product, replaced by the two planes above it. Where it is below its greatest, charging costs more and
  segments near RSWT give less: from below a level that lies d under RSWT comes at most what the spread exceeds d by.
* *House*: temperature is a column; heat wanted and heat lost are straight between the planner's three nodes and are
  replaced by their hulls. Heat that is served directly has the best COP of all states that want so much.
* *Source*: a share of the step. It charges only as far as it also serves all that is wanted. Start cost and delay,
  minimum run and off, minimum modulation, and the ladder of actions are dropped.
* *End*: the planner's own cost-to-go at the end of the case, replaced by its convex hull over the grid's nodes.
"""

from dataclasses import dataclass

import numpy as np

from gw_spaceheat.planning.bound.limits import (
    ChargeLimits,
    Reach,
    charge_limits,
    hull_nodes,
    least_cost_usd,
    lower_hull,
    lowest_tops,
    reach_of,
    segments_of,
)
from gw_spaceheat.planning.bound.linear_program import Answer, Columns, LinearProgram, Number
from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.cost_to_go import OFF, backward
from gw_spaceheat.planning.grid import Table
from gw_spaceheat.planning.model.maths import ARRAYS, Floats
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.problem import Problem, problem_of

SEGMENT_K, COARSE_SEGMENT_K = 3.0, 5.0
MANY_STEPS = 100
LEAST_DENOMINATOR_USD = 0.5
OPTIMAL = "optimal"


@dataclass(frozen=True, slots=True)
class Bound:
    """No plan's objective is less than `objective_usd` (-inf if `status` is not "optimal")."""

    objective_usd: float
    seconds: float
    """By the solver's own clock."""
    status: str
    least_cost_usd: float
    """No plan can pay less, whatever its comfort."""

    def cost_usd(self, plan: Plan) -> float:
        """Least total cost of any plan with the same comfort, starts and terminal value as `plan`; -inf: not known."""
        least_usd = self.least_cost_usd if self.status == OPTIMAL else float("-inf")
        return max(least_usd, plan.total_cost_usd - self.gap_usd(plan))

    def gap_usd(self, plan: Plan) -> float:
        return plan.objective_usd - self.objective_usd

    def gap_share(self, plan: Plan) -> float:
        """Gap over the money the plan moves (paid and earned), because objectives may be near zero or negative."""
        moved_usd = sum(abs(step.cost_usd) for step in plan.steps) + plan.demand_charge_usd
        return self.gap_usd(plan) / max(moved_usd, LEAST_DENOMINATOR_USD)


def lower_bound(case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS, segment_k: float | None = None) -> Bound:
    """Lower bound on `Plan.objective_usd` of `case`, by the same accounts. Needs highspy.

    `segment_k`: height of the store's segments (K); None: 3, or 5 on more than a hundred steps, where time counts.
    """
    problem = problem_of(case, options)
    if segment_k is None:
        segment_k = SEGMENT_K if problem.horizon.steps <= MANY_STEPS else COARSE_SEGMENT_K
    answer = _Model(case, problem, segment_k).solve()
    objective = answer.objective if answer.status == OPTIMAL else float("-inf")
    return Bound(objective, answer.seconds, answer.status, least_cost_usd(problem))


@dataclass(frozen=True, slots=True, eq=False)
class _States:
    """Columns of the state at the start of each step and at the end."""

    segment_kwh: Columns
    """Shape (steps + 1, segments)."""
    spread_k: Columns
    house_k: Columns


class _Model:
    """The programme of one case, built step by step."""

    def __init__(self, case: PlanningCase, problem: Problem, segment_k: float) -> None:
        self.case, self.problem = case, problem
        self.house, self.store = problem.house, problem.house.store
        self.steps = problem.horizon.steps
        self.program = LinearProgram()
        self.reaches = self._reaches()
        self.lowest_levels, self.segments = segments_of(problem, self.reaches, segment_k)
        self.charging = self._charge_limits() if self.store.usable else []
        self.tops = lowest_tops(problem, self.reaches)
        self.states = self._state_columns()
        levels = self.segments.fine_levels()
        self.loss_hull = lower_hull(levels, self.store.temperature_c(ARRAYS, levels))

    def solve(self) -> Answer:
        electric = [self._step(index) for index in range(self.steps)]
        self._demand_charge(electric)
        if self.store.usable:
            self._end()
        return self.program.solve()

    def _reaches(self) -> list[Reach]:
        problem, reaches = self.problem, list[Reach]()
        movable = problem.idle > 1
        highest_k = problem.start.house_k
        for heat in problem.heats[: self.steps]:
            reach = reach_of(problem, heat, problem.grid.highest_k if movable else highest_k, movable)
            reaches.append(reach)
            highest_k = reach.highest_after_k
        return reaches

    def _charge_limits(self) -> list[ChargeLimits]:
        limits = list[ChargeLimits]()
        known: tuple[object, float] | None = None
        for heat, reach in zip(self.problem.heats, self.reaches, strict=False):
            key = (heat, reach.least_wanted_kwh)
            limits.append(limits[-1] if key == known else charge_limits(self.problem, heat, self.segments, reach))
            known = key
        return limits

    def _state_columns(self) -> _States:
        program, start, segments = self.program, self.problem.start, self.segments
        count = self.steps + 1
        full = segments.kwh
        now = np.clip((start.level - segments.edges[:-1]) * segments.kwh_per_k, 0.0, full)
        low = np.clip((self.lowest_levels[:, np.newaxis] - segments.edges[:-1]) * segments.kwh_per_k, 0.0, full)
        high = np.tile(full, (count, 1))
        low[0] = high[0] = now
        spread_low = np.array([*(reach.half_drop_k[1] for reach in self.reaches), self.reaches[-1].half_drop_k[1]])
        spread_high = np.full(count, segments.greatest_spread_k)
        spread_low[0] = spread_high[0] = max(start.spread, spread_low[0])
        house_low, house_high = np.full(count, self.problem.grid.lowest_k), np.full(count, self.problem.grid.highest_k)
        house_low[0] = house_high[0] = start.house_k
        size = segments.size if self.store.usable else 0
        states = _States(
            program.columns((count, size), low[:, :size], high[:, :size]),
            program.columns((count,), spread_low, spread_high),
            program.columns((count,), house_low, house_high),
        )
        if size > 1:
            upper = states.segment_kwh[1:, 1:].reshape(-1)
            lower = states.segment_kwh[1:, :-1].reshape(-1)
            widths = np.tile(full, (self.steps, 1))
            program.rows(
                [(upper, 1.0 / widths[:, 1:].reshape(-1)), (lower, -1.0 / widths[:, :-1].reshape(-1))], high=0.0
            )
        return states

    def _step(self, index: int) -> Columns:
        """Columns and rows of one step; the answer is the column of its electricity (kWh)."""
        program, heat, reach = self.program, self.problem.heats[index], self.reaches[index]
        source, options = self.house.source, self.house.options
        price = float(self.problem.horizon.price_usd_per_kwh[index])
        greatest_kwh = np.inf
        if source.pump is not None:
            greatest_kwh = (source.pump.greatest_electric_kw + source.boost_kw) * heat.hours
        electric = program.columns((1,), 0.0, greatest_kwh, price)
        widths, unit_costs = reach.serving_pieces()
        pieces = program.columns((1, widths.size), 0.0, widths if reach.capacity_kwh > 0.0 else 0.0)
        boiler = program.columns((1,), 0.0, self.house.boiler_kw * heat.hours, self.house.boiler_usd_per_kwh)
        given = program.columns((1,), 0.0, reach.greatest_wanted_kwh if self.store.usable else 0.0)
        self._house(index, [(pieces, 1.0), (boiler, 1.0), (given, 1.0)])
        share: list[tuple[Columns, Number]] = [(pieces, 1.0 / max(reach.capacity_kwh, 1e-9))]
        drawn: list[tuple[Columns, Number]] = [(pieces, -unit_costs)]
        most: list[tuple[Columns, Number]] = [(pieces, -1.0 / reach.worst_cop)]
        least, share_error, electric_error = list(drawn), 0.0, 0.0
        if self.store.usable:
            limits = self.charging[index]
            charge, extra, cooler = self._store(index, given, pieces)
            share.append((charge, limits.share))
            drawn += [(charge, -limits.electric), (cooler, -limits.electric_per_k)]
            least.append((charge, -limits.electric_low))
            most.append((charge, -limits.electric_high))
            for terms in (drawn, least, most):
                terms.append((extra, -1.0))
            share_error, electric_error = limits.share_error, limits.electric_error_kwh
        program.rows(share, high=1.0 + share_error)
        program.rows([(electric, 1.0), *drawn], low=-electric_error)
        if electric_error > 0.0:
            program.rows([(electric, 1.0), *least], low=0.0)
        committed_kwh = heat.committed_kwh
        if price < 0.0 or committed_kwh == committed_kwh:
            program.rows([(electric, 1.0), *most], high=0.0)
        if committed_kwh == committed_kwh:
            missed = program.columns((1,), cost=options.commitment_usd_per_kwh)
            program.rows([(missed, 1.0), (electric, -1.0)], low=-committed_kwh)
            program.rows([(missed, 1.0), (electric, 1.0)], low=committed_kwh)
        return electric

    def _house(self, index: int, served: list[tuple[Columns, Number]]) -> None:
        """Room temperature, heat wanted, heat missing."""
        program, heat, reach = self.program, self.problem.heats[index], self.reaches[index]
        options, per_k = self.house.options, self.house.house_kwh_per_k
        before, after = self.states.house_k[index : index + 1], self.states.house_k[index + 1 : index + 2]
        unserved = program.columns((1,), cost=options.unmet_heat_usd_per_kwh)
        below = program.columns((1,), cost=options.below_setpoint_usd_per_k_h * heat.hours)
        program.rows([(below, 1.0), (before, 0.5), (after, 0.5)], low=heat.setpoint_k)
        for offset, slope in reach.wanted_lines:
            program.rows([*served, (before, -slope)], high=offset)
        gained: list[tuple[Columns, Number]] = [(columns, -np.asarray(factor)) for columns, factor in served]
        for offset, slope in reach.load_lines:
            program.rows([(after, per_k), (before, slope - per_k), *gained, (unserved, -1.0)], high=-offset)

    def _store(self, index: int, given: Columns, pieces: Columns) -> tuple[Columns, Columns, Columns]:
        """Charge, discharge, loss. Columns: heat of the source per segment, of the element, product with the spread."""
        program, states, segments = self.program, self.states, self.segments
        heat, reach, limits = self.problem.heats[index], self.reaches[index], self.charging[index]
        size, full = segments.size, segments.kwh
        before, after = states.segment_kwh[index], states.segment_kwh[index + 1]
        boosted = self.house.source.boost_kw * heat.hours if self.house.source.pump is not None else 0.0
        charge = program.columns((size,), 0.0, np.minimum(limits.open * limits.greatest_kwh, full))
        extra = program.columns((size if boosted > 0.0 else 0,), 0.0, full if boosted > 0.0 else 0.0)
        out = program.columns((size,), -self._gain_kwh(heat.hours), full + self._gain_kwh(heat.hours))
        came: list[tuple[Columns, Number]] = [(before, 1.0), (charge, 1.0)]
        if boosted > 0.0:
            came.append((extra, 1.0))
            program.rows([(extra[np.newaxis], 1.0)], high=boosted)
        program.rows(came, high=full)
        program.rows([(after, -1.0), (out, -1.0), *came], 0.0, 0.0)
        loss = program.columns((1,), -np.inf)
        program.rows([(out[np.newaxis], 1.0), (given, -1.0), (loss, -1.0)], 0.0, 0.0)
        self._loss(index, loss, given, charge, extra)
        total = charge[np.newaxis]
        if reach.capacity_kwh > 1e-9 and limits.greatest_kwh > 1e-9:
            program.rows([(total, -reach.least_wanted_kwh / limits.greatest_kwh), (pieces, 1.0)], low=0.0)
        cooler = self._spread(index, given, total, came, out, loss)
        return total, extra[np.newaxis], cooler

    def _gain_kwh(self, hours: float) -> float:
        """The most a store below its surroundings gains in a step."""
        colder_k = max(0.0, self.store.ambient_c - float(self.loss_temperature_c(self.segments.edges[:1])[0]))
        return colder_k * self.store.loss_kw_per_k * hours

    def loss_temperature_c(self, level: Floats) -> Floats:
        return self.store.temperature_c(ARRAYS, level)

    def _loss(self, index: int, loss: Columns, given: Columns, charge: Columns, extra: Columns) -> None:
        """Standing loss of the mean of the levels before and after: at least every line of its convex hull."""
        hours = self.problem.heats[index].hours
        before = self.states.segment_kwh[index][np.newaxis]
        per_k = self.store.loss_kw_per_k * hours
        levels, temperatures = self.loss_hull
        for left, right, cold, warm in zip(levels, levels[1:], temperatures, temperatures[1:], strict=False):
            slope = (warm - cold) / (right - left)
            # Temperature at the mean level: cold + slope * (floor + (before + half the change) / C - left).
            constant = per_k * (cold + slope * (self.segments.edges[0] - left) - self.store.ambient_c)
            factor = per_k * slope / self.store.kwh_per_k
            self.program.rows(
                [
                    (loss, 1.0),
                    (before, -factor),
                    (charge[np.newaxis], -0.5 * factor),
                    (extra[np.newaxis], -0.5 * factor),
                    (given, 0.5 * factor),
                ],
                low=constant,
            )

    def _spread(
        self,
        index: int,
        given: Columns,
        charge: Columns,
        came: list[tuple[Columns, Number]],
        out: Columns,
        loss: Columns,
    ) -> Columns:
        """Rows of the spread; the answer is the column of charged heat times what the spread lacks (kWh K)."""
        program, segments = self.program, self.segments
        reach, limits = self.reaches[index], self.charging[index]
        low_k, high_k = reach.half_drop_k[1], segments.greatest_spread_k
        before, after = self.states.spread_k[index : index + 1], self.states.spread_k[index + 1 : index + 2]
        between, given_after = (program.columns((1,), low_k, high_k) for _ in range(2))
        self._towards(before, between, charge, limits.greatest_kwh, max(low_k, limits.half_lift_k[1]), low_k)
        self._towards(between, given_after, given, reach.greatest_wanted_kwh, low_k, low_k)
        following = self.reaches[min(index + 1, self.steps - 1)].half_drop_k[1]
        program.rows([(after, 1.0), (given_after, -1.0)], high=max(0.0, following - low_k))
        cooler = program.columns((1, 1), 0.0, np.inf if limits.electric_per_k > 0.0 else 0.0)
        greatest_kwh, range_k = limits.greatest_kwh, high_k - low_k
        if limits.electric_per_k > 0.0 and range_k > 1e-6:
            low = greatest_kwh * (high_k - range_k)
            program.rows([(cooler, 1.0), (before, greatest_kwh), (charge, -range_k)], low=low)
        self._usable(reach, given, given_after, out, loss)
        self._fading(index, given, came, between, given_after)
        return cooler

    def _fading(
        self, index: int, given: Columns, came: list[tuple[Columns, Number]], before: Columns, after: Columns
    ) -> None:
        """Below RSWT the emitters give less: all of it at the highest RSWT, nothing where the top is of no use.

        By the mean of the top before and after giving, which bounds the planner's own fading from above.
        """
        reach, segments = self.reaches[index], self.segments
        floor, capacity = float(segments.edges[0]), segments.kwh_per_k
        # Charging draws a wide spread together, and the top may so fall a little below what is of use.
        mixed_k = max(0.0, segments.greatest_spread_k - min(limits.half_lift_k[0] for limits in self.charging))
        coldest = min(reach.lowest_useful_level, float(self.tops[index : index + 2].min()) - mixed_k)
        per_k = reach.greatest_wanted_kwh / max(reach.highest_rswt_level - coldest, 1e-6)
        held: list[tuple[Columns, Number]] = [(columns[np.newaxis], -per_k / capacity) for columns, _ in came]
        rows: list[tuple[Columns, Number]] = [(given, 1.0 + 0.5 * per_k / capacity), *held]
        rows += [(before, -0.5 * per_k), (after, -0.5 * per_k)]
        self.program.rows(rows, high=per_k * (floor - coldest))

    def _towards(
        self, before: Columns, after: Columns, moved: Columns, greatest_kwh: float, half_k: float, low_k: float
    ) -> None:
        """Upper planes of before + (half - before) * (1 - exp(-moved / (half * C))), which rises with half."""
        high_k, capacity = self.segments.greatest_spread_k, self.store.kwh_per_k
        rate = max(0.0, 1.0 - low_k / half_k) / capacity
        self.program.rows([(after, 1.0), (before, -1.0), (moved, -rate)], high=0.0)
        if greatest_kwh <= 1e-9:
            return
        turned = -np.expm1(-greatest_kwh / (half_k * capacity))
        lowest = min(0.0, half_k - high_k)
        self.program.rows(
            [(after, 1.0), (before, turned - 1.0), (moved, -lowest * turned / greatest_kwh)],
            high=turned * (half_k - lowest),
        )

    def _usable(self, reach: Reach, given: Columns, spread: Columns, out: Columns, loss: Columns) -> None:
        """Only segments that, with the spread, are of use give; those near that level as far as the spread allows."""
        segments, program = self.segments, self.program
        upper = segments.edges[1:]
        need_k = reach.lowest_useful_level - upper
        usable = need_k < segments.greatest_spread_k
        # Without usable segments nothing is given.
        program.rows([(given, 1.0), (out[usable][np.newaxis], -1.0)], high=self._gain_kwh(1.0) + 1e-9)
        least_k, most_k = reach.half_drop_k[1], segments.greatest_spread_k
        wanted_kwh, capacity = reach.greatest_wanted_kwh, segments.kwh_per_k
        near = np.nonzero(usable & (need_k > least_k - wanted_kwh / capacity))[0]
        for last in near.tolist():
            # From below the segment's upper edge comes at most what lies between it and the lowest level.
            need = float(need_k[last])
            below: list[tuple[Columns, Number]] = [(out[: last + 1][np.newaxis], 1.0), (loss, -1.0)]
            if need <= least_k + 1e-6:
                program.rows([*below, (spread, -capacity)], high=-capacity * need)
                continue
            chord = capacity * (most_k - need) / (most_k - least_k)
            factor = min(wanted_kwh, float(segments.kwh[: last + 1].sum())) / (need - least_k)
            for slope in (chord, factor):
                program.rows([*below, (spread, -slope)], high=-slope * least_k)

    def _end(self) -> None:
        """Cost-to-go at the end: the convex hull of the planner's own table, less what an empty store costs."""
        problem, program, segments, grid = self.problem, self.program, self.segments, self.problem.grid
        table: Table = backward(problem)[self.steps]
        level, spread = (np.tile(nodes.astype(np.float64), 3) for nodes in grid.store_nodes())
        house = np.repeat(grid.house_nodes(), level.size // 3)
        usd = table.min(axis=0).astype(np.float64)
        empty_usd = float(table[OFF, (grid.levels * grid.spreads) : (grid.levels * grid.spreads) + 1][0])
        nodes = np.stack((level, spread, house, usd))
        # Beyond its edges the grid's edge counts.
        if segments.edges[0] < level.min():
            beyond = nodes[:, nodes[0] == level.min()]
            beyond[0] = segments.edges[0]
            nodes = np.concatenate((nodes, beyond), axis=1)
        if segments.greatest_spread_k > spread.max():
            beyond = nodes[:, nodes[1] == spread.max()]
            beyond[1] = segments.greatest_spread_k
            nodes = np.concatenate((nodes, beyond), axis=1)
        level, spread, house, usd = nodes[:, hull_nodes(*nodes)]
        weights = program.columns((1, usd.size), cost=usd - empty_usd)
        program.rows([(weights, 1.0)], 1.0, 1.0)
        program.rows([(weights, spread), (self.states.spread_k[-1:], -1.0)], high=0.0)
        program.rows([(weights, house), (self.states.house_k[-1:], -1.0)], 0.0, 0.0)
        # A store hotter than the grid is worth no more than its edge.
        held = self.states.segment_kwh[-1][np.newaxis]
        heat = (level - segments.edges[0]) * segments.kwh_per_k
        program.rows([(weights, heat), (held, -1.0)], high=0.0)

    def _demand_charge(self, electric: list[Columns]) -> None:
        charge = self.case.demand_charge
        if charge is None:
            return
        peak = self.program.columns((1,), charge.peak_so_far_kw, cost=charge.usd_per_kw)
        self.program.constant -= charge.usd_per_kw * charge.peak_so_far_kw
        for index, column in enumerate(electric):
            self.program.rows([(peak, self.problem.heats[index].hours), (column, -1.0)], low=0.0)
