"""The AtomicTNode's side of slot contracts: offer, repeat until received, heartbeats, note the end. Epoch seconds."""

from dataclasses import dataclass, replace
from math import ceil

from gw_spaceheat.decisions.atn_contract_state import TABLE, AtnState, Offer, from_json, next_status
from gw_spaceheat.messages.contract import (
    CREATED_GRACE_S,
    ENDED,
    ContractStatus,
    SlowContractHeartbeat,
    SlowDispatchContract,
    make_heartbeat,
)

HEARTBEAT_S = 60.0
RESEND_S = 5.0
GIVE_UP_S = 300.0
END_WAIT_S = 120.0
STEP_S = 300
HOUR_S = 3600

__all__ = ["TABLE", "AtnState", "Offer", "from_json", "next_status"]


@dataclass(frozen=True, slots=True)
class MakeOffer:
    contract: SlowDispatchContract


@dataclass(frozen=True, slots=True)
class HeartbeatReceived:
    heartbeat: SlowContractHeartbeat


@dataclass(frozen=True, slots=True)
class Tick:
    pass


@dataclass(frozen=True, slots=True)
class Terminate:
    cause: str


Input = MakeOffer | HeartbeatReceived | Tick | Terminate


@dataclass(frozen=True, slots=True)
class SendHeartbeat:
    heartbeat: SlowContractHeartbeat


@dataclass(frozen=True, slots=True)
class SlotAccepted:
    contract: SlowDispatchContract


@dataclass(frozen=True, slots=True)
class SlotRefused:
    contract: SlowDispatchContract
    cause: str


@dataclass(frozen=True, slots=True)
class SlotEnded:
    contract: SlowDispatchContract
    status: ContractStatus
    used_wh: float
    cause: str


@dataclass(frozen=True, slots=True)
class OfferNotMade:
    contract: SlowDispatchContract
    reason: str


Effect = SendHeartbeat | SlotAccepted | SlotRefused | SlotEnded | OfferNotMade
Result = tuple[AtnState, tuple[Effect, ...]]


def next_slot(now_s: float) -> tuple[int, int]:
    """(start_s, minutes) of the slot that can be offered now: this full hour, or the rest of the running one.

    The start is a multiple of 300 s and at most 10 s past, as published.
    """
    floor_s = int(now_s // STEP_S) * STEP_S
    start_s = floor_s if now_s - floor_s <= CREATED_GRACE_S else ceil(now_s / STEP_S) * STEP_S
    end_s = (start_s // HOUR_S + 1) * HOUR_S
    return start_s, (end_s - start_s) // 60


def make_contract(
    scada_alias: str, contract_id: str, average_w: float, start_s: int, minutes: int
) -> SlowDispatchContract:
    return SlowDispatchContract(
        scada_alias=scada_alias,
        start_s=start_s,
        duration_minutes=minutes,
        avg_power_watts=round(average_w),
        oil_boiler_on=False,
        contract_id=contract_id,
    )


def decide(state: AtnState, event: Input, now_s: float) -> Result:
    """One event. The same state object comes back if nothing changed."""
    match event:
        case Tick():
            return _tick(state, now_s)
        case HeartbeatReceived(heartbeat):
            return _heard(state, heartbeat, now_s)
        case MakeOffer(contract):
            return _offer(state, contract, now_s)
        case Terminate(cause):
            return _terminate(state, cause, now_s)


def _say(
    state: AtnState, offer: Offer, status: ContractStatus, now_s: float, cause: str | None = None
) -> tuple[AtnState, Offer, SlowContractHeartbeat]:
    # Strictly later than the last word: the SCADA takes only newer words as signs of life.
    created_ms = max(int(now_s * 1000), state.last_ms + 1)
    heartbeat = make_heartbeat(
        "ltn",
        offer.contract,
        status,
        created_ms,
        previous_status=None if status is ContractStatus.CREATED else offer.status,
        cause=cause,
        your_last_digit=offer.their_digit,
        previous_proof=state.our_proof,
    )
    state = replace(state, our_proof=heartbeat.signed_proof, last_ms=created_ms)
    return state, replace(offer, status=status, said_s=now_s), heartbeat


def _offer(state: AtnState, contract: SlowDispatchContract, now_s: float) -> Result:
    effects: list[Effect] = []
    current = state.current
    if now_s > contract.start_s + CREATED_GRACE_S:
        late_s = now_s - contract.start_s
        return state, (OfferNotMade(contract, f"{late_s:.0f} s after the start, limit is {CREATED_GRACE_S} s"),)
    if current is not None:
        if current.contract.end_s > contract.start_s:
            return state, (OfferNotMade(contract, f"overlaps contract {current.contract.contract_id}"),)
        if state.ending is not None:
            effects.append(_unknown(state.ending))
        state = replace(state, ending=current, current=None)
    offer = Offer(contract, ContractStatus.CREATED, int(now_s * 1000), now_s)
    state, offer, heartbeat = _say(state, offer, ContractStatus.CREATED, now_s)
    effects.append(SendHeartbeat(heartbeat))
    return replace(state, current=replace(offer, first=heartbeat)), tuple(effects)


def _unknown(offer: Offer) -> SlotEnded:
    return SlotEnded(
        offer.contract, ContractStatus.COMPLETED_UNKNOWN_OUTCOME, offer.used_wh, "no word from the SCADA at the end"
    )


def _since(state: AtnState, moment_s: float) -> float:
    """From when on an answer is waited for: what the SCADA said while we were away is still on its way."""
    return max(moment_s, state.resumed_s)


def _tick(state: AtnState, now_s: float) -> Result:
    effects: list[Effect] = []
    if state.ending is not None and now_s >= _since(state, state.ending.contract.end_s) + END_WAIT_S:
        effects.append(_unknown(state.ending))
        state = replace(state, ending=None)
    current = state.current
    if current is None:
        return state, tuple(effects)
    if now_s >= _since(state, current.contract.end_s) + END_WAIT_S:
        return replace(state, current=None), (*effects, _unknown(current))
    if current.status is ContractStatus.CREATED:
        if now_s >= _since(state, current.contract.start_s) + GIVE_UP_S:
            state, ended = _terminate(state, "the SCADA did not answer the offer", now_s)
            return state, (*effects, *ended)
        if current.first is not None and now_s - current.said_s >= RESEND_S:
            effects.append(SendHeartbeat(current.first))
            state = replace(state, current=replace(current, said_s=now_s))
        return state, tuple(effects)
    if now_s - current.said_s >= HEARTBEAT_S and now_s < current.contract.end_s:
        started = now_s >= current.contract.start_s or current.status is ContractStatus.ACTIVE
        status = ContractStatus.ACTIVE if started else ContractStatus.CONFIRMED
        state, current, heartbeat = _say(state, current, status, now_s)
        effects.append(SendHeartbeat(heartbeat))
        state = replace(state, current=current)
    return state, tuple(effects)


def _heard(state: AtnState, heartbeat: SlowContractHeartbeat, now_s: float) -> Result:
    for which in ("current", "ending"):
        offer = state.current if which == "current" else state.ending
        if offer is None or offer.contract != heartbeat.contract or heartbeat.from_node != "s":
            continue
        said = heartbeat.status
        if said not in TABLE[offer.status]:
            return state, ()  # nothing their side may say changes ours: Created, or failure by ltn
        status = next_status(offer.status, said)
        used_wh = max(offer.used_wh, float(heartbeat.watt_hours_used or 0))
        was_created = offer.status is ContractStatus.CREATED
        following = replace(offer, heard_s=now_s, used_wh=used_wh, their_digit=heartbeat.my_digit)
        if said in ENDED:
            state = replace(state, current=None) if which == "current" else replace(state, ending=None)
            if was_created and said is ContractStatus.TERMINATED_BY_SCADA:
                return state, (SlotRefused(offer.contract, heartbeat.cause or ""),)
            return state, (SlotEnded(offer.contract, said, used_wh, heartbeat.cause or ""),)
        effects: tuple[Effect, ...] = ()
        if was_created:
            state, following, word = _say(state, following, status, now_s)
            effects = (SlotAccepted(offer.contract), SendHeartbeat(word))
        else:
            following = replace(following, status=status)
        if which == "current":
            return replace(state, current=following), effects
        return replace(state, ending=following), effects
    return state, ()


def _terminate(state: AtnState, cause: str, now_s: float) -> Result:
    current = state.current
    if current is None:
        return state, ()
    state, current, heartbeat = _say(state, current, ContractStatus.TERMINATED_BY_LTN, now_s, cause)
    ended = SlotEnded(current.contract, ContractStatus.TERMINATED_BY_LTN, current.used_wh, cause)
    return replace(state, current=None), (SendHeartbeat(heartbeat), ended)
