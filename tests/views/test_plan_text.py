"""The table of a plan: an hour per line on the house's clock, sums, bound and unmet goals."""

from dataclasses import replace

from gw_spaceheat.views.plan_text import hours_of, plan_text
from tests.views.plans import small_plan


def test_quarter_hours_are_gathered_by_the_hour() -> None:
    first, second = hours_of(small_plan(), "America/New_York")
    assert (first.electric_kwh, first.heat_kwh, first.house_heat_kwh, first.store_heat_kwh) == (4.0, 12.0, 8.0, 4.0)
    assert (first.price_usd_per_mwh, second.price_usd_per_mwh) == (100.0, 500.0)
    assert second.reasons == ("discharge_while_dear",)


def test_the_hour_that_comes_twice_is_two_lines() -> None:
    plan = small_plan(steps=4, minutes=60)
    # 2026-11-01: clocks in New York go back at 06:00 UTC.
    begin_s = 1793505600.0 + 5 * 3600.0
    steps = tuple(replace(step, start_s=begin_s + 3600.0 * index) for index, step in enumerate(plan.steps))
    assert len(hours_of(replace(plan, steps=steps), "America/New_York")) == 4


def test_text_for_a_person() -> None:
    text = plan_text(small_plan(), "America/New_York", "beech", 0.38)
    assert "Tue 20 00:00" in text and "charge while cheap" in text
    assert "total cost          0.40 USD; 4.0 kWh bought, 12.0 kWh heat made" in text
    assert "lower bound         0.38 USD, the plan is within 0.02 USD, 5.3 % of it" in text
    assert "nothing: every goal is met" in text
    assert "NOT MET: heat unserved\n" in plan_text(small_plan(unmet=True), "UTC", "x", None)


def test_a_bound_of_nothing_or_less_has_no_share() -> None:
    text = plan_text(small_plan(), "UTC", "", -0.1)
    assert "lower bound         -0.10 USD, the plan is within 0.50 USD of it" in text


def test_water_that_is_asked_for_has_a_column_where_it_can_be_chosen() -> None:
    plan = small_plan()
    asked = replace(plan, steps=(replace(plan.steps[0], leaving_c=61.25), *plan.steps[1:]))
    lines = plan_text(asked, "UTC", "", None).splitlines()
    assert "water made" in lines[2] and "61.2" in lines[4] and " off " in lines[5]
    assert "water made" not in plan_text(plan, "UTC", "", None)
