"""Events on their way out: committed here before they are published, deleted only when a receiver acknowledged.

The broker's own acknowledgement proves nothing about storage, so `ack` is to be called for the application's
acknowledgement alone, which the receiver sends after its commit.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from sqlite3 import Connection

from gw_spaceheat.errors import StorageError
from gw_spaceheat.storage.salvage import Row, copy_table, salvage_table
from gw_spaceheat.storage.sqlite_file import PAGE_BYTES, ResultT, SqliteFile, StorageFull

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, boot INTEGER NOT NULL,"
    " topic TEXT NOT NULL, payload BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS identity (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), boot INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS gap (boot INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,"
    " reason TEXT NOT NULL)",
    # The number of the last reports put here: the journal deletes what they say.
    "CREATE TABLE IF NOT EXISTS mark (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), number INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS dead_letter (seq INTEGER PRIMARY KEY, boot INTEGER NOT NULL, topic TEXT NOT NULL,"
    " payload BLOB NOT NULL, reason TEXT NOT NULL)",
)
LAST_SEQ, ROWS = "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'", "SELECT count(*) FROM outbox"
BALLAST_BYTES = 4 * 1024 * 1024
DEAD_LETTERS = 1000  # kept for a person to look at; the oldest go
EVICT_SHARE = 0.05  # of the rows at once, so that a full outbox does not evict on every put
EVICT_ROUNDS = 4


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
        (`set_aside`) and salvaged. A disk out of order is `problem`, and `put` raises StorageError until it is
        back; only a file that another process owns raises here (StorageBusy).
        """
        self.path, self.max_rows, self.first_boot = path, max_rows, first_boot
        self._max_payload = max_bytes // 4
        self._lock = threading.RLock()
        self.boot, self._next_seq, self._count = 0, 1, 0
        self._maybe_gaps = True  # asked for every few seconds, and nearly always none
        self._doubtful = False  # a commit failed that may be on the disk all the same
        self._file = SqliteFile(path, SCHEMA, max_bytes, PAGE_BYTES, min(BALLAST_BYTES, max_bytes // 8), self._salvage)
        if self._file.usable:
            self._begin()

    @property
    def problem(self) -> str:
        """Why nothing can be put now; empty when all is well."""
        return self._file.problem

    @property
    def set_aside(self) -> Path | None:
        """Where a damaged file was put; None: there was none."""
        return self._file.set_aside

    @property
    def unclean(self) -> bool:
        """The process before us did not close its file."""
        return self._file.unclean

    @property
    def next_seq(self) -> int:
        """The number the next `put` will return, for a header that must carry it."""
        return self._next_seq

    def put(self, topic: str, payload: bytes, mark: int | None = None, told: Sequence[Gap] = ()) -> int:
        """Commit one event and return its number: `put_all` of one."""
        return self.put_all([(topic, payload)], mark, told)

    def put_all(self, events: Sequence[tuple[str, bytes]], mark: int | None = None, told: Sequence[Gap] = ()) -> int:
        """Commit events (topic, payload) together; the number of the first. When full the oldest go, with a gap.

        With them are committed `mark` (which reports they are) and that they tell of the gaps `told`. StorageError.
        """
        longest = max(len(payload) for _, payload in events)
        if longest > self._max_payload:
            # Checked first: else all older events would be evicted for one that can never fit.
            raise StorageError(f"{self.path}: event of {longest} bytes, the most is {self._max_payload}: full")
        with self._lock:
            self.require()
            if self._count + len(events) > self.max_rows:
                self._evict(f"outbox reached {self.max_rows} rows", 0)
            first, boot = self._next_seq, self.boot
            rows = [(first + index, boot, topic, payload) for index, (topic, payload) in enumerate(events)]

            def step(db: Connection) -> None:
                # OR REPLACE: after a failed sync they may be there already.
                db.executemany("INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?)", rows)
                if mark is not None:
                    db.execute("INSERT OR REPLACE INTO mark VALUES (1, ?)", (mark,))
                for gap in told:
                    db.execute(
                        "DELETE FROM gap WHERE boot = ? AND first_seq = ? AND last_seq = ? AND reason = ?",
                        (gap.boot, gap.first_seq, gap.last_seq, gap.reason),
                    )

            for _ in range(EVICT_ROUNDS):
                try:
                    self._write(step)
                    break
                except StorageFull:
                    self._make_room(sum(2 * len(payload) + PAGE_BYTES for _, payload in events))
            else:
                self._write(step)
            self._next_seq += len(rows)
            self._count += len(rows)
            return first

    def require(self) -> None:
        """Open the file again if it could not be used. Raises StorageError."""
        with self._lock:
            if not self._file.usable and not self._file.open():
                raise StorageError(self._file.problem)
            if self.boot == 0:
                self._begin()
            if self._doubtful:
                # Else the next event would take the number of one that is there, and its place.
                (state,) = self._file.read(f"SELECT ({LAST_SEQ}), ({ROWS})", lambda last, rows: (last or 0, rows))
                self._next_seq, self._count, self._doubtful = int(state[0]) + 1, int(state[1]), False
            if self._file.frozen:
                self._file.restore_ballast()

    def mark(self) -> int:
        """The number of the last report that was put here; 0: none. Raises StorageError."""
        with self._lock:
            found = self._file.read("SELECT number FROM mark", int)
            return found[0] if found else 0

    def pending(self, after_seq: int, limit: int) -> list[OutboxRow]:
        """Up to `limit` unacknowledged events with a number above `after_seq`, in order."""
        query = "SELECT seq, boot, topic, payload FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?"
        with self._lock:
            return self._file.read(query, OutboxRow, (after_seq, limit)) if self._file.usable else []

    def ack(self, boot: int, seq: int) -> bool:
        """The receiver has committed this event: delete it. False when it was not here (acknowledged twice).

        Raises StorageError; the event then stays, is sent again, and the receiver knows it.
        """
        return self.ack_all([(boot, seq)]) > 0

    def ack_all(self, events: Sequence[tuple[int, int]]) -> int:
        """The receiver has committed these (boot, seq): delete them in one transaction; how many there were."""

        def step(db: Connection) -> int:
            return sum(_delete(db, boot, seq) for boot, seq in events)

        with self._lock:
            try:
                gone = self._write(step)
            except StorageFull:
                self._file.release_ballast()  # a DELETE needs room too
                gone = self._write(step)
            self._count -= gone
        return gone

    def bury(self, seq: int, reason: str) -> None:
        """An event that nobody can take goes to the dead letters, with a gap, so that those behind it pass."""

        def step(db: Connection) -> int:
            columns = "seq, boot, topic, payload"
            query = f"INSERT OR REPLACE INTO dead_letter SELECT {columns}, ? FROM outbox WHERE seq = ?"
            moved = db.execute(query, (reason, seq)).rowcount
            if moved:
                db.execute("INSERT INTO gap SELECT boot, seq, seq, ? FROM outbox WHERE seq = ?", (reason, seq))
                db.execute("DELETE FROM outbox WHERE seq = ?", (seq,))
                oldest = "SELECT seq FROM dead_letter ORDER BY seq DESC LIMIT -1 OFFSET ?"
                db.execute(f"DELETE FROM dead_letter WHERE seq IN ({oldest})", (DEAD_LETTERS,))
            return moved

        with self._lock:
            self._count -= self._write(step)
            self._maybe_gaps = True

    def dead_letters(self) -> list[tuple[OutboxRow, str]]:
        """What was given up, and why."""
        query = "SELECT seq, boot, topic, payload, reason FROM dead_letter ORDER BY seq"
        with self._lock:
            return self._file.read(query, lambda seq, boot, topic, data, why: (OutboxRow(seq, boot, topic, data), why))

    def count(self) -> int:
        return self._count

    def gaps(self) -> list[Gap]:
        """What was dropped and not yet reported."""
        with self._lock:
            if not self._file.usable or not self._maybe_gaps:
                return []
            found = self._file.read("SELECT boot, first_seq, last_seq, reason FROM gap", Gap)
            self._maybe_gaps = bool(found)
            return found

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _begin(self) -> None:
        """Take the next boot number and read where the numbers stand."""

        def step(db: Connection) -> tuple[int, int, int]:
            row = db.execute("SELECT boot FROM identity").fetchone()
            boot: int = self.first_boot if row is None else row[0] + 1
            db.execute("INSERT OR REPLACE INTO identity VALUES (1, ?)", (boot,))
            last, count = db.execute(f"SELECT ({LAST_SEQ}), ({ROWS})").fetchone()
            return boot, (last or 0) + 1, count

        try:
            self.boot, self._next_seq, self._count = self._file.write(step)
        except StorageFull:
            self._file.release_ballast()
            self.boot, self._next_seq, self._count = self._file.write(step)

    def _write(self, step: Callable[[Connection], ResultT]) -> ResultT:
        try:
            return self._file.write(step)
        except StorageFull:
            raise  # rolled back, nothing is in doubt
        except StorageError:
            self._doubtful = True
            raise

    def _make_room(self, least_bytes: int) -> None:
        """The disk or the file is full: the ballast gives its room, and the oldest events go."""
        if not self._file.frozen:
            self._file.release_ballast()
        self._evict("outbox file or disk full", least_bytes)
        self._file.shrink_log()

    def _evict(self, reason: str, least_bytes: int) -> None:
        """Drop the oldest: EVICT_SHARE of the rows, and more until `least_bytes` are free."""
        share = max(1, int(self._count * EVICT_SHARE))

        def step(db: Connection) -> int:
            freed_bytes = dropped = 0
            gone: dict[int, list[int]] = {}  # boot -> first and last number
            oldest = db.execute("SELECT seq, boot, length(payload) FROM outbox ORDER BY seq")
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
            return dropped

        self._count -= self._write(step)
        self._maybe_gaps = True

    def _salvage(self, file: SqliteFile, damaged: Path) -> None:
        """Copy every readable event of a damaged file; what cannot be read is a gap. Raises StorageError."""

        keep = partial(copy_table, file.write, damaged)
        keep("identity", "only_row, boot")
        keep("mark", "only_row, number")
        keep("gap", "boot, first_seq, last_seq, reason")
        keep("dead_letter", "seq, boot, topic, payload, reason")
        holes = keep("outbox", "seq, boot, topic, payload").holes
        sequence: list[int] = []
        salvage_table(damaged, "sqlite_sequence", "name, seq", lambda rows: sequence.extend(_sequence(rows)))

        def step(db: Connection) -> None:
            (boot,) = db.execute("SELECT max(boot) FROM (SELECT boot FROM identity UNION SELECT 0)").fetchone()
            for first, last in holes:
                db.execute("INSERT INTO gap VALUES (?, ?, ?, ?)", (boot, first, last, "outbox file damaged"))
            for number in sequence:
                if db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'outbox'", (number,)).rowcount:
                    continue
                db.execute("INSERT INTO sqlite_sequence VALUES ('outbox', ?)", (number,))

        file.write(step)
        self._maybe_gaps = True
        self.boot = 0  # a new file: numbers and count are read again before the next event


def _delete(db: Connection, boot: int, seq: int) -> int:
    return db.execute("DELETE FROM outbox WHERE seq = ? AND boot = ?", (seq, boot)).rowcount


def _sequence(rows: Sequence[Row]) -> list[int]:
    return [int(str(row[1])) for row in rows if row[0] == "outbox"]
