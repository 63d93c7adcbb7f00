"""What can still be read of a damaged file, and exactly which row numbers cannot."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

CHUNK_ROWS = 2048
UNKNOWN_LAST_ROW = 4_000_000  # searched up to here when even the last row number cannot be read
MOST_FAILURES = 2000  # then the rest is given up: a start may not take minutes

Row = tuple[int | float | str | bytes | None, ...]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """`rows` were read and taken; `lost` are the row numbers (first, last) of pages that cannot be read.

    `opened` False: nothing of the table could be read, not even its first or last row.
    """

    rows: int
    lost: tuple[tuple[int, int], ...]
    opened: bool = True

    @property
    def holes(self) -> tuple[tuple[int, int], ...]:
        """`lost`; (0, 0) stands for everything."""
        return self.lost if self.opened else ((0, 0),)


def salvage_table(damaged: Path, table: str, columns: str, take: Callable[[list[Row]], None]) -> Salvaged:
    """Read `columns` of every readable row of a table with integer row numbers, in order, and give them to `take`."""
    try:
        with closing(sqlite3.connect(f"file:{damaged}?mode=rw", uri=True, isolation_level=None)) as db:
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
            bounds = _bounds(db, table)
            if bounds is None:
                return Salvaged(0, (), opened=False)
            first, last = bounds
            return _Reader(db, f"SELECT {columns} FROM {table} WHERE rowid BETWEEN ? AND ? ORDER BY rowid", take).read(
                first, last
            )
    except sqlite3.Error:
        return Salvaged(0, (), opened=False)


def copy_table(
    write: Callable[[Callable[[sqlite3.Connection], object]], object], damaged: Path, table: str, columns: str
) -> Salvaged:
    """The same into the same table of another file, by its `write`; what is there already stays. StorageError."""
    marks = ", ".join("?" * len(columns.split(",")))
    query = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"

    def take(rows: list[Row]) -> None:
        write(lambda db: db.executemany(query, rows))

    return salvage_table(damaged, table, columns, take)


class _Reader:
    def __init__(self, db: sqlite3.Connection, query: str, take: Callable[[list[Row]], None]) -> None:
        self._db, self._query, self._take = db, query, take
        self._rows = self._failures = 0
        self._lost: list[tuple[int, int]] = []

    def read(self, first: int, last: int) -> Salvaged:
        for start in range(first, last + 1, CHUNK_ROWS):
            self._read_range(start, min(start + CHUNK_ROWS - 1, last))
        return Salvaged(self._rows, tuple(self._lost))

    def _read_range(self, first: int, last: int) -> None:
        """Halve what cannot be read until only the rows of the damaged pages are left out."""
        try:
            found = self._db.execute(self._query, (first, last)).fetchall()
        except sqlite3.Error:
            self._failures += 1
            if first < last and self._failures < MOST_FAILURES:
                middle = (first + last) // 2
                self._read_range(first, middle)
                self._read_range(middle + 1, last)
            elif self._lost and self._lost[-1][1] == first - 1:
                self._lost[-1] = (self._lost[-1][0], last)
            else:
                self._lost.append((first, last))
            return
        if found:
            self._take(found)
            self._rows += len(found)


def _bounds(db: sqlite3.Connection, table: str) -> tuple[int, int] | None:
    """First and last row number, as far as they can be read; None: neither can."""
    found: list[int | None] = []
    for query in (f"SELECT min(rowid) FROM {table}", f"SELECT max(rowid) FROM {table}"):
        try:
            (number,) = db.execute(query).fetchone()
            found.append(0 if number is None else number)
        except sqlite3.Error:
            found.append(None)
    first, last = found
    if first is None and last is None:
        return None
    return (1 if first is None else first), (UNKNOWN_LAST_ROW if last is None else last)
