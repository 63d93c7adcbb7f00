"""The SCADA's keeper of slot contracts, cell by cell and against the AtomicTNode's side."""

import json
from dataclasses import replace

import pytest

from gw_spaceheat.decisions import atn_contract, contract
from gw_spaceheat.decisions.contract import (
    ContractFacts,
    ContractState,
    HeartbeatReceived,
    Persist,
    Refuse,
    Restarted,
    Revoke,
    SendHeartbeat,
    SlotEnded,
    SlotStarted,
    Tick,
)
from gw_spaceheat.decisions.contract_state import TABLE, Event, from_json, next_status
from gw_spaceheat.errors import BadInput, IllegalEvent
from gw_spaceheat.messages.contract import ContractStatus, SlowDispatchContract, make_heartbeat

S = ContractStatus
HOUR = 1_700_002_800 // 3600 * 3600
FACTS = ContractFacts("d1.beech.scada", 6000.0, 700.0)


def slot(start_s: int = HOUR, watts: int = 3000, minutes: int = 60, number: int = 1) -> SlowDispatchContract:
    contract_id = f"00000000-0000-4000-8000-{number:012d}"
    return atn_contract.make_contract("d1.beech.scada", contract_id, watts, start_s, minutes)


def created(of: SlowDispatchContract, now_s: float) -> HeartbeatReceived:
    return HeartbeatReceived(make_heartbeat("ltn", of, S.CREATED, int(now_s * 1000)))


def word(of: SlowDispatchContract, status: ContractStatus, now_s: float, cause: str | None = None) -> HeartbeatReceived:
    return HeartbeatReceived(make_heartbeat("ltn", of, status, int(now_s * 1000), cause=cause))


def said(effects: tuple[contract.Effect, ...]) -> list[ContractStatus]:
    return [effect.heartbeat.status for effect in effects if isinstance(effect, SendHeartbeat)]


def accepted(now_s: float = HOUR) -> ContractState:
    state, effects = contract.decide(ContractState(), created(slot(), now_s), FACTS, now_s)
    assert not [e for e in effects if isinstance(e, Refuse)]
    return state


EXPECTED = {
    (S.CREATED, Event.ACCEPT): S.RECEIVED,
    (S.CREATED, Event.SCADA_TERMINATES): S.TERMINATED_BY_SCADA,
    (S.RECEIVED, Event.CONFIRM): S.CONFIRMED,
    (S.RECEIVED, Event.START): S.ACTIVE,
    (S.CONFIRMED, Event.CONFIRM): S.CONFIRMED,
    (S.CONFIRMED, Event.START): S.ACTIVE,
    (S.ACTIVE, Event.CONFIRM): S.ACTIVE,
    (S.ACTIVE, Event.END_MET): S.COMPLETED_SUCCESS,
    (S.ACTIVE, Event.END_MISSED): S.COMPLETED_FAILURE_BY_SCADA,
    **{(s, Event.LTN_TERMINATES): S.TERMINATED_BY_LTN for s in (S.RECEIVED, S.CONFIRMED, S.ACTIVE)},
    **{(s, Event.SCADA_TERMINATES): S.TERMINATED_BY_SCADA for s in (S.RECEIVED, S.CONFIRMED, S.ACTIVE)},
    **{(s, Event.END_UNKNOWN): S.COMPLETED_UNKNOWN_OUTCOME for s in (S.RECEIVED, S.CONFIRMED, S.ACTIVE)},
}


@pytest.mark.parametrize("status", list(S))
@pytest.mark.parametrize("event", list(Event))
def test_table(status: ContractStatus, event: Event) -> None:
    if (status, event) in EXPECTED:
        assert next_status(status, event) is EXPECTED[status, event]
    else:
        with pytest.raises(IllegalEvent):
            next_status(status, event)
    assert status in TABLE or status in EXPECTED or status.value.startswith(("Terminated", "Completed"))


@pytest.mark.parametrize("watts", [0, 300, 1200, 3000])
def test_a_power_cut_loses_little_of_an_elements_energy(watts: int) -> None:
    """It draws in 30 s more than a slot may be off by; and yet the memory card is not worn out."""
    terms, facts, element_wh = slot(watts=watts), replace(FACTS, capacity_w=9000.0, minimum_run_wh=0.0), 9000.0 / 3600.0
    state, _ = contract.decide(ContractState(), created(terms, HOUR), facts, HOUR)
    saved_wh, lost_wh, writes = 0.0, 0.0, 0
    for second in range(1, 3600):
        running = state.current
        assert running is not None
        drawn_wh = element_wh if running.used_wh < terms.energy_wh else 0.0
        state, effects = contract.decide(state, Tick(drawn_wh), facts, HOUR + float(second))
        for effect in effects:
            if isinstance(effect, Persist) and effect.state.current is not None:
                saved_wh, writes = effect.state.current.used_wh, writes + 1
        assert state.current is not None
        lost_wh = max(lost_wh, state.current.used_wh - saved_wh)
    assert lost_wh <= max(1.0, 0.005 * terms.energy_wh) and writes < 340


def test_accepting_starts_and_persists_before_it_answers() -> None:
    state, effects = contract.decide(ContractState(), created(slot(), HOUR), FACTS, HOUR + 1.0)
    assert isinstance(effects[0], Persist)
    assert said(effects) == [S.RECEIVED, S.ACTIVE]
    assert any(isinstance(e, SlotStarted) for e in effects)
    view = contract.slot_view(state, HOUR + 1.0)
    assert view is not None and view.energy_wh == 3000.0
    assert contract.is_live(state, HOUR + 1.0)


def test_energy_is_counted_each_second_and_the_end_is_claimed() -> None:
    state = accepted()
    for second in range(1, 3600):
        state, _ = contract.decide(state, Tick(3000 / 3600), FACTS, HOUR + second)
    assert state.current is not None and state.current.used_wh == pytest.approx(3000 * 3599 / 3600)
    state, effects = contract.decide(state, Tick(3000 / 3600), FACTS, HOUR + 3600)
    ended = [e for e in effects if isinstance(e, SlotEnded)]
    assert ended[0].status is S.COMPLETED_SUCCESS and ended[0].used_wh == pytest.approx(3000)
    assert said(effects) == [S.COMPLETED_SUCCESS]
    assert contract.slot_view(state, HOUR + 3600) is None
    assert contract.is_live(state, HOUR + 3899) and not contract.is_live(state, HOUR + 3900)


@pytest.mark.parametrize(
    ("energy_wh", "status"), [(0.2, S.COMPLETED_FAILURE_BY_SCADA), (None, S.COMPLETED_UNKNOWN_OUTCOME)]
)
def test_a_missed_or_uncounted_slot_says_so(energy_wh: float | None, status: ContractStatus) -> None:
    state = accepted()
    effects: tuple[contract.Effect, ...] = ()
    for second in range(1, 3601):
        state, effects = contract.decide(state, Tick(energy_wh), FACTS, HOUR + second)
    ended = [e for e in effects if isinstance(e, SlotEnded)]
    assert ended[0].status is status
    assert ("not counted" if energy_wh is None else "720 Wh of 3000 Wh") in ended[0].cause


def test_heartbeat_every_60_s_and_persist_every_30_s() -> None:
    state, beats, persists = accepted(), 0, 0
    for second in range(1, 601):
        state, effects = contract.decide(state, Tick(1.0), FACTS, HOUR + second)
        beats += len(said(effects))
        persists += sum(isinstance(e, Persist) for e in effects)
    assert beats == 10 and 20 <= persists <= 21


def test_idle_tick_returns_the_same_object() -> None:
    state = ContractState()
    assert contract.decide(state, Tick(0.0), FACTS, HOUR)[0] is state


REFUSED = [
    (slot(watts=7000), {}, 0, "capacity"),
    (slot(watts=500), {}, 0, "minimum run"),
    (slot(watts=-1), {}, 0, "negative"),
    (slot(minutes=7), {}, 0, "multiple of 5"),
    (slot(minutes=1500), {}, 0, "longer than"),
    (slot(start_s=HOUR - 3600), {}, 0, "over"),
    (slot(start_s=HOUR - 600), {}, 0, "600 s ago"),
    (slot(start_s=HOUR + 10_800), {}, 0, "too far ahead"),
    (slot(), {"clock_trusted": False}, 0, "clock"),
    (slot(), {"revoked_by": "homeowner opted out"}, 0, "opted out"),
    (slot(start_s=HOUR + 300), {}, 200, "future"),
]


@pytest.mark.parametrize(("offer", "facts", "created_after_s", "text"), REFUSED)
def test_what_is_refused_is_answered_and_not_stored(
    offer: SlowDispatchContract, facts: dict[str, object], created_after_s: int, text: str
) -> None:
    created_s = min(HOUR, offer.start_s) + created_after_s
    changed = ContractFacts(**{"scada_alias": "d1.beech.scada", "capacity_w": 6000.0, "minimum_run_wh": 700.0, **facts})
    state, effects = contract.decide(ContractState(), created(offer, created_s), changed, HOUR)
    assert state.current is None and state.upcoming is None
    refusals = [e for e in effects if isinstance(e, Refuse)]
    assert text in refusals[0].reason
    assert said(effects) == [S.TERMINATED_BY_SCADA]


def test_another_house_and_a_foreign_sender_are_refused() -> None:
    other = slot().model_copy(update={"scada_alias": "d1.oak.scada"})
    state, effects = contract.decide(ContractState(), created(other, HOUR), FACTS, HOUR)
    assert state == ContractState() and isinstance(effects[0], Refuse)
    forged = HeartbeatReceived(make_heartbeat("s", slot(), S.ACTIVE, HOUR * 1000))
    state, effects = contract.decide(ContractState(), forged, FACTS, HOUR)
    assert state == ContractState() and isinstance(effects[0], Refuse)


def test_overlap_is_refused_and_the_following_hour_is_not() -> None:
    state = accepted()
    state, effects = contract.decide(state, created(slot(HOUR + 1800, number=2), HOUR + 60), FACTS, HOUR + 60)
    assert "overlaps" in next(e.reason for e in effects if isinstance(e, Refuse))
    state, effects = contract.decide(state, created(slot(HOUR + 3600, number=3), HOUR + 90), FACTS, HOUR + 90)
    assert said(effects) == [S.RECEIVED] and state.upcoming is not None
    state, effects = contract.decide(state, Tick(1.0), FACTS, HOUR + 3600)
    assert any(isinstance(e, SlotStarted) for e in effects) and any(isinstance(e, SlotEnded) for e in effects)


def test_lost_received_is_said_again_but_an_ended_created_is_refused() -> None:
    offer = created(slot(), HOUR)
    state, _ = contract.decide(ContractState(), offer, FACTS, HOUR)
    state, effects = contract.decide(state, offer, FACTS, HOUR + 5)
    assert said(effects) == [S.ACTIVE] and state.heard_s == HOUR  # a repeat is no sign of life
    state, _ = contract.decide(state, word(slot(), S.TERMINATED_BY_LTN, HOUR + 10, "no more"), FACTS, HOUR + 10)
    assert state.current is None
    state, effects = contract.decide(state, offer, FACTS, HOUR + 15)
    assert state.current is None and isinstance(effects[0], Refuse) and said(effects) == [S.COMPLETED_UNKNOWN_OUTCOME]
    state, _ = contract.decide(state, created(slot(HOUR + 300, number=2, minutes=55), HOUR + 20), FACTS, HOUR + 20)
    state, _ = contract.decide(state, Revoke("opted out"), FACTS, HOUR + 25)
    state, effects = contract.decide(state, offer, FACTS, HOUR + 30)
    assert state.current is None and "replayed" in next(e.reason for e in effects if isinstance(e, Refuse))


def test_replayed_heartbeat_keeps_nobody_alive() -> None:
    state = accepted()
    beat = word(slot(), S.ACTIVE, HOUR + 60)
    state, _ = contract.decide(state, beat, FACTS, HOUR + 60)
    assert state.heard_s == HOUR + 60
    state, effects = contract.decide(state, beat, FACTS, HOUR + 200)
    assert state.heard_s == HOUR + 60 and isinstance(effects[0], Refuse)


def test_revoke_ends_running_and_upcoming() -> None:
    state = accepted()
    state, _ = contract.decide(state, created(slot(HOUR + 3600, number=2), HOUR + 9), FACTS, HOUR + 9)
    cold = ContractFacts("d1.beech.scada", 6000.0, 700.0, revoked_by="house cold")
    state, effects = contract.decide(state, Tick(1.0), cold, HOUR + 20)
    assert said(effects) == [S.TERMINATED_BY_SCADA] * 2 and state.current is None and state.upcoming is None
    assert not contract.is_live(state, HOUR + 20)


def test_restart_goes_on_with_the_slot_and_its_energy() -> None:
    state = accepted()
    for second in range(1, 100):
        state, _ = contract.decide(state, Tick(1.0), FACTS, HOUR + second)
    again = from_json(json.loads(json.dumps(state.to_json())))
    assert again.current == state.current and again.seen == state.seen
    again, effects = contract.decide(again, Restarted(), FACTS, HOUR + 130)
    assert said(effects) == [S.ACTIVE]
    view = contract.slot_view(again, HOUR + 130)
    assert view is not None and view.used_wh == 99.0
    late, effects = contract.decide(again, Restarted(), FACTS, HOUR + 4000)
    assert late.current is None and said(effects) == [S.COMPLETED_UNKNOWN_OUTCOME]


@pytest.mark.parametrize("data", [None, {}, [], {"version": 1}, {"version": 2}, {"version": 1, "current": 3}])
def test_a_torn_file_is_bad_input(data: object) -> None:
    with pytest.raises(BadInput):
        from_json(data)


def test_both_sides_over_a_lossy_line() -> None:
    """Offer repeated until received; accepted once; the slot ends at both sides with the same energy."""
    atn, scada = atn_contract.AtnState(), ContractState()
    inbox: list[contract.HeartbeatReceived] = []
    ends: list[float] = []
    accepted_count = started = sent = 0
    for second in range(3800):
        now_s = HOUR + float(second)
        given: list[object] = [atn_contract.MakeOffer(slot())] if second == 0 else [atn_contract.Tick()]
        outbox = []
        for event in given:
            atn, effects = atn_contract.decide(atn, event, now_s)  # type: ignore[arg-type]
            outbox += [e.heartbeat for e in effects if isinstance(e, atn_contract.SendHeartbeat)]
        for heartbeat in outbox:
            sent += 1
            if sent > 3:  # the first three words are lost
                inbox.append(HeartbeatReceived(heartbeat))
        answers = []
        for received in [*inbox, Tick(3000 / 3600)]:
            scada, said_ = contract.decide(scada, received, FACTS, now_s)
            started += sum(isinstance(e, SlotStarted) for e in said_)
            answers += [e.heartbeat for e in said_ if isinstance(e, SendHeartbeat)]
        inbox = []
        for answer in answers:
            atn, effects = atn_contract.decide(atn, atn_contract.HeartbeatReceived(answer), now_s)
            accepted_count += sum(isinstance(e, atn_contract.SlotAccepted) for e in effects)
            ends += [e.used_wh for e in effects if isinstance(e, atn_contract.SlotEnded)]
            inbox += [HeartbeatReceived(e.heartbeat) for e in effects if isinstance(e, atn_contract.SendHeartbeat)]
    assert started == accepted_count == 1
    assert len(ends) == 1 and ends[0] == pytest.approx(3000, rel=0.02)
    assert atn.current is None and scada.current is None
    assert scada.heard_s >= HOUR + 3500
