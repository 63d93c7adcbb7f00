"""What was measured, forecast and agreed becomes numbers: gaps are filled and named, nothing is lost without a word."""

from dataclasses import replace

import numpy as np
import pytest

from gw_spaceheat.planning.bid import market_slot
from gw_spaceheat.planning.case import Commitment, PlanningCase
from gw_spaceheat.planning.inputs import horizon_of
from gw_spaceheat.planning.options import PlannerOptions
from tests.planning.houses import case_at

HOUR_S = 3600.0
NO_TAIL = PlannerOptions(tail_h=0.0)


def committed(case: PlanningCase, *slots: Commitment) -> tuple[list[float], list[str]]:
    """Electricity (kWh) each step is asked for, -1 where nothing is; and what the case is noted for."""
    horizon, notes = horizon_of(replace(case, commitments=slots), NO_TAIL)
    return np.nan_to_num(horizon.committed_kwh, nan=-1.0).tolist(), notes


def test_all_of_a_slots_energy_is_in_the_steps_it_binds() -> None:
    case = case_at((60,) * 4)
    # 00:40 to 01:30: the first hour is only grazed, the second bound.
    assert committed(case, Commitment(2400.0, 5400.0, 5.0)) == ([-1.0, 5.0, -1.0, -1.0], [])
    assert committed(case, Commitment(1800.0, 7200.0, 3.0)) == ([1.0, 2.0, -1.0, -1.0], [])
    both = (Commitment(0.0, HOUR_S, 1.0), Commitment(HOUR_S, 2.0 * HOUR_S, 2.0))
    assert committed(case, *both) == ([1.0, 2.0, -1.0, -1.0], [])


def test_what_lies_before_and_behind_the_steps_is_not_asked_of_them() -> None:
    assert committed(case_at((60,) * 2), Commitment(-HOUR_S, 3.0 * HOUR_S, 8.0)) == ([2.0, 2.0], [])


def test_a_slot_that_binds_no_step_is_named() -> None:
    case = case_at((60,) * 4)
    nothing = [-1.0] * 4
    assert committed(case, Commitment(1e7, 1e7 + HOUR_S, 1.0)) == (nothing, ["commitments_outside_horizon=1"])
    grazing = Commitment(3000.0, 4200.0, 1.0)
    assert committed(case, grazing) == (nothing, ["commitments_shorter_than_half_a_step=1"])


@pytest.mark.parametrize("early_s", [0.0, 1.0, 1700.0])
def test_the_bid_is_for_the_first_step_that_no_slot_binds(early_s: float) -> None:
    """Bid and horizon mean the same by committed: a step a slot only grazes is free."""
    case = replace(case_at((60,) * 6), commitments=(Commitment(HOUR_S - early_s, 2.0 * HOUR_S, 2.0),))
    assert market_slot(case) == (0.0, HOUR_S)
    bound = replace(case, commitments=(Commitment(HOUR_S / 2.0 - early_s, 2.0 * HOUR_S, 2.0),))
    assert market_slot(bound) == (2.0 * HOUR_S, 3.0 * HOUR_S)
