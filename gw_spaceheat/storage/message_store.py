"""What a receiver keeps: each message once, committed before it is acknowledged."""

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gw_spaceheat.errors import StorageError
from gw_spaceheat.storage.ear_store import Heard
from gw_spaceheat.storage.sqlite_file import open_file, transaction

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS message (row INTEGER PRIMARY KEY, source TEXT NOT NULL, boot INTEGER, seq INTEGER,"
    " received_s REAL NOT NULL, type_name TEXT NOT NULL, payload BLOB NOT NULL, UNIQUE (source, boot, seq))",
    "CREATE INDEX IF NOT EXISTS message_by_type ON message (type_name, received_s)",
)
PUT = (
    "INSERT INTO message (source, boot, seq, received_s, type_name, payload) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (source, boot, seq) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    row: int
    source: str
    boot: int | None
    seq: int | None
    received_s: float
    type_name: str
    payload: bytes


class MessageStore:
    """Messages of many sources. Exactly one row per (source, boot, seq), however often it is sent."""

    def __init__(self, path: Path | None, max_bytes: int = 16 * 1024**3) -> None:
        """`path` None keeps all in memory. Raises StorageError with path and rule."""
        self.path = path
        self._lock = threading.Lock()
        self._db = open_file(path, SCHEMA, max_bytes)

    def put(
        self, source: str, boot: int | None, seq: int | None, received_s: float, type_name: str, payload: bytes
    ) -> bool:
        """Commit one message; True when it is new, False when it was stored before (acknowledge it again).

        Messages without boot and seq (states, which need no acknowledgement) are all kept.
        """
        with self._lock, transaction(self._db, self.path) as db:
            return db.execute(PUT, (source, boot, seq, received_s, type_name, payload)).rowcount > 0

    def put_all(self, batch: Sequence[Heard]) -> int:
        """Commit all or nothing, without their readings; how many were new."""
        with self._lock, transaction(self._db, self.path) as db:
            return sum(
                db.execute(
                    PUT, (heard.source, heard.boot, heard.seq, heard.received_s, heard.type_name, heard.payload)
                ).rowcount
                for heard in batch
            )

    def rows(self, after_row: int, limit: int, type_name: str | None = None) -> list[StoredMessage]:
        """Up to `limit` messages in order of arrival, from after row `after_row`."""
        query = (
            "SELECT row, source, boot, seq, received_s, type_name, payload FROM message"
            " WHERE row > ? AND (? IS NULL OR type_name = ?) ORDER BY row LIMIT ?"
        )
        try:
            with self._lock:
                found = self._db.execute(query, (after_row, type_name, type_name, limit)).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"{self.path}: {error}; the store must be readable") from error
        return [StoredMessage(*row) for row in found]

    def count(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM message").fetchone()[0])

    def close(self) -> None:
        with self._lock:
            self._db.close()
