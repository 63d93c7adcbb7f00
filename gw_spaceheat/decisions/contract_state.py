"""What the keeper of slot contracts remembers, its table of statuses, and its form on disk."""

from dataclasses import dataclass
from enum import StrEnum

from gw_spaceheat.decisions.slot import SlotView
from gw_spaceheat.errors import BadInput, IllegalEvent
from gw_spaceheat.messages.contract import ContractStatus, SlowContractHeartbeat, SlowDispatchContract


class Event(StrEnum):
    ACCEPT = "accept"
    CONFIRM = "confirm"
    START = "start"
    LTN_TERMINATES = "ltn_terminates"
    SCADA_TERMINATES = "scada_terminates"
    END_MET = "end_met"
    END_MISSED = "end_missed"
    END_UNKNOWN = "end_unknown"


_S = ContractStatus
_ENDS: dict[Event, ContractStatus] = {
    Event.LTN_TERMINATES: _S.TERMINATED_BY_LTN,
    Event.SCADA_TERMINATES: _S.TERMINATED_BY_SCADA,
    Event.END_UNKNOWN: _S.COMPLETED_UNKNOWN_OUTCOME,
}
TABLE: dict[ContractStatus, dict[Event, ContractStatus]] = {
    _S.CREATED: {Event.ACCEPT: _S.RECEIVED, Event.SCADA_TERMINATES: _S.TERMINATED_BY_SCADA},
    _S.RECEIVED: {Event.CONFIRM: _S.CONFIRMED, Event.START: _S.ACTIVE, **_ENDS},
    _S.CONFIRMED: {Event.CONFIRM: _S.CONFIRMED, Event.START: _S.ACTIVE, **_ENDS},
    _S.ACTIVE: {
        Event.CONFIRM: _S.ACTIVE,
        Event.END_MET: _S.COMPLETED_SUCCESS,
        Event.END_MISSED: _S.COMPLETED_FAILURE_BY_SCADA,
        **_ENDS,
    },
}


def next_status(status: ContractStatus, event: Event) -> ContractStatus:
    """The cell of the table; IllegalEvent where it is empty (every ended status has no cells)."""
    following = TABLE.get(status, {}).get(event)
    if following is None:
        raise IllegalEvent("contract", status, event)
    return following


@dataclass(frozen=True, slots=True)
class Obligation:
    """An accepted slot."""

    contract: SlowDispatchContract
    status: ContractStatus
    used_wh: float = 0.0
    metered_s: float = 0.0  # energy is counted up to this time; 0 = not yet
    gap_s: float = 0.0  # time inside the slot without a count
    dispatched: bool = False  # the AtomicTNode itself held the heat source otherwise than the slot would


@dataclass(frozen=True, slots=True)
class ContractState:
    """All the keeper remembers; `to_json` is what outlives the process."""

    current: Obligation | None = None
    upcoming: Obligation | None = None
    last_ended: SlowContractHeartbeat | None = None
    seen: tuple[str, ...] = ()
    newest_created_ms: int = 0
    heard_s: float = float("-inf")  # last valid heartbeat of the AtomicTNode
    said_s: float = float("-inf")
    persisted_s: float = float("-inf")
    persisted_wh: float = 0.0  # of the running slot
    live_until_s: float = float("-inf")  # grace after a completed contract
    their_digit: int | None = None
    our_proof: str = ""

    def held(self, contract: SlowDispatchContract) -> Obligation | None:
        """What was accepted under this contract's id and has not ended."""
        for obligation in (self.current, self.upcoming):
            if obligation is not None and obligation.contract.contract_id == contract.contract_id:
                return obligation
        return None

    def to_json(self) -> dict[str, object]:
        """Plain JSON values; `from_json` is its inverse but for the times of talk, which start anew."""
        return {
            "version": 1,
            "current": _obligation_json(self.current),
            "upcoming": _obligation_json(self.upcoming),
            "last_ended": None if self.last_ended is None else self.last_ended.model_dump(mode="json", by_alias=True),
            "seen": list(self.seen),
            "newest_created_ms": self.newest_created_ms,
            "their_digit": self.their_digit,
            "our_proof": self.our_proof,
        }


def is_live(state: ContractState, now_s: float) -> bool:
    """Is there a contract for remote authority: a running one, or one that completed less than 5 min ago?"""
    current = state.current
    return now_s < state.live_until_s or (current is not None and current.contract.start_s <= now_s)


def overlap(first: SlowDispatchContract, second: SlowDispatchContract) -> bool:
    return first.start_s < second.end_s and second.start_s < first.end_s


def unsaved_wh(state: ContractState) -> float:
    """Energy of the running slot that a power cut would forget."""
    return 0.0 if state.current is None else state.current.used_wh - state.persisted_wh


def slot_view(state: ContractState, now_s: float) -> SlotView | None:
    """The running slot as control sees it; None outside any slot."""
    current = state.current
    if current is None:
        return None
    contract = current.contract
    if not contract.start_s <= now_s < contract.end_s:
        return None
    after = state.upcoming.contract if state.upcoming is not None else None
    followed = after is not None and after.start_s == contract.end_s and after.avg_power_watts > 0
    return SlotView(
        contract.contract_id, contract.avg_power_watts, contract.start_s, contract.end_s, current.used_wh, followed
    )


def _obligation_json(obligation: Obligation | None) -> dict[str, object] | None:
    if obligation is None:
        return None
    return {
        "contract": obligation.contract.model_dump(mode="json", by_alias=True),
        "status": obligation.status.value,
        "used_wh": obligation.used_wh,
        "metered_s": obligation.metered_s,
        "gap_s": obligation.gap_s,
        "dispatched": obligation.dispatched,
    }


def _obligation(data: object) -> Obligation | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        raise BadInput("contract file: an obligation is no object")
    return Obligation(
        SlowDispatchContract.model_validate(data["contract"]),
        ContractStatus(data["status"]),
        float(data["used_wh"]),
        float(data["metered_s"]),
        float(data["gap_s"]),
        data.get("dispatched") is True,
    )


def from_json(data: object) -> ContractState:
    """The state that `to_json` wrote. BadInput if it is not one: then start without obligations and say so."""
    if not isinstance(data, dict) or data.get("version") != 1:
        raise BadInput("contract file: not version 1")
    try:
        ended = data["last_ended"]
        digit = data["their_digit"]
        return ContractState(
            current=_obligation(data["current"]),
            upcoming=_obligation(data["upcoming"]),
            last_ended=None if ended is None else SlowContractHeartbeat.model_validate(ended),
            seen=tuple(str(contract_id) for contract_id in data["seen"]),
            newest_created_ms=int(data["newest_created_ms"]),
            their_digit=None if digit is None else int(digit),
            our_proof=str(data["our_proof"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"contract file: {error}") from error
