"""How every SQLite file of ours is opened and written: WAL, full sync, explicit transactions, one owner."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from gw_spaceheat.errors import StorageError

PAGE_BYTES = 4096
# Checked at every start up to this size, above it only after an unclean stop: a start must not take minutes.
ALWAYS_CHECKED_BYTES = 32 * 1024 * 1024
LOG_PAGES, FROZEN_LOG_PAGES = 1000, 8  # after so many the log goes into the file
ResultT = TypeVar("ResultT")


class StorageFull(StorageError):
    """The file's cap or the disk is reached."""


class StorageBusy(StorageError):
    """Another process owns the file."""


class StorageDamaged(StorageError):
    """The file is no database any more, or a page of it is not."""


def open_file(
    path: Path | None, schema: tuple[str, ...], max_bytes: int, page_bytes: int = PAGE_BYTES, exclusive: bool = True
) -> sqlite3.Connection:
    """Open (or make) a file capped at `max_bytes`; None is a database in memory. Not `exclusive`: others may read.

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
        connection.execute(f"PRAGMA page_size={page_bytes}")
        # Exclusive: two writers would each think the other's sequence numbers their own.
        connection.execute(f"PRAGMA locking_mode={'EXCLUSIVE' if exclusive else 'NORMAL'}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        actual_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={max(16, max_bytes // actual_bytes)}")
        connection.execute("BEGIN IMMEDIATE")
        for statement in schema:
            connection.execute(statement)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        connection.close()
        raise translated(path, error) from error
    return connection


def open_read_only(path: Path) -> sqlite3.Connection:
    """A file that another process may be writing, to read it. Raises StorageError."""
    try:
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    except sqlite3.Error as error:
        raise translated(path, error) from error


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path | None) -> Iterator[sqlite3.Connection]:
    """One explicit transaction: committed on leaving, rolled back on any error. sqlite errors -> StorageError."""
    done = False
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")
        done = True
    except sqlite3.Error as error:
        raise translated(path, error) from error
    finally:
        if not done:
            _roll_back(connection)


def translated(path: Path | None, error: sqlite3.Error) -> StorageError:
    """Our error for one of sqlite's, with path and rule."""
    text = f"{path}: {error}; {_rule(error)}"
    if is_full(error):
        return StorageFull(text)
    if is_damaged(error):
        return StorageDamaged(text)
    return StorageBusy(text) if _is_busy(error) else StorageError(text)


def is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def is_damaged(error: BaseException | None) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SqliteFile:
    """One file and its fate: checked, set aside when damaged, opened again, with a ballast for a full disk.

    A disk that cannot be used is `problem`, not an exception, so that a house starts without it; only a file
    that another process owns raises (StorageBusy).
    """

    def __init__(
        self,
        path: Path | None,
        schema: tuple[str, ...],
        max_bytes: int,
        page_bytes: int = PAGE_BYTES,
        ballast_bytes: int = 0,
        salvage: "Salvage | None" = None,
        exclusive: bool = True,
    ) -> None:
        """`salvage` is given the new file and the path of the damaged one, to copy what can be read.

        Not `exclusive`: others may read.
        """
        self.path, self.problem = path, ""
        self.set_aside: Path | None = None
        self.unclean = False  # the process before us did not close the file
        self._schema, self._max_bytes, self._page_bytes = schema, max_bytes, page_bytes
        self._ballast_bytes, self._salvage, self._exclusive = ballast_bytes, salvage, exclusive
        self._db: sqlite3.Connection | None = None
        self._frozen = False
        self.open()

    @property
    def usable(self) -> bool:
        return self._db is not None

    def open(self) -> bool:
        """Open, or open again. False: not usable now, `problem` says why."""
        self.close()
        try:
            self._db = self._open_checked()
        except StorageBusy:
            raise
        except StorageDamaged:
            return self.replace_damaged()
        except StorageError as error:
            self.problem = str(error)
            return False
        self.problem = ""
        self.restore_ballast()
        return True

    def replace_damaged(self) -> bool:
        """Set the damaged file aside (`set_aside`) and begin a new one with what can be salvaged."""
        self.close()
        aside: Path | None = None
        try:
            if self.path is not None and self.path.exists():
                aside = move_away(self.path)
            self._db = self._open()
            self.problem = ""
            if aside is not None:
                self.set_aside = aside
                if self._salvage is not None:
                    self._salvage(self, aside)
        except StorageError as error:
            self.problem = str(error)
        return self.usable

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction. Raises StorageError, also when the file is not usable."""
        if self._db is None:
            raise StorageError(self.problem or f"{self.path}: is closed")
        with transaction(self._db, self.path) as db:
            yield db

    def write(self, step: Callable[[sqlite3.Connection], ResultT]) -> ResultT:
        """One transaction; after a failed one (not a full one) the file is opened anew and it is tried once more.

        A commit whose sync failed may or may not be on the disk, so nothing of it is believed: reopening reads
        what is really there. Raises StorageError when the second try fails too; StorageFull at once.
        """
        try:
            with self.transaction() as db:
                return step(db)
        except StorageFull:
            raise
        except StorageDamaged:
            if not self.replace_damaged():
                raise
        except StorageError as error:
            if self.path is None or not self.open():
                self.problem = self.problem or str(error)
                raise
        try:
            with self.transaction() as db:
                return step(db)
        except StorageError as error:
            self.problem = str(error)
            raise

    def read(
        self, query: str, make: Callable[..., ResultT], values: tuple[int | float | str | None, ...] = ()
    ) -> list[ResultT]:
        """`make(*row)` of every row. A damaged file is replaced and asked again. Raises StorageError."""
        try:
            return self._read(query, make, values)
        except StorageDamaged:
            if not self.replace_damaged():
                raise
            return self._read(query, make, values)

    def _read(
        self, query: str, make: Callable[..., ResultT], values: tuple[int | float | str | None, ...]
    ) -> list[ResultT]:
        if self._db is None:
            raise StorageError(self.problem or f"{self.path}: is closed")
        try:
            return [make(*row) for row in self._db.execute(query, values)]
        except sqlite3.Error as error:
            raise translated(self.path, error) from error

    def shrink_log(self) -> None:
        """Move the write-ahead log into the file. Best effort.

        It is cut too, but not on a full disk: there the room it has is what the next DELETE is written into.
        """
        if self._db is not None:
            try:
                self._db.execute(f"PRAGMA wal_checkpoint({'RESTART' if self._frozen else 'TRUNCATE'})").fetchall()
            except sqlite3.Error as error:
                self.problem = str(translated(self.path, error))

    def release_ballast(self) -> None:
        """The disk is full: give it the ballast's room, for a DELETE needs room too, and grow no more.

        Without the last, our own file would eat the room at once and the next DELETE would fail for good.
        """
        ballast = self._ballast()
        if ballast is None or self._db is None:
            return
        try:
            ballast.unlink(missing_ok=True)
            self._frozen = True
            self.shrink_log()
            (pages,) = self._db.execute("PRAGMA page_count").fetchone()
            self._set_cap(pages, FROZEN_LOG_PAGES)
        except (OSError, sqlite3.Error) as error:
            self.problem = f"{self.path}: no room can be made ({error})"

    def restore_ballast(self) -> None:
        """Take the ballast's room, and grow again, when the disk has four times as much. Best effort."""
        ballast = self._ballast()
        if ballast is None or self._db is None or (ballast.exists() and not self._frozen):
            return
        try:
            disk = os.statvfs(ballast.parent)
            if disk.f_bavail * disk.f_frsize < 4 * self._ballast_bytes:
                return
            with ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._ballast_bytes)
            if self._frozen:
                self._set_cap(max(16, self._max_bytes // self._page_bytes), LOG_PAGES)
                self._frozen = False
        except (OSError, sqlite3.Error):
            # Half a ballast is none; and a disk that is gone altogether cannot even forget it.
            with suppress(OSError):
                ballast.unlink(missing_ok=True)

    @property
    def frozen(self) -> bool:
        """The disk was full, and has no room yet."""
        return self._frozen

    def _set_cap(self, pages: int, log_pages: int) -> None:
        if self._db is not None:
            self._db.execute(f"PRAGMA max_page_count={pages}")
            self._db.execute(f"PRAGMA wal_autocheckpoint={log_pages}")

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _ballast(self) -> Path | None:
        if self.path is None or not self._ballast_bytes:
            return None
        return self.path.with_name(self.path.name + ".ballast")

    def _open(self) -> sqlite3.Connection:
        return open_file(self.path, self._schema, self._max_bytes, self._page_bytes, self._exclusive)

    def _open_checked(self) -> sqlite3.Connection:
        size_bytes = log_bytes = 0
        if self.path is not None:
            size_bytes, log_bytes = size_of(self.path), size_of(self.path.with_name(self.path.name + "-wal"))
        self.unclean = log_bytes > 0  # an orderly close leaves no log behind
        db = self._open()
        if not self.unclean and not 0 < size_bytes <= ALWAYS_CHECKED_BYTES:
            return db
        try:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            db.close()
            raise translated(self.path, error) from error
        if found != "ok":
            db.close()
            raise StorageDamaged(f"{self.path}: {found}; it must pass SQLite's quick_check")
        return db


Salvage = Callable[[SqliteFile, Path], None]


def size_of(path: Path) -> int:
    """Bytes of a file; 0 when there is none or it cannot be seen."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def move_away(path: Path) -> Path:
    """Rename a damaged file, with its log, to the first free `<name>.damaged-N`. Raises StorageError."""
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


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.interrupt()  # sqlite has rolled back by itself, or the file will be opened anew


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _rule(error: sqlite3.Error) -> str:
    if is_full(error):
        return "the disk, or the cap of this file, is full"
    if is_damaged(error):
        return "it must be a SQLite file of ours: move it away to start a new one"
    return "only one process may own it" if _is_busy(error) else "the file and its folder must be writable"
