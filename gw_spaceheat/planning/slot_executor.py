"""The SCADA's slot executor on the planner's own physics: many average powers of one slot, rolled at once.

Semantics of `decisions/slot.py`: as early as possible, in one block, at full power, until the slot's energy is used;
less than a minimum run is refused, so is a start too late for one; a stop shortly before the end is bridged. Heat
comes after the minimum off time and the start's delay; a source inside its minimum run cannot stop. Here a control
period is a step of the plan (an hour at most) whose running share is exact; standby power is not counted.
"""

from dataclasses import dataclass, replace
from itertools import groupby
from math import isnan, nan
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.planning.actions import Rung, Water
from gw_spaceheat.planning.grid import Table
from gw_spaceheat.planning.model.heat_load import HOLD, StepHeat, Wanted
from gw_spaceheat.planning.model.maths import ARRAYS, Floats
from gw_spaceheat.planning.model.source import Charging
from gw_spaceheat.planning.model.transition import Outcome, State
from gw_spaceheat.planning.problem import Problem
from gw_spaceheat.planning.roll_out import Mode, cost_to_go_usd, rows_of

PIECE_S = 3600.0
"""Longest piece of a slot that is rolled at once: mostly the plan's own step, so that plan and bid agree.

Inside it the buffer carries the house over the pauses, as in the plan. To the planner the buffer keeps nothing, and it
would see the house cool in every pause of a shorter piece while the store's top is below RSWT.
"""
BRIDGE_SHARE = 0.05
"""What is bought within this share of a whole run is offered as a whole one (`decisions/offer.py`), and rolled as one.

The SCADA's own executor, told so little less, would stop: it bridges `BRIDGE_SHARE` of `decisions/slot.py`. Judged here
by the nameplate, so the last 3 to 4 % of a whole run are bridged.
"""
LEAST_KWH = 1e-9
Part: TypeAlias = tuple["Piece", Floats, Outcome[Floats]]


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a slot inside one step of the plan: index of the step, seconds after the slot's start, length (s)."""

    step: int
    from_s: float
    length_s: float


@dataclass(frozen=True, slots=True)
class SlotStart:
    """What a slot begins with, and where it lies: the pieces, and the place of its end among the cost-to-go tables."""

    state: State[float]
    mode: Mode
    pieces: tuple[Piece, ...]
    end_place: float
    """2.25: a quarter of step 2 has passed at the slot's end."""

    @property
    def seconds(self) -> float:
        return sum(piece.length_s for piece in self.pieces)

    @property
    def hours(self) -> float:
        return self.seconds / 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class SlotRuns:
    """What became of every budget; arrays of shape (budgets,)."""

    electric_kwh: Floats
    other_usd: Floats
    """Comfort, fuel, the start and missed commitments inside the slot: all but electricity."""
    running: NDArray[np.bool_]
    """Whether the source still runs at the end."""
    bound_s: Floats
    after: State[Floats]
    started: NDArray[np.bool_]
    filled: NDArray[np.bool_]
    """Whether there was no more room for heat, in the store or, without one, in the house: then it draws less than
    it could."""
    parts: tuple[Part, ...]
    """Per piece: share of it that the source runs, and what it does."""


def targets_of(problem: Problem) -> tuple[int, ...]:
    """Where the thermostats may stand in the slot: on hold, or wherever the house's actions may move them."""
    return tuple(sorted(set(problem.targets))) or (HOLD,)


def full_water(problem: Problem) -> Water:
    """How hot the store is charged at full power."""
    return next(action.water for action in problem.actions if action.rung is Rung.FULL)


def minimum_run_kwh(problem: Problem) -> float:
    """Electricity of the shortest allowed run; less is refused. As the contract counts it, from the nameplate."""
    source = problem.house.source
    if source.pump is None:
        return 0.0
    return source.pump.greatest_electric_kw * max(0.0, source.minimum_on_s - source.start_delay_s) / 3600.0


def run_slot(problem: Problem, start: SlotStart, budget_kwh: Floats, targets: NDArray[np.intp]) -> SlotRuns:
    """Roll every budget (kWh of electricity, infinite allowed) with its thermostats' target through the slot."""
    source, count, slot_s = problem.house.source, budget_kwh.size, start.seconds
    accepted, begin_s = _begin(problem, start, budget_kwh)
    must_until_s = start.mode.bound_s if start.mode.running else 0.0
    power_kw = problem.house.parameters.greatest_electric_kw
    state: State[Floats] = State(*(np.full(count, value) for value in start.state))
    left_kwh, used_kwh, other_usd = budget_kwh.copy(), np.zeros(count), np.zeros(count)
    stopped_s, filled = np.where(accepted, np.inf, -np.inf), np.zeros(count, dtype=np.bool_)
    parts: list[Part] = []
    for piece in start.pieces:
        step = _cut(problem.heats[piece.step], piece.length_s)
        wanted = _wanted(problem, step, state, targets)
        charging = problem.charging(ARRAYS, step, full_water(problem), state.level, state.spread)
        room_kwh = problem.house.room_kwh(ARRAYS, state.level, state.spread, wanted)
        ready = np.clip((piece.from_s + piece.length_s - begin_s) / piece.length_s, 0.0, 1.0) * (stopped_s == np.inf)
        forced = min(max((must_until_s - piece.from_s) / piece.length_s, 0.0), 1.0)
        share = np.maximum(
            np.minimum(ready, _share(step, np.maximum(left_kwh, 0.0), wanted, charging, room_kwh)), forced
        )
        # The block ends in this piece; so close to the slot's end that it is bridged, it does not.
        ends_s = piece.from_s + piece.length_s * (1.0 - ready + share)
        overrun_kwh = power_kw * (slot_s - ends_s) / 3600.0
        bridged = (share < ready) & (overrun_kwh <= BRIDGE_SHARE * budget_kwh)
        left_kwh[bridged] = np.inf
        share = np.where(bridged, ready, share)
        stopped_s = np.where((share < ready - 1e-9) & (stopped_s == np.inf), ends_s, stopped_s)
        outcome = _move(problem, step, state, wanted, share, charging, room_kwh)
        if problem.house.store.usable:
            filled |= outcome.charge_kwh >= room_kwh - LEAST_KWH
        else:
            filled |= outcome.direct_kwh < share * wanted.capacity_kwh - LEAST_KWH
        other_usd += problem.house.cost_usd(ARRAYS, step, state.house_k, outcome)
        used_kwh += outcome.electric_kwh
        left_kwh -= outcome.electric_kwh
        state = outcome.after
        parts.append((piece, share, outcome))
    if not start.mode.running and begin_s < slot_s:
        # Where nothing takes heat the SCADA does not start it (`local_control`: every tank is full).
        accepted &= used_kwh > LEAST_KWH
        stopped_s = np.where(accepted, stopped_s, -np.inf)
    running = stopped_s == np.inf
    started = accepted & (not start.mode.running)
    other_usd += source.start_usd * started
    other_usd += _missed_usd(problem, parts)
    bound_s = _bound_s(problem, start, running, stopped_s)
    return SlotRuns(used_kwh, other_usd, running, bound_s, state, started, filled, tuple(parts))


def _begin(problem: Problem, start: SlotStart, budget_kwh: Floats) -> tuple[NDArray[np.bool_], float]:
    """Which budgets the source runs for, and when (s after the slot's start) the first heat can come."""
    if start.mode.running:
        return budget_kwh > LEAST_KWH, 0.0
    source, wait_s = problem.house.source, start.mode.bound_s
    late = start.seconds - wait_s < source.minimum_on_s
    accepted = (budget_kwh >= minimum_run_kwh(problem)) & (budget_kwh > LEAST_KWH) & (not late)
    return accepted, wait_s + source.start_delay_s


def _bound_s(problem: Problem, start: SlotStart, running: NDArray[np.bool_], stopped_s: Floats) -> Floats:
    """How long (s) after the slot the source must stay as it is."""
    source, slot_s = problem.house.source, start.seconds
    before_s = max(0.0, start.mode.bound_s - slot_s)
    since_start_s = slot_s - start.mode.bound_s
    on_s = before_s if start.mode.running else max(0.0, source.minimum_on_s - since_start_s)
    stop_s = np.maximum(stopped_s, start.mode.bound_s if start.mode.running else -np.inf)
    off_s = np.clip(source.minimum_off_s - (slot_s - stop_s), 0.0, source.minimum_off_s)
    off_s = np.where(np.isfinite(stop_s), off_s, before_s)
    return np.where(running, on_s, off_s)


def _missed_usd(problem: Problem, parts: list[Part]) -> Floats | float:
    """Price (USD) of what is bought more or less, step by step, than was committed of the time the slot has of it."""
    missed_usd: Floats | float = 0.0
    for index, pieces in groupby(parts, key=lambda part: part[0].step):
        own, step = list(pieces), problem.heats[index]
        if isnan(step.committed_kwh):
            continue
        bought_kwh = np.sum([outcome.electric_kwh for _, _, outcome in own], axis=0)
        share = sum(piece.length_s for piece, _, _ in own) / (3600.0 * step.hours)
        missed_usd += problem.house.missed_usd(ARRAYS, bought_kwh, step.committed_kwh * share)
    return missed_usd


def _cut(step: StepHeat, length_s: float) -> StepHeat:
    """A piece of a step: as the step, with its energies in proportion. What is committed belongs to all of the step."""
    ratio = length_s / 3600.0 / step.hours
    tables = step.tables.copy()
    tables[[0, 1, 6]] *= ratio
    return replace(
        step,
        hours=step.hours * ratio,
        load_kwh=step.load_kwh * ratio,
        beyond_emitters_kwh=step.beyond_emitters_kwh * ratio,
        tables=tables,
        committed_kwh=nan,
    )


def _wanted(problem: Problem, step: StepHeat, state: State[Floats], targets: NDArray[np.intp]) -> Wanted[Floats]:
    place = np.array([problem.grid.house_place(house_k) for house_k in state.house_k.tolist()])
    index = (place >= 1.0).astype(np.intp)
    lower, upper = step.tables[:, targets, index], step.tables[:, targets, index + 1]
    return Wanted(*(lower + (place - index) * (upper - lower)))


def _share(
    step: StepHeat, left_kwh: Floats, wanted: Wanted[Floats], charging: Charging[Floats], room_kwh: Floats
) -> Floats:
    """Share of the piece that draws just `left_kwh`, the house first; 1 where the piece cannot draw as much."""
    capacity_kwh = np.maximum(wanted.capacity_kwh, LEAST_KWH)
    rate_kwh = np.maximum(charging.rate_kw * step.hours, LEAST_KWH)
    direct_kwh = np.minimum(wanted.wanted_kwh, wanted.capacity_kwh)
    charge_kwh = np.minimum((1.0 - direct_kwh / capacity_kwh) * rate_kwh, room_kwh)
    for_house_kwh = np.minimum(left_kwh, direct_kwh / wanted.cop)
    for_store_kwh = np.minimum(left_kwh - for_house_kwh, charge_kwh / charging.cop)
    share = for_house_kwh * wanted.cop / capacity_kwh + for_store_kwh * charging.cop / rate_kwh
    enough = left_kwh >= direct_kwh / wanted.cop + charge_kwh / charging.cop
    result: Floats = np.where(enough, 1.0, np.clip(share, 0.0, 1.0))
    return result


def _move(
    problem: Problem,
    step: StepHeat,
    state: State[Floats],
    wanted: Wanted[Floats],
    share: Floats,
    charging: Charging[Floats],
    room_kwh: Floats,
) -> Outcome[Floats]:
    grid = problem.grid
    return problem.house.move(
        ARRAYS, step.hours, state, grid.lowest_k, grid.highest_k, wanted, share, charging, None, room_kwh
    )


def behind_slot_usd(problem: Problem, tables: list[Table], start: SlotStart, runs: SlotRuns) -> Floats:
    """Cost-to-go (USD) at the slot's end; inside a step in proportion between the tables before and after it."""
    index = min(int(start.end_place + 1e-9), len(problem.heats))
    weight = max(0.0, start.end_place - index)
    result = np.zeros(runs.electric_kwh.size)
    for place, part in ((index, 1.0 - weight), (index + 1, weight)):
        if part < 1e-9:
            continue
        rows = rows_of(tables[place])
        rests = zip(runs.running.tolist(), runs.bound_s.tolist(), *(row.tolist() for row in runs.after), strict=True)
        values = [
            cost_to_go_usd(problem, rows, place, Mode(running, bound_s), State(level, spread, house_k))
            for running, bound_s, level, spread, house_k in rests
        ]
        result += part * np.array(values)
    return result
