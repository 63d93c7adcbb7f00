"""The journal's tables, and how gaps are kept and a damaged file is salvaged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from sqlite3 import Connection

from gw_spaceheat.decisions.tiers import Bucket, Reading
from gw_spaceheat.storage.salvage import copy_table
from gw_spaceheat.storage.sqlite_file import SqliteFile

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS channel (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE IF NOT EXISTS reading (row INTEGER PRIMARY KEY AUTOINCREMENT, channel INTEGER NOT NULL,"
    " at_ms INTEGER NOT NULL, value INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS bucket (row INTEGER PRIMARY KEY, period_s INTEGER NOT NULL, start_s INTEGER NOT NULL,"
    " channel INTEGER NOT NULL, count INTEGER NOT NULL, total INTEGER NOT NULL, low INTEGER NOT NULL,"
    " high INTEGER NOT NULL, UNIQUE (period_s, start_s, channel))",
    "CREATE TABLE IF NOT EXISTS gap (row INTEGER PRIMARY KEY, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
    " readings INTEGER NOT NULL, reason TEXT NOT NULL)",
    # What the open reports say: readings or gaps up to row `until`, or buckets of a period from `start_s` to `until`.
    "CREATE TABLE IF NOT EXISTS take (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), number INTEGER NOT NULL,"
    " kind TEXT NOT NULL, start_s INTEGER NOT NULL, period_s INTEGER NOT NULL, until INTEGER NOT NULL,"
    " open INTEGER NOT NULL)",
)
NO_ROOM, DAMAGED = "journal or disk full", "journal file damaged"
TOO_OLD, NOT_WRITTEN = "older than the last tier", "disk could not be written"
BUCKET_COLUMNS = "period_s, start_s, channel, count, total, low, high"


@dataclass(frozen=True, slots=True)
class JournalGap:
    """Readings that are gone, and why; `count` 0 = nobody knows how many."""

    first_ms: int
    last_ms: int
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What one report says: readings (wire value, epoch ms), or buckets, by channel; or gaps."""

    number: int
    start_s: int
    period_s: int
    readings: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    gaps: tuple[JournalGap, ...] = ()


def bucket_reports(number: int, buckets: Iterable[Bucket], names: Mapping[int, str]) -> list[Taken]:
    """One for each start of the buckets, which are in order of it."""
    reports: list[Taken] = []
    for bucket in buckets:
        if not reports or reports[-1].start_s != bucket.start_s:
            reports.append(Taken(number, bucket.start_s, bucket.period_s))
        reports[-1].buckets[_name(names, bucket.channel)] = bucket
    return reports


def slot_reports(
    number: int, readings: Iterable[Reading], names: Mapping[int, str], slot_s: int, most: int
) -> list[Taken]:
    """One for each slot of the readings, which are in order of arrival, and one more after each `most` readings.

    What came late rides with the slot it came in.
    """
    reports: list[Taken] = []
    said = 0
    for channel, at_ms, value in readings:
        if not reports or at_ms >= (reports[-1].start_s + slot_s) * 1000 or said >= most:
            reports.append(Taken(number, at_ms // (slot_s * 1000) * slot_s, slot_s))
            said = 0
        reports[-1].readings.setdefault(_name(names, channel), []).append((value, at_ms))
        said += 1
    return reports


def _name(names: Mapping[int, str], channel: int) -> str:
    return names.get(channel, f"unknown-{channel}")


def add_gap(db: Connection, gap: JournalGap) -> None:
    """One row per hole, however many evictions made it; a gap that a report is just saying grows no more."""
    query = "SELECT row, first_ms, last_ms, readings, reason FROM gap ORDER BY row DESC LIMIT 1"
    last = db.execute(query).fetchone()
    being_said = db.execute("SELECT 1 FROM take WHERE open AND kind = 'gap'").fetchone()
    if last is not None and last[4] == gap.reason and gap.reason != DAMAGED and being_said is None:
        db.execute(
            "UPDATE gap SET first_ms = ?, last_ms = ?, readings = ? WHERE row = ?",
            (min(last[1], gap.first_ms), max(last[2], gap.last_ms), last[3] + gap.count, last[0]),
        )
    else:
        db.execute(
            "INSERT INTO gap (first_ms, last_ms, readings, reason) VALUES (?, ?, ?, ?)",
            (gap.first_ms, gap.last_ms, gap.count, gap.reason),
        )


def salvage_journal(file: SqliteFile, damaged: Path) -> None:
    """Copy every readable row into the new file; what cannot be read is a gap. Raises StorageError."""

    keep = partial(copy_table, file.write, damaged)
    keep("channel", "id, name")
    lost = keep("reading", "row, channel, at_ms, value").holes
    lost += keep("bucket", f"row, {BUCKET_COLUMNS}").holes
    keep("gap", "row, first_ms, last_ms, readings, reason")
    keep("take", "only_row, number, kind, start_s, period_s, until, open")
    if lost:
        file.write(lambda db: _note_damage(db, lost))


def _note_damage(db: Connection, lost: Iterable[tuple[int, int]]) -> None:
    """A gap per hole, from the reading before it to the one behind."""
    for first, last in lost:
        before = db.execute("SELECT max(at_ms) FROM reading WHERE row < ?", (first,)).fetchone()[0]
        behind = db.execute("SELECT min(at_ms) FROM reading WHERE row > ?", (last,)).fetchone()[0]
        start_ms = before if before is not None else behind or 0
        count = last - first + 1 if first else 0
        add_gap(db, JournalGap(start_ms, behind if behind is not None else start_ms, count, DAMAGED))
