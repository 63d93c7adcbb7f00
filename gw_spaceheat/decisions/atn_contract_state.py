"""What the AtomicTNode remembers of its slot contracts, its table of statuses, and its form on disk."""

from dataclasses import dataclass

from gw_spaceheat.errors import BadInput, IllegalEvent
from gw_spaceheat.messages.contract import ContractStatus, SlowContractHeartbeat, SlowDispatchContract

CLOCK_SKEW_S = 60.0
NEVER_S = float("-inf")

_S = ContractStatus
_ENDS = {status: status for status in (_S.TERMINATED_BY_SCADA, _S.COMPLETED_UNKNOWN_OUTCOME, _S.TERMINATED_BY_LTN)}
_CLAIMS = {status: status for status in (_S.COMPLETED_SUCCESS, _S.COMPLETED_FAILURE_BY_SCADA)}
# Our status of a contract x the status last said about it -> our new status.
TABLE: dict[ContractStatus, dict[ContractStatus, ContractStatus]] = {
    _S.CREATED: {
        _S.RECEIVED: _S.CONFIRMED, _S.CONFIRMED: _S.CONFIRMED, _S.ACTIVE: _S.ACTIVE, **_ENDS, **_CLAIMS,
    },
    _S.CONFIRMED: {_S.RECEIVED: _S.CONFIRMED, _S.CONFIRMED: _S.CONFIRMED, _S.ACTIVE: _S.ACTIVE, **_ENDS, **_CLAIMS},
    _S.ACTIVE: {_S.RECEIVED: _S.ACTIVE, _S.CONFIRMED: _S.ACTIVE, _S.ACTIVE: _S.ACTIVE, **_ENDS, **_CLAIMS},
}  # fmt: skip


def next_status(status: ContractStatus, said: ContractStatus) -> ContractStatus:
    """The cell of the table; IllegalEvent where it is empty."""
    following = TABLE.get(status, {}).get(said)
    if following is None:
        raise IllegalEvent("atn contract", status, said)
    return following


@dataclass(frozen=True, slots=True)
class Offer:
    contract: SlowDispatchContract
    status: ContractStatus
    created_ms: int
    said_s: float
    heard_s: float = NEVER_S
    used_wh: float = 0.0
    their_digit: int | None = None
    first: SlowContractHeartbeat | None = None  # repeated word for word until it is received


@dataclass(frozen=True, slots=True)
class AtnState:
    """`ending`: the slot whose end has not been reported yet while the next one is already offered.

    `resumed_s`: when the process came back with a remembered state; the SCADA's answers are waited for from then on.
    """

    current: Offer | None = None
    ending: Offer | None = None
    our_proof: str = ""
    last_ms: int = 0
    resumed_s: float = NEVER_S

    def to_json(self) -> dict[str, object]:
        """Plain JSON values; `from_json` is its inverse but for the times of talk, which start anew."""
        return {
            "version": 1,
            "current": _offer_json(self.current),
            "ending": _offer_json(self.ending),
            "our_proof": self.our_proof,
            "last_ms": self.last_ms,
        }


def _offer_json(offer: Offer | None) -> dict[str, object] | None:
    if offer is None:
        return None
    first = offer.first
    return {
        "contract": offer.contract.model_dump(mode="json", by_alias=True),
        "status": offer.status.value,
        "created_ms": offer.created_ms,
        "used_wh": offer.used_wh,
        "their_digit": offer.their_digit,
        "first": None if first is None else first.model_dump(mode="json", by_alias=True),
    }


def _offer(data: object) -> Offer | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        raise BadInput("contract state: an offer is no object")
    first, digit = data["first"], data["their_digit"]
    return Offer(
        contract=SlowDispatchContract.model_validate(data["contract"]),
        status=ContractStatus(data["status"]),
        created_ms=int(data["created_ms"]),
        # Said at once: the SCADA counts the minutes since our last word.
        said_s=NEVER_S,
        used_wh=float(data["used_wh"]),
        their_digit=None if digit is None else int(digit),
        first=None if first is None else SlowContractHeartbeat.model_validate(first),
    )


def from_json(data: object, now_s: float) -> AtnState:
    """The state that `to_json` wrote, to go on with at `now_s`. BadInput if it is not one, or of a time to come."""
    if not isinstance(data, dict) or data.get("version") != 1:
        raise BadInput("contract state: not version 1")
    try:
        state = AtnState(
            current=_offer(data["current"]),
            ending=_offer(data["ending"]),
            our_proof=str(data["our_proof"]),
            last_ms=int(data["last_ms"]),
            resumed_s=now_s,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"contract state: {error}") from error
    if state.last_ms / 1000.0 > now_s + CLOCK_SKEW_S:
        ahead_s = state.last_ms / 1000.0 - now_s
        raise BadInput(f"contract state: its last word lies {ahead_s:.0f} s ahead, limit is {CLOCK_SKEW_S:.0f} s")
    return state
