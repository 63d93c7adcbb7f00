"""Hourly series from files: measured weather, energy prices, distribution prices; by UTC time, never by position."""

import csv
import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from gw_spaceheat.errors import BadInput
from gw_spaceheat.markets.csv_cells import number_of_cell, time_of_cell

HOUR_S = 3600
TIME_COLUMN = "time_utc"
VALUE_COLUMNS = ("outdoor_temp_c", "lmp_usd_per_mwh", "distribution_usd_per_mwh")
COLDEST_C, HOTTEST_C = -70.0, 60.0


def utc_text(time_s: float) -> str:
    """Epoch seconds as people read them: `2020-01-01T05:00:00Z`."""
    return (datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(seconds=time_s)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


@dataclass(frozen=True)
class HourlySeries:
    """One finite value for each hour from `start_s` (epoch seconds) on; the unit is in the name of whoever holds it."""

    start_s: float
    values: tuple[float, ...]
    name: str = "series"

    def __post_init__(self) -> None:
        if not self.values:
            raise BadInput(f"{self.name}: no values, at least one hour is needed")

    @property
    def end_s(self) -> float:
        """The first moment (epoch s) not covered."""
        return self.start_s + HOUR_S * len(self.values)

    def covers(self, from_s: float, to_s: float) -> bool:
        return self.start_s <= from_s and to_s <= self.end_s

    def at(self, time_s: float) -> float:
        """The value of the hour that holds `time_s`, for prices. Raises BadInput outside the series."""
        index = math.floor((time_s - self.start_s) / HOUR_S)
        if 0 <= index < len(self.values):
            return self.values[index]
        raise BadInput(self._outside(time_s))

    def between(self, time_s: float) -> float:
        """The value on the line between neighbouring hours, for weather. Raises BadInput outside the series."""
        hours = (time_s - self.start_s) / HOUR_S
        index = math.floor(hours)
        if not 0 <= index < len(self.values):
            raise BadInput(self._outside(time_s))
        here = self.values[index]
        after = self.values[min(index + 1, len(self.values) - 1)]
        return here + (after - here) * (hours - index)

    def _outside(self, time_s: float) -> str:
        return (
            f"{self.name}: no value at {utc_text(time_s)}, it covers {utc_text(self.start_s)} to {utc_text(self.end_s)}"
        )


@dataclass(frozen=True)
class SeriesFile:
    """What one file holds; a column that it does not have is None."""

    outdoor_c: HourlySeries | None
    lmp_usd_per_mwh: HourlySeries | None
    distribution_usd_per_mwh: HourlySeries | None


def load_series(path: Path) -> SeriesFile:
    """Read a CSV of `time_utc` and any value columns, an hour a row. Raises BadInput: file, line, value, rule."""
    rows = _read_rows(path)
    header = [name.strip() for name in rows[0]]
    columns = [name for name in VALUE_COLUMNS if name in header]
    if TIME_COLUMN not in header or not columns or len(set(header)) != len(header):
        raise BadInput(
            f"{path}:1: columns are {', '.join(header) or 'none'}; needed are {TIME_COLUMN} and at least one of "
            f"{', '.join(VALUE_COLUMNS)}, each once"
        )
    times: list[float] = []
    values: dict[str, list[float]] = {name: [] for name in columns}
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) != len(header):
            raise BadInput(f"{path}:{line}: {len(row)} cells, the header has {len(header)}")
        cells = dict(zip(header, row, strict=True))
        times.append(time_of_cell(path, line, TIME_COLUMN, cells[TIME_COLUMN], utc_only=True))
        for name in columns:
            values[name].append(_number(path, line, name, cells[name]))
    _check_hours(path, times)

    def column(name: str) -> HourlySeries | None:
        return HourlySeries(times[0], tuple(values[name]), f"{path.name} {name}") if name in values else None

    return SeriesFile(*(column(name) for name in VALUE_COLUMNS))


def load_flat_lmp(path: Path) -> float:
    """The one energy price (USD/MWh) of a flat price file. Raises BadInput."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"price file {path}: cannot be read ({error})") from error
    price = document.get("lmp_usd_per_mwh") if isinstance(document, dict) else None
    if isinstance(price, bool) or not isinstance(price, int | float) or not math.isfinite(price):
        raise BadInput(f"price file {path}: lmp_usd_per_mwh is {price!r}, must be a finite number")
    return float(price)


def _read_rows(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"series file {path}: cannot be read ({_cause(error)})") from error
    if len(rows) < 2:
        raise BadInput(f"series file {path}: {len(rows)} line(s), needed are a header and at least one hour")
    return rows


def _cause(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _number(path: Path, line: int, name: str, text: str) -> float:
    value = number_of_cell(path, line, name, text)
    if name == "outdoor_temp_c" and not COLDEST_C <= value <= HOTTEST_C:
        raise BadInput(f"{path}:{line}: {name} is {text}, must be within {COLDEST_C:.0f} and {HOTTEST_C:.0f} C")
    return value


def _check_hours(path: Path, times: list[float]) -> None:
    if not times:
        raise BadInput(f"series file {path}: no rows below the header, at least one hour is needed")
    if times[0] % HOUR_S:
        raise BadInput(f"{path}:2: {utc_text(times[0])} is no whole hour")
    for before, after in pairwise(times):
        if after - before != HOUR_S:
            raise BadInput(f"{path}: {utc_text(before)} is followed by {utc_text(after)}, must be one hour later")
