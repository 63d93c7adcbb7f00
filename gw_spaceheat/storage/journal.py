"""Readings not yet handed to the outbox: committed in batches, thinned with age, taken out as reports.

Reports are *taken*: what they say is named in the file under a number before they are offered, and deleted only when
the outbox has committed that number with them. So a process that dies in between says everything once. After an
outage several are taken under one number: a commit for each would be most of the time that a backlog takes.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple

from gw_spaceheat.decisions.tiers import Bucket, Dropped, Reading, Tiers, cuts, merged_gaps, thin
from gw_spaceheat.errors import StorageError
from gw_spaceheat.storage.journal_tables import (
    BUCKET_COLUMNS,
    NO_ROOM,
    NOT_WRITTEN,
    SCHEMA,
    TOO_OLD,
    JournalGap,
    Taken,
    add_gap,
    bucket_reports,
    salvage_journal,
    slot_reports,
)
from gw_spaceheat.storage.sqlite_file import SqliteFile, StorageFull

PAGE_BYTES = 1024  # a batch of ten seconds is a few hundred bytes, and each commit writes whole pages
BALLAST_BYTES = 1024 * 1024
RING_READINGS = 50_000  # kept in memory while the disk cannot be written
REPORT_READINGS = 4000  # more of one slot go into a second report: a message has a longest length
EVICT_SHARES = (0.05, 0.1, 0.2, 0.4)  # of the rows, one after the other, until there is room
SQUEEZED_FULL_S = 3600  # when the file is full, readings are thinned after an hour before any is dropped


class _Take(NamedTuple):
    """The reports last begun; `is_open` until the outbox has them."""

    number: int
    kind: str
    start_s: int
    period_s: int
    until: int
    is_open: int


class Journal:
    """One writer. `path` None keeps all in memory and commits at a take only, for virtual runs."""

    def __init__(
        self, path: Path | None, slot_s: int = 300, max_bytes: int = 128 * 1024 * 1024, tiers: Tiers | None = None
    ) -> None:
        """Raises StorageBusy when another process owns the file; a disk out of order is `problem`."""
        self.path, self.slot_s, self.tiers = path, slot_s, tiers or Tiers()
        self.lost_in_memory = 0
        self._lock = threading.RLock()
        self._pending: deque[tuple[str, int, int]] = deque()
        self._unwritten: Dropped | None = None  # what fell out of the ring
        # Row number before the first pending reading, once a flush was tried: a commit whose sync failed may be on the
        # disk all the same, and what is there must not be written again.
        self._row_before: int | None = None
        ballast_bytes = min(BALLAST_BYTES, max_bytes // 8)
        self._file = SqliteFile(path, SCHEMA, max_bytes, PAGE_BYTES, ballast_bytes, salvage_journal)

    @property
    def durable(self) -> bool:
        return self.path is not None

    @property
    def problem(self) -> str:
        return self._file.problem

    @property
    def set_aside(self) -> Path | None:
        """Where a damaged file was put; None: there was none."""
        return self._file.set_aside

    @property
    def pending(self) -> int:
        """Readings in memory, not yet committed."""
        return len(self._pending)

    def add(self, channel: str, at_ms: int, value: int) -> None:
        """Keep a reading until the next `flush`. Never raises; the oldest fall out of a full ring, counted."""
        self._pending.append((channel, at_ms, value))
        if len(self._pending) > RING_READINGS:
            _, gone_ms, _ = self._pending.popleft()
            self._row_before = None if self._row_before is None else self._row_before + 1
            self.lost_in_memory += 1
            self._unwritten = merged_gaps(self._unwritten, Dropped(gone_ms, gone_ms, 1))

    def flush(self) -> bool:
        """Commit what was added. False: the disk refuses, all stays in memory and `problem` says why."""
        with self._lock:
            if not self._pending and self._unwritten is None:
                return True
            if self._file.frozen:
                self._file.restore_ballast()
            pending, unwritten = tuple(self._pending), self._unwritten

            def step(db: Connection) -> None:
                last_row = _last_row(db)
                self._row_before = last_row if self._row_before is None else self._row_before
                rows = pending[max(0, last_row - self._row_before) :]
                numbers: dict[str, int] = dict(db.execute("SELECT name, id FROM channel").fetchall())
                for name in {name: None for name, _, _ in rows if name not in numbers}:
                    cursor = db.execute("INSERT INTO channel (name) VALUES (?)", (name,))
                    numbers[name] = cursor.lastrowid or 0
                numbered = [(numbers[name], at_ms, value) for name, at_ms, value in rows]
                db.executemany("INSERT INTO reading (channel, at_ms, value) VALUES (?, ?, ?)", numbered)
                if unwritten is not None:
                    add_gap(db, JournalGap(*unwritten, NOT_WRITTEN))

            if not self._write(step):
                return False
            for _ in pending:
                self._pending.popleft()
            self._unwritten = self._row_before = None
            return True

    def take(self, now_s: float, above: int = 0, most: int = 1) -> list[Taken]:
        """The oldest `most` reports of what none has said yet, or those still open. Empty: none, or the disk refuses.

        They are of one kind and have one number. The outbox has committed those up to number `above`: open ones
        of them are settled in the same transaction. Numbers grow and are above it. Readings of the running slot wait
        for its end.
        """
        with self._lock:
            self.flush()
            try:
                last = self._last_take()
                settled = last if last is not None and last.is_open and last.number <= above else None
                if last is None or not last.is_open or settled is not None:
                    if settled is None and self._oldest(now_s, most) is None:
                        return []
                    number = max(last.number if last is not None else 0, above) + 1

                    def step(db: Connection) -> None:
                        if settled is not None:
                            _forget(db, settled)
                        found = self._oldest(now_s, most)
                        if found is not None:
                            _open_take(db, (number, *found))

                    if not self._write(step, may_squeeze=settled is None):
                        self.settle(above)  # what is reported makes room before anything is dropped
                        return []
                return self._taken()
            except StorageError as error:
                self._file.problem = str(error)
                return []

    def settle(self, number: int) -> None:
        """The outbox has committed the reports up to `number`: delete what open ones of them say."""
        with self._lock:
            try:
                last = self._last_take()
            except StorageError:
                return  # the disk refuses; the outbox's mark is told again with the next answer
            if last is None or not last.is_open or last.number > number:
                return
            self._write(lambda db: _forget(db, last))

    def thin(self, now_s: float) -> int:
        """Sort what is old into its tier; how many readings and buckets were moved. Not while a report is open."""
        self.flush()
        return self._thin(now_s, self.tiers)

    def _thin(self, now_s: float, tiers: Tiers) -> int:
        at = cuts(now_s, tiers)
        with self._lock:
            try:
                last = self._last_take()
                if last is not None and last.is_open:
                    return 0
                self._file.restore_ballast()
                old = "SELECT channel, at_ms, value FROM reading WHERE at_ms < ?"
                readings = self._file.read(old, Reading, (at.full_s * 1000,))
                due = "(period_s < ? AND start_s < ?) OR start_s < ?"
                limits = (tiers.coarse_period_s, at.fine_s, at.coarse_s)
                buckets = self._file.read(f"SELECT {BUCKET_COLUMNS} FROM bucket WHERE {due}", Bucket, limits)
            except StorageError as error:
                self._file.problem = str(error)
                return 0
            if not readings and not buckets:
                return 0
            thinned = thin(readings, buckets, now_s, tiers)

            def step(db: Connection) -> None:
                db.execute("DELETE FROM reading WHERE at_ms < ?", (at.full_s * 1000,))
                db.execute(f"DELETE FROM bucket WHERE {due}", limits)
                db.executemany(
                    f"INSERT INTO bucket ({BUCKET_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (period_s, start_s, channel) DO UPDATE SET count = count + excluded.count,"
                    " total = total + excluded.total, low = min(low, excluded.low), high = max(high, excluded.high)",
                    thinned.buckets,
                )
                if thinned.dropped is not None:
                    add_gap(db, JournalGap(*thinned.dropped, TOO_OLD))

            return len(readings) + len(buckets) if self._write(step, may_squeeze=False) else 0

    def counts(self) -> tuple[int, int]:
        """Committed readings and buckets."""
        query = "SELECT (SELECT count(*) FROM reading), (SELECT count(*) FROM bucket)"
        with self._lock:
            return self._file.read(query, lambda readings, buckets: (int(readings), int(buckets)))[0]

    def gaps(self) -> list[JournalGap]:
        """What is gone and not yet said."""
        with self._lock:
            return self._file.read("SELECT first_ms, last_ms, readings, reason FROM gap ORDER BY row", JournalGap)

    def close(self) -> None:
        """Commit what is pending and close."""
        with self._lock:
            self.flush()
            self._file.close()

    # -- taking --------------------------------------------------------------------------------------------

    def _last_take(self) -> _Take | None:
        found = self._file.read("SELECT number, kind, start_s, period_s, until, open FROM take", _Take)
        return found[0] if found else None

    def _oldest(self, now_s: float, most: int) -> tuple[str, int, int, int] | None:
        """Kind, first start, period and end of the next `most` reports: gaps, coarse buckets, fine ones, readings."""
        gaps = self._file.read("SELECT first_ms, row FROM gap ORDER BY row", lambda first_ms, row: (first_ms, row))
        if gaps:
            return "gap", gaps[0][0] // 1000, self.slot_s, gaps[-1][1]
        for period_s in (self.tiers.coarse_period_s, self.tiers.fine_period_s):
            query = "SELECT DISTINCT start_s FROM bucket WHERE period_s = ? ORDER BY start_s LIMIT ?"
            starts_s = self._file.read(query, int, (period_s, most))
            if starts_s:
                return "bucket", starts_s[0], period_s, starts_s[-1]
        first_s, until = None, 0
        for _ in range(most):
            found = self._slot_behind(until, now_s)
            if found is None:
                break
            start_s, until = found
            first_s = start_s if first_s is None else first_s
        return None if first_s is None else ("reading", first_s, self.slot_s, until)

    def _slot_behind(self, row: int, now_s: float) -> tuple[int, int] | None:
        """Start and last row of the slot whose readings come after `row`; None: there is none, or it still runs."""
        for at_ms in self._file.read("SELECT at_ms FROM reading WHERE row > ? ORDER BY row LIMIT 1", int, (row,)):
            slot = at_ms // (self.slot_s * 1000)
            # A reading from far ahead is one from before the clock was set back: it shall not wait for years.
            if 0 < (slot + 1) * self.slot_s - now_s <= self.slot_s:
                return None
            # In order of arrival: what came late rides with the slot it came in. Both queries stop where they may.
            later = "SELECT row FROM reading WHERE row > ? AND at_ms >= ? ORDER BY row LIMIT 1"
            behind = self._file.read(later, int, (row, (slot + 1) * self.slot_s * 1000)) or [2**62]
            last = "SELECT max(row) FROM (SELECT row FROM reading WHERE row > ? AND row < ? ORDER BY row LIMIT ?)"
            return slot * self.slot_s, self._file.read(last, int, (row, behind[0], REPORT_READINGS))[0]
        return None

    def _taken(self) -> list[Taken]:
        last = self._last_take()
        if last is None or not last.is_open:
            return []
        number, kind, start_s, period_s, until, _ = last
        if kind == "gap":
            query = "SELECT first_ms, last_ms, readings, reason FROM gap WHERE row <= ? ORDER BY row"
            return [Taken(number, start_s, period_s, gaps=tuple(self._file.read(query, JournalGap, (until,))))]
        listed = self._file.read("SELECT id, name FROM channel", lambda number, name: (int(number), str(name)))
        names = dict(listed)
        if kind == "bucket":
            where = "period_s = ? AND start_s BETWEEN ? AND ? ORDER BY start_s, channel"
            query = f"SELECT {BUCKET_COLUMNS} FROM bucket WHERE {where}"
            return bucket_reports(number, self._file.read(query, Bucket, (period_s, start_s, until)), names)
        query = "SELECT channel, at_ms, value FROM reading WHERE row <= ? ORDER BY row"
        readings = self._file.read(query, Reading, (until,))
        return slot_reports(number, readings, names, self.slot_s, REPORT_READINGS)

    # -- when the disk does not do what it should ------------------------------------------------------------

    def _write(self, step: Callable[[Connection], object], may_squeeze: bool = True) -> bool:
        for attempt in range(3 + len(EVICT_SHARES)):
            try:
                if attempt == 1:
                    self._file.release_ballast()
                elif attempt == 2:
                    self._squeeze()
                elif attempt > 2:
                    self._drop_oldest(EVICT_SHARES[attempt - 3])
                self._file.write(step)
                self._file.problem = ""
                return True
            except StorageFull as error:
                self._file.problem = str(error)
                if not may_squeeze:
                    return False
            except StorageError as error:
                self._file.problem = str(error)
                return False
        return False

    def _squeeze(self) -> None:
        """Still full: thin everything but the newest hour."""
        for newest_ms in self._file.read("SELECT at_ms FROM reading ORDER BY row DESC LIMIT 1", int):
            self._thin(newest_ms / 1000.0, replace(self.tiers, full_s=min(SQUEEZED_FULL_S, self.tiers.full_s)))
            self._file.shrink_log()

    def _drop_oldest(self, share_of_all: float) -> None:
        """Drop a share of the readings, or of the buckets when there are more of them, and keep the gap."""
        readings, buckets = self.counts()
        share = max(1, int(max(readings, buckets) * share_of_all))

        def step(db: Connection) -> None:
            if buckets > readings:
                oldest = "SELECT row FROM bucket ORDER BY start_s LIMIT ?"
                span = "min(start_s) * 1000, max(start_s + period_s) * 1000 - 1, total(count)"
                gone = db.execute(f"SELECT {span} FROM bucket WHERE row IN ({oldest})", (share,)).fetchone()
                db.execute(f"DELETE FROM bucket WHERE row IN ({oldest})", (share,))
            else:
                oldest = "SELECT row FROM reading ORDER BY row LIMIT ?"
                span = "min(at_ms), max(at_ms), count(*)"
                gone = db.execute(f"SELECT {span} FROM reading WHERE row IN ({oldest})", (share,)).fetchone()
                db.execute(f"DELETE FROM reading WHERE row IN ({oldest})", (share,))
            if gone[2]:
                add_gap(db, JournalGap(gone[0], gone[1], int(gone[2]), NO_ROOM))

        self._file.write(step)
        self._file.shrink_log()


def _last_row(db: Connection) -> int:
    """Of all readings that were ever written here."""
    found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'reading'").fetchone()
    return 0 if found is None else int(found[0])


def _forget(db: Connection, take: _Take) -> None:
    """Delete what reports say that the outbox has."""
    if take.kind == "reading":
        db.execute("DELETE FROM reading WHERE row <= ?", (take.until,))
    elif take.kind == "gap":
        db.execute("DELETE FROM gap WHERE row <= ?", (take.until,))
    else:
        span = (take.period_s, take.start_s, take.until)
        db.execute("DELETE FROM bucket WHERE period_s = ? AND start_s BETWEEN ? AND ?", span)
    db.execute("UPDATE take SET open = 0")


def _open_take(db: Connection, opened: tuple[int, str, int, int, int]) -> None:
    db.execute("INSERT OR REPLACE INTO take VALUES (1, ?, ?, ?, ?, ?, 1)", opened)
