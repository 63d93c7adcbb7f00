"""An AtomicTNode's memory: who knew what when, bounded, one commit with the contract, read while it is written."""

import os
import sqlite3
from pathlib import Path

import pytest

from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.storage.atn_memory import AtnMemory, Entry, Kind, MemoryFile
from gw_spaceheat.storage.sqlite_file import size_of

NOW_S = 1_485_752_400.0
DAY_S = 86_400.0


def entry(at_s: float, what: object = 0, kind: Kind = "prices", house: object = None) -> Entry:
    shared = None if house is None else {"house": house}
    return Entry(kind, "d1.market", at_s, at_s, at_s + 3600.0, {"what": what}, shared)


def opened(path: Path | None, now_s: float = NOW_S, **options: float | int) -> AtnMemory:
    memory = AtnMemory(path, **options)  # type: ignore[arg-type]
    memory.begin(now_s)
    return memory


def test_what_was_known_at_a_moment_is_the_newest_before_it(tmp_path: Path) -> None:
    memory = opened(tmp_path / "m.db")
    memory.store([entry(NOW_S, "old"), entry(NOW_S + 60, "new"), entry(NOW_S + 30, "plan", "plan", "beech")])
    assert memory.latest("prices", NOW_S - 1) is None
    for at_s, known in ((NOW_S, "old"), (NOW_S + 59, "old"), (NOW_S + 60, "new"), (NOW_S + 1e6, "new")):
        found = memory.latest("prices", at_s)
        assert found is not None and found.body == {"what": known} and found.source == "d1.market"
    plan = memory.latest("plan", NOW_S + 99)
    assert plan is not None and plan.shared == {"house": "beech"} and plan.to_s == NOW_S + 3630
    assert memory.memory(plan.row) == plan and memory.memory(999) is None
    assert [one.body["what"] for one in memory.since("prices", NOW_S + 1, NOW_S + 99)] == ["new"]
    memory.close()


def test_what_was_stored_is_there_after_a_restart_and_may_be_read_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    memory = opened(path)
    memory.store([entry(NOW_S, "first")], {"version": 1})
    reader = MemoryFile(path)
    memory.store([entry(NOW_S + 1, "second", "plan")], {"version": 2})
    found = reader.latest("plan", NOW_S + 5)
    assert found is not None and found.body == {"what": "second"}
    assert reader.span() == (NOW_S + 1, NOW_S + 1)
    memory.close()
    again = opened(path, NOW_S + 5)
    assert again.contract_state() == {"version": 2}
    assert len(again.since("prices", 0.0, NOW_S + 5)) == 1
    again.close()
    reader.close()


def test_entries_and_contract_are_one_commit(tmp_path: Path) -> None:
    memory = opened(tmp_path / "m.db")
    memory.store([], {"version": 1})
    broken = Entry("offer", "x", float("nan"), 0.0, 0.0, {})  # NaN is NULL in SQLite, and the column refuses it
    with pytest.raises(StorageError):
        memory.store([entry(NOW_S), broken], {"version": 2})
    assert memory.contract_state() == {"version": 1} and memory.latest("prices", NOW_S) is None
    memory.close()


def test_equal_parameters_are_kept_once_and_go_with_the_last_that_used_them(tmp_path: Path) -> None:
    memory = opened(tmp_path / "m.db", keep_days=1.0)
    memory.store([entry(NOW_S + n, n, "plan", "old") for n in range(50)])
    memory.store([entry(NOW_S + 60 + n, n, "plan", "new") for n in range(50)])
    with sqlite3.connect(tmp_path / "m.db") as db:
        assert db.execute("SELECT count(*) FROM shared").fetchone() == (2,)
        memory.store([entry(NOW_S + 1.0006 * DAY_S, 0, "plan", "new")])
        assert db.execute("SELECT count(*) FROM shared").fetchone() == (1,)
    memory.close()


def test_what_is_older_than_its_days_goes(tmp_path: Path) -> None:
    memory = opened(tmp_path / "m.db", keep_days=2.0)
    for hour in range(24 * 10):
        memory.store([entry(NOW_S + 3600.0 * hour, hour)])
    kept = [one.body["what"] for one in memory.since("prices", 0.0, NOW_S + 1e9)]
    assert kept == list(range(24 * 8 - 1, 24 * 10))
    memory.close()


def test_a_full_file_forgets_the_oldest_and_never_the_contract(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    limit = 2 * 1024 * 1024
    memory = opened(path, max_bytes=limit)
    for number in range(1500):
        memory.store([entry(NOW_S + number, os.urandom(2500).hex(), "plan", number)], {"number": number})
    kept = memory.since("plan", 0.0, NOW_S + 1e9)
    assert 300 < len(kept) < 800 and kept[-1].known_s == NOW_S + 1499
    assert [one.known_s for one in kept] == [kept[0].known_s + n for n in range(len(kept))], "no holes"
    assert memory.contract_state() == {"number": 1499}
    assert size_of(path) <= limit
    memory.close()


def test_a_clock_that_was_set_back_begins_another_past(tmp_path: Path) -> None:
    memory = opened(tmp_path / "m.db")
    memory.store([entry(NOW_S, "a"), entry(NOW_S + 7200, "b")])
    assert memory.begin(NOW_S + 7000.0), "a few minutes are no other past"
    assert not memory.begin(NOW_S + 3600.0)
    memory.store([entry(NOW_S + 3700, "c")])
    known = {at: memory.latest("prices", NOW_S + at) for at in (0, 3600, 3700, 7200)}
    assert [one.body["what"] for one in known.values() if one is not None] == ["a", "a", "c", "c"]
    assert memory.begin(NOW_S + 3800.0)
    memory.close()


def test_a_damaged_file_is_set_aside_and_what_can_be_read_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    memory = opened(path)
    for number in range(300):
        memory.store([entry(NOW_S + number, os.urandom(500).hex(), "plan", "beech")], {"number": number})
    memory.close()
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 8192] = bytes(8192)
    path.write_bytes(data)
    memory = opened(path, NOW_S + 1000)
    assert memory.set_aside is not None and memory.set_aside.exists()
    kept = memory.since("plan", 0.0, NOW_S + 1000)
    assert 200 < len(kept) < 300 and all(one.shared == {"house": "beech"} for one in kept)
    memory.store([entry(NOW_S + 1001, "on")])
    memory.close()


def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.db: no such file"):
        MemoryFile(tmp_path / "none.db")
    other = tmp_path / "other.db"
    other.write_text("no database at all, but long enough to be looked at as one, hopefully; more than a header\n" * 9)
    reader = MemoryFile(other)
    with pytest.raises(StorageError, match=r"other\.db"):
        reader.latest("plan", NOW_S)
    reader.close()
    (tmp_path / "file").touch()
    memory = AtnMemory(tmp_path / "file" / "m.db")
    with pytest.raises(StorageError, match=r"m\.db"):
        memory.begin(NOW_S)


def test_questions_about_times_are_answered_by_the_index(tmp_path: Path) -> None:
    """Bodies are most of the file: nothing may read them all to find a time."""
    from gw_spaceheat.storage.atn_memory import LATEST, OLD, SINCE

    memory = opened(tmp_path / "m.db")
    queries = [(LATEST, ("plan", NOW_S, NOW_S)), (SINCE, ("bid", NOW_S, NOW_S, 0.0))]
    queries.append((f"DELETE FROM memory WHERE {OLD}", (NOW_S,)))
    with sqlite3.connect(tmp_path / "m.db") as db:
        for query, values in queries:
            plan = [str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {query}", values)]
            assert not [line for line in plan if line.startswith("SCAN memory") and "COVERING" not in line], plan
    memory.close()
