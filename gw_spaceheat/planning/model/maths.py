"""One text of the physics for two users: arrays over all states (backward pass) and plain floats (roll-out).

NumPy takes a microsecond for a single number, Python a tenth of that; a roll-out asks for a million of them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Quantity = TypeVar("Quantity", float, Floats)


@dataclass(frozen=True, slots=True)
class Maths(Generic[Quantity]):
    """The functions that differ between floats and arrays; the operators do not."""

    minimum: Callable[[Quantity, Quantity | float], Quantity]
    maximum: Callable[[Quantity, Quantity | float], Quantity]
    exp: Callable[[Quantity], Quantity]


def _smaller(one: float, other: float) -> float:
    return one if one < other else other


def _larger(one: float, other: float) -> float:
    return one if one > other else other


SCALARS: Maths[float] = Maths(_smaller, _larger, math.exp)
ARRAYS: Maths[Floats] = Maths(np.minimum, np.maximum, np.exp)
