"""Local control on a policy: every wish from every body, and its place among the obligations."""

from dataclasses import replace
from itertools import product

import pytest

from gw_spaceheat.decisions.local_control import LocalState, decide
from gw_spaceheat.decisions.local_facts import Capabilities, LocalFacts, PolicyWish
from gw_spaceheat.decisions.local_tables import SINGLE_TANK_TABLE, SLOT_TABLE, Body, Mode
from gw_spaceheat.decisions.policy_control import policy_step, wish_of
from gw_spaceheat.decisions.slot import HeatSource, SlotView

ACTUATORS = frozenset({"heat_pump", "store_pump", "store_valve", "distribution_pump", "primary_pump"})
BEECH = Capabilities(True, False, True, True, ACTUATORS, HeatSource(5000.0))
ORANGE = Capabilities(False, True, True, False, frozenset({"boost", "distribution_pump"}), HeatSource(4500.0, 0, 0, 0))
FACTS = LocalFacts(BEECH, False, 300.0, 50.0, 40.0, 60.0, 50.0, 45.0, 20.0, 5.0)
INIT, ON, CHARGE, OFF, DISCHARGE = Body
EMPTY = {"buffer_top_c": 35.0, "buffer_bottom_c": 30.0}
BETWEEN = {"buffer_top_c": 45.0, "buffer_bottom_c": 40.0}
SERVING = {"buffer_top_c": 50.0, "buffer_bottom_c": 40.0}
FULL = {"buffer_top_c": 50.0, "buffer_bottom_c": 46.0}
CHARGING = wish_of(True, True, False, 0.1)
HEATING = wish_of(True, False, False, 0.1)
RESTING = wish_of(False, False, True, 0.1)


def settle(facts: LocalFacts, body: Body = INIT, looks: int = 3) -> LocalState:
    """The state after a few looks at the same facts: where it comes to rest."""
    state = LocalState(body=body, mode=Mode.POLICY)
    for second in range(looks):
        state, _ = decide(state, facts, float(second))
    return state


@pytest.mark.parametrize("body", list(Body))
@pytest.mark.parametrize(
    ("wish", "tanks", "expected"),
    [
        (CHARGING, EMPTY, ON),
        (CHARGING, SERVING, CHARGE),
        (CHARGING, {**FULL, "store_bottom_c": 74.5}, OFF),
        (HEATING, EMPTY, ON),
        (HEATING, FULL, OFF),
        (RESTING, EMPTY, DISCHARGE),
        (RESTING, {**EMPTY, "store_top_c": 30.0, "usable_kwh": 0.0}, OFF),
        (RESTING, FULL, OFF),
    ],
)
def test_the_tanks_say_what_a_wish_means(body: Body, wish: PolicyWish, tanks: dict[str, float], expected: Body) -> None:
    assert settle(replace(FACTS, policy=wish, **tanks), body).body is expected


def test_heating_alone_rests_between_full_and_empty() -> None:
    facts = replace(FACTS, policy=HEATING, **BETWEEN)
    assert settle(facts, ON).body is ON
    assert settle(facts, OFF).body is OFF
    assert settle(facts, CHARGE).body is ON, "the store is left alone at once"


def test_every_event_has_a_cell_in_its_table() -> None:
    """Whatever the tanks and wherever it comes from, a policy never asks the table for a cell it does not have."""
    tanks = [EMPTY, BETWEEN, SERVING, FULL]
    stores = [{}, {"store_bottom_c": 74.5}, {"store_top_c": 30.0, "store_bottom_c": 28.0, "usable_kwh": 0.0}]
    for wish, buffer, store, body in product((CHARGING, HEATING, RESTING), tanks, stores, Body):
        facts = replace(FACTS, policy=wish, **{**buffer, **store})
        event, table = policy_step(body, facts, wish, 1e6)
        assert table is SLOT_TABLE
        assert event is None or event in table[body], (wish, body, event)
        single = replace(facts, capabilities=ORANGE)
        for small in (INIT, ON, OFF):
            event, table = policy_step(small, single, wish, 1e6)
            assert table is SINGLE_TANK_TABLE
            assert event is None or event in table[small]


def test_one_tank_is_on_or_off() -> None:
    facts = replace(FACTS, capabilities=ORANGE, buffer_top_c=None, buffer_bottom_c=None)
    on = settle(replace(facts, policy=CHARGING))
    assert (on.body, on.wanted.boost) == (ON, True)
    assert settle(replace(facts, policy=RESTING), ON).body is OFF
    assert settle(replace(facts, policy=CHARGING, store_bottom_c=74.9), ON).body is OFF


def test_order_of_obligations() -> None:
    """Cold, blind, slot, policy, tariff."""
    slot = SlotView("x", 0.0, 0.0, 3600.0, 0.0)
    facts = replace(FACTS, policy=CHARGING, slot=slot, **SERVING)
    assert decide(LocalState(), replace(facts, house_cold=True), 1.0)[0].mode is Mode.COLD
    blind, _ = decide(LocalState(missing_since_s=-1000.0), replace(facts, rswt_c=None), 1.0)
    assert blind.mode is Mode.BLIND
    in_slot, _ = decide(LocalState(), facts, 1.0)
    assert (in_slot.mode, in_slot.wanted.heat_pump) == (Mode.SLOT, False)
    on_policy, _ = decide(in_slot, replace(facts, slot=None), 2.0)
    assert (on_policy.mode, on_policy.wanted.heat_pump) == (Mode.POLICY, True)
    on_tariff, _ = decide(on_policy, replace(facts, slot=None, policy=None, on_peak=True), 3.0)
    assert (on_tariff.mode, on_tariff.wanted.heat_pump) == (Mode.NORMAL, False)


def test_on_peak_the_policy_decides_and_says_so() -> None:
    state, changes = decide(LocalState(), replace(FACTS, policy=HEATING, on_peak=True, **EMPTY), 1.0)
    assert state.wanted.heat_pump
    assert state.wanted.reason == "policy: heat, 0.100 USD better than off"
    assert changes[0].reason == state.wanted.reason
    assert wish_of(False, False, True, 0.25).reason == "policy: discharge, 0.250 USD better than on"
    assert wish_of(False, False, False, 0.25).reason == "policy: off, 0.250 USD better than on"
