"""What a heat source can do in a step: whole or not at all, unless it can be turned down."""

from itertools import pairwise

import pytest

from gw_spaceheat.planning.case import StateNow
from gw_spaceheat.planning.model.parameters import parameters_of
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.roll_out import Taken
from gw_spaceheat.planning.solve import Solution, solve
from tests.planning.houses import COLD, WARM, WATER, case_at, dear_by_day, with_pump

COARSE = PlannerOptions(level_nodes=32)
ON_OFF = with_pump(parameters_of(WATER), minimum_on_s=900.0, minimum_off_s=600.0, start_delay_s=215.0)
TURNED_DOWN = with_pump(ON_OFF, leaving_choice=True, minimum_modulation=0.35)
NEARLY = 1e-6


def solved(minutes: tuple[int, ...], choice: bool, outdoor_c: float = 5.0, state: StateNow = WARM) -> Solution:
    parameters = TURNED_DOWN if choice else ON_OFF
    prices = [price for price in dear_by_day(24) for _ in range(60 // minutes[0])]
    return solve(case_at(minutes, prices, outdoor_c, state, parameters), COARSE)


def runs_on(solution: Solution) -> list[Taken]:
    """Steps of a run that began before them and does not end in them."""
    return [one for one in solution.taken if one.runs and not one.started and one.mode.running]


@pytest.mark.parametrize("outdoor_c", [-12.0, 5.0])
@pytest.mark.parametrize("minutes", [5, 15])
def test_a_unit_that_nobody_can_turn_down_runs_a_short_step_whole(minutes: int, outdoor_c: float) -> None:
    taken = runs_on(solved((minutes,) * (24 * 60 // minutes), False, outdoor_c))
    assert len(taken) > 4
    assert {round(one.share, 6) for one in taken} == {1.0}


@pytest.mark.parametrize("minutes", [5, 15])
def test_one_that_can_be_turned_down_runs_at_its_minimum_modulation_or_more(minutes: int) -> None:
    taken = runs_on(solved((minutes,) * (24 * 60 // minutes), True))
    assert len(taken) > 4
    assert min(one.share for one in taken) >= 0.35 - NEARLY


@pytest.mark.parametrize("outdoor_c", [-12.0, 5.0, 10.0])
def test_a_long_step_of_less_than_that_ends_at_rest_and_the_next_run_is_a_start(outdoor_c: float) -> None:
    taken = solved((60,) * 24, True, outdoor_c).taken
    for before, after in pairwise(taken):
        if before.runs and before.share < 0.35 - NEARLY and after.runs:
            assert after.started
    assert all(one.share >= 0.35 - NEARLY for one in taken if one.runs and one.mode.running and not one.started)


def test_the_first_step_of_a_run_gives_what_its_delay_leaves() -> None:
    taken = solved((5,) * 288, False, -12.0, COLD).taken
    first = [one.share for one in taken if one.started]
    assert first and max(first) <= 1.0 - 215.0 / 300.0 + NEARLY
