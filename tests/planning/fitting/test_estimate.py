"""Errors by leaving days out, against closed forms."""

import random
from functools import partial

import numpy as np
import pytest

from gw_spaceheat.planning.fitting.estimate import Estimate, Jackknife, Mask, Refused, held_for, jackknife, student_95
from gw_spaceheat.planning.model.maths import Floats


def test_of_a_mean_the_jackknife_is_the_textbook_standard_error() -> None:
    rng = random.Random(3)
    values = np.array([rng.gauss(5.0, 2.0) for _ in range(12)])
    found = jackknife(np.arange(12.0), lambda keep: np.array([values[keep].mean()]))
    assert isinstance(found, Jackknife)
    assert found.values[0] == pytest.approx(values.mean())
    assert found.standard_errors[0] == pytest.approx(values.std(ddof=1) / 12**0.5)


def test_rows_that_repeat_within_a_day_do_not_shrink_the_error() -> None:
    rng = random.Random(4)
    daily = np.array([rng.gauss(0.0, 1.0) for _ in range(10)])
    once = jackknife(np.arange(10.0), lambda keep: np.array([daily[keep].mean()]))
    often = np.repeat(daily, 500)
    many = jackknife(np.repeat(np.arange(10.0), 500), lambda keep: np.array([often[keep].mean()]))
    assert isinstance(once, Jackknife) and isinstance(many, Jackknife)
    assert many.standard_errors[0] == pytest.approx(once.standard_errors[0])


def slope(outdoor: Floats, heat: Floats, keep: Mask) -> Floats:
    result: Floats = np.polyfit(outdoor[keep], heat[keep], 1)[:1]
    return result


def test_intervals_of_correlated_data_cover_in_about_95_of_100_cases() -> None:
    """Slope of a line with noise that lasts for hours: the case that a plain regression gets wrong."""
    covered = 0
    for seed in range(120):
        rng = random.Random(seed)
        noise, rows = 0.0, []
        for hour in range(14 * 24):
            noise = 0.8 * noise + rng.gauss(0.0, 1.0)
            outdoor_c = 8.0 * np.sin(hour / 24.0) + 3.0 * np.sin(hour * 2.0 * np.pi / 24.0)
            rows.append((hour // 24, outdoor_c, 2.0 * outdoor_c + noise))
        day, outdoor, heat = np.array(rows).T
        found = jackknife(day, partial(slope, outdoor, heat))
        assert isinstance(found, Jackknife)
        one = found.estimate(0, "slope", "1", 0.0, "", day.size)
        assert isinstance(one, Estimate) and one.low is not None and one.high is not None
        covered += one.low <= 2.0 <= one.high
    assert 108 <= covered <= 120


def test_few_days_and_wide_intervals_are_refused() -> None:
    assert isinstance(jackknife(np.arange(4.0), lambda keep: np.ones(1)), Refused)
    wide = Jackknife(np.array([1.0]), np.array([0.2]), 14)
    refused = wide.estimate(0, "capacity", "kWh/K", 0.0, "", 100)
    assert isinstance(refused, Refused) and "too uncertain" in refused.reason


def test_calibration_joins_the_scatter() -> None:
    one = Jackknife(np.array([10.0]), np.array([0.03]), 14).estimate(0, "x", "kW", 0.04, "", 1)
    assert isinstance(one, Estimate) and one.high is not None
    assert one.standard_error == pytest.approx(0.05)
    assert one.high - one.value == pytest.approx(np.hypot(student_95(13) * 0.03, 1.96 * 0.04), rel=1e-3)


@pytest.mark.parametrize(("freedom", "factor"), [(4, 2.776), (9, 2.262), (13, 2.160), (30, 2.042), (10**6, 1.960)])
def test_student(freedom: int, factor: float) -> None:
    assert student_95(freedom) == pytest.approx(factor, rel=0.01)


def test_held_for_wants_an_unbroken_past_and_future() -> None:
    mask = np.array([True, True, True, False, True, True, True, True])
    assert held_for(mask, 2).tolist() == [False, False, True, False, False, False, True, True]
    assert held_for(mask, 1, 1).tolist() == [False, True, False, False, False, True, True, False]
