"""The states' grid, and where a state lies between its nodes: weighted, never rounded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.planning.model.maths import Floats
from gw_spaceheat.planning.model.transition import State

Places = NDArray[np.intp]
Table = NDArray[np.float32]

HOUSE_NODES = 3
CORNERS = 8
NEARLY_ONE = 1.0 - 1e-6
"""Of the last node, so that a place there still lies in the cell before it; single precision must tell it from 1."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Even nodes of level and spread, three of the house (lowest, reference, highest); beyond them the edge counts.

    Flat order: house, level, spread.
    """

    coldest_level: float
    level_step: float
    levels: int
    spread_step: float
    spreads: int
    lowest_k: float
    highest_k: float

    @property
    def size(self) -> int:
        return HOUSE_NODES * self.levels * self.spreads

    @property
    def offsets(self) -> tuple[int, ...]:
        """Flat distance of a cell's corners from its first."""
        row, block = self.spreads, self.levels * self.spreads
        return (0, 1, row, row + 1, block, block + 1, block + row, block + row + 1)

    def house_nodes(self) -> Floats:
        return np.array([self.lowest_k, 0.0, self.highest_k])

    def house_place(self, house_k: float) -> float:
        """Place (0..2) between the nodes of the house."""
        if house_k < 0.0:
            place = 1.0 - house_k / self.lowest_k
            return place if place > 0.0 else 0.0
        place = 1.0 + house_k / self.highest_k
        return place if place < 2.0 else 2.0

    def store_nodes(self) -> tuple[Table, Table]:
        """Level and spread at the nodes of one house temperature, each of shape (levels * spreads,)."""
        level = self.coldest_level + self.level_step * np.arange(self.levels)
        spread = self.spread_step * np.arange(self.spreads)
        return (
            np.repeat(level, self.spreads).astype(np.float32),
            np.tile(spread, self.levels).astype(np.float32),
        )

    def weigh(self, after: State[Floats], weights: Table) -> Places:
        """Cells of many states, shape (states,), and their corners' weights into `weights`, shape (states, 8)."""
        level = after.level - self.coldest_level
        level *= 1.0 / self.level_step
        spread = after.spread * (1.0 / self.spread_step)
        house = np.minimum(after.house_k, 0.0)
        house *= -1.0 / self.lowest_k - 1.0 / self.highest_k
        house += after.house_k * (1.0 / self.highest_k)
        house += 1.0
        cell = _split(house, HOUSE_NODES)
        for part, nodes in ((level, self.levels), (spread, self.spreads)):
            # Whole numbers in floats: exact, and quicker than integers.
            cell *= nodes
            cell += _split(part, nodes)
        upper = house * level
        lower = level - upper
        for first, pair in ((0, 1.0 - house - lower), (2, lower), (4, house - upper), (6, upper)):
            far = (pair * spread).reshape(-1)
            weights[:, first + 1] = far
            np.subtract(pair.reshape(-1), far, out=weights[:, first])
        return cell.reshape(-1).astype(np.intp)

    def corner(self, level: float, spread: float, house_k: float) -> tuple[int, int]:
        """First line (house * levels + level) and column (spread) of the four nodes of the store around a state.

        At the nearest temperature of the house; the others are the next line and the next column.
        """
        line = min(max(int((level - self.coldest_level) / self.level_step), 0), self.levels - 2)
        left = min(max(int(spread / self.spread_step), 0), self.spreads - 2)
        return round(self.house_place(house_k)) * self.levels + line, left

    def value(self, row: memoryview, level: float, spread: float, house_k: float) -> float:
        """Value of one table row at one state."""
        place = self.house_place(house_k)
        block = 1 if place >= 1.0 else 0
        house = place - block
        scaled = (level - self.coldest_level) / self.level_step
        scaled = 0.0 if scaled < 0.0 else min(scaled, self.levels - 1.0)
        line = min(int(scaled), self.levels - 2)
        scaled -= line
        column = spread / self.spread_step
        column = 0.0 if column < 0.0 else min(column, self.spreads - 1.0)
        left = min(int(column), self.spreads - 2)
        column -= left
        at = (block * self.levels + line) * self.spreads + left
        below = at + self.spreads
        near = row[at] * (1.0 - column) + row[at + 1] * column
        far = row[below] * (1.0 - column) + row[below + 1] * column
        cool: float = near + scaled * (far - near)
        if house <= 0.0:
            return cool
        at += self.levels * self.spreads
        below = at + self.spreads
        near = row[at] * (1.0 - column) + row[at + 1] * column
        far = row[below] * (1.0 - column) + row[below + 1] * column
        warm: float = near + scaled * (far - near)
        return cool + house * (warm - cool)


def _split(place: Floats, nodes: int) -> Floats:
    """Whole part of places kept between the nodes; `place` keeps the rest."""
    np.maximum(place, 0.0, out=place)
    np.minimum(place, (nodes - 1.0) * NEARLY_ONE, out=place)
    whole: Floats = np.floor(place)
    place -= whole
    return whole
