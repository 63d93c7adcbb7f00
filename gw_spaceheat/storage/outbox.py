"""Events on their way out: committed here before they are published, deleted only when a receiver acknowledged.

The broker's own acknowledgement proves nothing about storage, so `ack` is to be called for the application's
acknowledgement alone, which the receiver sends after its commit.
"""

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gw_spaceheat.errors import StorageError
from gw_spaceheat.storage.sqlite_file import PAGE_BYTES, StorageFull, is_damaged, open_file, transaction

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, boot INTEGER NOT NULL,"
    " topic TEXT NOT NULL, payload BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS identity (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), boot INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS gap (boot INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,"
    " reason TEXT NOT NULL)",
)
EVICT_SHARE = 0.05  # of the rows at once, so that a full outbox does not evict on every put
EVICT_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class OutboxRow:
    seq: int
    boot: int
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Events dropped unsent: the numbers of one boot from `first_seq` to `last_seq`, both included."""

    boot: int
    first_seq: int
    last_seq: int
    reason: str


class Outbox:
    """A bounded, durable queue. `boot` grows by one per opening; `seq` grows for ever, over boots too."""

    def __init__(
        self, path: Path | None, max_rows: int = 200_000, max_bytes: int = 256 * 1024 * 1024, first_boot: int = 1
    ) -> None:
        """`path` None keeps all in memory, for virtual runs.

        `first_boot` is the boot number of a file that is new: give the epoch seconds where a lost file must
        not repeat numbers that the receiver has seen already. A damaged file is kept beside the new one
        (`set_aside`). Raises StorageError with path and rule.
        """
        self.path, self.max_rows = path, max_rows
        self.set_aside: Path | None = None
        self._max_payload = max_bytes // 4
        self._lock = threading.Lock()
        try:
            self._db = open_file(path, SCHEMA, max_bytes)
        except StorageError as error:
            if path is None or not is_damaged(error.__cause__):
                raise
            self.set_aside = _move_away(path)
            self._db = open_file(path, SCHEMA, max_bytes)
        with transaction(self._db, path) as db:
            row = db.execute("SELECT boot FROM identity").fetchone()
            self.boot: int = first_boot if row is None else row[0] + 1
            db.execute("INSERT OR REPLACE INTO identity VALUES (1, ?)", (self.boot,))
            last = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
            self._next_seq: int = 1 if last is None else last[0] + 1
            self._count: int = db.execute("SELECT count(*) FROM outbox").fetchone()[0]

    @property
    def next_seq(self) -> int:
        """The number the next `put` will return, for a header that must carry it."""
        return self._next_seq

    def put(self, topic: str, payload: bytes) -> int:
        """Commit one event and return its number. When full the oldest go and a gap is kept. StorageError."""
        if len(payload) > self._max_payload:
            # Checked first: else all older events would be evicted for one that can never fit.
            raise StorageError(f"{self.path}: event of {len(payload)} bytes, the most is {self._max_payload}: full")
        with self._lock:
            if self._count >= self.max_rows:
                self._evict(f"outbox reached {self.max_rows} rows", 0)
            for _ in range(EVICT_ROUNDS):
                try:
                    self._insert(topic, payload)
                    break
                except StorageFull:
                    self._evict("outbox file or disk full", 2 * len(payload) + PAGE_BYTES)
            else:
                self._insert(topic, payload)
            seq = self._next_seq
            self._next_seq += 1
            self._count += 1
            return seq

    def pending(self, after_seq: int, limit: int) -> list[OutboxRow]:
        """Up to `limit` unacknowledged events with a number above `after_seq`, in order."""
        with self._lock:
            query = "SELECT seq, boot, topic, payload FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?"
            return [OutboxRow(*row) for row in self._read(query, (after_seq, limit))]

    def ack(self, boot: int, seq: int) -> bool:
        """The receiver has committed this event: delete it. False when it was not here (acknowledged twice)."""
        with self._lock:
            with transaction(self._db, self.path) as db:
                gone = db.execute("DELETE FROM outbox WHERE seq = ? AND boot = ?", (seq, boot)).rowcount
            self._count -= gone
        return gone > 0

    def count(self) -> int:
        return self._count

    def gaps(self) -> list[Gap]:
        """What was dropped and not yet reported."""
        with self._lock:
            return [Gap(*row) for row in self._read("SELECT boot, first_seq, last_seq, reason FROM gap", ())]

    def forget_gaps(self) -> None:
        """The gaps have been reported."""
        with self._lock, transaction(self._db, self.path) as db:
            db.execute("DELETE FROM gap")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _insert(self, topic: str, payload: bytes) -> None:
        with transaction(self._db, self.path) as db:
            db.execute("INSERT INTO outbox VALUES (?, ?, ?, ?)", (self._next_seq, self.boot, topic, payload))

    def _evict(self, reason: str, least_bytes: int) -> None:
        """Drop the oldest: EVICT_SHARE of the rows, and more until `least_bytes` are free."""
        share, freed_bytes = max(1, int(self._count * EVICT_SHARE)), 0
        gone: dict[int, list[int]] = {}  # boot -> first and last number
        with transaction(self._db, self.path) as db:
            oldest = db.execute("SELECT seq, boot, length(payload) FROM outbox ORDER BY seq")
            dropped = 0
            for seq, boot, size in oldest:
                gone.setdefault(boot, [seq, seq])[1] = seq
                dropped, freed_bytes = dropped + 1, freed_bytes + size
                if dropped >= share and freed_bytes >= least_bytes:
                    break
            oldest.close()
            for boot, (first, last) in gone.items():
                db.execute("DELETE FROM outbox WHERE seq BETWEEN ? AND ?", (first, last))
                # One row per hole, however many evictions made it: the list must stay short as well.
                grown = db.execute(
                    "UPDATE gap SET last_seq = ? WHERE boot = ? AND last_seq = ? AND reason = ?",
                    (last, boot, first - 1, reason),
                )
                if grown.rowcount == 0:
                    db.execute("INSERT INTO gap VALUES (?, ?, ?, ?)", (boot, first, last, reason))
        self._count -= dropped

    def _read(self, query: str, values: tuple[int, ...]) -> list[Any]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"{self.path}: {error}; the outbox must be readable") from error


def _move_away(path: Path) -> Path:
    """Rename a damaged file, with its log, to the first free `<name>.damaged-N`."""
    number = 1
    while (target := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        path.rename(target)
        for suffix in ("-wal", "-shm"):
            side = path.with_name(path.name + suffix)
            if side.exists():
                side.rename(target.with_name(target.name + suffix))
    except OSError as error:
        raise StorageError(f"{path}: damaged, and cannot be moved away ({error})") from error
    return target
