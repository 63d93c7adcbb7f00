"""What the channels told: readings as they came, then every quantity on one grid of minutes."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from gw_spaceheat.errors import BadInput
from gw_spaceheat.physics.thermometers import top_first
from gw_spaceheat.planning.model.maths import Floats

STEP_S = 60.0
"""Of the one grid that every part of the fit counts its `..._STEPS` in."""
DAY_S = 86400.0
FLAT_LINE_PERIODS = 2.1
USUAL_PERCENTILE = 99.0
"""Of the times between readings: power meters send bursts, so the middle one says nothing about the period."""
OLDEST_S = 660.0


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """One quantity, by time; C, W or l/min."""

    times_s: Floats
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Readings by quantity (as a house file names them: `outdoor_c`, `hp_lwt_c`, `tank1_2_c`)."""

    readings: Mapping[str, Readings]

    @property
    def span_s(self) -> tuple[float, float]:
        """First and last reading, epoch s."""
        starts = [float(one.times_s[0]) for one in self.readings.values()]
        ends = [float(one.times_s[-1]) for one in self.readings.values()]
        return min(starts), max(ends)

    def sampled(self) -> "Samples":
        """Every quantity at every minute: the last reading, NaN where that is older than 2.1 periods."""
        start_s, end_s = self.span_s
        times_s = np.arange(math.ceil(start_s / STEP_S) * STEP_S, end_s + 0.5 * STEP_S, STEP_S)
        return Samples(times_s, {name: _held(one, times_s) for name, one in self.readings.items()})


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Quantities on one grid, every `STEP_S`; NaN where nothing was read."""

    times_s: Floats
    values: Mapping[str, Floats]

    def get(self, quantity: str) -> Floats | None:
        """A quantity that was read at least once in ten steps; None otherwise."""
        values = self.values.get(quantity)
        if values is None or np.isfinite(values).sum() < 0.1 * values.size:
            return None
        return values

    def mean(self, quantities: Iterable[str]) -> Floats | None:
        """Mean of several; None when one of them is missing."""
        found = [self.get(name) for name in quantities]
        known = [values for values in found if values is not None]
        if not known or len(known) < len(found):
            return None
        result: Floats = np.mean(known, axis=0)
        return result

    def present(self, prefix: str) -> list[str]:
        """Quantities of that beginning, in natural order: `tank1_2_c`, `tank2_1_c`, `tank10_1_c`."""
        return list(top_first(self.values, prefix))

    @property
    def days(self) -> float:
        return self.times_s.size * STEP_S / DAY_S

    @property
    def day_of(self) -> Floats:
        """Number of the day (24 h from the first sample) of each sample: the blocks that errors are counted in."""
        result: Floats = np.floor((self.times_s - self.times_s[0]) / DAY_S)
        return result


@dataclass
class HistoryBuilder:
    """Collects readings in any order."""

    _lists: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, quantity: str, time_s: float, value: float) -> None:
        """Time in epoch s; value in C, W or l/min. A value that is no number is left out."""
        if math.isfinite(value):
            self._lists.setdefault(quantity, []).append((time_s, value))

    def build(self) -> History:
        """Raises BadInput when there is nothing."""
        if not self._lists:
            raise BadInput("history: holds no reading of any of this house's channels")
        readings = {}
        for name, rows in self._lists.items():
            table = np.array(rows)
            order = np.argsort(table[:, 0], kind="stable")
            readings[name] = Readings(table[order, 0], table[order, 1])
        return History(readings)


def _held(readings: Readings, times_s: Floats) -> Floats:
    between_s = np.diff(readings.times_s)
    usual_s = float(np.percentile(between_s, USUAL_PERCENTILE)) if between_s.size else STEP_S
    oldest_s = min(FLAT_LINE_PERIODS * max(usual_s, STEP_S), OLDEST_S)
    index = np.searchsorted(readings.times_s, times_s, side="right") - 1
    held = readings.values[np.maximum(index, 0)]
    age_s = times_s - readings.times_s[np.maximum(index, 0)]
    result: Floats = np.where((index >= 0) & (age_s <= oldest_s), held, np.nan)
    return result
