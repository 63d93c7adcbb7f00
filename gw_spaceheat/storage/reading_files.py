"""Readings of many channels as one file for other programs: Parquet or CSV, one row each, written in portions."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.messages.units import UNITS, from_wire, utc_ms_text
from gw_spaceheat.storage.ear_store import EarStore, StoredReading

COLUMNS = ("time_utc", "source", "channel", "telemetry", "unit", "value", "wire_value")
PORTION = 200_000
"""Readings held at once, and in a row group of Parquet."""
ALL_MS = (0, 2**62)


@dataclass(frozen=True, slots=True)
class Series:
    """A channel of a source. `telemetry`: how its integers are meant; empty: nobody knows, `value` is then missing."""

    source: str
    channel: str
    telemetry: str

    @property
    def unit(self) -> str:
        return UNITS.get(self.telemetry, "")


class ReadingFile(Protocol):
    """A file being written. Both raise StorageError."""

    def write(self, series: Series, readings: Sequence[StoredReading]) -> None:
        """Add a portion of one channel, in order of time."""
        ...

    def close(self) -> None: ...


class CsvReadings:
    """Text anybody reads: times as ISO in UTC, an unknown value as an empty cell."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def write(self, series: Series, readings: Sequence[StoredReading]) -> None:
        who = (series.source, series.channel, series.telemetry, series.unit)
        self._writer.writerows(
            (utc_ms_text(one.time_ms), *who, "" if value is None else f"{value:.10g}", one.wire_value)
            for one, value in zip(readings, _values(series, readings), strict=True)
        )

    def close(self) -> None:
        self._file.close()


class ParquetReadings:
    """One row group per portion, zstd; time as timestamp[ms, UTC], texts as dictionaries, an unknown value as null."""

    def __init__(self, path: Path) -> None:
        """Raises BadInput where pyarrow is not installed."""
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            missing = f"Parquet: {error.name or 'pyarrow'} is not installed; install requirements/cloud.txt"
            raise BadInput(missing) from error
        self._arrow = pyarrow
        text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
        types = (pyarrow.timestamp("ms", tz="UTC"), text, text, text, text, pyarrow.float64(), pyarrow.int64())
        self._schema = pyarrow.schema(list(zip(COLUMNS, types, strict=True)))
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, series: Series, readings: Sequence[StoredReading]) -> None:
        arrow, count = self._arrow, len(readings)
        texts = [
            arrow.DictionaryArray.from_arrays(arrow.array([0] * count, arrow.int32()), arrow.array([word]))
            for word in (series.source, series.channel, series.telemetry, series.unit)
        ]
        columns = [
            arrow.array([one.time_ms for one in readings], arrow.int64()).cast(arrow.timestamp("ms", tz="UTC")),
            *texts,
            arrow.array(_values(series, readings), arrow.float64()),
            arrow.array([one.wire_value for one in readings], arrow.int64()),
        ]
        self._writer.write_table(arrow.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


KINDS: dict[str, Callable[[Path], ReadingFile]] = {".csv": CsvReadings, ".parquet": ParquetReadings}


@contextmanager
def reading_file(path: Path) -> Iterator[ReadingFile]:
    """A file of the kind its name ends on; there only when all of it was written. Raises BadInput, StorageError."""
    kind = KINDS.get(path.suffix)
    if kind is None:
        raise BadInput(f"{path}: must end with {' or '.join(KINDS)}")
    new = path.with_name(path.name + ".new")
    try:
        file = kind(new)
        try:
            yield file
        finally:
            file.close()
        new.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}; its folder must be writable and have room") from error
    finally:
        new.unlink(missing_ok=True)


def export(store: EarStore, every: Sequence[Series], from_ms: int, to_ms: int, file: ReadingFile) -> int:
    """Write all readings of the given channels, `from_ms` included and `to_ms` not; how many there were."""
    count = 0
    for series in every:
        next_ms = from_ms
        while readings := store.readings(series.source, series.channel, next_ms, to_ms, PORTION):
            file.write(series, readings)
            count += len(readings)
            next_ms = readings[-1].time_ms + 1
    return count


def series_of(source: str, channels: Sequence[str], telemetries: Mapping[str, str]) -> list[Series]:
    """What the stored channels of a house are; `telemetries` by channel of its file.

    The lowest and highest of a thinned channel (`<channel>-min`, `-max`) are of its kind.
    """
    return [
        Series(source, name, telemetries.get(name, telemetries.get(name.removesuffix("-min").removesuffix("-max"), "")))
        for name in channels
    ]


def _values(series: Series, readings: Sequence[StoredReading]) -> list[float | None]:
    if not series.telemetry:
        return [None] * len(readings)
    return [from_wire(series.telemetry, one.wire_value) for one in readings]
