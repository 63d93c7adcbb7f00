"""An AtomicTNode that comes back goes on with its contract: the state's form on disk, and what follows from it."""

import json
from dataclasses import replace
from random import Random

import pytest

from gw_spaceheat.decisions import atn_contract as rule
from gw_spaceheat.errors import BadInput
from gw_spaceheat.messages.contract import ContractStatus, SlowContractHeartbeat, make_heartbeat
from tests.fixtures.contract_pair import HOUR, Pair

S = ContractStatus
SLOT = rule.make_contract("d1.beech.scada", "00000000-0000-4000-8000-000000000001", 3000.0, HOUR, 60)


def after_restart(state: rule.AtnState, now_s: float) -> rule.AtnState:
    return rule.from_json(json.loads(json.dumps(state.to_json())), now_s)


def active() -> rule.AtnState:
    """Offered and accepted; the slot runs."""
    state, _ = rule.decide(rule.AtnState(), rule.MakeOffer(SLOT), HOUR - 20.0)
    received = make_heartbeat("s", SLOT, S.RECEIVED, (HOUR - 18) * 1000)
    state, _ = rule.decide(state, rule.HeartbeatReceived(received), HOUR - 18.0)
    state, _ = rule.decide(state, rule.Tick(), HOUR + 60.0)
    assert state.current is not None and state.current.status is S.ACTIVE
    return state


def said(effects: tuple[rule.Effect, ...]) -> list[SlowContractHeartbeat]:
    return [effect.heartbeat for effect in effects if isinstance(effect, rule.SendHeartbeat)]


def test_all_but_the_times_of_talk_survives() -> None:
    state = active()
    again = after_restart(state, HOUR + 600.0)
    assert state.current is not None and again.current is not None
    expected = replace(state.current, said_s=float("-inf"), heard_s=float("-inf"))
    assert again == replace(state, current=expected, resumed_s=HOUR + 600.0)


def test_random_states_survive() -> None:
    states = [Pair(seed).run().atn for seed in range(20)]
    chance = Random(1)
    for state in states:
        now_s = state.last_ms / 1000.0 + chance.random() * 5000.0
        once = after_restart(state, now_s)
        assert after_restart(once, now_s) == once and once.to_json() == state.to_json()


def test_after_a_restart_in_mid_slot_the_first_word_is_a_heartbeat_of_the_same_contract() -> None:
    state = after_restart(active(), HOUR + 1800.0)
    state, effects = rule.decide(state, rule.Tick(), HOUR + 1805.0)
    assert [(word.contract, word.status) for word in said(effects)] == [(SLOT, S.ACTIVE)]
    assert said(effects)[0].message_created_ms > active().last_ms, "the SCADA takes only newer words"
    other = rule.make_contract("d1.beech.scada", "00000000-0000-4000-8000-000000000002", 1000.0, HOUR + 2100, 25)
    state, effects = rule.decide(state, rule.MakeOffer(other), HOUR + 2080.0)
    assert isinstance(effects[0], rule.OfferNotMade) and state.current is not None and state.current.contract == SLOT


def test_an_offer_whose_answer_came_while_we_were_away_is_repeated_word_for_word_and_not_given_up() -> None:
    state, effects = rule.decide(rule.AtnState(), rule.MakeOffer(SLOT), HOUR - 20.0)
    (first,) = said(effects)
    state = after_restart(state, HOUR + 900.0)
    state, effects = rule.decide(state, rule.Tick(), HOUR + 905.0)
    assert said(effects) == [first]
    answer = make_heartbeat("s", SLOT, S.ACTIVE, (HOUR + 10) * 1000)
    state, effects = rule.decide(state, rule.HeartbeatReceived(answer), HOUR + 906.0)
    assert isinstance(effects[0], rule.SlotAccepted)
    assert state.current is not None and state.current.status is S.ACTIVE


def test_an_offer_nobody_answers_is_given_up_after_the_restart() -> None:
    state, _ = rule.decide(rule.AtnState(), rule.MakeOffer(SLOT), HOUR - 20.0)
    state = after_restart(state, HOUR + 900.0)
    state, effects = rule.decide(state, rule.Tick(), HOUR + 1200.0)
    assert state.current is None
    assert [word.status for word in said(effects)] == [S.TERMINATED_BY_LTN]


def test_the_end_of_a_slot_that_passed_while_we_were_away_is_waited_for() -> None:
    late_s = HOUR + 3 * 3600.0
    state = after_restart(active(), late_s)
    state, effects = rule.decide(state, rule.Tick(), late_s + 5.0)
    assert effects == () and state.current is not None
    met = make_heartbeat("s", SLOT, S.COMPLETED_SUCCESS, (HOUR + 3600) * 1000, used_wh=3001.0)
    ended, effects = rule.decide(state, rule.HeartbeatReceived(met), late_s + 6.0)
    assert ended.current is None and isinstance(effects[0], rule.SlotEnded) and effects[0].used_wh == 3001.0
    unheard, effects = rule.decide(state, rule.Tick(), late_s + 120.0)
    assert unheard.current is None and isinstance(effects[0], rule.SlotEnded)
    assert effects[0].status is S.COMPLETED_UNKNOWN_OUTCOME


@pytest.mark.parametrize("data", [None, {}, [], {"version": 1}, {"version": 2}, {"version": 1, "current": 3}])
def test_what_is_no_state_is_bad_input(data: object) -> None:
    with pytest.raises(BadInput, match="contract state"):
        rule.from_json(data, HOUR)


def test_a_state_of_a_time_that_has_not_come_is_not_used() -> None:
    with pytest.raises(BadInput, match=r"lies 3660 s ahead, limit is 60 s"):
        rule.from_json(active().to_json(), HOUR - 3600.0)
