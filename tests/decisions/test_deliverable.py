import pytest

from gw_spaceheat.decisions.deliverable import (
    LEAST_SHARE,
    MARGIN,
    UNKNOWN_SHARE,
    Deliverable,
    heard,
    limit_w,
    running_hours,
)

HOUR_S = 3600.0


def seen(*powers_w: float) -> Deliverable:
    """A unit of 7 kW that drew each power for an hour, with a stop of an hour in between."""
    state = Deliverable(7000.0)
    for hour, power_w in enumerate(powers_w):
        for minute in range(61):
            state = heard(state, power_w, (2 * hour) * HOUR_S + 60.0 * minute)
        state = heard(state, 20.0, (2 * hour + 1) * HOUR_S)
    return state


def test_before_it_has_run_a_share_of_the_nameplate_is_assumed() -> None:
    assert seen(20.0).estimate_w == UNKNOWN_SHARE * 7000.0


def test_the_first_run_is_believed_at_once_and_later_ones_by_how_long_they_last() -> None:
    assert seen(5000.0).estimate_w == 5000.0
    assert 5500.0 < seen(5000.0, 6000.0).estimate_w < 6000.0
    assert seen(*[5000.0] * 2, *[6000.0] * 9).estimate_w == pytest.approx(6000.0, abs=10.0)


def test_a_start_is_not_taken_for_its_power() -> None:
    state = seen(5000.0)
    for second in range(0, 500, 10):
        state = heard(state, 1000.0, 9000.0 + second)
    assert heard(state, 20.0, 9500.0).estimate_w == 5000.0


def test_standing_still_teaches_nothing() -> None:
    assert heard(seen(5000.0), 20.0, 90_000.0).estimate_w == 5000.0


def test_the_estimate_stays_below_the_nameplate() -> None:
    assert seen(9000.0).estimate_w == 7000.0


def test_a_source_that_must_start_first_is_sold_for_less() -> None:
    hours = running_hours(60.0, True, 360.0)
    assert hours == pytest.approx(0.9)
    assert limit_w(seen(6000.0), 5700.0, 60.0, hours) == pytest.approx(MARGIN * 5400.0)
    assert limit_w(seen(6000.0), 3000.0, 60.0, hours) == 3000.0


def test_a_unit_seen_weak_does_not_talk_the_plan_out_of_heating() -> None:
    assert limit_w(seen(1000.0), 5000.0, 60.0, 1.0) == LEAST_SHARE * 5000.0
