"""The tiers against a naive reference: to the reading, and the same however often they are applied."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gw_spaceheat.decisions.tiers import DAY_S, Bucket, Reading, Tiers, cuts, thin

TIERS = Tiers()
NOW_S = 1_481_518_800 + 1234.5


def naive(readings: list[Reading], now_s: float, tiers: Tiers) -> tuple[list[Reading], list[Bucket], int]:
    """One reading at a time, by the end of the bucket it would be in."""
    kept, groups, gone = [], defaultdict(list), 0
    for reading in readings:
        at_s = reading.at_ms / 1000.0
        fine_start = int(at_s // 300) * 300
        coarse_start = int(at_s // 3600) * 3600
        if coarse_start + 3600 <= now_s - tiers.coarse_s:
            gone += 1
        elif coarse_start + 3600 <= now_s - tiers.fine_s:
            groups[3600, coarse_start, reading.channel].append(reading.value)
        elif fine_start + 300 <= now_s - tiers.full_s:
            groups[300, fine_start, reading.channel].append(reading.value)
        else:
            kept.append(reading)
    buckets = [Bucket(*key, len(v), sum(v), min(v), max(v)) for key, v in sorted(groups.items())]
    return kept, buckets, gone


READINGS = st.lists(
    st.builds(
        Reading,
        st.integers(1, 3),
        st.one_of(
            st.integers(0, 30 * DAY_S * 1000),
            # near the borders, where it matters
            st.builds(lambda d, ms: d * DAY_S * 1000 + ms, st.sampled_from([1, 7, 28]), st.integers(-4e6, 4e6)),
        ).map(lambda age_ms: int(NOW_S * 1000) - age_ms),
        st.integers(-50_000, 90_000),
    ),
    max_size=200,
)


@settings(max_examples=300, deadline=None)
@given(READINGS)
def test_like_the_naive_reference(readings: list[Reading]) -> None:
    found = thin(readings, (), NOW_S, TIERS)
    kept, buckets, gone = naive(readings, NOW_S, TIERS)
    assert list(found.readings) == kept
    assert list(found.buckets) == buckets
    assert (found.dropped.readings if found.dropped else 0) == gone


@settings(max_examples=200, deadline=None)
@given(READINGS, st.lists(st.integers(0, 40 * DAY_S), max_size=12))
def test_often_or_once_is_the_same(readings: list[Reading], steps_s: list[int]) -> None:
    """Each time on what is left of the last: in the end nothing but `now` counts."""
    left, buckets, gone = tuple(readings), tuple[Bucket, ...](), 0
    for age_s in [*sorted(steps_s, reverse=True), 0]:
        found = thin(left, buckets, NOW_S - age_s, TIERS)
        left, buckets = found.readings, found.buckets
        gone += found.dropped.readings if found.dropped else 0
    kept, expected, expected_gone = naive(readings, NOW_S, TIERS)
    assert list(left) == kept
    assert list(buckets) == expected
    assert gone == expected_gone


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=20))
def test_mean_is_within_low_and_high_and_rounded(values: list[int]) -> None:
    bucket = Bucket(300, 0, 1, len(values), sum(values), min(values), max(values))
    assert bucket.low <= bucket.mean <= bucket.high
    assert abs(bucket.mean - sum(values) / len(values)) <= 0.5 + 1e-6


@given(st.floats(1.4e9, 1.9e9))
def test_cuts_lie_on_bucket_borders_and_are_in_order(now_s: float) -> None:
    at = cuts(now_s, TIERS)
    assert at.coarse_s <= at.fine_s <= at.full_s
    assert at.full_s % 300 == at.fine_s % 3600 == at.coarse_s % 3600 == 0
    assert 0 <= now_s - TIERS.full_s - at.full_s < 300
    assert 0 <= now_s - TIERS.fine_s - at.fine_s < 3600


def test_periods_must_nest() -> None:
    with pytest.raises(ValueError, match="multiple"):
        Tiers(fine_period_s=420)
