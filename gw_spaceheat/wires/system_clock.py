"""The system's own clock: what it shows, and whether the network has set it."""

import ctypes
from collections.abc import Callable
from pathlib import Path

from gw_spaceheat.wires.protocols import ClockReading

STA_UNSYNC = 0x40
TIMEX_WORDS = 64  # of 8 bytes: more than struct timex has on any Linux
STATUS_OFFSET = 40  # bytes into struct timex where a long has 8
TIMESYNCD = Path("/run/systemd/timesync/synchronized")
FRESH_S = 86400.0  # timesyncd asks at least every 34 min and touches the file each time


class SystemClock:
    """Linux' kernel says it (chrony, ntpd, timesyncd tell it), or timesyncd's file where that may not be asked.

    Our systemd unit may not: reading the kernel's word is the same system call as setting its clock.
    """

    def __init__(self, wall: Callable[[], float], file: Path = TIMESYNCD, ask_kernel: bool = True) -> None:
        self._wall = wall
        self._file = file
        self._ask_kernel = ask_kernel

    def read(self) -> ClockReading:
        """`synchronised` None: neither can be asked here."""
        wall_s = self._wall()
        said = _kernel_says() if self._ask_kernel else None
        return ClockReading(wall_s, self._file_says(wall_s) if said is None else said)

    def _file_says(self, wall_s: float) -> bool | None:
        try:
            return wall_s - self._file.stat().st_mtime < FRESH_S
        except FileNotFoundError:
            return False if self._file.parent.exists() else None
        except OSError:
            return None


def _kernel_says() -> bool | None:
    """adjtimex(2), asked without wanting anything set."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (AttributeError, OSError):
        return None  # no Linux
    if ctypes.sizeof(ctypes.c_long) != 8:
        return None
    timex = (ctypes.c_int64 * TIMEX_WORDS)()
    if adjtimex(ctypes.byref(timex)) < 0:
        return None
    return not ctypes.c_int.from_buffer(timex, STATUS_OFFSET).value & STA_UNSYNC
