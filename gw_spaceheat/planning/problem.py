"""A case made ready: house, time grid, heat wanted per step, states' grid, actions."""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from gw_spaceheat.planning.actions import HOT, USUAL, Action, StepTimes, Water, actions_of, line_of, step_times
from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.grid import Grid, Table
from gw_spaceheat.planning.inputs import Horizon, Start, horizon_of, start_of
from gw_spaceheat.planning.model.heat_load import StepHeat, alike_steps, step_heats
from gw_spaceheat.planning.model.maths import ARRAYS, Floats, Maths, Quantity
from gw_spaceheat.planning.model.source import Charging
from gw_spaceheat.planning.model.transition import House, State
from gw_spaceheat.planning.options import PlannerOptions

COOL_K = 10.0
"""A store this much below the lowest RSWT is of no use to anybody: the coldest node, unless it is colder now."""
COOL_MARGIN_K = 3.0
"""Or this much below the level at which, in steady discharge, the top is at RSWT."""
WIDEST_SPREAD_K = 25.0
SPREAD_STEP_K = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What backward pass and roll-out work on. Lists have one entry per step, the tail included."""

    house: House
    horizon: Horizon
    heats: list[StepHeat]
    alike: list[StepHeat]
    """As `heats`, with those that hardly differ made one (`PlannerOptions.alike_k`): what the tables rest on."""
    times: list[StepTimes]
    grid: Grid
    nodes: tuple[Table, Table]
    """Level and spread of the grid's nodes, at one house temperature."""
    actions: tuple[Action, ...]
    lines: dict[float, list[tuple[float, float, float]]]
    """Per length of a step (h), `actions.line_of` of each action."""
    targets: list[int]
    """Of the actions."""
    idle: int
    """So many of the actions, the first ones, leave the source off."""
    hot_c: float
    """What is asked for where the leaving temperature can be chosen and hot water is wanted."""
    start: State[float]
    notes: tuple[str, ...]

    def charging_all(self, steps: list[StepHeat], water: Water) -> Charging[Floats]:
        """How the source would charge the store in each of the steps from each node: shape (steps, nodes)."""
        columns = ([step.hours, step.outdoor_c, step.load_kwh] for step in steps)
        hours, outdoor_c, load_kwh = np.array(list(columns), dtype=np.float32).T[:, :, np.newaxis]
        level, spread = (nodes[np.newaxis] for nodes in self.nodes)
        ways = self._charging(ARRAYS, hours, outdoor_c, load_kwh, water, level, spread)
        shape = (len(steps), level.size)
        # One step's row is read many times: it must lie in one piece.
        return Charging(*(np.array(np.broadcast_to(way, shape), np.float32, order="C") for way in ways))

    def charging(
        self, maths: Maths[Quantity], step: StepHeat, water: Water, level: Quantity, spread: Quantity
    ) -> Charging[Quantity]:
        """How the source would charge the store as it is."""
        return self._charging(maths, step.hours, step.outdoor_c, step.load_kwh, water, level, spread)

    def _charging(
        self,
        maths: Maths[Quantity],
        hours: Quantity | float,
        outdoor_c: Quantity | float,
        load_kwh: Quantity | float,
        water: Water,
        level: Quantity,
        spread: Quantity,
    ) -> Charging[Quantity]:
        house = self.house
        store, source, pump = house.store, house.source, house.source.pump
        bottom_c = store.temperature_c(maths, level - spread)
        if water is HOT:
            return source.charging_hot(maths, outdoor_c, bottom_c, self.hot_c)
        rise_k = bottom_c * 0.0
        if pump is not None and store.latent is None and store.usable:
            # How much the store warms to the middle of a step of full charging: the mean COP of a long step.
            spare_k = (hours * pump.rated_heat_kw - load_kwh) * (1.0 / store.kwh_per_k)
            room_k = maths.maximum((level - store.highest_level) * -1.0, 0.0)
            rise_k = maths.maximum(maths.minimum(room_k, spare_k), 0.0) * 0.5
        part = 1.0 if water is USUAL else source.minimum_modulation
        return source.charging(maths, outdoor_c, bottom_c, rise_k, part)


def problem_of(case: PlanningCase, options: PlannerOptions) -> Problem:
    """Everything that is needed to solve `case`, and the notes on what it lacked."""
    house = House(case.parameters, options)
    horizon, notes = horizon_of(case, options)
    measured, start_notes = start_of(case.parameters, case.state)
    if not house.source.exists:
        start_notes.append("no_heat_source")
    store, start = house.store, start_state(house, measured)
    grid = _grid(case, options, house, horizon, start)
    usual = alike_steps(horizon, case.parameters.load, options.alike_k)
    heats, alike = step_heats(case.parameters, house.source, store, options, (horizon, usual), grid.house_nodes())
    grid = _fit_store(grid, options, house, list(dict.fromkeys(heats)), start)
    known = {hours: step_times(house.source, hours) for hours in {heat.hours for heat in heats}}
    times = [known[heat.hours] for heat in heats]
    actions = actions_of(house.source, case.parameters.house.movable, store.usable)
    margin_k = house.source.pump.serving_margin_k if house.source.pump else 0.0
    return Problem(
        house=house,
        horizon=horizon,
        heats=heats,
        alike=alike,
        times=times,
        grid=grid,
        nodes=grid.store_nodes(),
        actions=actions,
        lines={hours: [line_of(action, one) for action in actions] for hours, one in known.items()},
        targets=[action.target for action in actions],
        idle=2 if case.parameters.house.movable else 1,
        hot_c=max(heat.rswt_c for heat in heats) + margin_k,
        start=start,
        notes=tuple(notes + start_notes),
    )


def start_state(house: House, measured: Start) -> State[float]:
    """What was measured, as a state of the planner."""
    level = house.store.level(measured.mean_c)
    spread = max(0.0, house.store.level(measured.top_c) - level) if house.store.usable else 0.0
    return State(level, spread, measured.house_k)


def _grid(case: PlanningCase, options: PlannerOptions, house: House, horizon: Horizon, start: State[float]) -> Grid:
    """The house's nodes: its band around every setpoint, the temperature now included."""
    band = case.parameters.house
    lowest_k = min(float(horizon.setpoint_k.min()) + min(band.lowest_k, -0.1), start.house_k, -0.1)
    highest_k = max(float(horizon.setpoint_k.max()) + max(band.highest_k, 0.1), start.house_k, 0.1)
    return Grid(0.0, 1.0, 2, 1.0, 2, lowest_k, highest_k)


def _fit_store(grid: Grid, options: PlannerOptions, house: House, heats: list[StepHeat], start: State[float]) -> Grid:
    """The store's nodes: from the coldest level of any use to the hottest, the state now included.

    `heats`: the steps that differ.
    """
    store = house.store
    if not store.usable:
        return replace(grid, coldest_level=start.level)
    lift_k = house.source.pump.lift_k if house.source.pump else 0.0
    drop_k = float(np.max([heat.tables[3] for heat in heats])) * 2.0
    widest = max(lift_k, drop_k, 2.0) / 2.0
    cool_c = min(heat.rswt_c for heat in heats) - max(COOL_K, 0.5 * drop_k + COOL_MARGIN_K)
    useless = store.level(cool_c) if house.return_level is None else house.return_level
    coldest = min(start.level, useless)
    hottest = max(start.level, store.highest_level, coldest + 10.0)
    widest = min(widest, hottest - useless)
    levels, spreads = _shared_out(options, widest)
    return replace(
        grid,
        coldest_level=coldest,
        level_step=(hottest - coldest) / (levels - 1),
        levels=levels,
        spread_step=max(widest, min(start.spread, WIDEST_SPREAD_K)) / (spreads - 1),
        spreads=spreads,
    )


def _shared_out(options: PlannerOptions, widest_k: float) -> tuple[int, int]:
    """Nodes of level and spread: where spreads are wide, more of the same number of nodes go to them."""
    levels, spreads = max(2, options.level_nodes), max(2, options.spread_nodes)
    wanted = min(ceil(widest_k / SPREAD_STEP_K) + 1, 3 * spreads)
    return (levels, spreads) if wanted <= spreads else (max(2, levels * spreads // wanted), wanted)


def mean_price_usd_per_kwh(horizon: Horizon) -> float:
    """Median price of the case's steps."""
    return float(np.median(horizon.price_usd_per_kwh[: horizon.steps]))
