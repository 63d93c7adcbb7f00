"""How every SQLite file of ours is opened and written: WAL, full sync, explicit transactions, one owner."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gw_spaceheat.errors import StorageError

PAGE_BYTES = 4096


def open_file(path: Path | None, schema: tuple[str, ...], max_bytes: int) -> sqlite3.Connection:
    """Open (or make) a file capped at `max_bytes`; None is a database in memory.

    Raises StorageError naming path and rule when the folder cannot be written, another process owns the
    file, or the file is damaged.
    """
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            ":memory:" if path is None else path, timeout=0.5, isolation_level=None, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"{path}: cannot be opened ({error}); the folder must exist and be writable") from error
    try:
        # Exclusive: two writers would each think the other's sequence numbers their own.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA max_page_count={max(16, max_bytes // PAGE_BYTES)}")
        connection.execute("BEGIN IMMEDIATE")
        for statement in schema:
            connection.execute(statement)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        connection.close()
        raise StorageError(f"{path}: {error}; {_rule(error)}") from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path | None) -> Iterator[sqlite3.Connection]:
    """One explicit transaction: committed on leaving, rolled back on any error. sqlite errors -> StorageError."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(connection)
        if is_full(error):
            raise StorageFull(f"{path}: {error}; {_rule(error)}") from error
        raise StorageError(f"{path}: {error}; {_rule(error)}") from error
    except BaseException:
        _roll_back(connection)
        raise


class StorageFull(StorageError):
    """The file's cap or the disk is reached."""


def is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def is_damaged(error: BaseException | None) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _rule(error: sqlite3.Error) -> str:
    if is_full(error):
        return "the disk, or the cap of this file, is full"
    if is_damaged(error):
        return "it must be a SQLite file of ours: move it away to start a new one"
    if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "only one process may own it"
    return "the file and its folder must be writable"
