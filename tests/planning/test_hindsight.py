"""Bid regret in hindsight: the world came otherwise than it was believed when the bid was made."""

from dataclasses import replace

import numpy as np
import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.messages.market import Prices, prices_from
from gw_spaceheat.planning.bid import Bid, bid_of
from gw_spaceheat.planning.case import Commitment, PlanningCase, StateNow
from gw_spaceheat.planning.hindsight import Hindsight, SlotSeen, came_true, look_back
from gw_spaceheat.planning.model.parameters import parameters_of
from gw_spaceheat.planning.solve import Solution, solve
from tests.planning.houses import COLD, WARM, WATER, case_at, dear_by_day

HOUR_S = 3600.0
START_S = 444_445 * HOUR_S
HOURS = 27
BELIEVED = dear_by_day(HOURS)
CHEAP_FIRST = [20.0, *BELIEVED[1:]]


def case_of(prices: list[float] = BELIEVED, state: StateNow = WARM, outdoor_c: float = -5.0) -> PlanningCase:
    case = case_at((60,) * HOURS, prices, outdoor_c, state)
    return replace(case, start_s=START_S, state=replace(state, heat_pump_since_s=START_S - 1e6))


def said(prices: list[float], hour: int = 1) -> Prices:
    """What the market says once the first hour is over: it does not name that any more."""
    return prices_from(
        market_alias="d1.market",
        message_id="c3cd6c8d-e8d8-4875-8f7b-d3ea13c28601",
        now_s=START_S + HOUR_S,
        start_s=int(START_S + hour * HOUR_S),
        lmp_usd_per_mwh=prices[hour:],
        distribution_usd_per_mwh=[0.0] * len(prices[hour:]),
    )


def seen(usd_per_mwh: float, bought_kw: float, **more: float | StateNow | None) -> SlotSeen:
    return replace(SlotSeen(START_S, START_S + HOUR_S, usd_per_mwh, bought_kw), **more)  # type: ignore[arg-type]


def bid_for(case: PlanningCase) -> tuple[Solution, Bid]:
    solution = solve(case)
    return solution, bid_of(solution, START_S, START_S + HOUR_S)


def bought_in(case: PlanningCase) -> float:
    """What the house bids for, at the price it believes in."""
    _, bid = bid_for(case)
    return bid.average_kw(bid.forecast_usd_per_mwh)


def by_the_planner(truth: PlanningCase, bought_kw: float) -> float:
    """What the planner itself says `bought_kw` costs above the best it can do: no slot executor, no bid."""
    held = replace(truth, commitments=(Commitment(START_S, START_S + HOUR_S, bought_kw),))
    return solve(held).plan.objective_usd - solve(truth).plan.objective_usd


@pytest.mark.parametrize("state", [WARM, COLD])
@pytest.mark.parametrize("usd_per_mwh", [-50.0, 90.0, 250.0])
def test_who_bought_the_best_and_was_right_regrets_nothing(state: StateNow, usd_per_mwh: float) -> None:
    prices = [usd_per_mwh, *BELIEVED[1:]]
    truth = case_of(prices, state)
    _, bid = bid_for(truth)
    found = look_back(truth, seen(usd_per_mwh, bid.average_kw(usd_per_mwh)), said(prices))
    assert found.regret_usd == pytest.approx(0.0, abs=2e-4)
    again = look_back(truth, seen(usd_per_mwh, found.best_kw), said(prices))
    assert again.regret_usd == pytest.approx(0.0, abs=1e-9)


def check(found: Hindsight, truth: PlanningCase, bought_kw: float, best_kw: float, usd_per_mwh: float) -> None:
    """Regret is the difference of two totals in the world that came true, and what the planner says it is."""
    _, bid = bid_for(truth)
    totals = [bid.total_usd(kw, usd_per_mwh) for kw in (bought_kw, best_kw)]
    assert found.best_kw == pytest.approx(best_kw, abs=0.01)
    assert found.regret_usd == pytest.approx(totals[0] - totals[1], abs=1e-3)
    assert found.regret_usd == pytest.approx(by_the_planner(truth, bought_kw), abs=0.05, rel=0.05)


def test_a_price_that_came_otherwise() -> None:
    """20 USD/MWh were believed and a full run bought; 900 came, and the market's price was no limit of ours."""
    bought_kw = bought_in(case_of(CHEAP_FIRST))
    assert bought_kw > 3.0
    found = look_back(case_of(CHEAP_FIRST), seen(900.0, bought_kw), said(CHEAP_FIRST))
    check(found, case_of([900.0, *BELIEVED[1:]]), bought_kw, 0.0, 900.0)
    # The heat would have been bought later, for 90 to 350 USD/MWh.
    assert 0.55 * bought_kw < found.regret_usd < 0.9 * bought_kw


def test_later_prices_that_came_otherwise() -> None:
    """Nothing was bought at 90 for hours at 20 that were to come; now they are known to cost 400."""
    cheap, dear = [90.0] + [20.0] * (HOURS - 1), [90.0] + [400.0] * (HOURS - 1)
    assert bought_in(case_of(cheap)) == 0.0
    found = look_back(case_of(cheap), seen(90.0, 0.0), said(dear))
    check(found, case_of(dear), 0.0, found.best_kw, 90.0)
    assert found.best_kw > 3.0 and found.regret_usd > 0.5


def test_a_house_that_began_the_slot_colder_than_the_bid_believed() -> None:
    """A warm store could wait for 20 USD/MWh; the one that was measured could not."""
    prices = [90.0, 90.0, 90.0] + [20.0] * (HOURS - 3)
    assert bought_in(case_of(prices)) == 0.0
    cold = replace(COLD, zone_c=18.5)
    found = look_back(case_of(prices, cold, -15.0), seen(90.0, 0.0), said(prices))
    check(found, case_of(prices, cold, -15.0), 0.0, found.best_kw, 90.0)
    assert found.best_kw > 1.0 and found.regret_usd > 0.1


def test_weather_that_came_otherwise() -> None:
    """8 C were believed; the hour had -25 C, and a store too cool for that."""
    prices = [200.0] + [90.0] * (HOURS - 1)
    cool = replace(COLD, store_c=(40.0,) * 6, buffer_c=40.0)
    mild = case_of(prices, cool, 8.0)
    bought_kw = bought_in(mild)
    truth = replace(mild, outdoor_c=np.array([-25.0] + [8.0] * (HOURS - 1)))
    as_believed = look_back(mild, seen(200.0, bought_kw), said(prices))
    found = look_back(mild, seen(200.0, bought_kw, outdoor_c=-25.0), said(prices))
    assert as_believed.regret_usd == pytest.approx(0.0, abs=2e-4)
    check(found, truth, bought_kw, found.best_kw, 200.0)
    assert found.regret_usd > 0.01


def test_what_was_really_used_and_reached_is_what_it_really_cost() -> None:
    case, later = case_of(CHEAP_FIRST), said(CHEAP_FIRST)
    bought_kw = bought_in(case)
    as_bought = look_back(case, seen(20.0, bought_kw, used_kwh=bought_kw), later)
    assert as_bought.used_regret_usd == pytest.approx(0.0, abs=2e-3)
    # One kWh more at 20 USD/MWh, with the store no hotter for it: 2 ct.
    end = StateNow((62.0, 61.0, 60.0, 59.0, 58.0, 57.0), 60.0, 20.0, True, START_S)
    plain, more = (
        look_back(case, seen(20.0, bought_kw, used_kwh=kwh, reached=end), later).used_regret_usd
        for kwh in (bought_kw - 1.0, bought_kw)
    )
    assert plain is not None and more is not None
    assert more - plain == pytest.approx(0.02, abs=2e-3)
    # Ten kelvin less in three tanks of 450 l: 15.7 kWh of heat, at a COP of some 3 and 90 USD/MWh or more.
    cooler = replace(end, store_c=tuple(layer - 10.0 for layer in end.store_c))
    lost = look_back(case, seen(20.0, bought_kw, used_kwh=bought_kw, reached=cooler), later).used_regret_usd
    assert lost is not None
    assert 15.7 / 4.0 * 0.09 < lost - more < 15.7 / 1.5 * 0.35


def test_an_end_that_was_not_measured_is_modelled() -> None:
    bought_kw = bought_in(case_of())
    modelled = look_back(case_of(), seen(90.0, bought_kw, used_kwh=2.0), said(BELIEVED))
    blind = StateNow((float("nan"),) * 6, None, 20.0, True, START_S)
    assert look_back(case_of(), seen(90.0, bought_kw, used_kwh=2.0, reached=blind), said(BELIEVED)) == modelled
    assert modelled.used_regret_usd is not None and modelled.used_regret_usd > 0.0
    assert look_back(case_of(), seen(90.0, bought_kw), said(BELIEVED)).used_regret_usd is None


def test_what_came_true_holds_in_the_slot_and_later_prices_as_far_as_they_are_known() -> None:
    quarters = replace(
        case_of(),
        step_minutes=(15,) * 4 + (60,) * 3,
        outdoor_c=np.full(7, -5.0),
        price_usd_per_mwh=np.full(7, 100.0),
        commitments=(Commitment(START_S, START_S + HOUR_S, 2.0),),
        parameters=parameters_of(WATER),
    )
    truth = came_true(quarters, seen(131.0, 0.0, outdoor_c=-7.0), said([50.0, 60.0, 70.0]))
    assert truth.price_usd_per_mwh.tolist() == [131.0] * 4 + [60.0, 70.0, 100.0]
    assert truth.outdoor_c.tolist() == [-7.0] * 4 + [-5.0] * 3
    assert truth.commitments == ()
    assert quarters.price_usd_per_mwh.tolist() == [100.0] * 7


def test_a_slot_before_what_was_measured_is_refused() -> None:
    with pytest.raises(BadInput, match="the plan ends at"):
        look_back(case_of(), replace(seen(90.0, 0.0), start_s=START_S - HOUR_S, end_s=START_S), said(BELIEVED))
