"""The end of the horizon: what lies behind it hardly changes what is done now, for heat left there has its worth."""

import numpy as np
import pytest

from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.solve import make_plan
from tests.planning.houses import random_winter

SAME_KWH = 0.05
SHARE = 0.05
"""Of the cases: so many first hours may change."""


def first_hours(seeds: range, minutes: int, hours: int, options: PlannerOptions) -> list[float]:
    """Electricity (kWh) bought in the first hour, per case; a case of fewer hours is the beginning of one of more."""
    plans = [make_plan(random_winter(np.random.default_rng(seed), hours, minutes), options) for seed in seeds]
    return [plan.first_hour_average_w() / 1000.0 for plan in plans]


def changed(seeds: range, minutes: int, options: PlannerOptions, hours: tuple[int, int] = (48, 72)) -> int:
    """In how many cases the longer look ahead buys something else in the first hour."""
    short, long = (first_hours(seeds, minutes, count, options) for count in hours)
    return sum(abs(one - other) > SAME_KWH for one, other in zip(short, long, strict=True))


def test_a_third_day_hardly_changes_the_first_hour() -> None:
    coarse = PlannerOptions(level_nodes=48)
    count = changed(range(60), 60, coarse)
    print(f"{count} of 60 first hours change")
    assert count < SHARE * 60


def test_without_worth_behind_it_the_end_is_felt() -> None:
    """That the measure can fail: half a day ahead and nothing behind it, and too many first hours change."""
    blind = PlannerOptions(level_nodes=48, tail_h=0.0, terminal_discount=0.0)
    assert changed(range(40), 60, blind, (12, 48)) >= SHARE * 40


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("minutes", [60, 15])
def test_a_third_day_hardly_changes_the_first_hour_of_many(minutes: int) -> None:
    count = changed(range(400), minutes, PlannerOptions())
    print(f"{minutes} min: {count} of 400 first hours change")
    assert count < SHARE * 400
