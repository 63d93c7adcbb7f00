"""What an AtomicTNode knew, from whom and since when; what it decided upon that; and the contract it is bound by.

One SQLite file. Every memory has the time it was learned or decided (`known_s`) beside the time it is about (`from_s`
to `to_s`), so that the knowledge of any moment can be looked up. The oldest go when they are old or the file is full.
"""

import hashlib
import json
import sqlite3
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.storage.salvage import copy_table
from gw_spaceheat.storage.sqlite_file import SqliteFile, StorageFull, open_read_only, translated

Kind = Literal["forecast", "prices", "price", "plan", "bid", "offer", "contract", "result"]

FILE_NAME = "memory.db"
KEEP_DAYS = 92.0
MAX_BYTES = 512 * 1024 * 1024
BALLAST_BYTES = 1024 * 1024
DAY_S = 86_400.0
FORGET_EVERY_S = 3600.0
EVICT_SHARES = (0.05, 0.2, 0.5)  # of the memories, one after the other, until there is room
CLOCK_SKEW_S = 300.0
SCHEMA = (
    # `timeline`: a clock that jumps back begins a new one, so that two pasts are never mixed.
    "CREATE TABLE IF NOT EXISTS memory (row INTEGER PRIMARY KEY AUTOINCREMENT, timeline INTEGER NOT NULL,"
    " kind TEXT NOT NULL, source TEXT NOT NULL, known_s REAL NOT NULL, from_s REAL NOT NULL, to_s REAL NOT NULL,"
    " shared INTEGER, body BLOB NOT NULL)",
    # Bodies lie on the table's pages: what asks for times alone must be answered by an index.
    "CREATE INDEX IF NOT EXISTS memory_by_time ON memory (kind, timeline, known_s)",
    "CREATE INDEX IF NOT EXISTS memory_by_shared ON memory (shared) WHERE shared IS NOT NULL",
    # What many memories have in common, such as a house's parameters.
    "CREATE TABLE IF NOT EXISTS shared (id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, body BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS contract_state (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), body BLOB NOT NULL)",
)
ResultT = TypeVar("ResultT")
Value = int | float | str | None

READ = (
    "SELECT row, kind, source, known_s, from_s, to_s, memory.body, shared.body"
    " FROM memory LEFT JOIN shared ON shared.id = memory.shared"
)
# Of the past that leads to a moment: the newest timeline that had begun by then.
PAST = "known_s <= ? AND timeline = (SELECT max(timeline) FROM memory INDEXED BY memory_by_time WHERE known_s <= ?)"
LATEST = f"{READ} WHERE kind = ? AND {PAST} ORDER BY known_s DESC, row DESC LIMIT 1"
SINCE = f"{READ} WHERE kind = ? AND {PAST} AND known_s >= ? ORDER BY row"
ROW = f"{READ} WHERE row = ?"
OLD = "row IN (SELECT row FROM memory INDEXED BY memory_by_time WHERE known_s < ?)"
OLDEST = "row < (SELECT min(row) + ? * (max(row) - min(row) + 1) FROM memory)"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to remember. `source`: who said or decided it; `shared` is kept once, however often it is given."""

    kind: Kind
    source: str
    known_s: float
    from_s: float
    to_s: float
    body: Mapping[str, object]
    shared: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """A remembered `Entry` and its number."""

    row: int
    kind: str
    source: str
    known_s: float
    from_s: float
    to_s: float
    body: dict[str, object]
    shared: dict[str, object] | None


class Memories:
    """What can be asked of a memory, by its writer and by others. All raise StorageError."""

    def latest(self, kind: Kind, now_s: float) -> Memory | None:
        """What was newest of a kind at `now_s`; None: nothing was known."""
        found = self._found(LATEST, (kind, now_s, now_s))
        return found[0] if found else None

    def since(self, kind: Kind, from_s: float, now_s: float) -> list[Memory]:
        """What became known of a kind from `from_s` to `now_s`, in that order."""
        return self._found(SINCE, (kind, now_s, now_s, from_s))

    def memory(self, row: int) -> Memory | None:
        """One memory by its number; None: it is not kept any more."""
        found = self._found(ROW, (row,))
        return found[0] if found else None

    def _found(self, query: str, values: tuple[Value, ...]) -> list[Memory]:
        raise NotImplementedError


class AtnMemory(Memories):
    """One writer; others may read. A disk out of order is a StorageError of each use, never of the start."""

    def __init__(self, path: Path | None, keep_days: float = KEEP_DAYS, max_bytes: int = MAX_BYTES) -> None:
        """`path` None keeps all in memory, for virtual runs. Raises StorageBusy when another process writes it."""
        self.path, self._keep_s = path, keep_days * DAY_S
        self._lock = threading.RLock()
        self._timeline, self._forgot_s = 1, float("-inf")
        ballast_bytes = min(BALLAST_BYTES, max_bytes // 8)
        self._file = SqliteFile(path, SCHEMA, max_bytes, ballast_bytes=ballast_bytes, salvage=_salvage, exclusive=False)

    @property
    def set_aside(self) -> Path | None:
        """Where a damaged file was put; None: there was none."""
        return self._file.set_aside

    def begin(self, now_s: float) -> bool:
        """A life of the AtomicTNode begins. False: the clock was set back, no past leads here. Raises StorageError."""
        query = (
            "SELECT timeline, max(known_s) FROM memory INDEXED BY memory_by_time"
            " GROUP BY timeline ORDER BY timeline DESC LIMIT 1"
        )
        with self._lock:
            if not self._file.usable and not self._file.open():
                raise StorageError(self._file.problem)
            goes_on = True
            for timeline, last_s in self._file.read(query, lambda *row: row):
                goes_on = last_s <= now_s + CLOCK_SKEW_S
                self._timeline = timeline if goes_on else timeline + 1
            self._forgot_s = float("-inf")
        return goes_on

    def store(self, entries: Sequence[Entry], contract_state: Mapping[str, object] | None = None) -> list[int]:
        """Commit all of it or nothing; the numbers of the entries. Durable when this returns. Raises StorageError."""
        packed = [(entry, _packed(entry.body)) for entry in entries]
        state = None if contract_state is None else _packed(contract_state)
        newest_s = max((entry.known_s for entry in entries), default=float("-inf"))

        def step(db: sqlite3.Connection) -> list[int]:
            if state is not None:
                db.execute("INSERT OR REPLACE INTO contract_state (only_row, body) VALUES (1, ?)", (state,))
            return [_put(db, self._timeline, entry, body) for entry, body in packed]

        with self._lock:
            if self._file.frozen:
                self._file.restore_ballast()
            rows = self._write(step)
            if newest_s - self._forgot_s >= FORGET_EVERY_S:
                self._forgot_s = newest_s
                self._write(lambda db: _forget(db, OLD, newest_s - self._keep_s))
        return rows

    def contract_state(self) -> dict[str, object] | None:
        """The last one stored. Raises StorageError."""
        with self._lock:
            found = self._file.read("SELECT body FROM contract_state", _unpacked)
        return found[0] if found else None

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _found(self, query: str, values: tuple[Value, ...]) -> list[Memory]:
        with self._lock:
            return self._file.read(query, _memory, values)

    def _write(self, step: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        for share in EVICT_SHARES:
            try:
                return self._file.write(step)
            except StorageFull:
                self._make_room(share)
        return self._file.write(step)

    def _make_room(self, share: float) -> None:
        """The file or the disk is full: the ballast gives its room, and the oldest memories go."""
        if not self._file.frozen:
            self._file.release_ballast()
        self._file.write(lambda db: _forget(db, OLDEST, share))
        self._file.shrink_log()


class MemoryFile(Memories):
    """A memory as others read it, also while its AtomicTNode writes."""

    def __init__(self, path: Path) -> None:
        """Raises BadInput when there is none, StorageError when it cannot be read."""
        if not path.is_file():
            raise BadInput(f"{path}: no such file; an AtomicTNode writes it")
        self.path = path
        self._db = open_read_only(path)

    def span(self) -> tuple[float, float] | None:
        """When the first and the last plan were made; None: there is no plan."""
        query = "SELECT min(known_s), max(known_s) FROM memory WHERE kind = 'plan'"
        ((first_s, last_s),) = self._rows(query, _times, ())
        return None if first_s is None or last_s is None else (first_s, last_s)

    def close(self) -> None:
        self._db.close()

    def _found(self, query: str, values: tuple[Value, ...]) -> list[Memory]:
        return self._rows(query, _memory, values)

    def _rows(self, query: str, make: Callable[..., ResultT], values: tuple[Value, ...]) -> list[ResultT]:
        try:
            return [make(*row) for row in self._db.execute(query, values)]
        except sqlite3.Error as error:
            raise translated(self.path, error) from error


def _times(first_s: float | None, last_s: float | None) -> tuple[float | None, float | None]:
    return first_s, last_s


def _put(db: sqlite3.Connection, timeline: int, entry: Entry, body: bytes) -> int:
    shared = None if entry.shared is None else _put_shared(db, _packed(entry.shared))
    columns = "timeline, kind, source, known_s, from_s, to_s, shared, body"
    values = (timeline, entry.kind, entry.source, entry.known_s, entry.from_s, entry.to_s, shared, body)
    return db.execute(f"INSERT INTO memory ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values).lastrowid or 0


def _put_shared(db: sqlite3.Connection, body: bytes) -> int:
    digest = hashlib.sha256(body).hexdigest()
    db.execute("INSERT OR IGNORE INTO shared (digest, body) VALUES (?, ?)", (digest, body))
    (number,) = db.execute("SELECT id FROM shared WHERE digest = ?", (digest,)).fetchone()
    return int(number)


def _forget(db: sqlite3.Connection, condition: str, value: float) -> None:
    if db.execute(f"DELETE FROM memory WHERE {condition}", (value,)).rowcount:
        db.execute("DELETE FROM shared WHERE NOT EXISTS (SELECT 1 FROM memory WHERE memory.shared = shared.id)")


def _packed(document: Mapping[str, object]) -> bytes:
    return zlib.compress(json.dumps(document, allow_nan=False, separators=(",", ":")).encode())


def _unpacked(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(zlib.decompress(body))
    except (zlib.error, ValueError) as error:
        raise StorageError(f"a memory cannot be read ({error}); it must be as it was written") from error
    if not isinstance(document, dict):
        raise StorageError("a memory cannot be read; it must be an object")
    return document


def _memory(
    row: int, kind: str, source: str, known_s: float, from_s: float, to_s: float, body: bytes, shared: bytes | None
) -> Memory:
    believed = None if shared is None else _unpacked(shared)
    return Memory(row, kind, source, known_s, from_s, to_s, _unpacked(body), believed)


def _salvage(file: SqliteFile, damaged: Path) -> None:
    """Copy every readable row of a damaged memory into the new one. Raises StorageError."""
    tables = {
        "shared": "id, digest, body",
        "contract_state": "only_row, body",
        "memory": "row, timeline, kind, source, known_s, from_s, to_s, shared, body",
    }
    for table, columns in tables.items():
        copy_table(file.write, damaged, table, columns)
