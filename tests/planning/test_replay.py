"""A remembered case is the same case to the last bit, and gives the same plan and bid."""

import json
import math
from dataclasses import fields, replace
from random import Random

import numpy as np
import pytest

from gw_spaceheat.errors import BadCase
from gw_spaceheat.planning.bid import market_slot, with_bid
from gw_spaceheat.planning.case import Commitment, DemandCharge, PlanningCase, Scenario, StateNow
from gw_spaceheat.planning.documents.case_document import (
    bid_document,
    bid_of_document,
    case_document,
    case_of_document,
    parameters_document,
)
from gw_spaceheat.planning.model.parameters import (
    BoilerParameters,
    LinearCop,
    MeltingParameters,
    PlannerParameters,
    parameters_of,
)
from gw_spaceheat.planning.replay import differences, plan_document, plan_record, solved_again
from gw_spaceheat.planning.solve import solve
from tests.planning.houses import WATER, case_at, dear_by_day, pump_of


def parameters(chance: Random) -> PlannerParameters:
    known = parameters_of(WATER)
    pump, store = pump_of(known), known.store
    assert store is not None
    if chance.random() < 0.5:
        pump = replace(pump, cop=LinearCop(2.0 + chance.random(), 0.04 * chance.random(), minimum=1.1))
    if chance.random() < 0.5:
        store = replace(store, melting=MeltingParameters(47.0, 49.0 + chance.random(), 5.0 / 3.0))
    boiler = BoilerParameters(9.0, 0.9, 0.1 * chance.random()) if chance.random() < 0.5 else None
    return replace(known, heat_pump=pump, store=store, boiler=boiler, source=f"draw {chance.random()}")


def random_case(seed: int) -> PlanningCase:
    """Every field of a case, by turns, in values that need all their digits."""
    chance = Random(seed)
    steps = chance.randrange(6, 30)
    minutes = tuple(chance.choice([5, 15, 60]) for _ in range(steps))

    def series(low: float, high: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([math.nan if chance.random() < 0.05 else chance.uniform(low, high) for _ in range(steps)])

    def perhaps(low: float, high: float) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
        return series(low, high) if chance.random() < 0.5 else None

    state = StateNow(
        store_c=tuple(math.nan if chance.random() < 0.2 else chance.uniform(20.0, 70.0) for _ in range(6)),
        buffer_c=chance.choice([None, chance.uniform(20.0, 60.0)]),
        zone_c=chance.choice([None, chance.uniform(8.0, 24.0)]),
        heat_pump_on=chance.random() < 0.5,
        heat_pump_since_s=chance.choice([-math.inf, 0.0, 1_485_752_400.0 - 1000.0 * chance.random()]),
    )
    charge = DemandCharge(10.0 * chance.random(), 1.0) if chance.random() < 0.5 else None
    futures = chance.choice([0, 2]) if charge is None else 0
    case = PlanningCase(
        start_s=1_485_752_400.0,
        step_minutes=minutes,
        outdoor_c=series(-25.0, 10.0),
        price_usd_per_mwh=series(-50.0, 900.0),
        parameters=parameters(chance),
        state=state,
        wind_m_per_s=perhaps(0.0, 15.0),
        setpoint_c=perhaps(18.0, 22.0),
        commitments=(Commitment(1_485_752_400.0, 1_485_754_000.0, chance.random()),) if chance.random() < 0.5 else (),
        demand_charge=charge,
        scenarios=tuple(Scenario(0.5, perhaps(0.0, 300.0), perhaps(-20.0, 5.0)) for _ in range(futures)),
    )
    return replace(case, previous=solve(case).plan) if chance.random() < 0.3 else case


def through_json(case: PlanningCase) -> PlanningCase:
    documents = json.dumps([case_document(case), parameters_document(case.parameters)], allow_nan=False)
    return case_of_document(*json.loads(documents))


def assert_same(one: object, other: object, where: str) -> None:
    """Equal to the last bit, NaN equal to NaN."""
    if isinstance(one, np.ndarray):
        assert isinstance(other, np.ndarray) and one.tobytes() == other.tobytes(), where
    elif isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{index}]")
    elif isinstance(one, Scenario | StateNow | PlanningCase) and type(one) is type(other):
        for field in fields(one):
            assert_same(getattr(one, field.name), getattr(other, field.name), f"{where}.{field.name}")
    else:
        assert one == other or (one != one and other != other), where


@pytest.mark.parametrize("seed", range(30))
def test_a_case_survives_to_the_last_bit(seed: int) -> None:
    case = random_case(seed)
    assert_same(case, through_json(case), "case")


def test_no_field_of_a_case_is_left_out() -> None:
    documents = case_document(random_case(0))
    assert {field.name for field in fields(PlanningCase)} == {*documents, "parameters"}


@pytest.mark.parametrize("seed", range(5))
def test_the_plan_of_a_record_comes_out_again(seed: int) -> None:
    solution = solve(random_case(seed))
    record = json.loads(json.dumps(plan_record(solution), allow_nan=False))
    again = solved_again(record, json.loads(json.dumps(parameters_document(solution.case.parameters))))
    assert differences(record["plan"], plan_document(again.plan)) == []
    assert again.plan == solution.plan


def test_a_bid_survives_and_comes_out_again() -> None:
    case = case_at((60,) * 24, dear_by_day(24))
    solution = solve(case)
    slot = market_slot(case)
    assert slot is not None
    bought, bid = with_bid(solution, slot)
    assert bid_of_document(json.loads(json.dumps(bid_document(bid)))) == bid
    again, second = with_bid(solve(through_json(case)), slot)
    assert second == bid and plan_document(again.plan) == plan_document(bought.plan)


def test_other_inputs_give_another_answer_and_every_value_is_named() -> None:
    case = case_at((60,) * 6, 100.0)
    dear = replace(case, price_usd_per_mwh=case.price_usd_per_mwh + 1.0)
    found = differences(plan_document(solve(case).plan), plan_document(solve(dear).plan))
    assert "steps[0].price_usd_per_mwh: 100.0, now 101.0" in found


def test_differences_are_of_names_lengths_and_values() -> None:
    before = {"a": [1, 2.0], "b": {"c": None}, "d": (1,), "gone": 3}
    after = {"a": [1, 2.5], "b": {"c": "x"}, "d": [1, 2], "new": 4}
    assert differences(before, after) == [
        "a[1]: 2.0, now 2.5",
        "b.c: None, now 'x'",
        "d: 1 values, now 2",
        "gone: 3, now None",
        "new: None, now 4",
    ]
    assert differences(before, before) == []


@pytest.mark.parametrize(
    ("part", "value"),
    [("outdoor_c", None), ("state", []), ("step_minutes", "60"), ("start_s", True), ("price_usd_per_mwh", ["x"])],
)
def test_a_case_that_was_tampered_with_is_refused(part: str, value: object) -> None:
    case = case_at((60,) * 6, 100.0)
    with pytest.raises(BadCase, match="remembered case"):
        case_of_document(case_document(case) | {part: value}, parameters_document(case.parameters))
    with pytest.raises(BadCase):
        case_of_document(case_document(case), {"load": 1})
