"""The ear's embedded store: one SQLite file with every message once and its readings in a table."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path

from gw_spaceheat.errors import StorageError
from gw_spaceheat.storage.ear_store import Heard, StoredReading
from gw_spaceheat.storage.message_store import PUT as PUT_MESSAGE
from gw_spaceheat.storage.message_store import SCHEMA as MESSAGES
from gw_spaceheat.storage.sqlite_file import open_file, open_read_only, transaction

# The same table of messages as an AtomicTNode's, so that whatever reads one reads the other.
SCHEMA = (
    *MESSAGES,
    "CREATE TABLE IF NOT EXISTS channel (id INTEGER PRIMARY KEY, source TEXT NOT NULL, name TEXT NOT NULL,"
    " UNIQUE (source, name))",
    # Lies in the order of its key: a channel's week is read from neighbouring pages.
    "CREATE TABLE IF NOT EXISTS reading (channel INTEGER NOT NULL, time_ms INTEGER NOT NULL, value INTEGER NOT NULL,"
    " PRIMARY KEY (channel, time_ms)) WITHOUT ROWID",
)
MOST_BYTES = 1024**4
# The last page of every channel is written again with each report: a thousand houses' should fit.
CACHE_KIB = 256 * 1024
LOG_PAGES = 16_384
WAIT_MS = 5_000

PUT_READING = "INSERT OR IGNORE INTO reading (channel, time_ms, value) VALUES (?, ?, ?)"
FIND_READINGS = (
    "SELECT time_ms, value FROM reading WHERE channel = (SELECT id FROM channel WHERE source = ? AND name = ?)"
    " AND time_ms >= ? AND time_ms < ? ORDER BY time_ms LIMIT ?"
)


class SqliteEar:
    """Others may read while it writes; each message is one row per (source, boot, seq), each reading per time."""

    def __init__(self, path: Path | None, max_bytes: int = MOST_BYTES, read_only: bool = False) -> None:
        """`path` None keeps all in memory. Raises StorageError with path and rule."""
        self._path, self._lock = path, threading.Lock()
        self._channels: dict[tuple[str, str], int] = {}
        if path is not None and read_only:
            self._db = open_read_only(path)
        else:
            self._db = open_file(path, SCHEMA, max_bytes, exclusive=False)
        for pragma in (f"cache_size=-{CACHE_KIB}", f"wal_autocheckpoint={LOG_PAGES}", f"busy_timeout={WAIT_MS}"):
            self._db.execute(f"PRAGMA {pragma}")

    @property
    def place(self) -> str:
        return "memory" if self._path is None else str(self._path)

    def put_all(self, batch: Sequence[Heard]) -> int:
        """One transaction of everything in `batch`; how many messages were new."""
        with self._lock:
            try:
                with transaction(self._db, self._path) as db:
                    new = [heard for heard in batch if _put_message(db, heard)]
                    db.executemany(PUT_READING, self._rows(db, new))
            except StorageError:
                self._channels.clear()  # their numbers may have been rolled back
                raise
        return len(new)

    def count(self) -> int:
        return int(self._read("SELECT count(*) FROM message", ())[0][0])

    def channels(self, source: str) -> list[str]:
        return [str(row[0]) for row in self._read("SELECT name FROM channel WHERE source = ? ORDER BY 1", (source,))]

    def readings(
        self, source: str, channel: str, from_ms: int, to_ms: int, most: int | None = None
    ) -> list[StoredReading]:
        found = self._read(FIND_READINGS, (source, channel, from_ms, to_ms, -1 if most is None else most))
        return [StoredReading(int(time_ms), int(value)) for time_ms, value in found]

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _rows(self, db: sqlite3.Connection, new: Sequence[Heard]) -> Iterator[tuple[int, int, int]]:
        return chain.from_iterable(
            zip(
                repeat(self._channel(db, heard.source, said.channel_name)),
                said.scada_read_time_unix_ms_list,
                said.value_list,
                strict=False,
            )
            for heard in new
            for said in heard.readings
        )

    def _channel(self, db: sqlite3.Connection, source: str, name: str) -> int:
        known = self._channels.get((source, name))
        if known is None:
            db.execute("INSERT OR IGNORE INTO channel (source, name) VALUES (?, ?)", (source, name))
            found = db.execute("SELECT id FROM channel WHERE source = ? AND name = ?", (source, name))
            known = self._channels[source, name] = int(found.fetchone()[0])
        return known

    def _read(self, query: str, values: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
        try:
            with self._lock:
                return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"{self.place}: {error}; must be the readable store of an ear") from error


def _put_message(db: sqlite3.Connection, heard: Heard) -> bool:
    row = (heard.source, heard.boot, heard.seq, heard.received_s, heard.type_name, heard.payload)
    return db.execute(PUT_MESSAGE, row).rowcount > 0
