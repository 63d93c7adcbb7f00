"""The SCADA's keeper of slot contracts: accepts or refuses, counts energy, says heartbeats, notes the end.

An accepted slot is an obligation that outlives the link and the process. All times are epoch seconds of a trusted
clock; energy is Wh of the heat source by the SCADA's own meter.
"""

from dataclasses import dataclass, replace

from gw_spaceheat.decisions.acceptance import CLOCK_SKEW_S, ContractFacts, may_be_off_wh, why_refused
from gw_spaceheat.decisions.contract_state import (
    TABLE,
    ContractState,
    Event,
    Obligation,
    from_json,
    is_live,
    next_status,
    slot_view,
    unsaved_wh,
)
from gw_spaceheat.messages.contract import ContractStatus, SlowContractHeartbeat, SlowDispatchContract, make_heartbeat

HEARTBEAT_S = 60.0
PERSIST_S = 30.0
UNSAVED_SHARE, UNSAVED_WH = 0.25, 1.0
"""Of what a slot may be off by: a power cut loses no more of the count, though an element draws 75 Wh in 30 s."""
GRACE_S = 300.0  # published: remote authority lasts 5 min past a completed contract, so hours join
METER_GAP_S = 60.0
REMEMBERED = 64

__all__ = [
    "TABLE",
    "ContractFacts",
    "ContractState",
    "Event",
    "Obligation",
    "from_json",
    "is_live",
    "next_status",
    "slot_view",
]


@dataclass(frozen=True, slots=True)
class SendHeartbeat:
    heartbeat: SlowContractHeartbeat


@dataclass(frozen=True, slots=True)
class SlotStarted:
    contract: SlowDispatchContract


@dataclass(frozen=True, slots=True)
class SlotEnded:
    contract: SlowDispatchContract
    status: ContractStatus
    used_wh: float
    cause: str


@dataclass(frozen=True, slots=True)
class Refuse:
    contract: SlowDispatchContract
    reason: str


@dataclass(frozen=True, slots=True)
class Persist:
    state: ContractState


Effect = SendHeartbeat | SlotStarted | SlotEnded | Refuse | Persist
Result = tuple[ContractState, tuple[Effect, ...]]


@dataclass(frozen=True, slots=True)
class HeartbeatReceived:
    heartbeat: SlowContractHeartbeat


@dataclass(frozen=True, slots=True)
class Tick:
    """`energy_wh`: what the heat source drew since the last tick; None if the meter was not read."""

    energy_wh: float | None


@dataclass(frozen=True, slots=True)
class Revoke:
    cause: str


@dataclass(frozen=True, slots=True)
class Restarted: ...  # the process has come back with a persisted state


@dataclass(frozen=True, slots=True)
class Dispatched: ...  # the AtomicTNode's own dispatch holds the heat source


Input = HeartbeatReceived | Tick | Revoke | Restarted | Dispatched


def decide(state: ContractState, event: Input, facts: ContractFacts, now_s: float) -> Result:
    """One event. The same state object comes back if nothing changed."""
    match event:
        case Tick(energy_wh):
            return _tick(state, energy_wh, facts, now_s)
        case HeartbeatReceived(heartbeat):
            return _heard(state, heartbeat, facts, now_s)
        case Revoke(cause):
            return _revoke(state, cause, now_s)
        case Restarted():
            return _restarted(state, now_s)
        case Dispatched():
            current = state.current
            if current is None or current.dispatched:
                return state, ()
            return _persist(replace(state, current=replace(current, dispatched=True)), now_s)


def _say(
    state: ContractState,
    contract: SlowDispatchContract,
    status: ContractStatus,
    previous: ContractStatus | None,
    now_s: float,
    used_wh: float,
    cause: str | None = None,
) -> tuple[ContractState, SlowContractHeartbeat]:
    heartbeat = make_heartbeat(
        "s",
        contract,
        status,
        int(now_s * 1000),
        previous_status=previous,
        cause=cause,
        used_wh=used_wh,
        your_last_digit=state.their_digit,
        previous_proof=state.our_proof,
    )
    return replace(state, said_s=now_s, our_proof=heartbeat.signed_proof), heartbeat


def _persist(state: ContractState, now_s: float, *effects: Effect) -> Result:
    """State first on disk, then the word: what was promised must survive a power cut."""
    counted_wh = state.current.used_wh if state.current is not None else 0.0
    state = replace(state, persisted_s=now_s, persisted_wh=counted_wh)
    return state, (Persist(state), *effects)


def _tick(state: ContractState, energy_wh: float | None, facts: ContractFacts, now_s: float) -> Result:
    if state.current is None and state.upcoming is None:
        return state, ()
    if facts.revoked_by:
        return _revoke(state, facts.revoked_by, now_s)
    effects: list[Effect] = []
    current = state.current
    if current is not None:
        current = _count(current, energy_wh, now_s)
        if current is not state.current:
            state = replace(state, current=current)
        if now_s >= current.contract.end_s:
            state, ended = _finish(state, current, facts, now_s)
            effects.extend(ended)
    upcoming = state.upcoming
    if state.current is None and upcoming is not None and now_s >= upcoming.contract.start_s:
        state, started = _begin(state, upcoming, now_s)
        effects.extend(started)
    running = state.current
    if running is not None and not effects and now_s - state.said_s >= HEARTBEAT_S:
        state, heartbeat = _say(state, running.contract, running.status, running.status, now_s, running.used_wh)
        effects.append(SendHeartbeat(heartbeat))
    allowed_wh = 0.0 if running is None else may_be_off_wh(running.contract, facts)
    much = unsaved_wh(state) > max(UNSAVED_WH, UNSAVED_SHARE * allowed_wh)
    if effects or much or now_s - state.persisted_s >= PERSIST_S:
        return _persist(state, now_s, *effects)
    return state, ()


def _count(obligation: Obligation, energy_wh: float | None, now_s: float) -> Obligation:
    if obligation.status is not ContractStatus.ACTIVE or energy_wh is None:
        return obligation
    # The gap since the last count is time the meter did not cover; a normal period is far below the limit.
    silent_s = now_s - obligation.metered_s
    gap_s = obligation.gap_s + (silent_s if silent_s > METER_GAP_S else 0.0)
    return replace(obligation, used_wh=obligation.used_wh + energy_wh, metered_s=now_s, gap_s=gap_s)


def _begin(state: ContractState, obligation: Obligation, now_s: float) -> tuple[ContractState, list[Effect]]:
    status = next_status(obligation.status, Event.START)
    contract = obligation.contract
    running = replace(obligation, status=status, metered_s=now_s)
    state = replace(state, current=running, upcoming=None)
    state, heartbeat = _say(state, contract, status, obligation.status, now_s, 0.0)
    return state, [SlotStarted(contract), SendHeartbeat(heartbeat)]


def _finish(
    state: ContractState, obligation: Obligation, facts: ContractFacts, now_s: float
) -> tuple[ContractState, list[Effect]]:
    contract = obligation.contract
    silent_s = contract.end_s - obligation.metered_s
    gap_s = obligation.gap_s + (silent_s if silent_s > METER_GAP_S else 0.0)
    promised_wh = contract.energy_wh
    if obligation.status is not ContractStatus.ACTIVE or gap_s > 0:
        event, cause = Event.END_UNKNOWN, f"energy was not counted for {gap_s:.0f} s"
    elif abs(obligation.used_wh - promised_wh) <= may_be_off_wh(contract, facts):
        event, cause = Event.END_MET, None
    elif obligation.dispatched:
        event, cause = Event.END_UNKNOWN, f"used {obligation.used_wh:.0f} Wh under the AtomicTNode's own dispatches"
    else:
        event, cause = Event.END_MISSED, f"used {obligation.used_wh:.0f} Wh of {promised_wh:.0f} Wh"
    state = replace(state, live_until_s=contract.end_s + GRACE_S)
    return _end(state, obligation, event, cause, now_s)


def _end(
    state: ContractState, obligation: Obligation, event: Event, cause: str | None, now_s: float
) -> tuple[ContractState, list[Effect]]:
    status = next_status(obligation.status, event)
    contract = obligation.contract
    # The published axioms leave TerminatedByLtn to the ltn: we answer it with an outcome that carries our count.
    answer = ContractStatus.COMPLETED_UNKNOWN_OUTCOME if event is Event.LTN_TERMINATES else status
    state, heartbeat = _say(state, contract, answer, obligation.status, now_s, obligation.used_wh, cause)
    current = None if state.current is obligation else state.current
    upcoming = None if state.upcoming is obligation else state.upcoming
    state = replace(state, current=current, upcoming=upcoming, last_ended=heartbeat)
    return state, [SlotEnded(contract, status, obligation.used_wh, cause or ""), SendHeartbeat(heartbeat)]


def _revoke(state: ContractState, cause: str, now_s: float) -> Result:
    effects: list[Effect] = []
    for obligation in (state.current, state.upcoming):
        if obligation is not None:
            state, ended = _end(state, obligation, Event.SCADA_TERMINATES, cause, now_s)
            effects.extend(ended)
    if not effects:
        return state, ()
    return _persist(replace(state, live_until_s=float("-inf")), now_s, *effects)


def _restarted(state: ContractState, now_s: float) -> Result:
    """Go on where the file says; a slot that ended meanwhile has an unknown outcome."""
    effects: list[Effect] = []
    current = state.current
    if current is not None and now_s >= current.contract.end_s:
        state = replace(state, live_until_s=current.contract.end_s + GRACE_S)
        cause = "the SCADA was down at the end of the slot"
        state, ended = _end(state, current, Event.END_UNKNOWN, cause, now_s)
        effects.extend(ended)
    elif current is not None:
        state, heartbeat = _say(state, current.contract, current.status, current.status, now_s, current.used_wh)
        effects.append(SendHeartbeat(heartbeat))
    upcoming = state.upcoming
    if upcoming is not None and now_s >= upcoming.contract.end_s:
        cause = "the SCADA was down for the whole slot"
        state, ended = _end(state, upcoming, Event.END_UNKNOWN, cause, now_s)
        effects.extend(ended)
    return _persist(state, now_s, *effects) if effects else (state, ())


def _heard(state: ContractState, heartbeat: SlowContractHeartbeat, facts: ContractFacts, now_s: float) -> Result:
    contract = heartbeat.contract
    if heartbeat.from_node != "ltn":
        return state, (Refuse(contract, f"heartbeat from {heartbeat.from_node}, only ltn may command"),)
    if contract.scada_alias != facts.scada_alias:
        return state, (Refuse(contract, f"contract is for {contract.scada_alias}, not for {facts.scada_alias}"),)
    held = state.held(contract)
    if held is not None:
        return _heard_held(state, held, heartbeat, now_s)
    if heartbeat.status is ContractStatus.CREATED:
        return _offered(state, heartbeat, facts, now_s)
    last = state.last_ended
    if last is not None and last.contract.contract_id == contract.contract_id:
        if heartbeat.status in (ContractStatus.CONFIRMED, ContractStatus.ACTIVE):
            # They have not heard our last word: say it again. It is old news, so it is no sign of life.
            return state, (SendHeartbeat(last),)
        return state, ()
    return state, (Refuse(contract, f"{heartbeat.status} for a contract this SCADA does not hold"),)


def _heard_held(state: ContractState, held: Obligation, heartbeat: SlowContractHeartbeat, now_s: float) -> Result:
    if heartbeat.contract != held.contract:
        return state, (Refuse(heartbeat.contract, "same contract id with other terms"),)
    # A replay of an old heartbeat must not keep a dead peer alive: only newer words count.
    if heartbeat.message_created_ms > state.newest_created_ms:
        if heartbeat.message_created_ms / 1000 > now_s + CLOCK_SKEW_S:
            return state, (Refuse(heartbeat.contract, "heartbeat from the future"),)
        state = replace(
            state, heard_s=now_s, newest_created_ms=heartbeat.message_created_ms, their_digit=heartbeat.my_digit
        )
    elif heartbeat.status is not ContractStatus.CREATED:
        return state, (Refuse(heartbeat.contract, "replayed or older heartbeat"),)
    match heartbeat.status:
        case ContractStatus.CREATED:  # our Received was lost
            # Published: only the ltn says Confirmed.
            word = ContractStatus.RECEIVED if held.status is ContractStatus.CONFIRMED else held.status
            answered, again = _say(state, held.contract, word, held.status, now_s, held.used_wh)
            return answered, (SendHeartbeat(again),)
        case ContractStatus.TERMINATED_BY_LTN:
            state, ended = _end(state, held, Event.LTN_TERMINATES, heartbeat.cause, now_s)
            return _persist(replace(state, live_until_s=float("-inf")), now_s, *ended)
        case ContractStatus.CONFIRMED:
            status = next_status(held.status, Event.CONFIRM)
            if status is held.status:
                return state, ()
            confirmed = replace(held, status=status)
            if state.current is held:
                return _persist(replace(state, current=confirmed), now_s)
            return _persist(replace(state, upcoming=confirmed), now_s)
        case _:
            return state, ()  # Active and claims of completion: signs of life, the meter decides the rest


def _offered(state: ContractState, heartbeat: SlowContractHeartbeat, facts: ContractFacts, now_s: float) -> Result:
    contract = heartbeat.contract
    last = state.last_ended
    if last is not None and last.contract == contract:
        # Replayed, or our last word was lost: the answer is that word, never a second execution.
        return state, (Refuse(contract, "replayed contract"), SendHeartbeat(last))
    reason = why_refused(state, heartbeat, facts, now_s)
    if reason:
        # A refusal is final: else one that comes late would contradict an acceptance of the repeated offer.
        seen = state.seen if contract.contract_id in state.seen else (*state.seen, contract.contract_id)[-REMEMBERED:]
        answered = replace(state, their_digit=heartbeat.my_digit, seen=seen)
        answered, no = _say(
            answered, contract, ContractStatus.TERMINATED_BY_SCADA, ContractStatus.CREATED, now_s, 0.0, reason
        )
        if contract.contract_id in state.seen:
            return answered, (Refuse(contract, reason), SendHeartbeat(no))
        return _persist(answered, now_s, Refuse(contract, reason), SendHeartbeat(no))
    status = next_status(ContractStatus.CREATED, Event.ACCEPT)
    state = replace(
        state,
        upcoming=Obligation(contract, status),
        seen=(*state.seen, contract.contract_id)[-REMEMBERED:],
        newest_created_ms=max(state.newest_created_ms, heartbeat.message_created_ms),
        heard_s=now_s,
        their_digit=heartbeat.my_digit,
    )
    state, yes = _say(state, contract, status, ContractStatus.CREATED, now_s, 0.0)
    effects: list[Effect] = [SendHeartbeat(yes)]
    if state.current is None and now_s >= contract.start_s and state.upcoming is not None:
        state, started = _begin(state, state.upcoming, now_s)
        effects.extend(started)
    return _persist(state, now_s, *effects)
