"""A running house as a planning case: every step has the price of its own time, whatever slots the market has."""

from dataclasses import replace

import numpy as np
import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import load_house
from gw_spaceheat.messages.market import Prices, prices_from
from gw_spaceheat.planning.live_case import CaseMaker, Known, Outlook
from gw_spaceheat.planning.model.parameters import parameters_of
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.policy import advise, policy_of
from gw_spaceheat.planning.solve import solve

HOUR_S = 1_768_478_400
MAKER = CaseMaker(load_house("beech"), Outlook(lambda time_s: -5.0))


def prices(count: int, slot_minutes: int = 60, start_s: int = HOUR_S) -> Prices:
    """0, 1, 2 ... USD/MWh, so that a price says its slot."""
    return prices_from(
        market_alias="d1.market",
        message_id="c3cd6c8d-e8d8-4875-8f7b-d3ea13c28601",
        now_s=HOUR_S,
        start_s=start_s,
        lmp_usd_per_mwh=[float(slot) for slot in range(count)],
        distribution_usd_per_mwh=[0.0] * count,
        slot_minutes=slot_minutes,
    )


def planned(said: Prices, now_s: float) -> tuple[tuple[int, ...], list[float]]:
    case = MAKER.case(Known(said, {"tank1_1_c": (40.0, now_s)}, (False, 0.0)), now_s)
    assert case is not None
    return case.step_minutes, case.price_usd_per_mwh.tolist()


@pytest.mark.parametrize("later_s", [0, 1500, 3600, 5 * 3600 + 2400])
def test_hours_have_the_price_of_their_hour(later_s: int) -> None:
    minutes, price = planned(prices(50), HOUR_S + later_s)
    assert minutes[0] == 60 - later_s % 3600 // 60 and set(minutes[1:]) == {60}
    assert len(price) == min(48, 50 - later_s // 3600)
    assert price == [float(later_s // 3600 + hour) for hour in range(len(price))]


def test_shorter_slots_are_averaged_over_the_hour() -> None:
    minutes, price = planned(prices(200, slot_minutes=15), HOUR_S + 1500)
    assert len(minutes) == 48
    # 35 minutes are left of the hour: 5 of its second quarter, then two whole ones.
    assert price[:3] == pytest.approx([(5 * 1 + 15 * 2 + 15 * 3) / 35, 5.5, 9.5])


def test_longer_slots_and_slots_across_the_hour() -> None:
    assert planned(prices(10, slot_minutes=120), HOUR_S)[1] == np.repeat(np.arange(10.0), 2).tolist()
    across = prices(50, start_s=HOUR_S - 1800)
    assert planned(across, HOUR_S)[1][:3] == [0.5, 1.5, 2.5]


def test_prices_that_are_none_for_now_are_said_and_not_planned_with() -> None:
    later = prices(50, start_s=HOUR_S + 3 * 3600)
    assert MAKER.case(Known(later, {"tank1_1_c": (40.0, HOUR_S)}, (False, 0.0)), HOUR_S) is None
    said = "prices begin at 2026-01-15T15:00:00Z, a plan would at 2026-01-15T12:00:00Z"
    assert MAKER.why_no_prices(later, HOUR_S) == said
    assert MAKER.why_no_prices(later, HOUR_S + 3 * 3600) == ""
    assert "must reach 2 h ahead" in MAKER.why_no_prices(prices(4), HOUR_S + 2.5 * 3600)


def test_wind_is_the_same_wherever_a_running_house_is_thought_about() -> None:
    """Believed load, plan and policy: a house whose load depends on the wind is believed to stand in calm."""
    house = load_house("beech")
    believed = parameters_of(house.plumbing)
    windy = replace(believed, load=replace(believed.load, wind_kw_per_k_m_s=0.01))
    maker = CaseMaker(house, Outlook(lambda time_s: -5.0, windy))
    case = maker.case(Known(prices(50), {"tank1_1_c": (60.0, HOUR_S)}, (False, 0.0)), HOUR_S)
    assert case is not None
    solution = solve(case, PlannerOptions(level_nodes=24))
    planned_kw = solution.problem.heats[0].load_kwh
    assert planned_kw == pytest.approx(maker.believed_load_kw(HOUR_S)) == believed.load.heat_kw(np.array(-5.0))
    assert solution.plan.unmet == tuple(note for note in solution.plan.unmet if "wind" not in note)
    policy = policy_of(solution)
    calm = replace(policy, parameters=replace(policy.parameters, load=believed.load))
    for now_s in (HOUR_S, HOUR_S + 20 * 3600):
        assert advise(policy, case.state, now_s) == advise(calm, case.state, now_s)
    with pytest.raises(BadInput, match="the case must be one without wind"):
        policy_of(solve(replace(case, wind_m_per_s=np.full(48, 4.0)), PlannerOptions(level_nodes=24)))
