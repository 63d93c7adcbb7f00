"""What the house wants in a step: heat, the water it takes, and how the source would serve it, per target and house.

A *target* is the room temperature the thermostats aim at: the setpoint, the lowest they may let it fall to (coast) or
the highest (preheat). All of it is worked out at the three nodes of the house's temperature; in between it is straight.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from math import nan
from typing import Generic, NamedTuple

import numpy as np

from gw_spaceheat.planning.inputs import Horizon
from gw_spaceheat.planning.model.maths import ARRAYS, Floats, Quantity
from gw_spaceheat.planning.model.parameters import LoadLine, PlannerParameters
from gw_spaceheat.planning.model.source import HeatSource
from gw_spaceheat.planning.model.store import StoreModel
from gw_spaceheat.planning.options import PlannerOptions

HOLD, COAST, PREHEAT = 0, 1, 2
LEAST_DROP_K = 0.5
LEAST_ALIKE_KW = 0.01
NO_FADE_K = 0.1
"""Of houses that take nothing below RSWT."""
SHARPNESS = 10.0
"""Water that returns ever as cold leaves the store in one pass: its thermocline stays sharp, its top as hot as it was.

So many times the difference is what the spread tends to; it never gets there, because the cold water ends the pass.
"""
NEVER_LEVEL = 1e6
"""RSWT of a house without store: nothing in it is ever hot enough."""


class Wanted(NamedTuple, Generic[Quantity]):
    """Heat wanted in one step (kWh of the whole step), and what it takes."""

    wanted_kwh: Quantity
    load_kwh: Quantity
    """What leaves the house meanwhile."""
    rswt_level: Quantity
    """Level (K) the store's top must have."""
    half_drop_k: Quantity
    fade_k: Quantity
    """The emitters give this share less per level (K) that the top is below RSWT: 1 / `fade_k`."""
    cop: Quantity
    """Of direct service."""
    capacity_kwh: Quantity
    """Of direct service, the whole step long."""


@dataclass(frozen=True, slots=True, eq=False)
class StepHeat:
    """One step's constants. `tables`: (7 quantities in the order of `Wanted`, 3 targets, 3 nodes of the house)."""

    hours: float
    outdoor_c: float
    setpoint_k: float
    committed_kwh: float
    rswt_c: float
    """Of the load that holds the setpoint."""
    load_kwh: float
    beyond_emitters_kwh: float
    """Heat the emitters cannot give even at the hottest water: missing whatever is done."""
    tables: Floats

    def at_node(self, target: int) -> Wanted[Floats]:
        """Shape (3, 1): at the nodes of the house."""
        columns = self.tables[:, target, :, np.newaxis]
        return Wanted(*columns)

    def between(self, place: float, target: int) -> Wanted[float]:
        """At a place between the nodes (0..2)."""
        index = 1 if place >= 1.0 else 0
        weight = place - index
        pairs = self.tables[:, target, index : index + 2].tolist()
        return Wanted(*[lower + weight * (upper - lower) for lower, upper in pairs])


def step_heats(
    parameters: PlannerParameters,
    source: HeatSource,
    store: StoreModel,
    options: PlannerOptions,
    horizons: Iterable[Horizon],
    house_nodes: Floats,
) -> list[list[StepHeat]]:
    """One per step of each horizon; equal steps (the quarter hours of one forecast hour) share one object."""
    rows = [list(zip(*(column.tolist() for column in _columns(horizon)), strict=True)) for horizon in horizons]
    different = list(dict.fromkeys(chain.from_iterable(rows)))
    made = _different(parameters, source, store, options, np.array(different), house_nodes)
    known = dict(zip(different, made, strict=True))
    return [[known[row] for row in own] for own in rows]


def _columns(horizon: Horizon) -> tuple[Floats, ...]:
    """What steps must share to be equal."""
    # NaN differs from itself: for the comparison, no commitment is a negative one.
    committed_kwh = np.where(np.isnan(horizon.committed_kwh), -1.0, horizon.committed_kwh)
    return horizon.hours, horizon.outdoor_c, horizon.load_kw, horizon.setpoint_k, committed_kwh


def alike_steps(horizon: Horizon, line: LoadLine, alike_k: float) -> Horizon:
    """`horizon` with steps that hardly differ in weather made equal: each takes the mean of its kind."""
    if alike_k <= 0.0:
        return horizon
    kilowatts = max(alike_k * abs(line.per_k_kw), LEAST_ALIKE_KW)
    by_wind_kw = horizon.load_kw - line.heat_kw(horizon.outdoor_c)
    hours, _, _, setpoint_k, committed_kwh = _columns(horizon)
    weather = (np.floor(horizon.outdoor_c / alike_k), np.round(by_wind_kw / kilowatts))
    rows = list(zip(*(column.tolist() for column in (*weather, hours, setpoint_k, committed_kwh)), strict=True))
    kinds = {row: number for number, row in enumerate(dict.fromkeys(rows))}
    kind = np.array([kinds[row] for row in rows])
    size = np.bincount(kind)
    outdoor_c, load_kw = ((np.bincount(kind, series) / size)[kind] for series in (horizon.outdoor_c, horizon.load_kw))
    return replace(horizon, outdoor_c=outdoor_c, load_kw=load_kw)


def _different(
    parameters: PlannerParameters,
    source: HeatSource,
    store: StoreModel,
    options: PlannerOptions,
    rows: Floats,
    house_nodes: Floats,
) -> list[StepHeat]:
    """Steps that differ, all at once: arrays of shape (steps, 3 targets, 3 nodes)."""
    hours, outdoor_c, load_kw, setpoint_k = (rows[:, column, np.newaxis, np.newaxis] for column in range(4))
    house, emitters, greatest_kw = (
        parameters.house,
        parameters.emitters,
        parameters.emitters.heat_at_kw(source.hottest_c),
    )
    targets_k = setpoint_k + np.array([[0.0], [house.lowest_k], [house.highest_k]])
    # A warmer house loses more; a house that needs no heat is not cooled by the planner.
    needs = load_kw > 0.0
    node_load_kw = np.maximum(0.0, load_kw - parameters.load.per_k_kw * house_nodes) * needs + 0.0 * targets_k
    share = np.minimum(1.0, hours / options.recovery_h) / hours
    recovery_kw = house.capacity_kwh_per_k * share * (targets_k - house_nodes)
    # Haste is not worth the hottest water: recovering is limited to what the source is rated for.
    spare_kw = parameters.heat_pump.rated_heat_kw if parameters.heat_pump else source.boost_kw
    wanted_kw = np.minimum(np.maximum(node_load_kw + np.minimum(recovery_kw, spare_kw), 0.0), greatest_kw)
    rswt_c = emitters.required_c(wanted_kw)
    capacity_kw, cop = source.serving(ARRAYS, outdoor_c, rswt_c)
    serves = source.pump is not None or not store.usable
    tables = np.empty((rows.shape[0], 7, 3, 3))
    tables[:, 0] = wanted_kw * hours
    tables[:, 1] = node_load_kw * hours
    tables[:, 2] = _levels(store, rswt_c) if store.usable else NEVER_LEVEL
    if emitters.return_c is None:
        tables[:, 3] = 0.5 * np.maximum(LEAST_DROP_K, emitters.drop_k_per_kw * wanted_kw)
    else:
        tables[:, 3] = SHARPNESS * np.maximum(LEAST_DROP_K, rswt_c - emitters.return_c)
    tables[:, 4] = emitters.fade_k(wanted_kw) if emitters.return_c is None else NO_FADE_K
    tables[:, 5] = cop
    tables[:, 6] = capacity_kw * hours if serves else 0.0
    steady_kw = (np.maximum(0.0, load_kw - parameters.load.per_k_kw * setpoint_k) * needs)[:, 0, 0]
    steady_rswt_c = emitters.required_c(np.minimum(steady_kw, greatest_kw))
    return [
        StepHeat(
            hours=row[0],
            outdoor_c=row[1],
            setpoint_k=row[3],
            committed_kwh=row[4] if row[4] >= 0.0 else nan,
            rswt_c=steady_c,
            load_kwh=kilowatts * row[0],
            beyond_emitters_kwh=max(0.0, kilowatts - greatest_kw) * row[0],
            tables=table,
        )
        for row, kilowatts, steady_c, table in zip(
            rows.tolist(), steady_kw.tolist(), steady_rswt_c.tolist(), tables, strict=True
        )
    ]


def _levels(store: StoreModel, temperature_c: Floats) -> Floats:
    if store.latent is None:
        return temperature_c
    result: Floats = np.vectorize(store.level)(temperature_c)
    return result
