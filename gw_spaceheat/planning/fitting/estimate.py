"""One fitted number with its error, and how errors are counted: whole days are left out one at a time."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.planning.model.maths import Floats

Mask = NDArray[np.bool_]
NORMAL_95 = 1.959964
LEAST_DAYS = 5
"""Fewer days give no error worth the name: the 95 % factor of Student's t is 2.8 at five days and 12.7 at two."""
WIDEST_SHARE = 0.15
"""An interval wider than this share of the value (or of its scale), to either side, shows nothing."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A parameter of the planner: fitted with its 95 % interval, or the house file's with the reason why."""

    name: str
    unit: str
    value: float
    source: Literal["fit", "house file"]
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    samples: int = 0
    """Rows that the number rests on (neighbours are not independent; `days` are nearly so)."""
    days: int = 0
    rests_on: str = ""
    reason: str = ""

    @property
    def fitted(self) -> bool:
        return self.source == "fit"


@dataclass(frozen=True, slots=True)
class Refused:
    """What the data cannot show, and why."""

    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Jackknife:
    """Values of a fit and their statistical errors from leaving out each day in turn."""

    values: Floats
    standard_errors: Floats
    days: int

    def estimate(
        self,
        index: int,
        name: str,
        unit: str,
        calibration: float,
        rests_on: str,
        samples: int,
        scale: float = 0.0,
        widest_share: float = WIDEST_SHARE,
    ) -> Estimate | Refused:
        """The interval joins the scatter of the days (Student's t) and the instruments' `calibration` (one sigma).

        `scale`: what the interval's width is judged by, where that is not the value itself.
        """
        value, error = float(self.values[index]), float(self.standard_errors[index])
        half = math.hypot(student_95(self.days - 1) * error, NORMAL_95 * calibration)
        size = abs(scale or value)
        if not half < widest_share * size:
            return Refused(f"{value:.3g} {unit} plus or minus {half:.2g} is too uncertain to use")
        return Estimate(
            name, unit, value, "fit", math.hypot(error, calibration), value - half, value + half,
            samples, self.days, rests_on,
        )  # fmt: skip


def jackknife(days: Floats, fit: Callable[[Mask], Floats]) -> Jackknife | Refused:
    """`fit` gets which of the rows to use, `days` says which day each row belongs to.

    Delete-a-group jackknife (Shao and Tu 1995, 2.3): honest for rows that are correlated within a day or so.
    """
    names = np.unique(days)
    if names.size < LEAST_DAYS:
        return Refused(f"{names.size} days with usable data, {LEAST_DAYS} are needed")
    values = fit(np.ones(days.size, dtype=np.bool_))
    without = np.array([fit(days != name) for name in names])
    spread = without - without.mean(axis=0)
    variance = (names.size - 1) / names.size * (spread**2).sum(axis=0)
    return Jackknife(values, np.sqrt(variance), int(names.size))


def student_95(freedom: int) -> float:
    """Two-sided 95 % factor of Student's t; Cornish-Fisher expansion, error below 1 % from 4 degrees of freedom."""
    if freedom < 1:
        return math.inf
    z, n = NORMAL_95, float(freedom)
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / n + second / n**2 + third / n**3


def or_house_file(found: Estimate | Refused, name: str, unit: str, value: float, because: str = "") -> Estimate:
    """The fit, or else the house file's value marked as such."""
    if isinstance(found, Estimate):
        return found
    reason = f"{because}: {found.reason}" if because else found.reason
    return Estimate(name, unit, value, "house file", reason=reason)


def span(values: Floats, unit: str, name: str) -> str:
    """`outdoor -18.2 to 3.1 C`: the middle 96 % of what was seen."""
    low, high = np.percentile(values, (2.0, 98.0))
    return f"{name} {low:.1f} to {high:.1f} {unit}"


def held_for(mask: Mask, before: int, after: int = 0) -> Mask:
    """Where `mask` has been true for so many samples before, and stays so for so many after."""
    total = np.concatenate(([0], np.cumsum(mask)))
    index = np.arange(mask.size)
    first, last = np.maximum(index - before, 0), np.minimum(index + after + 1, mask.size)
    result: Mask = (total[last] - total[first] == before + after + 1) & (index >= before)
    return result
