"""The kernel's word, or timesyncd's file."""

import os
import time
from pathlib import Path

from gw_spaceheat.wires.system_clock import SystemClock


def test_the_kernel_answers_here_and_costs_nothing() -> None:
    reading = SystemClock(time.time).read()
    assert abs(reading.wall_s - time.time()) < 5.0
    assert reading.synchronised in (True, False, None)


def test_the_file_of_timesyncd(tmp_path: Path) -> None:
    file = tmp_path / "timesync" / "synchronized"
    clock = SystemClock(lambda: 1e9, file, ask_kernel=False)
    assert clock.read().synchronised is None, "there is no timesyncd"
    file.parent.mkdir()
    assert clock.read().synchronised is False, "it has not synchronised since the boot"
    file.touch()
    os.utime(file, (1e9 - 3600.0, 1e9 - 3600.0))
    assert clock.read().synchronised is True
    os.utime(file, (1e9 - 90_000.0, 1e9 - 90_000.0))
    assert clock.read().synchronised is False, "it has not been heard of for a day"
