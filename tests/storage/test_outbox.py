"""The outbox: committed before it is sent, kept until acknowledged, bounded, one owner, survives SIGKILL."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gw_spaceheat.errors import StorageError
from gw_spaceheat.storage.outbox import Gap, Outbox, OutboxRow
from tests.fixtures.machine import missing

ROOT = Path(__file__).parents[2]


def test_put_is_pending_until_acked() -> None:
    box = Outbox(None)
    assert box.next_seq == 1
    assert [box.put("t/a", b"one"), box.put("t/b", b"two")] == [1, 2]
    assert box.pending(0, 10) == [OutboxRow(1, 1, "t/a", b"one"), OutboxRow(2, 1, "t/b", b"two")]
    assert box.pending(1, 10)[0].seq == 2
    assert len(box.pending(0, 1)) == 1
    assert box.ack(1, 1)
    assert not box.ack(1, 1), "the second acknowledgement of one event changes nothing"
    assert box.count() == 1
    assert not box.ack(7, 2), "another boot's number is not ours"
    assert box.count() == 1


def test_events_put_together_are_one_commit_with_their_mark(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "o", max_bytes=64 * 1024)
    assert box.put_all([("t/a", b"one"), ("t/b", b"two")], mark=5) == 1
    assert box.put("t/c", b"three") == 3
    with pytest.raises(StorageError, match="event of 20000 bytes, the most is 16384"):
        box.put_all([("t/d", b"four"), ("t/e", bytes(20_000))], mark=6)
    assert (box.mark(), box.count(), box.next_seq) == (5, 3, 4)
    assert [(row.seq, row.topic) for row in box.pending(0, 9)] == [(1, "t/a"), (2, "t/b"), (3, "t/c")]


def test_boot_and_seq_go_on_over_reopening(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    first = Outbox(path)
    first.put("t", b"1")
    seq = first.put("t", b"2")
    first.ack(first.boot, seq)
    first.close()
    second = Outbox(path)
    assert second.boot == first.boot + 1
    assert second.next_seq == seq + 1, "a number is never used twice, acknowledged or not"
    assert second.put("t", b"3") == 3
    assert [(row.boot, row.seq) for row in second.pending(0, 9)] == [(1, 1), (2, 3)]
    assert second.count() == 2


def test_first_boot_keeps_a_lost_file_from_repeating_numbers() -> None:
    assert Outbox(None, first_boot=1_700_000_000).boot == 1_700_000_000


def test_full_outbox_drops_the_oldest_and_says_so(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "o", max_rows=100)
    for number in range(103):
        box.put("t", b"%d" % number)
    assert box.count() <= 100
    assert box.gaps() == [Gap(1, 1, 5, "outbox reached 100 rows")]
    assert [row.seq for row in box.pending(0, 1000)] == list(range(6, 104))
    box.put("t", b"told", told=box.gaps())
    assert box.gaps() == []


def test_page_cap_bounds_the_file(tmp_path: Path) -> None:
    path = tmp_path / "o"
    box = Outbox(path, max_bytes=256 * 1024)
    for _ in range(300):
        box.put("t", b"x" * 4000)
    assert path.stat().st_size <= 256 * 1024
    assert box.gaps()[0].first_seq == 1
    seqs = [row.seq for row in box.pending(0, 1000)]
    assert seqs[-1] == 300
    assert seqs == list(range(seqs[0], 301)), "only the oldest went"
    assert box.gaps()[-1].last_seq == seqs[0] - 1
    assert box.count() == len(seqs)


def test_an_event_larger_than_the_cap_is_an_error_and_the_box_goes_on(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "o", max_bytes=256 * 1024)
    with pytest.raises(StorageError, match="full"):
        box.put("t", b"x" * 1_000_000)
    assert box.put("t", b"small") == 1


def test_second_owner_is_refused(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "o")
    box.put("t", b"1")
    with pytest.raises(StorageError, match="only one process may own it"):
        Outbox(tmp_path / "o")


def test_unwritable_folder_names_path_and_rule(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    box = Outbox(tmp_path / "file" / "outbox.sqlite")
    assert "writable" in box.problem, "a house starts without its disk"
    with pytest.raises(StorageError, match=r"outbox\.sqlite.*writable"):
        box.put("t", b"1")
    assert box.pending(0, 10) == []
    (tmp_path / "file").unlink()
    assert box.put("t", b"1") == 1, "and goes on when the disk is back"
    assert (box.problem, box.boot) == ("", 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder_names_path_and_rule(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="writable"):
        Outbox(tmp_path / "outbox.sqlite").put("t", b"1")


def test_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "o"
    path.write_bytes(b"\0" * 5000 + b"no database")
    box = Outbox(path)
    assert box.set_aside is not None
    assert box.set_aside.read_bytes().endswith(b"no database")
    assert box.put("t", b"1") == 1


CHILD = """
import sys
import time
from pathlib import Path
from gw_spaceheat.storage.outbox import Outbox
box = Outbox(Path(sys.argv[1]))
while True:
    print(box.put("t", b"event %d" % box.next_seq), flush=True)
"""


def test_every_committed_event_survives_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "o"
    last = 0
    for boot in (1, 2, 3):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, cwd=ROOT)
        try:
            assert child.stdout is not None
            said = [int(child.stdout.readline()) for _ in range(50 * boot)]
        finally:
            child.send_signal(signal.SIGKILL)
            rest, _ = child.communicate(timeout=10)
        # A last line may be cut by the kill; only whole lines were said.
        said += [int(line) for line in rest.split(b"\n")[:-1]]
        assert said[0] > last
        last = said[-1]
    box = Outbox(path)
    rows = box.pending(0, 10**6)
    assert {row.seq for row in rows} >= set(range(1, last + 1))
    assert all(row.payload == b"event %d" % row.seq for row in rows)
    assert box.boot == 4


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.just("put"), st.just("reopen"), st.integers(0, 30)), max_size=60))
def test_like_a_model(tmp_path_factory: pytest.TempPathFactory, steps: list[str | int]) -> None:
    path = tmp_path_factory.mktemp("box") / "o"
    box = Outbox(path)
    model: dict[int, int] = {}
    for step in steps:
        if step == "put":
            model[box.put("t", b"p")] = box.boot
        elif step == "reopen":
            box.close()
            box = Outbox(path)
        else:
            seq = int(step)
            assert box.ack(model.get(seq, box.boot), seq) == (seq in model)
            model.pop(seq, None)
        assert [(row.seq, row.boot) for row in box.pending(0, 100)] == sorted(model.items())
        assert box.count() == len(model)
    box.close()


def test_mark_and_told_gaps_are_committed_with_their_event(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "o", max_rows=10)
    assert box.mark() == 0
    for _ in range(11):
        box.put("t", b"1")
    told = box.gaps()
    assert told
    box.put("t", b"gap", told=told)
    box.put("t", b"report", mark=7)
    assert box.gaps() != told, "told ones are gone; the last puts made another"
    box.close()
    assert Outbox(tmp_path / "o").mark() == 7


def test_a_dead_letter_is_kept_apart_with_a_gap(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "o")
    for name in (b"1", b"2", b"3"):
        box.put("t", name)
    box.bury(2, "nobody takes it")
    box.bury(2, "nobody takes it")
    assert [row.seq for row in box.pending(0, 9)] == [1, 3]
    assert box.count() == 2
    assert box.gaps() == [Gap(1, 2, 2, "nobody takes it")]
    assert [(row.payload, why) for row, why in box.dead_letters()] == [(b"2", "nobody takes it")]


@pytest.mark.parametrize("page", [8, 20, 35])
def test_a_zeroed_page_is_salvaged_and_numbers_go_on(tmp_path: Path, page: int) -> None:
    path = tmp_path / "o"
    box = Outbox(path)
    for number in range(1, 301):
        box.put("t", b"%d" % number * 200)
    box.close()
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(data)
    box = Outbox(path)
    assert box.set_aside is not None
    kept = [row.seq for row in box.pending(0, 1000)]
    holes = {seq for gap in box.gaps() for seq in range(gap.first_seq, gap.last_seq + 1)}
    assert set(kept) | holes >= set(range(1, 301)), "each event is here or in a gap"
    assert len(kept) > 250
    assert box.put("t", b"new") == 301
    assert box.boot == 2


def test_a_really_full_disk(tmp_path: Path) -> None:
    """On a tiny file system of its own: the ballast lets the oldest go, and events go in again."""
    script = ROOT / "tests" / "storage" / "full_disk.py"
    command = ["unshare", "-Urm", sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=50, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    if "unshare:" in done.stderr or (not done.stdout and "mount:" in done.stderr):
        pytest.skip(f"no namespaces here: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["full", "recovered", "read-only", "back"]


@pytest.mark.slow
def test_a_million_events_at_start(tmp_path: Path) -> None:
    path = tmp_path / "o"
    box = Outbox(path, max_rows=2_000_000, max_bytes=2**31)
    box.put("t", b"x" * 300)
    query = "INSERT INTO outbox (boot, topic, payload) SELECT 1, 't', zeroblob(300) FROM generate_series(1, 1000000)"
    query = query.replace(
        "generate_series(1, 1000000)",
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT i FROM n)",
    )
    box._file.write(lambda db: db.execute(query))
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())  # with its log: as after a kill
    (tmp_path / "copy-wal").write_bytes((tmp_path / "o-wal").read_bytes())
    began_s = time.perf_counter()
    again = Outbox(copy, max_rows=2_000_000, max_bytes=2**31)
    took_s = time.perf_counter() - began_s
    assert again.unclean
    assert again.count() == 1_000_001
    assert len(again.pending(0, 20)) == 20
    print(f"1,000,001 rows after an unclean stop: {took_s:.2f} s")
    assert took_s <= 10.0


SENDER = """
import socket, sys
from pathlib import Path
from gw_spaceheat.storage.outbox import Outbox
box = Outbox(Path(sys.argv[1]))
one, other = socket.socketpair()
for number in range(20):
    box.put("t", b"event-%d." % number)
    one.send(b"SENT-%d." % number)
"""


def test_each_event_is_synced_before_it_is_sent(tmp_path: Path) -> None:
    """SIGKILL cannot show this: the page cache survives it. The order of the system calls does."""
    if shutil.which("strace") is None:
        missing("strace is not on PATH")
    log = tmp_path / "calls"
    calls = "trace=pwrite64,fdatasync,fsync,sendto"
    command = [
        "strace",
        "-f",
        "-s",
        "9000",
        "-e",
        calls,
        "-o",
        str(log),
        sys.executable,
        "-c",
        SENDER,
        str(tmp_path / "o"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)
    if done.returncode != 0 and "ptrace" in done.stderr:
        pytest.skip("tracing is not allowed here")
    assert done.returncode == 0, done.stderr
    written, synced, sent = -1, -1, 0
    for line in log.read_text().splitlines():
        if "pwrite64" in line and f"event-{written + 1}." in line:
            written += 1
        elif "sync(" in line and line.rstrip().endswith("= 0"):
            synced = written
        elif "sendto" in line and f"SENT-{sent}." in line:
            assert synced >= sent, f"event {sent} was sent before it was on the disk"
            sent += 1
    assert sent == 20


PUTTER = """
import sys
from pathlib import Path
from gw_spaceheat.errors import StorageError
from gw_spaceheat.storage.outbox import Outbox
box = Outbox(Path(sys.argv[1]))
for number in range(30):
    try:
        print("put", box.put("t", b"event-%d." % number, mark=number + 1), number, flush=True)
    except StorageError:
        try:
            box.require()
            # Its commit failed, and it is there all the same: whoever offered it will not offer it again.
            print("put" if box.mark() == number + 1 else "refused", box.next_seq - 1, number, flush=True)
        except StorageError:
            print("unknown", flush=True)
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="no strace here")
def test_a_sync_that_fails_is_not_believed_and_the_file_goes_on(tmp_path: Path) -> None:
    """EIO of some fdatasyncs: whatever `put` returned for is there afterwards, and later events go in again."""
    inject = "inject=fdatasync:error=EIO:when=12..17"
    command = ["strace", "-f", "-e", "trace=fdatasync", "-e", inject, sys.executable, "-c", PUTTER, str(tmp_path / "o")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    if done.returncode != 0 and "ptrace" in done.stderr:
        pytest.skip("tracing is not allowed here")
    assert done.returncode == 0, done.stderr[-500:]
    assert "(INJECTED)" in done.stderr, "the fault was there"
    said = done.stdout.splitlines()
    kept = [(int(line.split()[1]), f"event-{line.split()[2]}.") for line in said if line.startswith("put")]
    assert len(kept) >= 20 and said[-1].startswith("put"), said
    box = Outbox(tmp_path / "o")
    assert {(row.seq, row.payload.decode()) for row in box.pending(0, 1000)} >= set(kept)
    numbers = [seq for seq, _ in kept]
    assert numbers == sorted(set(numbers)), "no number twice"
