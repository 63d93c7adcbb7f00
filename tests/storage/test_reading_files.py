"""Exports hold every reading once, in order, however many portions they are written in, and nothing half done."""

import csv
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from pyarrow import parquet

from gw_spaceheat.errors import StorageError
from gw_spaceheat.messages.telemetry import ChannelReadings
from gw_spaceheat.storage import reading_files
from gw_spaceheat.storage.ear_store import Heard
from gw_spaceheat.storage.reading_files import ALL_MS, Series, export, reading_file, series_of
from gw_spaceheat.storage.sqlite_ear import SqliteEar

SOURCE = "d1.isone.house.scada"
START_MS = 1_485_752_400_000
TELEMETRIES = {"tank-top": "WaterTempCTimes1000", "hp-power": "PowerW"}
NAMES = ["hp-power", "odd", "tank-top", "tank-top-min"]


@pytest.fixture
def ear() -> SqliteEar:
    """Four channels of 1,000 readings over a year, and one of a clock that ran centuries ahead."""
    chance, store = Random(1), SqliteEar(None)
    for seq, name in enumerate(NAMES, start=1):
        times = tuple(sorted({START_MS + chance.randrange(31_536_000_000) for _ in range(1000)}))
        times += (32_503_679_999_000,) if name == "odd" else ()
        values = tuple(chance.randrange(-(2**62), 2**62) if name == "odd" else chance.randrange(90_000) for _ in times)
        said = ChannelReadings(channel_name=name, value_list=values, scada_read_time_unix_ms_list=times)
        store.put_all([Heard(SOURCE, 1, seq, START_MS / 1000.0, "report", b"", (said,))])
    return store


@pytest.mark.parametrize("portion", [7, 1000, 200_000])
def test_parquet_and_csv_hold_every_reading_once(
    ear: SqliteEar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    monkeypatch.setattr(reading_files, "PORTION", portion)
    every = series_of(SOURCE, ear.channels(SOURCE), TELEMETRIES)
    counts = []
    for name in ("all.parquet", "all.csv"):
        with reading_file(tmp_path / name) as file:
            counts.append(export(ear, every, *ALL_MS, file))
    rows = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    expected = [(name, one) for name in NAMES for one in ear.readings(SOURCE, name, *ALL_MS)]
    assert counts == [len(expected)] * 2 == [len(rows)] * 2
    for row, (name, one) in zip(rows, expected, strict=True):
        assert (row["source"], row["channel"], row["wire_value"]) == (SOURCE, name, one.wire_value)
        assert row["time_utc"] == datetime.fromtimestamp(one.time_ms / 1000.0, UTC)
    with (tmp_path / "all.csv").open(newline="") as text:
        cells = list(csv.DictReader(text))
    for row, line in zip(rows, cells, strict=True):
        assert datetime.fromisoformat(line["time_utc"]) == row["time_utc"]
        assert line["channel"] == row["channel"] and int(line["wire_value"]) == row["wire_value"]
        assert (float(line["value"]) if line["value"] else None) == row["value"]


def test_values_are_in_the_units_inside_where_the_channel_is_known(ear: SqliteEar, tmp_path: Path) -> None:
    with reading_file(tmp_path / "all.parquet") as file:
        export(ear, series_of(SOURCE, NAMES, TELEMETRIES), *ALL_MS, file)
    rows = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    kinds = {row["channel"]: (row["telemetry"], row["unit"]) for row in rows}
    water = ("WaterTempCTimes1000", "C")
    assert kinds == {"hp-power": ("PowerW", "W"), "odd": ("", ""), "tank-top": water, "tank-top-min": water}
    for row in rows:
        scale = {"C": 1000.0, "W": 1.0}.get(row["unit"])
        assert row["value"] == (None if scale is None else row["wire_value"] / scale)
    assert parquet.ParquetFile(tmp_path / "all.parquet").schema_arrow.field("time_utc").type.tz == "UTC"


def test_a_range_is_cut_at_its_first_and_before_its_last(ear: SqliteEar, tmp_path: Path) -> None:
    times = [one.time_ms for one in ear.readings(SOURCE, "hp-power", *ALL_MS)]
    with reading_file(tmp_path / "part.parquet") as file:
        count = export(ear, [Series(SOURCE, "hp-power", "PowerW")], times[10], times[20], file)
    written = parquet.read_table(tmp_path / "part.parquet").column("time_utc").cast("int64").to_pylist()
    assert count == 10 and written == times[10:20] and all(one < other for one, other in pairwise(written))


def test_nothing_read_is_an_empty_file_with_its_columns(ear: SqliteEar, tmp_path: Path) -> None:
    with reading_file(tmp_path / "none.parquet") as file:
        assert export(ear, [Series(SOURCE, "absent", "")], *ALL_MS, file) == 0
    assert parquet.read_table(tmp_path / "none.parquet").column_names == list(reading_files.COLUMNS)


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_a_store_that_fails_half_way_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")
    with pytest.raises(StorageError, match="gone"), reading_file(tmp_path / name):
        raise StorageError("gone")
    assert (tmp_path / name).read_text() == "old" and len(list(tmp_path.iterdir())) == 1
