"""What is kept of readings that could not be sent: full for a day, then means, then coarser means, then a gap.

A pure function of a reading's time and now. Bucket borders are multiples of the period since the epoch, so fine
buckets nest in coarse ones, and a bucket is made when all of it is old enough: thinning often or once gives the
same. Values are the integers of their telemetry and sums are exact.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Tiers:
    """Ages, s, up to which each tier is kept, and the periods of the two thinned ones."""

    full_s: int = DAY_S
    fine_period_s: int = 300
    fine_s: int = 7 * DAY_S
    coarse_period_s: int = 3600
    coarse_s: int = 28 * DAY_S

    def __post_init__(self) -> None:
        if self.coarse_period_s % self.fine_period_s:
            raise ValueError(f"coarse period {self.coarse_period_s} s must be a multiple of {self.fine_period_s} s")


class Reading(NamedTuple):
    """One value of a channel, by the channel's number."""

    channel: int
    at_ms: int
    value: int


class Bucket(NamedTuple):
    """All readings of one channel in [start_s, start_s + period_s)."""

    period_s: int
    start_s: int
    channel: int
    readings: int
    total: int
    low: int
    high: int

    @property
    def mean(self) -> int:
        """Rounded to the nearest, halves up."""
        return (2 * self.total + self.readings) // (2 * self.readings)


class Dropped(NamedTuple):
    """Readings too old for every tier: how many, and from when to when (both included)."""

    first_ms: int
    last_ms: int
    readings: int


@dataclass(frozen=True, slots=True)
class Thinned:
    readings: tuple[Reading, ...]
    buckets: tuple[Bucket, ...]
    dropped: Dropped | None


class Cuts(NamedTuple):
    """Epoch s: what lies before `full` is in fine buckets, before `fine` in coarse ones, before `coarse` gone."""

    full_s: int
    fine_s: int
    coarse_s: int


def cuts(now_s: float, tiers: Tiers) -> Cuts:
    """The borders of the tiers now, each on a border of the buckets that begin there."""
    fine, coarse = tiers.fine_period_s, tiers.coarse_period_s
    full_s = int((now_s - tiers.full_s) // fine * fine)
    fine_s = min(int((now_s - tiers.fine_s) // coarse * coarse), full_s // coarse * coarse)
    return Cuts(full_s, fine_s, min(int((now_s - tiers.coarse_s) // coarse * coarse), fine_s))


def thin(readings: Iterable[Reading], buckets: Iterable[Bucket], now_s: float, tiers: Tiers) -> Thinned:
    """Sort readings and buckets into the tiers of now. Buckets come out merged, by period, start and channel."""
    at = cuts(now_s, tiers)
    full_ms, coarse_ms = at.full_s * 1000, at.coarse_s * 1000
    kept: list[Reading] = []
    made: dict[tuple[int, int, int], Bucket] = {}
    dropped: Dropped | None = None
    for reading in readings:
        if reading.at_ms >= full_ms:
            kept.append(reading)
        elif reading.at_ms < coarse_ms:
            dropped = merged_gaps(dropped, Dropped(reading.at_ms, reading.at_ms, 1))
        else:
            channel, at_ms, value = reading
            period_s = tiers.fine_period_s if at_ms >= at.fine_s * 1000 else tiers.coarse_period_s
            start_s = at_ms // 1000 // period_s * period_s
            _merge(made, Bucket(period_s, start_s, channel, 1, value, value, value))
    for bucket in buckets:
        if bucket.start_s < at.coarse_s:
            last_ms = (bucket.start_s + bucket.period_s) * 1000 - 1
            dropped = merged_gaps(dropped, Dropped(bucket.start_s * 1000, last_ms, bucket.readings))
        elif bucket.start_s < at.fine_s and bucket.period_s < tiers.coarse_period_s:
            start_s = bucket.start_s // tiers.coarse_period_s * tiers.coarse_period_s
            _merge(made, bucket._replace(period_s=tiers.coarse_period_s, start_s=start_s))
        else:
            _merge(made, bucket)
    return Thinned(tuple(kept), tuple(made[key] for key in sorted(made)), dropped)


def merged_gaps(one: Dropped | None, other: Dropped) -> Dropped:
    """Both as one."""
    if one is None:
        return other
    return Dropped(min(one.first_ms, other.first_ms), max(one.last_ms, other.last_ms), one.readings + other.readings)


def _merge(made: dict[tuple[int, int, int], Bucket], new: Bucket) -> None:
    key = (new.period_s, new.start_s, new.channel)
    old = made.get(key)
    if old is not None:
        new = new._replace(
            readings=old.readings + new.readings,
            total=old.total + new.total,
            low=min(old.low, new.low),
            high=max(old.high, new.high),
        )
    made[key] = new
