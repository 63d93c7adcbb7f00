"""Cases as JSON: every comfortable form is read, every mistake is named with its path, its value and the rule."""

import json
import math
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from gw_spaceheat.errors import BadCase
from gw_spaceheat.house.load import load_house
from gw_spaceheat.planning import plan
from gw_spaceheat.planning.documents import parameters_json, plan_json
from gw_spaceheat.planning.documents.case_json import ReadCase, read_case
from gw_spaceheat.planning.model import parameters
from gw_spaceheat.planning.model.parameters import CarnotCop, LinearCop, parameters_of

PlannerPart = parameters.PlannerParameters | parameters.LoadLine | plan.Plan | plan.PlanStep
PARAMETERS: dict[str, Any] = {
    "load": {"at_zero_kw": 4.0, "per_k_kw": -0.2},
    "emitters": {
        "zero_c": 20.0,
        "middle": {"water_c": 40.0, "heat_kw": 3.0},
        "design": {"water_c": 60.0, "heat_kw": 9.0},
        "design_drop_k": 10.0,
    },
    "house": {"capacity_kwh_per_k": 3.0},
    "heat_pump": {"rated_heat_kw": 10.0, "greatest_electric_kw": 6.0},
    "store": {"litres": 450.0, "tanks": 3},
}


def document(**changes: object) -> dict[str, Any]:
    """A small sound case of two hours; None takes a field out."""
    case: dict[str, Any] = {
        "start_utc": "2026-01-20T05:00:00Z",
        "step_minutes": [60, 60],
        "outdoor_temp_c": [-5.0, -6],
        "price_usd_per_mwh": [100.0, 90.0],
        "parameters": PARAMETERS,
        "state": {"store_c": [55.0, 50.0, 45.0], "zone_c": 20.0},
    }
    case.update(changes)
    return {name: value for name, value in case.items() if value is not None}


def read(case: object) -> ReadCase:
    return read_case(json.dumps(case).encode(), load_house)


def problems(case: object) -> list[str]:
    with pytest.raises(BadCase) as caught:
        read(case)
    return caught.value.problems


def test_a_small_case_is_read() -> None:
    case = read(document()).case
    assert case.start_s == 1768885200.0
    assert case.step_minutes == (60, 60)
    assert case.price_usd_per_mwh.tolist() == [100.0, 90.0]
    assert case.state.store_c == (55.0, 50.0, 45.0)
    store = case.parameters.store
    assert store is not None and store.kwh_per_k == pytest.approx(1350 * 4186 / 3.6e6)
    assert store.loss_kw_per_k == pytest.approx(3 * 0.004)


def test_comfortable_forms() -> None:
    case = read(
        document(
            start_utc="2026-01-20T00:00:00-05:00",
            step_minutes={"minutes": 60, "steps": 2},
            price_usd_per_mwh=None,
            energy_usd_per_mwh=[40, 50.5],
            distribution_usd_per_mwh=[60, 70],
            regulation_usd_per_mwh=[1, None],
            parameters=None,
            house="beech",
            wind_m_per_s=[1, 2],
            setpoint_c=[20, 19],
            commitments=[{"start_utc": "2026-01-20T05:00:00Z", "end_utc": "2026-01-20T06:00:00Z", "energy_kwh": 2.5}],
            scenarios=[{"probability": 0.25, "price_usd_per_mwh": [1, 2]}, {"probability": 0.75}],
        )
    )
    assert case.timezone == "America/New_York"
    assert case.case.start_s == 1768885200.0
    assert case.case.price_usd_per_mwh[0] == 101.0
    assert math.isnan(case.case.price_usd_per_mwh[1]), "a gap in one component is a gap in the sum"
    assert case.case.parameters == parameters_of(load_house("beech").plumbing)
    assert case.case.commitments[0].energy_kwh == 2.5
    assert case.case.scenarios[1].price_usd_per_mwh is None
    charge = read(document(demand_charge={"usd_per_kw": 10.0})).case.demand_charge
    assert charge is not None and (charge.usd_per_kw, charge.peak_so_far_kw) == (10.0, 0.0)


def test_a_start_delay_beyond_any_heat_pump_is_refused() -> None:
    late = dict(PARAMETERS, heat_pump=dict(PARAMETERS["heat_pump"], start_delay_s=7200.0))
    assert problems(document(parameters=late)) == ["parameters.heat_pump.start_delay_s: 7200.0 must be 1800 or less"]
    late["heat_pump"]["start_delay_s"] = 1800.0
    read(document(parameters=late))


def test_a_store_that_loses_nearly_all_in_a_step_is_refused() -> None:
    """Losses are those of the middle of a step: a store that cools to its surroundings within one would overshoot."""
    tiny = dict(PARAMETERS, store={"litres": 1.0, "tanks": 3})
    (problem,) = problems(document(parameters=tiny))
    assert problem.startswith("planning case: store loses 6.88 of its heat above its surroundings in 2 h")
    assert problem.endswith("must be 0.25 or less: a larger store, or shorter steps")
    leaky = dict(PARAMETERS, store={"litres": 450.0, "loss_kw_per_k": 2.0})
    assert "store loses 7.64 of its heat" in problems(document(parameters=leaky))[0]
    small = dict(PARAMETERS, store={"litres": 100.0})
    read(document(parameters=small))
    days = document(parameters=small, step_minutes=[1440, 1440])
    assert "in 24 h (the longest step" in problems(days)[0]


def test_emitter_table_and_linear_cop() -> None:
    given = dict(PARAMETERS, emitters={"heat_kw": [0, 9], "water_c": [25, 60], "drop_k_per_kw": 1.2})
    given["heat_pump"] = dict(
        PARAMETERS["heat_pump"], cop={"kind": "linear", "intercept": 2.5, "per_k_outdoor": 0.05, "minimum": 1.4}
    )
    built = read(document(parameters=given)).case.parameters
    assert built.emitters.water_c == (25.0, 60.0)
    assert built.heat_pump is not None
    assert built.heat_pump.cop == LinearCop(intercept=2.5, per_k_outdoor=0.05, minimum=1.4)
    assert read(document()).case.parameters.heat_pump.cop == CarnotCop()  # type: ignore[union-attr]


def test_a_physical_state_however_odd_is_right_and_null_is_a_gap() -> None:
    case = read(
        document(
            state={"store_c": [None, 300.0, -80.0], "zone_c": 8.0, "buffer_c": None, "heat_pump_on": True},
            outdoor_temp_c=[None, -6.0],
        )
    ).case
    assert math.isnan(case.state.store_c[0]) and case.state.store_c[1:] == (300.0, -80.0)
    assert np.isnan(case.outdoor_c).tolist() == [True, False]
    assert read(document(state={})).case.state.store_c == ()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"step_minutes": [60, -5]}, "step_minutes[1]: -5 must be above 0"),
        ({"step_minutes": {"minutes": 0, "steps": 2}}, "step_minutes.minutes: 0 must be above 0"),
        ({"step_minutes": []}, "step_minutes: must have 1 or more"),
        ({"step_minutes": 15}, "step_minutes: 15 must be a list"),
        ({"outdoor_temp_c": [1.0]}, "outdoor_temp_c: 1 values, must be 2 (one for each step)"),
        ({"outdoor_temp_c": [1.0, "cold"]}, "outdoor_temp_c[1]: 'cold' must be a number"),
        ({"price_usd_per_mwh": None}, "price_usd_per_mwh: missing (or energy_, distribution_, regulation_usd_per_mwh)"),
        ({"energy_usd_per_mwh": [1, 2]}, "energy_usd_per_mwh: give price_usd_per_mwh or its components, not both"),
        ({"start_utc": "2026-01-20T05:00:00"}, "start_utc: '2026-01-20T05:00:00' must name its offset"),
        ({"start_utc": 5}, "start_utc: 5 must be an ISO time"),
        ({"start_utc": "1970-01-01T00:00:00Z"}, "start_utc: '1970-01-01T00:00:00Z' must be between"),
        ({"timezone": "Mars/Olympus"}, "timezone: 'Mars/Olympus' must be a time zone"),
        ({"house": "beech"}, "house: exactly one of house (an alias) and parameters must be given"),
        ({"parameters": None}, "house: exactly one of house"),
        ({"parameters": None, "house": "beach"}, "house: house 'beach': no such house"),
        ({"parameters": None, "house": "../x.json"}, "house: '../x.json' must be the alias of a house file"),
        ({"typo": 1}, "typo: no such field"),
        ({"outdoor_temp_c": [268.0, 267.0]}, "outdoor_temp_c[0]: 268.0 must be 60 or less"),
        ({"wind_m_per_s": [-3.0, 0.0]}, "wind_m_per_s[0]: -3.0 must be 0 or more"),
        ({"setpoint_c": [20.0, 68.0]}, "setpoint_c[1]: 68.0 must be 30 or less"),
        ({"parameters": dict(PARAMETERS, boost={"rated_kw": 9000})}, "parameters.boost.rated_kw: 9000 must be 1000"),
        ({"parameters": dict(PARAMETERS, load={"at_zero_kw": 1, "per_k_kw": -200})}, "parameters.load.per_k_kw: -200"),
        ({"state": None}, "state: missing"),
        ({"state": {"heat_pump_on": "yes"}}, "state.heat_pump_on: 'yes' must be true or false"),
        ({"scenarios": [{"probability": 0.5}]}, "scenarios: their probabilities add up to 0.5, must be 1"),
        ({"scenarios": [{"probability": 1, "outdoor_temp_c": [1]}]}, "scenarios[0].outdoor_temp_c: 1 values"),
        ({"parameters": dict(PARAMETERS, boost={"rated_kw": 0})}, "parameters.boost.rated_kw: 0 must be above 0"),
        ({"parameters": dict(PARAMETERS, emitters={"zero_c": 20})}, "parameters.emitters: emitters: need zero_c"),
        (
            {"parameters": dict(PARAMETERS, load={"at_zero_kw": 1, "per_k_kw": 0.2})},
            "parameters.load.per_k_kw: 0.2 must be 0 or less",
        ),
        (
            {
                "commitments": [
                    {"start_utc": "2026-01-20T05:00:00Z", "end_utc": "2026-01-20T05:00:00Z", "energy_kwh": 1}
                ]
            },
            "commitments[0]: end_utc",
        ),
    ],
)
def test_a_mistake_is_named(changes: dict[str, object], problem: str) -> None:
    found = problems(document(**changes))
    assert any(text.startswith(problem) for text in found), found


def test_every_mistake_is_listed() -> None:
    found = problems(document(step_minutes=[60, -5], typo=1, outdoor_temp_c=["x"], state={"zone_c": "warm"}))
    assert len(found) == 5, found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": NaN}', "JSON: not finite (NaN)"),
        ('{"a": -Infinity}', "JSON: not finite (-Infinity)"),
        ('{"a": 1e999}', "JSON: not finite (1e999)"),
        ('{"a": 1, "a": 2}', "JSON: duplicate key (a)"),
        ("[1]", "JSON: must be an object"),
        ("", "JSON: not json"),
        ('{"a": ' + "[" * 50 + "]" * 50 + "}", "JSON: too deep"),
    ],
)
def test_only_strict_json_is_read(text: str, problem: str) -> None:
    with pytest.raises(BadCase) as caught:
        read_case(text.encode(), load_house)
    assert str(caught.value).startswith(problem)


def test_an_endless_number_is_no_crash() -> None:
    text = json.dumps(document()).replace("-5.0", "1" + "0" * 400)
    with pytest.raises(BadCase) as caught:
        read_case(text.encode(), load_house)
    assert caught.value.problems[0].startswith("outdoor_temp_c[0]")


def default_of(field: Field[Any]) -> object:
    return field.default


@pytest.mark.parametrize(
    ("model", "data", "own"),
    [
        (parameters_json.LoadJson, parameters.LoadLine, set()),
        (parameters_json.HeatPumpJson, parameters.HeatPumpParameters, {"cop"}),
        (parameters_json.MeltingJson, parameters.MeltingParameters, set()),
        (parameters_json.HouseJson, parameters.HouseSlack, set()),
        (parameters_json.BoostJson, parameters.BoostParameters, set()),
        (parameters_json.BoilerJson, parameters.BoilerParameters, set()),
        (parameters_json.ParametersJson, parameters.PlannerParameters, set()),
        (plan_json.StepJson, plan.PlanStep, {"start_utc", "start_s"}),
        (plan_json.PlanJson, plan.Plan, {"lower_bound_usd", "bid", "solve_seconds", "uncertainty"}),
    ],
)
def test_names_and_defaults_are_those_of_the_dataclass(
    model: type[BaseModel], data: type[PlannerPart], own: set[str]
) -> None:
    theirs = {field.name: field for field in fields(data) if field.name not in own}
    ours = {name: field for name, field in model.model_fields.items() if name not in own}
    assert set(ours) == set(theirs)
    for name, field in ours.items():
        default = default_of(theirs[name])
        # A previous plan may leave out what its maker cannot.
        if not field.is_required() and default is not MISSING:
            assert field.default == default, name


def test_the_example_of_the_documentation_is_a_case() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "planning_cases.md").read_text("utf-8")
    example = page.split("```json\n")[1].split("```")[0]
    case = read_case(example.encode(), load_house)
    assert case.name == "a cold evening" and case.case.step_minutes == (60,) * 6


def test_scenarios_and_a_demand_charge_are_told_with_all_else_that_is_wrong() -> None:
    found = problems(
        document(scenarios=[{"probability": 1.0}], demand_charge={"usd_per_kw": 5.0}, outdoor_temp_c=[-5.0, 300.0])
    )
    assert "outdoor_temp_c[1]: 300.0 must be 60 or less" in found
    assert "demand_charge: the case has scenarios and a demand charge, must have at most one of the two" in found
