"""Published flo parameters as a case: units, formulas, and the saved case 1 end to end."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import highspy
import numpy as np
import pytest

from gw_spaceheat.errors import BadCase
from gw_spaceheat.house.load import load_house
from gw_spaceheat.planning.bound.lower_bound import lower_bound
from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.documents.case_json import read_case
from gw_spaceheat.planning.documents.flo import FloParams, case_of_flo, read_flo
from gw_spaceheat.planning.model.maths import SCALARS, Floats
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.solve import make_plan

CASE_1 = Path(__file__).resolve().parents[3].parent / "shared" / "bench" / "flo_case_1.json"
"""Not ours to copy: the tests that need it are skipped where it is not."""

REFERENCE_USD = 22.69
REFILL_USD = 1.36
"""What the reference's emptied store (-21.277 kWh) costs to refill at the cheapest price of the case."""
REFERENCE_DEFICIT_KWH = 21.277
CHEAPEST_HEAT_USD_PER_KWH = REFILL_USD / REFERENCE_DEFICIT_KWH
# Measured 23.87 (60 min) and 24.07 (15 min, on which every start's ten minutes without heat count for more).
OURS_AT_MOST_USD = {60: REFERENCE_USD + REFILL_USD, 15: 24.15}

SMALL: dict[str, Any] = {
    "StartUnixS": 1768885200,
    "HorizonHours": 3,
    "NumLayers": 24,
    "StorageVolumeGallons": 360,
    "StorageLossesPercent": 0.5,
    "HpMaxElecKw": 11.0,
    "CopIntercept": 1.02,
    "CopOatCoeff": 0.0257,
    "CopLwtCoeff": 0.0,
    "CopMin": 1.4,
    "CopMinOatF": 15.0,
    "HpTurnOnMinutes": 10,
    "InitialTopTempF": 150,
    "InitialMiddleTempF": 130,
    "InitialBottomTempF": 100,
    "InitialThermocline1": 8,
    "InitialThermocline2": 16,
    "HpIsOff": False,
    "BufferAvailableKwh": 0.0,
    "HouseAvailableKwh": 0.0,
    "LmpForecast": [40.0, 50.0, 60.0, 70.0],
    "DistPriceForecast": [50.0, 50.0, 480.0, 50.0],
    "RegPriceForecast": [1.0, 1.0, 1.0, 1.0],
    "OatForecastF": [14.0, 32.0, 50.0, 50.0],
    "WindSpeedForecastMph": [0.0, 10.0, 0.0, 0.0],
    "AlphaTimes10": 98,
    "BetaTimes100": -18,
    "GammaEx6": 1000,
    "IntermediatePowerKw": 1.5,
    "IntermediateRswtF": 110,
    "DdPowerKw": 9.8,
    "DdRswtF": 160,
    "DdDeltaTF": 20,
    "MaxEwtF": 170,
}


def small(**changes: object) -> FloParams:
    params = {**SMALL, **changes}
    return read_flo(params, params)[0]


def test_load_rswt_cop_and_price_are_the_published_formulas() -> None:
    case = case_of_flo(small())
    assert case.wind_m_per_s is not None
    load_kw = case.parameters.load.heat_kw(case.outdoor_c, case.wind_m_per_s)
    expected_kw = [9.8 - 0.18 * 14, 9.8 - 0.18 * 32 + 0.001 * 10 * (65 - 32), 9.8 - 0.18 * 50]
    assert load_kw == pytest.approx(expected_kw)
    assert case.parameters.emitters.required_c(np.array([1.5, 9.8])) == pytest.approx([43.333, 71.111], abs=0.02)
    pump = case.parameters.heat_pump
    assert pump is not None
    cops = [pump.cop.cop(SCALARS, float(outdoor_c), 50.0) for outdoor_c in case.outdoor_c]
    assert cops == pytest.approx([1.4, 1.02 + 0.0257 * 32, 1.02 + 0.0257 * 50])
    for outdoor_c, cop in zip(case.outdoor_c, cops, strict=True):
        assert pump.capacity_kw(SCALARS, float(outdoor_c), 60.0, cop) == pytest.approx(11.0 * cop)
    assert case.price_usd_per_mwh.tolist() == [91.0, 101.0, 541.0]


def test_store_and_state() -> None:
    case = case_of_flo(small())
    store = case.parameters.store
    assert store is not None
    assert store.kwh_per_k == pytest.approx(360 * 3.785411784 * 4186 / 3.6e6)
    # Half a per cent an hour of the heat above the coldest state, 60 F.
    assert store.loss_kw_per_k / store.kwh_per_k == pytest.approx(0.005)
    assert store.ambient_c == pytest.approx(15.556, abs=1e-3)
    assert len(case.state.store_c) == 24
    assert case.state.store_c[7:9] == pytest.approx((65.556, 54.444), abs=1e-3)
    assert case.state.store_c[15:17] == pytest.approx((54.444, 37.778), abs=1e-3)
    assert case.state.heat_pump_on


def test_heat_in_buffer_and_house_is_a_warmer_house() -> None:
    case = case_of_flo(small(BufferAvailableKwh=2.0, HouseAvailableKwh=3.0))
    line, slack = case.parameters.load, case.parameters.house
    assert case.state.zone_c is not None
    assert (case.state.zone_c - line.indoor_c) * slack.capacity_kwh_per_k == pytest.approx(5.0)
    assert case.state.zone_c - line.indoor_c <= slack.highest_k + 1e-9


def test_hours_are_cut_into_steps_and_null_is_a_gap() -> None:
    case = case_of_flo(small(OatForecastF=[None, 32.0, 50.0], RegPriceForecast=None), 15)
    assert case.step_minutes == (15,) * 12
    assert np.isnan(case.outdoor_c[:4]).all() and case.outdoor_c[4] == pytest.approx(0.0)
    assert case.price_usd_per_mwh[8:].tolist() == [540.0] * 4


def test_return_water() -> None:
    drop_k_per_kw = case_of_flo(small(), return_f=None).parameters.emitters.drop_k_per_kw
    assert drop_k_per_kw == pytest.approx(20 / 1.8 / 9.8)
    case = case_of_flo(small(WindSpeedForecastMph=None))
    mean_kw = float(np.mean(case.parameters.load.heat_kw(case.outdoor_c)))
    emitters = case.parameters.emitters
    returning_c = emitters.required_c(np.array([mean_kw]))[0] - emitters.drop_k_per_kw * mean_kw
    assert returning_c == pytest.approx((100 - 32) / 1.8)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"HorizonHours": 5}, "LmpForecast: 4 values, must be HorizonHours 5 or more"),
        ({"HpMaxElecKw": "11"}, "HpMaxElecKw: '11' must be a number"),
        ({"BetaTimes100": 18}, "BetaTimes100: 18 must be below 0"),
        ({"InitialThermocline1": 20}, "InitialThermocline1: 20 <= InitialThermocline2 16"),
        ({"DdRswtF": 90}, "DdRswtF, IntermediateRswtF, AlphaTimes10, BetaTimes100: emitter curve"),
        ({"step_minutes": 25}, "step_minutes: 25 must divide 60"),
        ({"step_minutes": True}, "step_minutes: True must divide 60"),
        ({"TimezoneStr": "Nowhere"}, "TimezoneStr: 'Nowhere' must be a time zone such as America/New_York"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, object], problem: str) -> None:
    minutes = changes.pop("step_minutes", 60)
    text = json.dumps({"params": {**SMALL, **changes}, "step_minutes": minutes})
    with pytest.raises(BadCase) as caught:
        read_case(text.encode(), load_house)
    assert any(found.startswith(problem) for found in caught.value.problems), caught.value.problems


def test_known_by_its_type_name_or_its_fields() -> None:
    assert read_case(json.dumps(SMALL).encode(), load_house).case.state.heat_pump_on
    named = {"TypeName": "flo.params.house0", "Version": "007"}
    with pytest.raises(BadCase) as caught:
        read_case(json.dumps(named).encode(), load_house)
    assert "StartUnixS: missing" in caught.value.problems


def test_the_bound_is_near_where_water_returns_equally_cold() -> None:
    """It knows how far such a store can be drawn, and that its top is never hotter than the source makes it."""
    hours = 24
    day = [50.0] * 7 + [480.0] * 5 + [50.0] * 4 + [480.0] * 4 + [50.0] * 4
    forecasts = {"LmpForecast": [40.0 + hour for hour in range(hours)], "DistPriceForecast": day}
    calm = {"RegPriceForecast": None, "WindSpeedForecastMph": None, "OatForecastF": [20.0] * hours}
    case = case_of_flo(small(HorizonHours=hours, HpTurnOnMinutes=0, **forecasts, **calm))
    plan, bound = make_plan(case), lower_bound(case)
    assert bound.objective_usd <= plan.objective_usd
    # Measured 3.1 %.
    assert bound.gap_share(plan) <= 0.04, f"{bound.gap_share(plan):.4f}"


def case_1(step_minutes: int) -> PlanningCase:
    if not CASE_1.exists():
        pytest.skip(f"{CASE_1} is not here")
    document = json.loads(CASE_1.read_text("utf-8"))
    return read_case(json.dumps({**document, "step_minutes": step_minutes}).encode(), load_house).case


def equal_store_plan(case: PlanningCase) -> tuple[Plan, float]:
    """The plan whose store ends nearest to where it began, and its cost with the rest of the difference bought.

    Interpretation of "equal final store energy": the reference's 22.69 USD leave its store 21.277 kWh poorer, and
    1.36 USD refill it at the cheapest price; so 24.05 USD is the reference with the store as full as it began. Ours is
    brought there by the worth it gives heat at the end (`terminal_discount`); what then still differs is bought or
    sold at the reference's own refill price.
    """
    plans = [
        make_plan(case, replace(PlannerOptions(), tail_h=tail_h, terminal_discount=worth))
        for tail_h, worth in ((24.0, 0.95), (24.0, 0.0), (0.0, 0.0))
    ]
    nearest = min(plans, key=lambda plan: abs(deficit_kwh(plan)))
    return nearest, nearest.total_cost_usd + CHEAPEST_HEAT_USD_PER_KWH * deficit_kwh(nearest)


def deficit_kwh(plan: Plan) -> float:
    return plan.start_store_energy_kwh - plan.steps[-1].store_energy_kwh


@pytest.mark.parametrize("step_minutes", [60, 15])
def test_case_1_end_to_end(step_minutes: int) -> None:
    plan, cost_usd = equal_store_plan(case_1(step_minutes))
    assert sum(step.unserved_kwh for step in plan.steps) < 0.01
    assert sum(step.house_heat_kwh for step in plan.steps) == pytest.approx(338.64, abs=0.3)
    made_kwh = sum(step.hp_heat_kwh - step.house_heat_kwh - step.store_loss_kwh for step in plan.steps)
    assert made_kwh == pytest.approx(-deficit_kwh(plan), abs=0.05), "heat neither made nor lost by the model"
    assert all(step.hp_electric_kwh <= 11.0 * step.minutes / 60 + 1e-6 for step in plan.steps)
    assert cost_usd <= OURS_AT_MOST_USD[step_minutes]
    assert max(step.store_top_c for step in plan.steps) <= 76.67


def least_cost_usd(case: PlanningCase, floor_kwh: Floats) -> float:
    """Energies alone, as a linear programme: the store above its ambient, never below `floor_kwh`, ends as it began."""
    pump, store = case.parameters.heat_pump, case.parameters.store
    assert pump is not None and store is not None
    load_kwh = case.parameters.load.heat_kw(case.outdoor_c)
    cops = [pump.cop.cop(SCALARS, float(outdoor_c), 60.0) for outdoor_c in case.outdoor_c]
    full_kwh = store.kwh_per_k * (store.maximum_c - store.ambient_c)
    start_kwh = store.kwh_per_k * (float(np.mean(case.state.store_c)) - store.ambient_c)
    kept = 1.0 - store.loss_kw_per_k / store.kwh_per_k
    programme = highspy.Highs()
    programme.setOptionValue("output_flag", False)
    before = programme.addVariable(start_kwh, start_kwh)
    for hour, price in enumerate(case.price_usd_per_mwh):
        heat = programme.addVariable(0.0, pump.greatest_electric_kw * cops[hour], float(price) / 1000.0 / cops[hour])
        after = programme.addVariable(float(floor_kwh[hour]), full_kwh)
        programme.addConstr(after - before * kept - heat == -float(load_kwh[hour]))
        before = after
    programme.addConstr(before >= start_kwh)
    programme.run()
    return float(programme.getInfo().objective_function_value)


def test_what_a_sharp_thermocline_is_worth_in_case_1() -> None:
    """A linear profile between return and RSWT alone costs more than the reference with the store as full as before."""
    case = case_1(60)
    store, emitters = case.parameters.store, case.parameters.emitters
    assert store is not None
    rswt_c = emitters.required_c(case.parameters.load.heat_kw(case.outdoor_c))
    return_c = (100.0 - 32.0) / 1.8
    sharp_usd = least_cost_usd(case, store.kwh_per_k * (return_c - store.ambient_c) + 0.0 * rswt_c)
    linear_usd = least_cost_usd(case, store.kwh_per_k * (0.5 * (rswt_c + return_c) - store.ambient_c))
    assert sharp_usd == pytest.approx(23.83, abs=0.01)
    assert linear_usd == pytest.approx(24.50, abs=0.01)
    assert sharp_usd < REFERENCE_USD + REFILL_USD < linear_usd
