"""One step of house, store and heat source compiled by Numba: `transition` and `Grid.weigh`, state by state.

All in single precision: constants are float32, because a bare 0.5 would make Numba compute in double. A loop goes over
the store's nodes, writes one array and has no branch: then Numba lets eight states go through the processor at once.
Rows of an array are taken by number: unpacked (`one, other = rows`), Numba no longer knows that they lie in one piece.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, cast

import numpy as np
from numba import config, njit
from numpy.typing import NDArray

from gw_spaceheat.planning.compiled.cache import cache_folder, usual_places
from gw_spaceheat.planning.compiled.numbers import HouseNumbers, StepNumbers, WantedNumbers, Way
from gw_spaceheat.planning.cost_to_go import NOT_ALLOWED_USD, TINY_KWH
from gw_spaceheat.planning.grid import HOUSE_NODES, Places, Table
from gw_spaceheat.planning.model.transition import LEAST_FALL_K

Function = TypeVar("Function", bound=Callable[..., object])
Indices = NDArray[np.int32]

ZERO, ONE, HALF, SIXTEENTH = np.float32(0.0), np.float32(1.0), np.float32(0.5), np.float32(0.0625)
C1, C2, C3, FARTHEST = np.float32(120.0), np.float32(60.0), np.float32(12.0), np.float32(16.0)
LEAST_FALL, TINY = np.float32(LEAST_FALL_K), np.float32(TINY_KWH)
LINE, STORE_FIRST, COMMITTED = np.float32(0.0), np.float32(1.0), np.float32(2.0)
FAST_MATHS = {"nsz", "contract", "nnan", "ninf"}


class _Settings(Protocol):
    """What we set of Numba's, which makes its settings as it is imported."""

    CACHE_DIR: str


_NUMBA = cast("_Settings", config)
# A place that the user gave Numba (NUMBA_CACHE_DIR) comes first, with a folder for these sources like any other.
CACHE = cache_folder([Path(_NUMBA.CACHE_DIR)] if _NUMBA.CACHE_DIR else usual_places())
if CACHE is not None:
    _NUMBA.CACHE_DIR = str(CACHE)


def compiled(function: Function) -> Function:
    """Compiled at its first call, and kept on disk for the next process where that is possible."""
    dispatcher = njit(cache=CACHE is not None, nogil=True, fastmath=FAST_MATHS, error_model="numpy")(function)
    return cast("Function", dispatcher)


class Prepared(NamedTuple):
    """All actions of one step from all nodes: where they lead and what they cost. (actions, 3 houses, store's nodes)"""

    cell: Indices
    level: Table
    """Place inside the cell, 0 to 1, as the next two."""
    spread: Table
    house: Table
    electric_kwh: Table
    other_usd: Table
    start_usd: Table


@compiled
def _fading(x: np.float32) -> np.float32:
    """exp(-x) for x >= 0 by a rational formula: unlike the library's, it goes through eight at a time."""
    y = min(max(x, ZERO), FARTHEST) * SIXTEENTH
    even, odd = C1 + C3 * y * y, y * (C2 + y * y)
    result = (even - odd) / (even + odd)
    result *= result
    result *= result
    result *= result
    return result * result


@compiled
def _towards(spread: np.float32, half_k: np.float32, moved_k: np.float32) -> np.float32:
    return half_k + (spread - half_k) * _fading(moved_k / half_k)


@compiled
def _share_given(
    house: HouseNumbers,
    level: np.float32,
    spread: np.float32,
    spread_all: np.float32,
    fall_k: np.float32,
    wanted: WantedNumbers,
) -> np.float32:
    """As `House.deliverable`; `spread_all`: the spread if all were given."""
    top_fall = max(spread - spread_all + fall_k, LEAST_FALL)
    share = (level + spread - wanted.rswt_level) / top_fall
    fade = top_fall / wanted.fade_k
    whole = min(max(share, ZERO), ONE)
    rest = ONE - whole
    strength = min(max(share * fade + ONE, ZERO), ONE)
    part = whole + (ONE - house.sharp) * rest * strength / (rest * fade * HALF + ONE)
    return min(part, max((level - house.return_level) / max(fall_k, LEAST_FALL), ZERO))


@compiled
def _room(house: HouseNumbers, level: np.float32, spread: np.float32, wanted: WantedNumbers) -> np.float32:
    """As `House.room_kwh`."""
    room = max(min(house.highest_level, house.fullest_bottom + spread) - level, ZERO) * house.kwh_per_k
    drawn = wanted.wanted_kwh if level + spread > wanted.rswt_level else ZERO
    return (room + house.through_store * drawn) * house.usable


@compiled
def _shares(
    house: HouseNumbers,
    step: StepNumbers,
    way: Way,
    wanted: WantedNumbers,
    rate: Table,
    cop: Table,
    level: Table,
    spread: Table,
    share: Table,
) -> None:
    """Share of the step one action runs the source."""
    capacity = way.boost_source_kwh if house.through_store > ZERO else wanted.capacity_kwh
    follow = min(wanted.wanted_kwh / max(capacity, TINY), ONE)
    if way.kind == COMMITTED:
        direct = min(min(wanted.cop * step.committed_kwh, wanted.wanted_kwh), wanted.capacity_kwh)
        left_kwh = step.committed_kwh - direct / wanted.cop
        for n in range(share.size):
            charge = min(left_kwh * cop[n], _room(house, level[n], spread[n], wanted))
            one = direct / max(wanted.capacity_kwh, TINY) + charge / max(rate[n] * step.hours, TINY)
            share[n] = min(max(one, ZERO), ONE)
    elif way.kind == STORE_FIRST:
        fall_k = wanted.wanted_kwh * house.k_per_kwh
        for n in range(share.size):
            spread_all = _towards(spread[n], wanted.half_drop_k, fall_k)
            part = _share_given(house, level[n], spread[n], spread_all, fall_k, wanted)
            share[n] = max(follow * (ONE - part), way.least)
    else:
        share[:] = max(follow * way.slope + way.constant, way.least)


@compiled
def _charge(
    house: HouseNumbers,
    step: StepNumbers,
    way: Way,
    wanted: WantedNumbers,
    rate: Table,
    cop: Table,
    lift: Table,
    level: Table,
    spread: Table,
    share: Table,
    charge: Table,
    mixed: Table,
    electric: Table,
) -> None:
    """The source's part of `House.move`: it serves, then charges; the store's spread after that, and electricity."""
    tiny_or_capacity, room_kwh_per_k = max(wanted.capacity_kwh, TINY), house.kwh_per_k * house.usable
    for n in range(share.size):
        direct = min(share[n] * wanted.capacity_kwh, wanted.wanted_kwh)
        charge[n] = (share[n] - direct / tiny_or_capacity) * (rate[n] * step.hours)
    if house.through_store > ZERO:
        for n in range(share.size):
            charge[n] = min(charge[n], _room(house, level[n], spread[n], wanted))
    else:
        for n in range(share.size):
            highest = min(house.highest_level, house.fullest_bottom + spread[n])
            charge[n] = min(charge[n], max(highest - level[n], ZERO) * room_kwh_per_k)
    for n in range(share.size):
        mixed[n] = _towards(spread[n], lift[n] * HALF, charge[n] * house.k_per_kwh)
    for n in range(share.size):
        direct = min(share[n] * wanted.capacity_kwh, wanted.wanted_kwh)
        electric[n] = direct / wanted.cop + charge[n] / cop[n]
    if way.boost_kwh > ZERO:
        for n in range(share.size):
            boost = min(way.boost_kwh, _room(house, level[n], spread[n], wanted) - charge[n])
            electric[n] += boost
            charge[n] += boost
    if house.sharp > ZERO:
        for n in range(share.size):
            limit = house.highest_level - level[n] - charge[n] * house.k_per_kwh
            mixed[n] = max(min(mixed[n], limit), ZERO)


@compiled
def _draw(
    house: HouseNumbers,
    step: StepNumbers,
    wanted: WantedNumbers,
    level: Table,
    share: Table,
    charge: Table,
    mixed: Table,
    part: Table,
    spread_after: Table,
    level_after: Table,
) -> None:
    """The store's part of `House.move`: what it gives of the heat still wanted, and its state after that."""
    for n in range(share.size):
        missing = wanted.wanted_kwh - min(share[n] * wanted.capacity_kwh, wanted.wanted_kwh)
        spread_after[n] = _towards(mixed[n], wanted.half_drop_k, missing * house.k_per_kwh)
    for n in range(share.size):
        missing = wanted.wanted_kwh - min(share[n] * wanted.capacity_kwh, wanted.wanted_kwh)
        charged, fall_k = level[n] + charge[n] * house.k_per_kwh, missing * house.k_per_kwh
        part[n] = _share_given(house, charged, mixed[n], spread_after[n], fall_k, wanted)
    for n in range(share.size):
        spread_after[n] = mixed[n] + part[n] * (spread_after[n] - mixed[n])
    for n in range(share.size):
        missing = wanted.wanted_kwh - min(share[n] * wanted.capacity_kwh, wanted.wanted_kwh)
        drawn = level[n] + (charge[n] - missing * part[n]) * house.k_per_kwh
        mean = (level[n] + drawn) * HALF
        molten = max(min(mean - house.melt_start_c, house.melting_k), ZERO)
        lost_k = (mean - molten * house.held_back - house.ambient_c) * (house.loss_k_per_k_h * step.hours)
        level_after[n] = drawn - lost_k


@compiled
def _warm(
    house: HouseNumbers,
    step: StepNumbers,
    wanted: WantedNumbers,
    house_k: np.float32,
    level: Table,
    spread: Table,
    share: Table,
    charge: Table,
    part: Table,
    electric: Table,
    house_after: Table,
    other: Table,
) -> None:
    """The house's part of `House.move` and `House.cost_usd`."""
    below_usd = house.below_usd_per_k_h * step.hours
    for n in range(share.size):
        direct = min(share[n] * wanted.capacity_kwh, wanted.wanted_kwh)
        missing = (wanted.wanted_kwh - direct) * (ONE - part[n])
        given = wanted.wanted_kwh - missing + min(missing, house.boiler_kw * step.hours)
        house_after[n] = house_k + (given - wanted.load_kwh) * house.house_k_per_kwh
    for n in range(share.size):
        kept_k = max(house_after[n], house.lowest_k)
        below_k = max(step.setpoint_k - (house_k + min(kept_k, house.highest_k)) * HALF, ZERO)
        unserved_kwh = (kept_k - house_after[n]) * house.house_kwh_per_k
        other[n] = unserved_kwh * house.unmet_usd_per_kwh + below_k * below_usd
    if house.boiler_kw > ZERO:
        for n in range(share.size):
            direct = min(share[n] * wanted.capacity_kwh, wanted.wanted_kwh)
            missing = (wanted.wanted_kwh - direct) * (ONE - part[n])
            other[n] += min(missing, house.boiler_kw * step.hours) * house.boiler_usd_per_kwh
    if house.restarts_per_kwh > ZERO:
        for n in range(share.size):
            direct = min(share[n] * wanted.capacity_kwh, wanted.wanted_kwh)
            early = direct - direct * direct / max(wanted.capacity_kwh, TINY)
            left_kwh = _room(house, level[n], spread[n], wanted) - charge[n]
            other[n] += max(early - left_kwh, ZERO) * house.restarts_per_kwh * step.start_usd
    if step.committed_kwh >= ZERO:
        for n in range(share.size):
            other[n] += house.commitment_usd_per_kwh * abs(electric[n] - step.committed_kwh)


@compiled
def _whole(place: np.float32) -> np.float32:
    return np.float32(np.int32(place))


@compiled
def _weigh(house: HouseNumbers, level: Table, spread: Table, house_k: Table, cell: Indices) -> None:
    """As `Grid.weigh`: the cell of each state; what it was given becomes its place in the cell, 0 to 1."""
    for n in range(cell.size):
        level[n] = min(max((level[n] - house.coldest_level) * house.levels_per_k, ZERO), house.last_level)
    for n in range(cell.size):
        spread[n] = min(max(spread[n] * house.spreads_per_k, ZERO), house.last_spread)
    for n in range(cell.size):
        below, above = min(house_k[n], ZERO) / house.lowest_k, max(house_k[n], ZERO) / house.highest_k
        house_k[n] = min(max(ONE - below + above, ZERO), house.last_house)
    for n in range(cell.size):
        cell[n] = np.int32(_whole(house_k[n]) * house.block + _whole(level[n]) * house.spreads + _whole(spread[n]))
    for n in range(cell.size):
        level[n] -= _whole(level[n])
    for n in range(cell.size):
        spread[n] -= _whole(spread[n])
    for n in range(cell.size):
        house_k[n] -= _whole(house_k[n])


@compiled
def _keep_running(house: HouseNumbers, step: StepNumbers, share: Table, cell: Indices) -> None:
    """Cells of a table whose row off is followed by its row on: who runs the step through ends in the second."""
    size = np.int32(house.block) * np.int32(HOUSE_NODES)
    for n in range(cell.size):
        cell[n] += size if share[n] >= step.stops_below else np.int32(0)


@compiled
def _act(
    house: HouseNumbers,
    step: StepNumbers,
    way: Way,
    wanted: WantedNumbers,
    house_k: np.float32,
    nodes: tuple[Table, Table, Table],
    charging: tuple[Table, Table, Table],
    work: tuple[Table, Table, Table, Table],
    done: Prepared,
    runs: bool,
) -> None:
    """One action at one temperature of the house; `done` is that part of a step's."""
    level, spread, _ = nodes
    rate, cop, lift = charging
    share, charge, mixed, part = work
    _shares(house, step, way, wanted, rate, cop, level, spread, share)
    _charge(house, step, way, wanted, rate, cop, lift, level, spread, share, charge, mixed, done.electric_kwh)
    _draw(house, step, wanted, level, share, charge, mixed, part, done.spread, done.level)
    _warm(
        house,
        step,
        wanted,
        house_k,
        level,
        spread,
        share,
        charge,
        part,
        done.electric_kwh,
        done.house,
        done.other_usd,
    )
    _weigh(house, done.level, done.spread, done.house, done.cell)
    if runs and step.stops_below > ZERO:
        _keep_running(house, step, share, done.cell)
    for n in range(share.size):
        done.start_usd[n] = NOT_ALLOWED_USD if share[n] > step.greatest_start_share else step.start_usd


@compiled
def prepare(
    house: HouseNumbers,
    step: StepNumbers,
    idle: int,
    nodes: tuple[Table, Table, Table],
    tables: Table,
    charging: Table,
    waters: Places,
    ways: Table,
    done: Prepared,
) -> None:
    """All actions of one step. `tables`: (actions, 3 houses, 7), `charging`: (waters, 3, nodes)."""
    work = np.empty((4, nodes[0].size), np.float32)
    for action in range(tables.shape[0]):
        way_to_charge = charging[waters[action]]
        w = ways[action]
        way = Way(w[0], w[1], w[2], w[3], w[4], w[5])
        for place in range(HOUSE_NODES):
            w = tables[action, place]
            wanted = WantedNumbers(w[0], w[1], w[2], w[3], w[4], w[5], w[6])
            own = Prepared(
                done.cell[action, place],
                done.level[action, place],
                done.spread[action, place],
                done.house[action, place],
                done.electric_kwh[action, place],
                done.other_usd[action, place],
                done.start_usd[action, place],
            )
            _act(
                house,
                step,
                way,
                wanted,
                nodes[2][place],
                nodes,
                (way_to_charge[0], way_to_charge[1], way_to_charge[2]),
                (work[0], work[1], work[2], work[3]),
                own,
                action >= idle,
            )
