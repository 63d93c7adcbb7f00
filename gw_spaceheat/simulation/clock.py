"""The clock of a simulated machine: right, unless somebody sets it or takes its network away."""

from collections.abc import Callable

from gw_spaceheat.wires.protocols import ClockReading


class SimulatedClock:
    """`off_s`: how far the system's clock is from the true time."""

    def __init__(self, now: Callable[[], float], off_s: float = 0.0, synchronised: bool | None = True) -> None:
        self._now = now
        self.off_s = off_s
        self.synchronised = synchronised

    def read(self) -> ClockReading:
        return ClockReading(self._now() + self.off_s, self.synchronised, 0.0)
