"""The policy: the planner's cost-to-go for the coming hours, small enough to send, and the one step it is used for.

A table per hour and mode (source off, on) over room temperature x top of the store x spread, in 16 bits with a scale
per hour, differences along the top packed. The SCADA looks one step ahead, to the end of the running hour, with the
planner's own transition from its measured state, and takes the action whose cost and cost-to-go are least. It knows
prices and weather as forecast when the policy was made, and the parameters it was made with, which ride along.
"""

import base64
import binascii
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.errors import BadInput
from gw_spaceheat.messages.policy import LONGEST_STEP_S, HousePolicy
from gw_spaceheat.planning.actions import Rung
from gw_spaceheat.planning.case import CALM_M_PER_S, PlanningCase, StateNow
from gw_spaceheat.planning.cost_to_go import OFF, ON
from gw_spaceheat.planning.documents.parameters_document import parameters_of_text, parameters_text
from gw_spaceheat.planning.grid import CORNERS, Grid, Table
from gw_spaceheat.planning.model.maths import Floats
from gw_spaceheat.planning.model.parameters import PlannerParameters
from gw_spaceheat.planning.model.transition import State
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.problem import problem_of
from gw_spaceheat.planning.roll_out import Taken, tried
from gw_spaceheat.planning.solve import Solution, mode_now

HOUSES, TOPS, SPREADS, MODES = 3, 15, 3, 2
STEPS_OF_SCALE = 65535
FINEST_USD = 0.002
"""Finer than any decision needs."""
LONGEST_H = 48
TRACE_KWH = 0.005
LEAST_STEP_S = 300.0
ONE_STEP = PlannerOptions(tail_h=0.0, level_nodes=2, spread_nodes=2)


@dataclass(frozen=True, slots=True)
class Axes:
    """Even nodes of the tables: room temperature above the load line's (lowest, 0, highest), top and spread (K)."""

    lowest_k: float
    highest_k: float
    coldest_top: float
    top_step: float
    tops: int
    spread_step: float
    spreads: int

    def shape(self, hours: int) -> tuple[int, int, int, int, int]:
        return hours, MODES, HOUSES, self.tops, self.spreads


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """What the house needs to act by itself. Series have one value per step; `values_usd` one table per step's end.

    `edges_s` (epoch s) are the steps' ends with the start before them: one more than steps.
    """

    edges_s: tuple[float, ...]
    price_usd_per_mwh: tuple[float, ...]
    outdoor_c: tuple[float, ...]
    setpoint_c: tuple[float, ...]
    axes: Axes
    values_usd: NDArray[np.float32]
    """Shape (steps, modes, houses, tops, spreads)."""
    parameters: PlannerParameters

    def covers(self, now_s: float) -> bool:
        return self.edges_s[0] <= now_s < self.edges_s[-1]

    def step_at(self, now_s: float) -> int:
        """Index of the step that `now_s` lies in."""
        return min(max(int(np.searchsorted(self.edges_s, now_s, side="right")) - 1, 0), len(self.price_usd_per_mwh) - 1)


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do now. `better_usd`: what it saves against switching the heat source the other way."""

    run: bool
    charge: bool
    discharge: bool
    better_usd: float


# ---------------------------------------------------------------- making it


def policy_of(solution: Solution, hours: float = LONGEST_H) -> Policy:
    """The coming hours of a plan as a policy: one step per step of the plan, those within an hour put together.

    Raises BadInput for a case whose wind counts: a policy carries none, and would heat for another house.
    """
    case, problem = solution.case, solution.problem
    _require_calm(case)
    ends_s = [case.start_s + 60.0 * sum(case.step_minutes[: index + 1]) for index in range(len(case.step_minutes))]
    last_s = case.start_s + 3600.0 * hours
    kept = [place for place, end_s in enumerate(ends_s) if _is_edge(place, ends_s) and end_s <= last_s + 1.0] or [0]
    horizon, grid = problem.horizon, problem.grid
    axes = _axes(grid, problem.house.store.usable)
    sample = _sampler(grid, axes)
    values = np.array([sample(solution.tables[place + 1]) for place in kept], dtype=np.float32)
    parts = list(pairwise([0, *(place + 1 for place in kept)]))
    indoor_c = case.parameters.load.indoor_c

    def means(series: Floats) -> tuple[float, ...]:
        weights = horizon.hours
        return tuple(round(float(np.average(series[a:b], weights=weights[a:b])), 4) for a, b in parts)

    return Policy(
        edges_s=(case.start_s, *(ends_s[place] for place in kept)),
        price_usd_per_mwh=means(1000.0 * horizon.price_usd_per_kwh),
        outdoor_c=means(horizon.outdoor_c),
        setpoint_c=means(horizon.setpoint_k + indoor_c),
        axes=axes,
        values_usd=values.reshape(axes.shape(len(kept))),
        parameters=_rounded(case.parameters),
    )


def _require_calm(case: PlanningCase) -> None:
    per_k = case.parameters.load.wind_kw_per_k_m_s
    if per_k != 0.0 and (case.wind_m_per_s is None or np.any(case.wind_m_per_s != CALM_M_PER_S)):
        raise BadInput(f"policy: the load depends on wind ({per_k:g} kW/K per m/s), the case must be one without wind")


def _is_edge(place: int, ends_s: list[float]) -> bool:
    """Whether a step's end is the last one up to the next full hour."""
    return place + 1 == len(ends_s) or -(-ends_s[place] // 3600.0) != -(-ends_s[place + 1] // 3600.0)


def _axes(grid: Grid, usable: bool) -> Axes:
    """Over the grid's own reach; a house without store needs no nodes for it."""
    level, spread = grid.store_nodes()
    low, high, wide = float((level + spread).min()), float((level + spread).max()), float(spread.max())
    tops, spreads = (TOPS, SPREADS) if usable else (2, 2)
    return Axes(grid.lowest_k, grid.highest_k, low, (high - low) / (tops - 1), tops, wide / (spreads - 1), spreads)


def _sampler(grid: Grid, axes: Axes) -> Callable[[Table], NDArray[np.float32]]:
    """From one of the planner's tables to the policy's nodes, in their order: mode, house, top, spread."""
    houses = np.array([axes.lowest_k, 0.0, axes.highest_k])
    tops = axes.coldest_top + axes.top_step * np.arange(axes.tops)
    house_k, top, spread = np.meshgrid(houses, tops, axes.spread_step * np.arange(axes.spreads), indexing="ij")
    weights = np.empty((house_k.size, CORNERS), dtype=np.float32)
    state = State[Floats](*((top - spread).astype(np.float32), spread.astype(np.float32), house_k.astype(np.float32)))
    cells = grid.weigh(state, weights)
    corners = np.minimum(cells[:, np.newaxis] + np.array(grid.offsets), grid.size - 1)

    def sample(table: Table) -> NDArray[np.float32]:
        result: NDArray[np.float32] = (table[[OFF, ON]][:, corners] * weights).sum(axis=2)
        return result

    return sample


def _rounded(parameters: PlannerParameters) -> PlannerParameters:
    """The emitters' table has many numbers and is no surer than to the thousandth."""
    curve = parameters.emitters
    heat, water = (tuple(round(value, 3) for value in series) for series in (curve.heat_kw, curve.water_c))
    if min(np.diff(heat)) <= 0.0:
        return parameters
    return replace(parameters, emitters=replace(curve, heat_kw=heat, water_c=water))


# ---------------------------------------------------------------- to and from a message


def packed(values_usd: NDArray[np.float32]) -> tuple[tuple[float, ...], tuple[float, ...], str]:
    """(offset USD, USD per step of the scale) of each hour's table, and all tables as base64 of zlib of 16 bits."""
    flat = values_usd.reshape(values_usd.shape[0], -1).astype(np.float64)
    offset = np.floor(flat.min(axis=1) * 1e4) / 1e4
    scale = np.maximum(np.ceil((flat.max(axis=1) - offset) / STEPS_OF_SCALE * 1e6) / 1e6, FINEST_USD)
    steps = np.round((flat - offset[:, np.newaxis]) / scale[:, np.newaxis]).astype(np.int64)
    steps = np.clip(steps, 0, STEPS_OF_SCALE).reshape(values_usd.shape)
    # A source that is on is worth a little more than one that is off: only the difference.
    steps[:, ON] -= steps[:, OFF]
    # Smooth along the top: differences of differences are small numbers. Modulo 2 ** 16 they come back exactly.
    steps[..., 1:, :] = np.diff(steps, axis=3)
    steps[..., 2:, :] = np.diff(steps[..., 1:, :], axis=3)
    words = (steps % (STEPS_OF_SCALE + 1)).astype("<u2")
    # High and low bytes apart: the high ones are nearly all alike.
    planes = np.ascontiguousarray(words).view(np.uint8).reshape(-1, 2).T.tobytes()
    text = base64.b64encode(zlib.compress(planes, 9)).decode("ascii")
    return tuple(offset.round(4).tolist()), tuple(scale.round(6).tolist()), text


def unpacked(
    shape: tuple[int, ...], offset_usd: tuple[float, ...], scale_usd: tuple[float, ...], text: str
) -> NDArray[np.float32]:
    """The tables of `packed`. Raises BadInput."""
    size = 2 * int(np.prod(shape))
    try:
        planes = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
    except (binascii.Error, zlib.error) as error:
        raise BadInput(f"policy: its tables cannot be unpacked ({error})") from error
    if len(planes) != size or len(offset_usd) != shape[0] or len(scale_usd) != shape[0]:
        raise BadInput(f"policy: {len(planes)} bytes and {len(offset_usd)} scales for tables of shape {shape}")
    words = np.ascontiguousarray(np.frombuffer(planes, dtype=np.uint8).reshape(2, -1).T).view("<u2")
    steps = words.astype(np.int64).reshape(shape)
    steps[..., 1:, :] = np.cumsum(steps[..., 1:, :], axis=3)
    steps = np.cumsum(steps, axis=3)
    steps[:, ON] += steps[:, OFF]
    steps %= STEPS_OF_SCALE + 1
    ones = (slice(None), *(np.newaxis,) * (len(shape) - 1))
    values: NDArray[np.float32] = (steps * np.array(scale_usd)[ones] + np.array(offset_usd)[ones]).astype(np.float32)
    return values


def message_of(policy: Policy, *, alias: str, scada_alias: str, message_id: str, now_s: float) -> HousePolicy:
    """As it is sent. Raises BadInput where its steps are too long to look to their end."""
    steps_s = tuple(round(b - a) for a, b in pairwise(policy.edges_s))
    if max(steps_s) > LONGEST_STEP_S:
        raise BadInput(f"policy: has a step of {max(steps_s)} s, each must be {LONGEST_STEP_S} s or less")
    offset_usd, scale_usd, text = packed(policy.values_usd)
    axes = policy.axes
    return HousePolicy(
        from_g_node_alias=alias,
        scada_alias=scada_alias,
        message_id=message_id,
        created_ms=round(1000.0 * now_s),
        valid_from_s=round(policy.edges_s[0]),
        step_s=steps_s,
        price_usd_per_mwh=policy.price_usd_per_mwh,
        outdoor_c=policy.outdoor_c,
        setpoint_c=policy.setpoint_c,
        lowest_k=axes.lowest_k,
        highest_k=axes.highest_k,
        coldest_top=axes.coldest_top,
        top_step=axes.top_step,
        tops=axes.tops,
        spread_step=axes.spread_step,
        spreads=axes.spreads,
        offset_usd=offset_usd,
        scale_usd=scale_usd,
        tables=text,
        parameters_version=policy.parameters.version,
        parameters=parameters_text(policy.parameters),
    )


def policy_from(message: HousePolicy) -> Policy:
    """A policy as it was received. Raises BadInput."""
    try:
        parameters = parameters_of_text(message.parameters)
    except BadInput as error:
        raise BadInput(f"policy: its {error}") from error
    axes = Axes(
        message.lowest_k, message.highest_k, message.coldest_top, message.top_step, message.tops,
        message.spread_step, message.spreads,
    )  # fmt: skip
    if not axes.lowest_k < 0.0 < axes.highest_k:
        raise BadInput(f"policy: room temperatures from {axes.lowest_k} to {axes.highest_k} K must hold 0")
    values = unpacked(axes.shape(len(message.step_s)), message.offset_usd, message.scale_usd, message.tables)
    if not np.isfinite(values).all():
        raise BadInput("policy: its tables hold costs beyond all numbers")
    policy = Policy(
        edges_s=tuple(float(edge_s) for edge_s in accumulate(message.step_s, initial=message.valid_from_s)),
        price_usd_per_mwh=message.price_usd_per_mwh,
        outdoor_c=message.outdoor_c,
        setpoint_c=message.setpoint_c,
        axes=axes,
        values_usd=values,
        parameters=parameters,
    )
    _rehearse(policy)
    return policy


def _rehearse(policy: Policy) -> None:
    """Ask it once, so that what no limit catches is found before it is trusted. Raises BadInput."""
    tops_c = (policy.parameters.emitters.water_c[0], policy.parameters.emitters.water_c[-1])
    for state in (StateNow(), *(StateNow((top_c,) * 2, top_c, policy.setpoint_c[0], top_c > 0.0) for top_c in tops_c)):
        advise(policy, state, policy.edges_s[0])


# ---------------------------------------------------------------- using it


def advise(policy: Policy, measured: StateNow, now_s: float, outdoor_c: float | None = None) -> Advice | None:
    """The best action from the measured state to the end of the running hour; None outside the policy's time.

    `outdoor_c`: measured now; it replaces the forecast for this step. Raises BadInput where the policy leads nowhere.
    """
    if not policy.covers(now_s):
        return None
    index = policy.step_at(now_s)
    end_s = policy.edges_s[index + 1]
    if end_s - now_s < 0.5 * LEAST_STEP_S and index + 1 < len(policy.price_usd_per_mwh):
        index, end_s = index + 1, policy.edges_s[index + 2]
    known = outdoor_c is not None and isfinite(outdoor_c)
    case = PlanningCase(
        start_s=now_s,
        step_minutes=(max(1, round((end_s - now_s) / 60.0)),),
        outdoor_c=np.array([outdoor_c if known else policy.outdoor_c[index]]),
        price_usd_per_mwh=np.array([policy.price_usd_per_mwh[index]]),
        parameters=policy.parameters,
        state=measured,
        wind_m_per_s=np.array([CALM_M_PER_S]),
        setpoint_c=np.array([policy.setpoint_c[index]]),
    )
    try:
        problem = problem_of(case, ONE_STEP)
        choices = tried(problem, 0, problem.start, mode_now(case, problem))
        totals = [one.cost_usd + value_usd(policy, index, one.mode.running, one.outcome.after) for one in choices]
    except (ArithmeticError, ValueError) as error:
        raise BadInput(f"policy: cannot be followed ({type(error).__name__}: {error})") from error
    if not all(map(isfinite, totals)):
        raise BadInput("policy: cannot be followed, its costs are no numbers")
    return _choose(choices, totals, measured.heat_pump_on)


def value_usd(policy: Policy, index: int, running: bool, state: State[float]) -> float:
    """Cost-to-go (USD) at the end of a step; between nodes in proportion, beyond them the edge counts."""
    axes = policy.axes
    table = policy.values_usd[index, ON if running else OFF]
    spread = min(max(state.spread, 0.0), axes.spread_step * (axes.spreads - 1))
    house = 1.0 + min(state.house_k, 0.0) / -axes.lowest_k + max(state.house_k, 0.0) / axes.highest_k
    top = (state.level + spread - axes.coldest_top) / axes.top_step
    total = 0.0
    for row, row_share in _around(house, HOUSES):
        for line, line_share in _around(top, axes.tops):
            for column, column_share in _around(spread / axes.spread_step, axes.spreads):
                total += row_share * line_share * column_share * float(table[row, line, column])
    return total


def _around(place: float, nodes: int) -> tuple[tuple[int, float], tuple[int, float]]:
    """The two nodes around a place, with their weights."""
    place = min(max(place, 0.0), nodes - 1.0)
    low = min(int(place), nodes - 2)
    return (low, 1.0 - (place - low)), (low + 1, place - low)


def _choose(choices: list[Taken], totals: list[float], is_on: bool) -> Advice:
    """The cheapest; the heat source is switched only if that saves more than a change of plans costs."""
    on = [at for at, taken in enumerate(choices) if taken.action.rung is not Rung.IDLE]
    off = [at for at, taken in enumerate(choices) if taken.action.rung is Rung.IDLE]
    best_on, best_off = min(on, key=totals.__getitem__), min(off, key=totals.__getitem__)
    stay, leave = (best_on, best_off) if is_on else (best_off, best_on)
    change = totals[stay] - totals[leave] > DEFAULT_OPTIONS.change_usd
    run = is_on is not change
    chosen, other = (best_on, best_off) if run else (best_off, best_on)
    outcome = choices[chosen].outcome
    return Advice(
        run=run,
        charge=run and outcome.charge_kwh > TRACE_KWH,
        discharge=not run and outcome.discharge_kwh > TRACE_KWH,
        better_usd=totals[other] - totals[chosen],
    )
