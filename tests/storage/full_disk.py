"""Run by test_outbox.py in a mount namespace: journal and outbox on a file system of one megabyte. Says what it saw."""

import subprocess
import sys
from pathlib import Path

from gw_spaceheat.errors import StorageError
from gw_spaceheat.storage.journal import Journal
from gw_spaceheat.storage.outbox import Outbox

DISK = Path(sys.argv[1]) / "disk"
START_MS = 1_481_518_800_000


def main() -> None:
    DISK.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "t", str(DISK)], check=True)
    journal = Journal(DISK / "journal", max_bytes=1024 * 1024)
    box = Outbox(DISK / "outbox", max_bytes=1024 * 1024)
    filler = DISK / "filler"  # another program's log takes all that is left
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
                file.flush()
        except OSError:
            pass
    for number in range(400):
        box.put("t", b"x" * 4000)
        journal.add("c", START_MS + number * 1000, number)
        assert journal.flush() or journal.pending < 10_000
    assert box.gaps(), "the oldest went"
    assert [row.seq for row in box.pending(0, 1000)][-1] == 400, "the newest are here"
    print("full")
    filler.unlink()
    box.put("t", b"y" * 4000)
    assert journal.flush(), journal.problem
    print("recovered")
    box.close()
    journal.close()
    subprocess.run(["mount", "-o", "remount,ro", str(DISK)], check=True)
    box = Outbox(DISK / "outbox", max_bytes=1024 * 1024)
    journal = Journal(DISK / "journal", max_bytes=1024 * 1024)
    assert box.problem, "a start on a read-only disk is a problem and no error"
    assert journal.problem
    journal.add("c", START_MS + 10**6, 1)
    assert not journal.flush()
    try:
        box.put("t", b"z")
        raise AssertionError("a read-only disk took an event")
    except StorageError:
        print("read-only")
    subprocess.run(["mount", "-o", "remount,rw", str(DISK)], check=True)
    assert journal.flush(), journal.problem
    assert box.put("t", b"z") == 402, "numbers go on"
    assert box.pending(0, 1000)[-1].payload == b"z"
    print("back")


main()
