"""What is offered for a slot: what was bought, within what the heat source can deliver and the SCADA accepts."""

import json
from dataclasses import replace

import pytest

from gw_spaceheat.decisions import drawable, local_facts, policy_control, slot
from gw_spaceheat.decisions.acceptance import TOLERANCE
from gw_spaceheat.decisions.offer import (
    QUARTER_RUN,
    WHOLE,
    OfferFacts,
    SourceLimits,
    facts_document,
    facts_of_document,
    offered_w,
    source_limits,
)
from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import load_house
from gw_spaceheat.planning import cost_to_go, roll_out, slot_executor
from gw_spaceheat.planning.actions import STOPS_BELOW
from gw_spaceheat.planning.model import store, transition
from gw_spaceheat.planning.model.parameters import DEFROST_SHARE
from gw_spaceheat.simulation import plant_heat_pump

PUMP = SourceLimits(6000.0, 60.0, 215.0, 600.0, True)
FACTS = OfferFacts(1_700_002_800, 60, 3000.0, 5000.0, PUMP)


def test_what_was_bought_is_offered() -> None:
    assert offered_w(FACTS) == 3000.0


def test_a_whole_run_is_offered_whole() -> None:
    for wanted_w in (WHOLE * 5000.0, 5000.0, 5300.0):
        assert offered_w(replace(FACTS, wanted_w=wanted_w)) == 5000.0
    assert offered_w(replace(FACTS, wanted_w=4700.0)) == 4700.0


def test_planner_contract_and_control_mean_the_same() -> None:
    """They may not import each other, and must agree: what a whole run is, and when a store is full."""
    assert WHOLE == STOPS_BELOW
    assert store.FULL_MARGIN_K == local_facts.STORE_FULL_MARGIN_K
    # The executor in the planner runs through what is offered whole; the SCADA's own adds what it is allowed to be off.
    assert pytest.approx(1.0 - WHOLE) == slot_executor.BRIDGE_SHARE
    assert slot.BRIDGE_SHARE < TOLERANCE < slot_executor.BRIDGE_SHARE


def test_what_no_minimum_time_allows_costs_more_than_anything() -> None:
    """Control tells by the size of a difference that a minimum time made it."""
    longest_wh = 366 * 24 * PUMP.nameplate_w
    assert longest_wh / 1e6 * 500.0 < policy_control.NO_TIME_USD
    assert policy_control.NO_TIME_USD < 0.5 * roll_out.NOT_IN_TIME_USD < 0.5 * cost_to_go.NOT_ALLOWED_USD


def test_a_swing_of_the_buffer_is_the_same_to_planner_and_control() -> None:
    """More than from empty to full at the top alone, no more than to where it is filled at once."""
    limits = local_facts.capabilities_of(load_house("beech").plumbing, frozenset())
    assert limits.empty_margin_k + limits.full_margin_k < transition.BUFFER_SWING_K
    assert limits.empty_margin_k + limits.cold_margin_k >= transition.BUFFER_SWING_K


def test_defrosting_is_the_same_to_planner_contract_and_simulated_unit() -> None:
    assert drawable.DEFROST_ELECTRIC_SHARE == plant_heat_pump.DEFROST_ELECTRIC_SHARE
    every_s, for_s = sum(plant_heat_pump.DEFROST_EVERY_S) / 2.0, sum(plant_heat_pump.DEFROST_FOR_S) / 2.0
    time_share = drawable.DEFROST_TIME_SHARE
    assert time_share == pytest.approx(for_s / (every_s + for_s), abs=0.01)
    heat_share = 1.0 - time_share * (1.0 + plant_heat_pump.DEFROST_HEAT_TAKEN_SHARE)
    electric_share = 1.0 - time_share * (1.0 - drawable.DEFROST_ELECTRIC_SHARE)
    # The planner takes one share for capacity and COP: between what is left of the heat, and of the COP.
    assert heat_share < DEFROST_SHARE < heat_share / electric_share


def test_without_room_for_a_whole_run_what_was_bought_is_offered() -> None:
    assert offered_w(replace(FACTS, wanted_w=2500.0, whole_w=None)) == 2500.0


def test_less_than_a_minimum_run_is_nothing_or_a_whole_one() -> None:
    minimum_w = PUMP.minimum_run_wh
    assert offered_w(replace(FACTS, wanted_w=0.4 * minimum_w)) == 0.0
    assert offered_w(replace(FACTS, wanted_w=0.6 * minimum_w)) == pytest.approx(1.02 * minimum_w + 60.0)


def test_an_element_has_no_minimum_run() -> None:
    element = replace(FACTS, limits=SourceLimits(4500.0), whole_w=None, wanted_w=10.0)
    assert offered_w(element) == 10.0
    assert offered_w(replace(element, wanted_w=-5.0)) == 0.0


def test_no_more_is_offered_than_the_source_can_draw() -> None:
    cold = replace(FACTS, drawable_w=4000.0)
    most_w = 4000.0 + QUARTER_RUN * PUMP.minimum_run_wh
    assert offered_w(replace(cold, wanted_w=4700.0)) == most_w
    assert offered_w(replace(cold, wanted_w=WHOLE * most_w)) == most_w, "what was a part is a whole run of it"
    assert offered_w(replace(cold, wanted_w=4700.0, whole_w=None)) == most_w
    assert offered_w(replace(cold, wanted_w=3000.0)) == 3000.0


def test_too_little_for_an_element_is_not_offered() -> None:
    orange = source_limits(load_house("orange").plumbing)
    facts = replace(FACTS, limits=orange, whole_w=None)
    assert 126.0 < orange.least_wh < 400.0
    assert offered_w(replace(facts, wanted_w=126.0)) == 0.0 and offered_w(replace(facts, wanted_w=400.0)) == 400.0


def test_limits_are_those_of_the_house_file() -> None:
    beech, fir = load_house("beech").plumbing, load_house("fir").plumbing
    assert beech.heat_pump is not None and source_limits(beech).nameplate_w == beech.heat_pump.nameplate_w
    has_pump = fir.heat_pump is not None
    assert source_limits(beech).has_minimum_run and source_limits(fir).has_minimum_run is has_pump


def test_facts_survive_json() -> None:
    for facts in (replace(FACTS, whole_w=1e4 / 3), replace(FACTS, whole_w=None)):
        assert facts_of_document(json.loads(json.dumps(facts_document(facts)))) == facts
    with pytest.raises(BadInput, match="remembered offer"):
        facts_of_document({"start_s": 1})
