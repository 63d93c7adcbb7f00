"""The outbox: committed before it is sent, kept until acknowledged, bounded, one owner, survives SIGKILL."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gw_spaceheat.errors import StorageError
from gw_spaceheat.storage.outbox import Gap, Outbox, OutboxRow

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
    box.forget_gaps()
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
    path = tmp_path / "file" / "outbox.sqlite"
    with pytest.raises(StorageError, match=r"outbox\.sqlite.*writable"):
        Outbox(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder_names_path_and_rule(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="writable"):
        Outbox(tmp_path / "outbox.sqlite")


def test_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "o"
    path.write_bytes(b"\0" * 5000 + b"no database")
    box = Outbox(path)
    assert box.set_aside is not None
    assert box.set_aside.read_bytes().endswith(b"no database")
    assert box.put("t", b"1") == 1


CHILD = """
import sys
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
