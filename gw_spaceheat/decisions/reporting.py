"""When a reading is worth a message, and which report slot it belongs to. Times are epoch seconds."""

from collections.abc import Iterable
from dataclasses import dataclass, field

POWER_FRACTION = 0.02
REPEAT_S = 60.0
FLAT_LINE_PERIODS = 2.1


@dataclass(frozen=True, slots=True)
class PowerReportState:
    """What was last reported."""

    power_w: float | None = None
    reported_s: float = float("-inf")


def decide_power(
    state: PowerReportState,
    power_w: float,
    nameplate_w: float,
    now_s: float,
    fraction: float = POWER_FRACTION,
    repeat_s: float | None = REPEAT_S,
) -> tuple[PowerReportState, bool]:
    """Report when power moved more than `fraction` of nameplate since last reported, or after `repeat_s`.

    `repeat_s` None: no repetition (outside of remote control).
    """
    moved = state.power_w is None or abs(power_w - state.power_w) > fraction * nameplate_w
    due = repeat_s is not None and now_s - state.reported_s >= repeat_s
    return (PowerReportState(power_w, now_s), True) if moved or due else (state, False)


def report_slot(now_s: float, period_s: float) -> tuple[float, float]:
    """The aligned slot [start, end) that `now_s` lies in."""
    start_s = now_s // period_s * period_s
    return start_s, start_s + period_s


def worth_capturing(
    last_value: float | None, last_s: float, value: float, now_s: float, period_s: float, async_delta: float | None
) -> bool:
    """Capture when the period has passed, or at once when the value moved by the channel's delta."""
    if last_value is None or now_s - last_s >= period_s:
        return True
    return async_delta is not None and abs(value - last_value) >= async_delta


def is_flat(last_reading_s: float, period_s: float, now_s: float) -> bool:
    """Nothing was read for 2.1 capture periods."""
    return now_s - last_reading_s > FLAT_LINE_PERIODS * period_s


@dataclass(frozen=True, slots=True)
class ChannelReadings:
    """All readings of one channel in one slot, by time; `values` in the unit of the channel's telemetry."""

    channel: str
    values: tuple[int, ...]
    times_ms: tuple[int, ...]


@dataclass(slots=True)
class ChannelLog:
    """Collects readings until their slot is closed. The only mutable thing here: it is a buffer, not a decision."""

    limit: int = 100_000
    dropped: int = 0
    _readings: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    _count: int = 0

    def add(self, channel: str, value: int, read_s: float) -> bool:
        """Keep a reading with its own time; False (and counted in `dropped`) when the buffer is full."""
        if self._count >= self.limit:
            self.dropped += 1
            return False
        self._readings.setdefault(channel, []).append((int(read_s * 1000), value))
        self._count += 1
        return True

    def close(self, end_s: float) -> tuple[ChannelReadings, ...]:
        """Take out every reading before `end_s`, channels by name; later ones stay for the next slot.

        A reading that came too late for its own slot is in here with its own time: nothing is lost.
        """
        end_ms = int(end_s * 1000)
        closed: list[ChannelReadings] = []
        for channel in sorted(self._readings):
            before = sorted((r for r in self._readings[channel] if r[0] < end_ms), key=lambda reading: reading[0])
            if before:
                closed.append(_readings(channel, before))
                self._readings[channel] = [r for r in self._readings[channel] if r[0] >= end_ms]
                self._count -= len(before)
        return tuple(closed)


def _readings(channel: str, pairs: Iterable[tuple[int, int]]) -> ChannelReadings:
    times_ms, values = zip(*pairs, strict=True)
    return ChannelReadings(channel, tuple(values), tuple(times_ms))
