"""The journal: what is committed survives, is said once, is thinned to the reading, and a bad disk harms nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gw_spaceheat.decisions.tiers import DAY_S, Reading, Tiers, thin
from gw_spaceheat.storage import journal as journal_module
from gw_spaceheat.storage.journal import Journal
from gw_spaceheat.storage.journal_tables import DAMAGED, NO_ROOM, NOT_WRITTEN, TOO_OLD, Taken
from gw_spaceheat.storage.sqlite_file import StorageBusy

ROOT = Path(__file__).parents[2]
START_S = 1_481_518_800 // 3600 * 3600


def fill(journal: Journal, first: int, count: int, period_s: int = 60, channels: int = 2) -> None:
    for number in range(first, first + count):
        for channel in range(channels):
            journal.add(f"channel-{channel}", (START_S + number * period_s) * 1000, number)


def drain(journal: Journal, now_s: float, most: int = 1) -> list[Taken]:
    reports = []
    while taken := journal.take(now_s, most=most):
        assert len(taken) <= most
        reports += taken
        journal.settle(taken[0].number)
    return reports


def said(reports: list[Taken]) -> list[tuple[str, int, int]]:
    return [(name, at_ms, value) for t in reports for name, values in t.readings.items() for value, at_ms in values]


@pytest.mark.parametrize("most", [1, 10])
def test_a_report_per_closed_slot_each_reading_once(tmp_path: Path, most: int) -> None:
    journal = Journal(tmp_path / "j")
    fill(journal, 0, 12)
    assert journal.take(START_S + 299.0) == [], "its slot still runs"
    reports = drain(journal, START_S + 660.0, most)
    assert [(t.start_s - START_S, t.period_s, len(t.readings["channel-0"])) for t in reports] == [
        (0, 300, 5),
        (300, 300, 5),
    ]
    reports += drain(journal, START_S + 900.0, most)
    assert sorted(said(reports)) == sorted(
        (f"channel-{c}", (START_S + n * 60) * 1000, n) for n in range(12) for c in (0, 1)
    )
    assert journal.counts() == (0, 0)


def test_an_open_report_is_offered_again_after_a_restart_and_never_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    fill(journal, 0, 10)
    (first,) = journal.take(START_S + 600.0)
    journal.close()
    again = Journal(tmp_path / "j")
    fill(again, 10, 5)
    assert again.take(START_S + 900.0) == [first]
    again.settle(first.number - 1)
    assert again.take(START_S + 900.0) == [first], "a mark below it settles nothing"
    again.settle(first.number)
    again.settle(first.number)
    rest = drain(again, START_S + 900.0)
    assert [t.start_s - START_S for t in rest] == [300, 600]
    assert rest[0].number == first.number + 1


def test_reports_taken_together_are_offered_again_and_settled_together(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    fill(journal, 0, 3 * DAY_S // 60 + 10)
    now_s = START_S + 3 * DAY_S + 600.0
    journal.thin(now_s)
    first = journal.take(now_s, most=4)
    journal.close()
    again = Journal(tmp_path / "j")
    assert again.take(now_s, most=9) == first
    assert [(t.start_s - START_S, t.period_s, len(t.buckets)) for t in first] == [(n * 300, 300, 2) for n in range(4)]
    assert len({t.number for t in first}) == 1
    again.settle(first[0].number)
    rest = drain(again, now_s, most=7)
    assert [t.start_s - START_S for t in rest] == [n * 300 for n in range(4, 3 * DAY_S // 300 + 2)]
    assert again.counts() == (0, 0)


def test_a_slot_of_very_many_readings_is_several_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "REPORT_READINGS", 7)
    for most in (1, 2, 3):
        fill(journal := Journal(None), 0, 10)
        reports = drain(journal, START_S + 600.0, most)
        assert [(t.start_s - START_S, sum(map(len, t.readings.values()))) for t in reports] == [
            (0, 7), (0, 3), (300, 7), (300, 3)
        ]  # fmt: skip


def test_numbers_are_above_what_the_outbox_has_seen() -> None:
    journal = Journal(None)
    fill(journal, 0, 5)
    (taken,) = journal.take(START_S + 300.0, above=41)
    assert taken.number == 42


def test_a_late_reading_rides_with_the_next_report() -> None:
    journal = Journal(None)
    fill(journal, 0, 10)
    drain(journal, START_S + 600.0)
    journal.add("channel-0", (START_S + 30) * 1000, 77)
    fill(journal, 10, 5)
    assert ("channel-0", (START_S + 30) * 1000, 77) in said(drain(journal, START_S + 900.0))


def test_readings_from_before_a_clock_set_back_do_not_wait() -> None:
    journal = Journal(None)
    fill(journal, 10_000, 1)
    fill(journal, 0, 5)
    assert len(said(drain(journal, START_S + 300.0))) == 12


@pytest.mark.parametrize("most", [1, 10])
def test_28_days_are_thinned_to_the_reading_and_said_oldest_first(tmp_path: Path, most: int) -> None:
    journal = Journal(tmp_path / "j")
    readings = []
    period_s, days = 240, 30
    for number in range(days * DAY_S // period_s):
        at_ms = (START_S + number * period_s) * 1000
        value = (number * 7919) % 1001
        journal.add("tank-top", at_ms, value)
        readings.append(Reading(1, at_ms, value))
        if number % 360 == 0:
            assert journal.flush()
            journal.thin(at_ms / 1000.0)
    now_s = START_S + days * DAY_S
    journal.flush()
    journal.thin(now_s)
    expected = thin(readings, (), now_s, Tiers())
    assert journal.counts() == (len(expected.readings), len(expected.buckets))
    reports = drain(journal, now_s, most)
    assert said(reports) == [("tank-top", r.at_ms, r.value) for r in expected.readings]
    buckets = [t.buckets["tank-top"] for t in reports if t.buckets]
    assert sorted(buckets) == sorted(expected.buckets)
    starts = [t.start_s for t in reports if not t.gaps]
    assert starts == sorted(starts), "oldest first"
    (gap,) = [gap for t in reports for gap in t.gaps]
    assert expected.dropped is not None
    assert (gap.count, gap.reason) == (expected.dropped.readings, TOO_OLD)
    assert most > 1 or len({t.number for t in reports}) == len(reports)


def test_an_open_report_is_not_thinned_away() -> None:
    journal = Journal(None)
    fill(journal, 0, 5)
    taken = journal.take(START_S + 300.0)
    assert journal.thin(START_S + 3 * DAY_S) == 0
    assert journal.take(START_S + 3 * DAY_S) == taken


CHILD = """
import sys
from pathlib import Path
from gw_spaceheat.storage.journal import Journal
journal = Journal(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    for _ in range(10):
        journal.add("c", number * 1000, number)
        number += 1
    assert journal.flush()
    print(number - 1, flush=True)
"""


def test_every_committed_batch_survives_sigkill(tmp_path: Path) -> None:
    path, last = tmp_path / "j", -1
    for boot in (1, 2, 3):
        command = [sys.executable, "-c", CHILD, str(path), str(last + 1000)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert child.stdout is not None
        lines = [int(child.stdout.readline()) for _ in range(20 * boot)]
        child.send_signal(signal.SIGKILL)
        rest, _ = child.communicate(timeout=10)
        lines += [int(line) for line in rest.split(b"\n")[:-1]]
        first, last = lines[0] - 9, lines[-1]
        journal = Journal(path)
        kept = {at_ms // 1000 for _, at_ms, _ in said(drain(journal, 1e12))}
        assert kept >= set(range(first, last + 1))
        journal.close()


def test_a_full_file_thins_first_then_drops_the_oldest_with_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path, max_bytes=256 * 1024)
    total = 0
    for batch in range(40):
        fill(journal, batch * 300, 300, period_s=5, channels=3)
        total += 900
        assert journal.flush(), journal.problem
    assert path.stat().st_size <= 256 * 1024
    reports = drain(journal, 1e12)
    counted = len(said(reports)) + sum(b.readings for t in reports for b in t.buckets.values())
    gaps = [gap for t in reports for gap in t.gaps]
    assert counted + sum(gap.count for gap in gaps) == total, "every reading is kept, in a mean, or in a gap"
    assert any(t.buckets for t in reports)
    journal = Journal(tmp_path / "k", max_bytes=64 * 1024)
    for batch in range(60):
        fill(journal, batch * 100, 100, period_s=300, channels=3)
        assert journal.flush(), journal.problem
    reports = drain(journal, 1e12)
    counted = len(said(reports)) + sum(b.readings for t in reports for b in t.buckets.values())
    gaps = [gap for t in reports for gap in t.gaps]
    assert counted + sum(gap.count for gap in gaps) == 60 * 300
    assert {gap.reason for gap in gaps} <= {NO_ROOM, TOO_OLD}
    assert NO_ROOM in {gap.reason for gap in gaps}


def test_a_disk_that_cannot_be_used_is_a_problem_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "RING_READINGS", 100)
    (tmp_path / "data").write_text("in the way")
    journal = Journal(tmp_path / "data" / "j")
    assert "writable" in journal.problem
    fill(journal, 0, 75)
    assert not journal.flush()
    assert journal.take(START_S + 1e6) == []
    assert (journal.pending, journal.lost_in_memory) == (100, 50)
    (tmp_path / "data").unlink()
    assert journal.flush(), "the disk is back: no restart is needed"
    assert journal.problem == ""
    reports = drain(journal, 1e12)
    assert len(said(reports)) == 100
    assert [(g.count, g.reason) for t in reports for g in t.gaps] == [(50, NOT_WRITTEN)]


def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    with pytest.raises(StorageBusy, match="only one process may own it"):
        Journal(tmp_path / "j")
    journal.close()


@pytest.mark.parametrize("page", [2, 5, 12, 30])
def test_a_zeroed_page_is_set_aside_salvaged_and_gapped(tmp_path: Path, page: int) -> None:
    path = tmp_path / "j"
    journal = Journal(path)
    fill(journal, 0, 1200)
    journal.flush()
    journal.close()
    assert path.stat().st_size > 31 * 1024
    data = bytearray(path.read_bytes())
    data[(page - 1) * 1024 : page * 1024] = bytes(1024)
    path.write_bytes(data)
    journal = Journal(path)
    assert journal.set_aside is not None
    assert journal.set_aside.read_bytes() == data, "the damaged one is kept as it was"
    fill(journal, 1200, 5)
    reports = drain(journal, 1e12)
    kept = {(at_ms, value) for _, at_ms, value in said(reports)}
    gaps = [gap for t in reports for gap in t.gaps]
    assert {((START_S + n * 60) * 1000, n) for n in range(1200, 1205)} <= kept
    lost = 2410 - len(said(reports))
    if page == 30:
        assert 0 < lost < 200, "one page of rows"
        assert sum(gap.count for gap in gaps) == lost
    if lost:
        assert {gap.reason for gap in gaps} == {DAMAGED}


def test_nonsense_instead_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(os.urandom(20_000))
    journal = Journal(path)
    assert journal.set_aside is not None
    fill(journal, 0, 5)
    reports = drain(journal, START_S + 300.0)
    assert len(said(reports)) == 10
    assert {gap.reason for t in reports for gap in t.gaps} == {DAMAGED}


@pytest.mark.parametrize("keep_bytes", [0, 100, 5000])
def test_a_truncated_log_is_opened_and_goes_on(tmp_path: Path, keep_bytes: int) -> None:
    path = tmp_path / "j"
    fill(journal := Journal(path), 0, 50)
    journal.flush()
    journal._file.shrink_log()  # the first fifty are in the file, the next in the log
    for number in range(50, 60):
        fill(journal, number, 1)
        journal.flush()
    copy, log = tmp_path / "copy", tmp_path / "copy-wal"
    copy.write_bytes(path.read_bytes())
    log.write_bytes((tmp_path / "j-wal").read_bytes()[:keep_bytes])
    again = Journal(copy)
    kept = {value for _, _, value in said(drain(again, 1e12))}
    assert kept >= set(range(50))
    assert kept == set(range(len(kept))), "what is lost is lost from the end"
