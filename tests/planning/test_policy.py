"""The policy: small, faithful through its message, and acting like the plan it was made from."""

import json
import random
from dataclasses import replace
from math import isfinite

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gw_spaceheat.errors import BadInput
from gw_spaceheat.messages.policy import HousePolicy
from gw_spaceheat.planning.case import PlanningCase, StateNow
from gw_spaceheat.planning.model.parameters import LinearCop, parameters_of
from gw_spaceheat.planning.model.transition import State
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.policy import (
    FINEST_USD,
    Policy,
    advise,
    message_of,
    packed,
    policy_from,
    policy_of,
    unpacked,
    value_usd,
)
from gw_spaceheat.planning.roll_out import rows_of
from gw_spaceheat.planning.solve import Solution, solve
from tests.planning.houses import COLD, WARM, WATER, dear_by_day, with_pump

HOUR_S = 1_768_478_400.0
ID = "c3cd6c8d-e8d8-4875-8f7b-d3ea13c28601"
HOUSE = parameters_of(WATER)


def winter(
    minutes: tuple[int, ...] = (35, *(60,) * 48), state: StateNow = WARM, outdoor_c: float = -6.0
) -> PlanningCase:
    start_s = HOUR_S + (1500.0 if minutes[0] == 35 else 0.0)
    hours = np.cumsum((0, *minutes[:-1])) // 60
    price = np.array(dear_by_day(72))[hours]
    return PlanningCase(
        start_s, minutes, np.full(len(minutes), outdoor_c) + 3.0 * np.sin(hours / 4.0), price, HOUSE, state
    )


def sent(policy: Policy) -> HousePolicy:
    return message_of(policy, alias="d1.beech", scada_alias="d1.beech.scada", message_id=ID, now_s=HOUR_S)


NEAR = solve(winter((60,) * 4), PlannerOptions(level_nodes=24))


@pytest.fixture(scope="module")
def solution() -> Solution:
    return solve(winter())


@pytest.fixture(scope="module")
def policy(solution: Solution) -> Policy:
    return policy_from(sent(policy_of(solution)))


def test_two_days_fit_into_twenty_kilobytes(solution: Solution) -> None:
    for one in (solution, solve(winter((15,) * 8 + (60,) * 46)), solve(winter((5,) * 24 + (15,) * 88 + (60,) * 24))):
        made = policy_of(one)
        said = sent(made)
        assert 46 <= len(said.step_s) <= 49
        assert made.edges_s[-1] - made.edges_s[0] >= 47 * 3600.0
        assert len(said.model_dump_json(by_alias=True).encode()) <= 20_000


def test_a_message_brings_back_what_was_sent(solution: Solution, policy: Policy) -> None:
    made = policy_of(solution)
    text = sent(made).model_dump_json(by_alias=True)
    back = policy_from(HousePolicy.model_validate_json(text))
    assert back.parameters == made.parameters
    assert back.edges_s == made.edges_s
    assert back.price_usd_per_mwh == made.price_usd_per_mwh
    assert np.abs(back.values_usd - made.values_usd).max() <= 0.51 * FINEST_USD
    assert np.array_equal(back.values_usd, policy.values_usd)


def test_steps_too_long_to_look_ahead_are_refused_by_name() -> None:
    assert sent(policy_of(solve(winter((120,) * 12)))).step_s == (7200,) * 12
    with pytest.raises(BadInput, match="a step of 14400 s, each must be 7200 s or less"):
        sent(policy_of(solve(winter((240,) * 6))))


def test_packing_holds_any_numbers() -> None:
    chance = random.Random(1)
    values = np.array([chance.uniform(-400.0, 9000.0) for _ in range(2 * 2 * 3 * 5 * 2)], dtype=np.float32)
    values = values.reshape(2, 2, 3, 5, 2)
    offset_usd, scale_usd, text = packed(values)
    back = unpacked(values.shape, offset_usd, scale_usd, text)
    assert np.abs(back - values).max() <= 0.51 * max(scale_usd) + 1e-3


def test_other_cop_and_parameters_come_back_too() -> None:
    house = with_pump(HOUSE, leaving_choice=True)
    assert house.heat_pump is not None
    house = replace(house, heat_pump=replace(house.heat_pump, cop=LinearCop(2.4, 0.04)), version="fit-7")
    said = sent(policy_of(solve(replace(winter(), parameters=house), PlannerOptions(level_nodes=24))))
    assert said.parameters_version == "fit-7"
    back = policy_from(said).parameters
    assert back.heat_pump == house.heat_pump


def test_what_is_damaged_is_refused_by_name(solution: Solution) -> None:
    said = sent(policy_of(solution))
    for damage in (
        {"tables": said.tables[:-40]},
        {"tables": "no base64!"},
        {"tops": said.tops + 1},
        {"parameters": "{}"},
        {"lowest_k": 0.5},
    ):
        with pytest.raises(BadInput, match="policy"):
            policy_from(said.model_copy(update=damage))


def changed(text: str, path: tuple[str, ...], value: object) -> str:
    document = json.loads(text)
    part = document
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        (("heat_pump", "lift_k"), 0.0, r"heat_pump\.lift_k: 0\.0 must be above 0"),
        (("heat_pump", "rated_heat_kw"), 0.0, r"heat_pump\.rated_heat_kw: 0\.0 must be above 0"),
        (("heat_pump", "lift"), 8.0, r"heat_pump\.lift: no such field"),
        (("store", "kwh_per_kelvin"), 1.5, r"store\.kwh_per_kelvin: no such field"),
        (("load", "at_zero_kw"), "4", r"load\.at_zero_kw: '4' must be a number"),
        (("emitters", "heat_kw"), [0.0, 0.0], "heat_kw must rise"),
    ],
)
def test_parameters_beyond_their_limits_are_refused_by_name(
    solution: Solution, path: tuple[str, ...], value: object, rule: str
) -> None:
    said = sent(policy_of(solution))
    with pytest.raises(BadInput, match=f"policy: its .*{rule}"):
        policy_from(said.model_copy(update={"parameters": changed(said.parameters, path, value)}))


NUMBERS = [
    (part, name)
    for part, names in {
        "load": ("at_zero_kw", "per_k_kw", "wind_kw_per_k_m_s", "wind_base_c", "indoor_c"),
        "emitters": ("drop_k_per_kw", "return_c"),
        "house": ("capacity_kwh_per_k", "lowest_k", "highest_k"),
        "heat_pump": (
            "rated_heat_kw", "greatest_electric_kw", "per_k_outdoor", "per_k_leaving", "rated_outdoor_c", "lift_k",
            "rated_leaving_c", "least_share", "defrost_below_c", "defrost_share", "minimum_modulation", "start_usd",
            "maximum_leaving_c", "maximum_entering_c", "start_delay_s", "minimum_on_s", "minimum_off_s",
        ),
        "store": ("kwh_per_k", "loss_kw_per_k", "maximum_c", "ambient_c"),
    }.items()
    for name in names
]  # fmt: skip
HOSTILE = st.one_of(
    st.sampled_from((0.0, 1e-300, -1e-300, 1e-9, 1.0, 1e3, 1e9, -1.0, -1e9, 149.0, 1e308, None)),
    st.floats(allow_nan=False, allow_infinity=False),
)


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(
    numbers=st.dictionaries(st.sampled_from(NUMBERS), HOSTILE, max_size=3),
    series=st.sampled_from(("price_usd_per_mwh", "outdoor_c", "setpoint_c", "offset_usd", "scale_usd")),
    height=st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    axes=st.dictionaries(
        st.sampled_from(("lowest_k", "highest_k", "coldest_top", "top_step", "spread_step")),
        st.floats(1e-300, 1e300) | st.floats(-1e300, -1e-300),
        max_size=1,
    ),
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_hostile_policy_is_refused_or_gives_an_answer(
    numbers: dict[tuple[str, str], float | None], series: str, height: float | None, axes: dict[str, float]
) -> None:
    """Whatever its numbers: BadInput, or an action with a finite worth from any measured state, never another error."""
    said = sent(policy_of(NEAR))
    text = said.parameters
    for path, value in numbers.items():
        text = changed(text, path, value)
    rest = {} if height is None else {series: (height,) * len(said.step_s)}
    try:
        policy = policy_from(said.model_copy(update={"parameters": text, **axes, **rest}))
        for state in (WARM, COLD, StateNow(), StateNow((200.0, -80.0), 55.0, 8.0, True, HOUR_S)):
            advice = advise(policy, state, HOUR_S + 5000.0, -20.0)
            assert advice is not None and isfinite(advice.better_usd)
    except BadInput as error:
        assert "policy" in str(error)


def test_its_values_are_the_planners_to_a_few_cents(solution: Solution, policy: Policy) -> None:
    """At states a plan passes through; the tables are coarser than the planner's."""
    chance = random.Random(3)
    errors = []
    for _ in range(400):
        index = chance.randrange(len(policy.price_usd_per_mwh))
        state = State(chance.uniform(38.0, 68.0), chance.uniform(0.0, 4.0), chance.uniform(-0.3, 0.5))
        row = rows_of(solution.tables[index + 1])[0]
        errors.append(abs(value_usd(policy, index, False, state) - solution.problem.grid.value(row, *state)))
    assert float(np.median(errors)) < 0.03
    assert float(np.quantile(errors, 0.95)) < 0.25


def test_it_does_what_a_new_plan_would_do_first() -> None:
    """From many measured states, at many hours of the two days: run or rest as re-planning then, in nine of ten."""
    chance = random.Random(5)
    solution = solve(winter((60,) * 49))
    policy = policy_from(sent(policy_of(solution)))
    same, cases = 0, 60
    for _ in range(cases):
        hour = chance.randrange(24)
        top_c = chance.uniform(38.0, 66.0)
        layers = tuple(top_c - chance.uniform(0.0, 3.0) * layer for layer in range(6))
        on = chance.random() < 0.5
        now_s = HOUR_S + 3600.0 * hour
        state = StateNow(layers, top_c, 20.0 + chance.uniform(-0.2, 0.4), on, now_s - 7200.0)
        whole = solution.case
        later = replace(
            whole, start_s=now_s, step_minutes=whole.step_minutes[hour:], outdoor_c=whole.outdoor_c[hour:],
            price_usd_per_mwh=whole.price_usd_per_mwh[hour:], state=state,
        )  # fmt: skip
        advice = advise(policy, state, now_s, float(whole.outdoor_c[hour]))
        assert advice is not None
        runs = solve(later, PlannerOptions(level_nodes=48)).plan.steps[0].hp_electric_kwh > 0.05
        same += advice.run is runs or advice.better_usd < 0.03
    assert same >= 0.9 * cases


def test_advice_follows_price_and_store(policy: Policy) -> None:
    midnight_s = HOUR_S + 24 * 3600.0
    dear_s = HOUR_S + 33 * 3600.0
    assert policy.price_usd_per_mwh[policy.step_at(dear_s + 60.0)] > 300.0
    hot = StateNow((66.0,) * 6, 66.0, 20.0, True, HOUR_S)
    off = advise(policy, hot, dear_s + 60.0)
    assert off is not None
    assert (off.run, off.charge, off.discharge) == (False, False, True)
    on = advise(policy, replace(COLD, heat_pump_on=False), midnight_s + 60.0)
    assert on is not None
    assert (on.run, on.charge) == (True, True)
    assert on.better_usd > 0.1


def test_it_is_silent_before_and_after_its_time(policy: Policy) -> None:
    assert advise(policy, WARM, policy.edges_s[0] - 1.0) is None
    assert advise(policy, WARM, policy.edges_s[-1]) is None
    assert advise(policy, WARM, policy.edges_s[-1] - 1.0) is not None


def test_missing_readings_still_get_an_answer(policy: Policy) -> None:
    for state in (StateNow(), StateNow((float("nan"),) * 6, None, None), StateNow((200.0, -80.0), 55.0, 8.0)):
        assert advise(policy, state, HOUR_S + 5000.0, float("nan")) is not None


def test_a_small_difference_does_not_switch_the_source(policy: Policy) -> None:
    """Hysteresis: between the states where it starts and where it stops, it goes on with what it does."""
    now_s = HOUR_S + 24 * 3600.0 + 1800.0
    both = 0
    for top_c in np.arange(40.0, 68.0, 0.25).tolist():
        state = StateNow((top_c,) * 6, top_c, 20.0, True, HOUR_S)
        on = advise(policy, state, now_s)
        off = advise(policy, replace(state, heat_pump_on=False), now_s)
        assert on is not None
        assert off is not None
        assert on.run or not off.run, "never starts where a running source stops"
        both += on.run and not off.run
    assert both >= 1
