"""The ear's store for many houses: PostgreSQL, written in COPY batches.

Readings lie in a hypertable where the database has TimescaleDB when the ear first comes, else in a partition per month.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.storage.ear_store import Heard, StoredReading, new_ones

DAY_MS = 86_400_000
# A clock that runs ahead must not make partitions for centuries: what is later lies in the partition "default".
MOST_AHEAD_DAYS = 62
SCHEMA_LOCK = 7_261_154  # any number, the same for every ear
# A server that vanished must not hold the ear: it is noticed and tried again.
LIMITS = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "gws-ear",
}
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS message (row bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, source text NOT NULL,"
    " boot bigint, seq bigint, received_s double precision NOT NULL, type_name text NOT NULL, payload bytea NOT NULL,"
    " UNIQUE (source, boot, seq))",
    "CREATE INDEX IF NOT EXISTS message_by_type ON message (type_name, received_s)",
    "CREATE TABLE IF NOT EXISTS channel (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, source text NOT NULL,"
    " name text NOT NULL, UNIQUE (source, name))",
)
READING = (
    "CREATE TABLE reading (channel integer NOT NULL, time_ms bigint NOT NULL, value bigint NOT NULL,"
    " PRIMARY KEY (channel, time_ms))"
)
PARTITIONED = (f"{READING} PARTITION BY RANGE (time_ms)", "CREATE TABLE reading_default PARTITION OF reading DEFAULT")
HYPERTABLE = (READING, "SELECT create_hypertable('reading', 'time_ms', chunk_time_interval => 2592000000)")
HAS_TIMESCALEDB = "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'timescaledb')"
# How the readings lie; nothing: there is no table yet.
KIND_OF_READING = "SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('reading')"
STAGING = (
    "CREATE TEMP TABLE IF NOT EXISTS new_message (source text, boot bigint, seq bigint, received_s double precision,"
    " type_name text, payload bytea) ON COMMIT DELETE ROWS",
    "CREATE TEMP TABLE IF NOT EXISTS new_reading (channel integer, time_ms bigint, value bigint) ON COMMIT DELETE ROWS",
)
COLUMNS = "source, boot, seq, received_s, type_name, payload"
COPY_MESSAGES = f"COPY new_message ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
PUT_MESSAGES = (
    f"INSERT INTO message ({COLUMNS}) SELECT {COLUMNS} FROM new_message ON CONFLICT DO NOTHING"
    " RETURNING source, boot, seq"
)
COPY_READINGS = "COPY reading (channel, time_ms, value) FROM STDIN"
COPY_DOUBTFUL = "COPY new_reading (channel, time_ms, value) FROM STDIN"
PUT_READINGS = "INSERT INTO reading SELECT channel, time_ms, value FROM new_reading ON CONFLICT DO NOTHING"
FIND_READINGS = (
    "SELECT time_ms, value FROM reading WHERE channel = (SELECT id FROM channel WHERE source = %s AND name = %s)"
    " AND time_ms >= %s AND time_ms < %s ORDER BY time_ms LIMIT %s"
)


class PostgresEar:
    """Connects when first used and again after every loss. A batch is committed whole, or not at all."""

    def __init__(self, url: str, read_only: bool = False) -> None:
        """Raises BadInput for an address that is none; a server that is away is a StorageError of the first use."""
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise BadInput("GWS_EAR_DATABASE_URL: must be like postgresql://user:password@host:5432/database") from None
        self._conninfo = make_conninfo(url, **{name: value for name, value in LIMITS.items() if name not in parts})
        self.place = f"postgresql://{parts.get('host', '')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
        self._read_only, self._lock = read_only, threading.Lock()
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._channels: dict[tuple[str, str], int] = {}
        self._months: set[datetime] = set()
        self._by_month = True

    def put_all(self, batch: Sequence[Heard]) -> int:
        """One transaction of everything in `batch`; how many messages were new."""
        with self._transaction() as db:
            added = _put_messages(db, batch)
            new = new_ones(batch, added)
            if any(heard.readings for heard in new):
                self._put_readings(db, new)
        return len(new)

    def count(self) -> int:
        with self._transaction() as db:
            return int(str(db.execute("SELECT count(*) FROM message").fetchall()[0][0]))

    def channels(self, source: str) -> list[str]:
        with self._transaction() as db:
            found = db.execute("SELECT name FROM channel WHERE source = %s ORDER BY name", (source,)).fetchall()
        return [str(name) for (name,) in found]

    def readings(
        self, source: str, channel: str, from_ms: int, to_ms: int, most: int | None = None
    ) -> list[StoredReading]:
        with self._transaction() as db:
            found = db.execute(FIND_READINGS, (source, channel, from_ms, to_ms, most)).fetchall()
        return [
            StoredReading(time_ms, value) for time_ms, value in found if isinstance(time_ms, int)
            if isinstance(value, int)
        ]  # fmt: skip

    def close(self) -> None:
        with self._lock:
            self._forget()

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """Committed on leaving. Whatever goes wrong, nothing of the connection and what it knew is believed."""
        with self._lock:
            done = False
            try:
                if self._connection is None:
                    self._connection = self._connect()
                with self._connection.transaction():
                    yield self._connection
                done = True
            except psycopg.Error as error:
                said = " ".join(str(error).split()) or type(error).__name__
                raise StorageError(f"{self.place}: {said}; the server must be reachable and its disk free") from error
            finally:
                if not done:
                    self._forget()

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        connection = psycopg.connect(self._conninfo, autocommit=True)
        if self._read_only:
            connection.read_only = True
            return connection
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
            for statement in SCHEMA:
                connection.execute(statement)
            self._by_month = _make_reading(connection)
        for statement in STAGING:
            connection.execute(statement)
        return connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._channels.clear()
        self._months.clear()

    def _put_readings(self, db: psycopg.Connection[tuple[object, ...]], new: Sequence[Heard]) -> None:
        channels = self._channel_numbers(db, new)
        for month in months_of(new) - self._months if self._by_month else ():
            _make_partition(db, month)
            self._months.add(month)
        rows = "".join(
            [
                f"{number}\t{time_ms}\t{value}\n"
                for heard in new
                for said in heard.readings
                for number in (channels[heard.source, said.channel_name],)
                for time_ms, value in zip(said.scada_read_time_unix_ms_list, said.value_list, strict=True)
            ]
        )
        try:
            with db.transaction():
                _copy(db, COPY_READINGS, rows)
        except psycopg.errors.UniqueViolation:
            # Two messages told of one moment, which is rare: the slower way, which keeps what was first.
            _copy(db, COPY_DOUBTFUL, rows)
            db.execute(PUT_READINGS)

    def _channel_numbers(
        self, db: psycopg.Connection[tuple[object, ...]], new: Sequence[Heard]
    ) -> dict[tuple[str, str], int]:
        needed = {(heard.source, said.channel_name) for heard in new for said in heard.readings}
        missing = sorted(needed - self._channels.keys())
        if missing:
            pair = ([source for source, _ in missing], [name for _, name in missing])
            rows = "SELECT * FROM unnest(%s::text[], %s::text[]) AS wanted (source, name)"
            db.execute(f"INSERT INTO channel (source, name) {rows} ON CONFLICT DO NOTHING", pair)
            found = db.execute(f"SELECT source, name, id FROM channel NATURAL JOIN ({rows}) AS known", pair)
            self._channels |= {(str(source), str(name)): int(str(number)) for source, name, number in found}
        return self._channels


def _make_reading(db: psycopg.Connection[tuple[object, ...]]) -> bool:
    """The table of readings, unless it is there; whether it has a partition per month."""
    found = db.execute(KIND_OF_READING).fetchall()
    if found:
        return found[0][0] is True
    by_month = db.execute(HAS_TIMESCALEDB).fetchall()[0][0] is not True
    for statement in PARTITIONED if by_month else HYPERTABLE:
        db.execute(statement)
    return by_month


def _copy(db: psycopg.Connection[tuple[object, ...]], statement: str, rows: str) -> None:
    with db.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(rows)


def _put_messages(db: psycopg.Connection[tuple[object, ...]], batch: Sequence[Heard]) -> set[tuple[str, int, int]]:
    """Store the messages; which numbered ones were new."""
    with db.cursor() as cursor, cursor.copy(COPY_MESSAGES) as copy:
        copy.set_types(["text", "int8", "int8", "float8", "text", "bytea"])
        for heard in batch:
            copy.write_row(
                (heard.source, heard.boot, heard.seq, heard.received_s, heard.type_name, heard.payload)
            )  # fmt: skip
    found = db.execute(PUT_MESSAGES)
    return {
        (str(source), boot, seq) for source, boot, seq in found if isinstance(boot, int) and isinstance(seq, int)
    }  # fmt: skip


def months_of(batch: Sequence[Heard]) -> set[datetime]:
    """First moments (UTC) of the months in which readings lie, none later than `MOST_AHEAD_DAYS` after arrival."""
    # Reports hold minutes: days are few, so that the calendar is asked seldom.
    days: set[int] = set()
    for heard in batch:
        last_ms = int(heard.received_s * 1000.0) + MOST_AHEAD_DAYS * DAY_MS
        for said in heard.readings:
            times = said.scada_read_time_unix_ms_list
            if times and min(times) // DAY_MS == max(times) // DAY_MS:
                times = times[:1]
            days.update(time_ms // DAY_MS for time_ms in times if time_ms < last_ms)
    moments = (datetime.fromtimestamp(day * 86_400, UTC) for day in days)
    return {moment.replace(day=1) for moment in moments}


def _make_partition(db: psycopg.Connection[tuple[object, ...]], month: datetime) -> None:
    """One month's partition, unless it is there; readings of it that went to the default one move over."""
    name = f"reading_{month:%Y_%m}"
    db.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
    if db.execute("SELECT to_regclass(%s)", (name,)).fetchall()[0][0] is not None:
        return
    next_month = (month + timedelta(days=31)).replace(day=1)
    first_ms, end_ms = int(month.timestamp()) * 1000, int(next_month.timestamp()) * 1000
    table = sql.Identifier(name)
    limits = (sql.Literal(first_ms), sql.Literal(end_ms))
    db.execute(sql.SQL("CREATE TABLE {} (LIKE reading INCLUDING ALL)").format(table))
    moved = "WITH moved AS (DELETE FROM reading_default WHERE time_ms >= {} AND time_ms < {} RETURNING *)"
    db.execute(sql.SQL(moved + " INSERT INTO {} SELECT * FROM moved").format(*limits, table))
    attach = "ALTER TABLE reading ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})"
    db.execute(sql.SQL(attach).format(table, *limits))
