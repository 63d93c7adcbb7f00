"""A step's reason is what made it so, not what only happened to be there."""

from dataclasses import replace

import pytest

from gw_spaceheat.planning.solve import make_plan
from tests.planning.houses import COLD, WARM, case_at


@pytest.mark.parametrize(
    ("on", "since_s", "price", "reason"),
    [
        # The minimum time ends half a minute after the step's begin, and the price alone decides the hour.
        (False, -270.0, 900.0, "discharge_while_dear"),
        (True, -570.0, -300.0, "paid_to_charge"),
        # At 900 USD/MWh nobody would run: ten minutes more must be, which is the reason of the hour.
        (True, 0.0, 900.0, "minimum_time_of_source"),
    ],
)
def test_a_minimum_time_is_a_reason_only_where_it_decides(on: bool, since_s: float, price: float, reason: str) -> None:
    state = replace(COLD if price < 0.0 else WARM, heat_pump_on=on, heat_pump_since_s=since_s)
    step = make_plan(case_at((60,) * 4, [price, 10.0, 10.0, 10.0], state=state)).steps[0]
    assert step.reason == reason
    assert (step.hp_electric_kwh > 0.0) is on


def test_a_minimum_time_that_lasts_the_step_is_its_reason() -> None:
    on, off = (replace(one, heat_pump_on=one is WARM, heat_pump_since_s=0.0) for one in (WARM, COLD))
    dear, paid = (make_plan(case_at((5,) * 6, price, state=state)) for price, state in ((900.0, on), (-900.0, off)))
    # 600 s to run, 300 s to rest.
    assert [step.reason for step in dear.steps[:2]] == ["minimum_time_of_source"] * 2
    assert paid.steps[0].reason == "minimum_time_of_source"
    assert paid.steps[1].reason != "minimum_time_of_source" and paid.steps[1].hp_electric_kwh > 0.0
