"""Both stores of the ear keep one promise: a batch whole or not at all, each message once, each reading once."""

import os
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.messages.telemetry import ChannelReadings
from gw_spaceheat.storage.ear_store import EarStore, Heard, StoredReading, open_ear_store
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.storage.postgres_ear import PostgresEar, months_of
from gw_spaceheat.storage.sqlite_ear import SqliteEar
from tests.storage.postgres_server import PostgresServer

SOURCE = "d1.isone.house.scada"
NOW_S = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
NOW_MS = int(NOW_S) * 1000
FAR_MS = 2**62


def heard(seq: int | None, *values: int, channel: str = "tank-top", at_ms: int | None = None) -> Heard:
    """A report with one reading each minute."""
    first_ms = NOW_MS + 300_000 * (seq or 0) if at_ms is None else at_ms
    times = tuple(first_ms + 60_000 * index for index in range(len(values)))
    said = ChannelReadings(channel_name=channel, value_list=values, scada_read_time_unix_ms_list=times)
    boot = None if seq is None else 7
    return Heard(SOURCE, boot, seq, NOW_S, "report", f"message {seq}".encode(), (said,) if values else ())


# Debian has no TimescaleDB: who has one names an empty database with the extension here.
TIMESCALEDB_URL = os.environ.get("TIMESCALEDB_URL")
needs_timescaledb = pytest.mark.skipif(TIMESCALEDB_URL is None, reason="TIMESCALEDB_URL is not set")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.db),
        pytest.param("timescaledb", marks=needs_timescaledb),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EarStore]:
    opened: EarStore
    if request.param == "sqlite":
        opened = SqliteEar(tmp_path / "ear.db")
    elif request.param == "timescaledb":
        url = TIMESCALEDB_URL or ""
        _empty(url)
        opened = PostgresEar(url)
    else:
        opened = PostgresEar(request.getfixturevalue("postgres").new_database())
    yield opened
    opened.close()


def _empty(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        for table in ("reading", "message", "channel"):  # a hypertable goes alone
            db.execute(f"DROP TABLE IF EXISTS {table}")


def values(store: EarStore, channel: str = "tank-top") -> list[int]:
    return [reading.wire_value for reading in store.readings(SOURCE, channel, 0, FAR_MS)]


def test_messages_and_readings_are_kept_once(store: EarStore) -> None:
    assert store.put_all([heard(1, 10, 20), heard(2, 30), heard(1, 99)]) == 2
    assert store.put_all([heard(2, 31), heard(3, 40)]) == 1
    assert store.count() == 3
    assert values(store) == [10, 20, 30, 40]
    assert store.channels(SOURCE) == ["tank-top"] and store.channels("d1.other") == []


def test_states_have_no_number_and_are_all_kept(store: EarStore) -> None:
    assert store.put_all([heard(None), heard(None), heard(None)]) == 3
    assert store.count() == 3


def test_one_moment_told_by_two_messages_is_one_reading_and_the_first_counts(store: EarStore) -> None:
    store.put_all([heard(1, 10, 20, at_ms=NOW_MS)])
    assert store.put_all([heard(2, 11, 21, 31, at_ms=NOW_MS), heard(3, 5, channel="power")]) == 2
    assert values(store) == [10, 20, 31] and values(store, "power") == [5]


def test_readings_of_a_time_are_found_in_order_of_time(store: EarStore) -> None:
    store.put_all([heard(3, 30), heard(1, -10), heard(2, 20)])
    found = store.readings(SOURCE, "tank-top", NOW_MS + 300_000, NOW_MS + 900_000)
    assert found == [StoredReading(NOW_MS + 300_000, -10), StoredReading(NOW_MS + 600_000, 20)]
    assert store.readings(SOURCE, "no-such", 0, FAR_MS) == []
    assert [one.wire_value for one in store.readings(SOURCE, "tank-top", 0, FAR_MS, 2)] == [-10, 20]


def test_any_year_and_the_largest_integers_fit(store: EarStore) -> None:
    early_ms, late_ms = 946_684_800_000, 32_503_680_000_000
    store.put_all([heard(1, 2**63 - 1, at_ms=early_ms), heard(2, -(2**63), at_ms=late_ms)])
    assert values(store) == [2**63 - 1, -(2**63)]


def test_random_batches_with_repetitions_end_as_if_each_was_sent_once(store: EarStore) -> None:
    chance = random.Random(5)
    sent = [heard(seq, *[chance.randrange(100) for _ in range(5)]) for seq in range(60)]
    stream = [*sent, *chance.choices(sent, k=120)]
    chance.shuffle(stream)
    new = 0
    while stream:
        size = chance.randrange(1, 20)
        new += store.put_all(stream[:size])
        del stream[:size]
    assert new == store.count() == 60
    assert values(store) == [value for message in sent for value in message.readings[0].value_list]


def test_two_ears_may_write_the_same_messages(store: EarStore, tmp_path: Path) -> None:
    other: EarStore = SqliteEar(tmp_path / "ear.db") if isinstance(store, SqliteEar) else PostgresEar(_url(store))
    new: list[int] = []

    def put(ear: EarStore) -> None:
        new.extend(ear.put_all([heard(seq, seq)]) for seq in range(50))

    threads = [threading.Thread(target=put, args=(ear,)) for ear in (store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sum(new) == store.count() == 50 and values(store) == list(range(50))


def _url(store: EarStore) -> str:
    if TIMESCALEDB_URL is not None and store.place in PostgresEar(TIMESCALEDB_URL).place:
        return TIMESCALEDB_URL
    return store.place.replace("//", "//ear@")


def test_sqlite_is_read_while_it_is_written_and_by_what_reads_an_atomic_tnode(tmp_path: Path) -> None:
    ear = open_ear_store(None, tmp_path)
    ear.put_all([heard(1, 10)])
    reader = open_ear_store(None, tmp_path, read_only=True)
    ear.put_all([heard(2, 20)])
    assert values(reader) == [10, 20]
    with pytest.raises(StorageError, match=r"ear-messages\.db"):
        reader.put_all([heard(3)])
    reader.close()
    ear.close()
    messages = MessageStore(tmp_path / "ear-messages.db")
    assert [row.payload for row in messages.rows(0, 10, "report")] == [b"message 1", b"message 2"]
    messages.close()


def test_sqlite_that_is_full_keeps_nothing_of_the_batch(tmp_path: Path) -> None:
    ear = SqliteEar(tmp_path / "ear.db", max_bytes=256 * 1024)
    ear.put_all([heard(0, 1)])
    large = [Heard(SOURCE, 7, seq, NOW_S, "report", bytes(4000), heard(seq, 1, channel="new").readings)
             for seq in range(1, 200)]  # fmt: skip
    with pytest.raises(StorageError, match="full"):
        ear.put_all(large)
    assert ear.count() == 1 and ear.channels(SOURCE) == ["tank-top"]
    assert ear.put_all(large[:5]) == 5 and len(values(ear, "new")) == 5
    ear.close()


def test_what_cannot_be_a_store_is_said_in_one_line(tmp_path: Path) -> None:
    for url in ("mysql://host/x", "postgresql://host:port:5/%%"):
        with pytest.raises(BadInput, match=r"^GWS_EAR_DATABASE_URL: must"):
            open_ear_store(url, tmp_path)
    with pytest.raises(BadInput, match="no such file"):
        open_ear_store(None, tmp_path, read_only=True)
    away = open_ear_store("postgresql://ear:secret@127.0.0.1:1/gone", tmp_path)
    with pytest.raises(StorageError, match=r"postgresql://127.0.0.1:1/gone: .*must be reachable") as error:
        away.put_all([heard(1)])
    assert "secret" not in str(error.value) and "\n" not in str(error.value)


def test_months_are_those_of_the_readings_but_none_far_ahead() -> None:
    month_s = {
        month.strftime("%Y-%m") for month in months_of([heard(1, 1, 2, at_ms=NOW_MS + 10 * 86_400_000 - 60_000)])
    }
    assert month_s == {"2026-11", "2026-12"}
    assert months_of([heard(1, 1, at_ms=NOW_MS + 400 * 86_400_000)]) == set()


@pytest.mark.db
def test_postgresql_has_a_partition_per_month_and_takes_back_what_a_wrong_clock_put_aside(
    postgres: PostgresServer,
) -> None:
    url = postgres.new_database()
    ear = PostgresEar(url)
    future_ms = NOW_MS + 150 * 86_400_000
    ear.put_all([heard(1, 10), heard(2, 77, at_ms=future_ms)])
    assert _partitions(url) == {"reading_2026_11": 1, "reading_default": 1}
    later = Heard(SOURCE, 7, 3, future_ms / 1000.0, "report", b"", heard(3, 88, at_ms=future_ms + 60_000).readings)
    ear.put_all([later])
    assert _partitions(url) == {"reading_2026_11": 1, "reading_2027_04": 2, "reading_default": 0}
    assert values(ear) == [10, 77, 88]
    ear.close()


@needs_timescaledb
def test_readings_lie_in_a_hypertable_where_there_is_timescaledb() -> None:
    url = TIMESCALEDB_URL or ""
    _empty(url)
    ear = PostgresEar(url)
    ear.put_all([heard(1, 10), heard(2, 77, at_ms=NOW_MS + 150 * 86_400_000)])
    ear.close()
    with psycopg.connect(url) as db:
        found = db.execute("SELECT hypertable_name, num_chunks FROM timescaledb_information.hypertables").fetchall()
    assert found == [("reading", 2)]
    again = PostgresEar(url)
    assert again.put_all([heard(2, 77), heard(3, 5)]) == 1 and values(again) == [10, 5, 77]
    again.close()


@pytest.mark.db
def test_a_store_with_partitions_keeps_them(postgres: PostgresServer) -> None:
    """Also when it is opened again, by an ear that has not made them."""
    url = postgres.new_database()
    first, second = PostgresEar(url), PostgresEar(url)
    first.put_all([heard(1, 10)])
    second.put_all([heard(2, 20, at_ms=NOW_MS + 30 * 86_400_000)])
    assert _partitions(url) == {"reading_2026_11": 1, "reading_2026_12": 1, "reading_default": 0}
    first.close()
    second.close()


def _partitions(url: str) -> dict[str, int]:
    with psycopg.connect(url) as db:
        names = db.execute("SELECT inhrelid::regclass::text FROM pg_inherits ORDER BY 1").fetchall()
        tables = [str(name) for (name,) in names if "pkey" not in str(name)]
        return {name: int(db.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]) for name in tables}  # type: ignore[arg-type]


@pytest.mark.db
def test_postgresql_that_crashes_is_an_error_then_goes_on_where_it_was(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path)
    server.start()
    ear = PostgresEar(server.url)
    ear.put_all([heard(1, 10)])
    server.stop("immediate")
    for _ in range(2):
        with pytest.raises(StorageError, match="must be reachable"):
            ear.put_all([heard(1, 10), heard(2, 20)])
    server.start()
    assert ear.put_all([heard(1, 10), heard(2, 20)]) == 1
    assert values(ear) == [10, 20]
    ear.close()
    server.remove()
