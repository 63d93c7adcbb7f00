"""What was measured, forecast and agreed becomes numbers: gaps are filled and named, nothing is lost without a word."""

from dataclasses import replace
from math import nan

import numpy as np
import pytest

from gw_spaceheat.planning.bid import market_slot
from gw_spaceheat.planning.case import Commitment, PlanningCase
from gw_spaceheat.planning.inputs import (
    COLD_OUTDOOR_C,
    COLD_STORE_C,
    PRICE_UNKNOWN_USD_PER_MWH,
    horizon_of,
    start_of,
)
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.solve import make_plan
from tests.planning.houses import WARM, case_at

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


def test_weather_that_cannot_be_is_a_gap() -> None:
    """Kelvins are no heat wave: what is out of range is filled like what is missing, and does not spread."""
    kelvins = replace(case_at((60,) * 24), outdoor_c=np.full(24, 268.0))
    horizon, notes = horizon_of(kelvins, NO_TAIL)
    assert set(horizon.outdoor_c.tolist()) == {COLD_OUTDOOR_C}
    assert notes == ["outdoor_forecast_missing", "outdoor_forecast_out_of_range=24"]
    assert sum(step.hp_electric_kwh for step in make_plan(kelvins).steps) > 20.0
    one = replace(case_at((60,) * 5), outdoor_c=np.array([-5.0, 268.0, np.nan, -8.0, 400.0]))
    horizon, notes = horizon_of(one, NO_TAIL)
    assert horizon.outdoor_c.tolist() == [-5.0, -6.0, -7.0, -8.0, -8.0]
    assert notes == ["outdoor_forecast_gaps=1", "outdoor_forecast_out_of_range=2"]


def test_setpoints_and_prices_that_cannot_be_are_gaps_too() -> None:
    odd = replace(case_at((60,) * 3), setpoint_c=np.array([20.0, 68.0, 22.0]), price_usd_per_mwh=np.full(3, 1e9))
    horizon, notes = horizon_of(odd, NO_TAIL)
    assert horizon.setpoint_k.tolist() == [0.0, 1.0, 2.0]
    assert horizon.price_usd_per_kwh.tolist() == [PRICE_UNKNOWN_USD_PER_MWH / 1000.0] * 3
    assert notes == ["price_forecast_missing", "price_forecast_out_of_range=3", "setpoint_out_of_range=1"]


@pytest.mark.parametrize(
    ("layers", "mean_c", "top_c"),
    [
        ((60.0, 55.0, 50.0, 45.0), 52.5, 60.0),
        ((60.0, nan, 50.0, 45.0), 52.5, 60.0),
        ((nan, 268.0, 50.0, 40.0), 47.5, 50.0),
        ((60.0, 55.0, 50.0, nan), 53.75, 60.0),
        ((62.0, nan, nan, nan), COLD_STORE_C, COLD_STORE_C),
        ((), COLD_STORE_C, COLD_STORE_C),
    ],
)
def test_a_dead_thermometer_has_its_neighbours_and_one_alive_is_no_store(
    layers: tuple[float, ...], mean_c: float, top_c: float
) -> None:
    case = case_at((60,), state=replace(WARM, store_c=layers))
    start, notes = start_of(case.parameters, case.state)
    assert (start.mean_c, start.top_c) == (pytest.approx(mean_c), top_c)
    dead = max(1, len(layers)) - sum(-40.0 < layer < 130.0 for layer in layers)
    assert notes == ([f"store_layers_missing={dead}"] if dead else [])
