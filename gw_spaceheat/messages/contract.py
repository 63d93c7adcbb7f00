"""The contract conversation: an average power over a slot, and the heartbeats both sides say about it.

Field for field the published GridWorks types `slow.dispatch.contract` 000 and `slow.contract.heartbeat` 001.
`ltn` is the AtomicTNode, `s` the SCADA. Times are UTC: `_s` whole seconds, `_ms` whole milliseconds.
"""

import hashlib
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gw_spaceheat.messages.base import LeftRightDot, UtcMilliseconds, UtcSeconds, Uuid4, WireModel

CREATED_GRACE_S = 10  # published axiom: a contract is created no later than this after its start
UNSIGNED = "signed_proof_stub"

Digit = Annotated[int, Field(ge=0, le=9)]


class ContractStatus(StrEnum):
    """Published `gw1.contract.status` 000."""

    CREATED = "Created"
    RECEIVED = "Received"
    CONFIRMED = "Confirmed"
    ACTIVE = "Active"
    TERMINATED_BY_LTN = "TerminatedByLtn"
    TERMINATED_BY_SCADA = "TerminatedByScada"
    COMPLETED_UNKNOWN_OUTCOME = "CompletedUnknownOutcome"
    COMPLETED_SUCCESS = "CompletedSuccess"
    COMPLETED_FAILURE_BY_SCADA = "CompletedFailureByScada"
    COMPLETED_FAILURE_BY_LTN = "CompletedFailureByLtn"


_LTN_ONLY = frozenset({ContractStatus.CREATED, ContractStatus.CONFIRMED, ContractStatus.TERMINATED_BY_LTN})
_SCADA_ONLY = frozenset({ContractStatus.RECEIVED, ContractStatus.TERMINATED_BY_SCADA})
CLAIMS = frozenset(
    {
        ContractStatus.COMPLETED_SUCCESS,
        ContractStatus.COMPLETED_FAILURE_BY_SCADA,
        ContractStatus.COMPLETED_FAILURE_BY_LTN,
    }
)
NEEDS_CAUSE = frozenset(
    {
        ContractStatus.TERMINATED_BY_LTN,
        ContractStatus.TERMINATED_BY_SCADA,
        ContractStatus.COMPLETED_UNKNOWN_OUTCOME,
        ContractStatus.COMPLETED_FAILURE_BY_SCADA,
        ContractStatus.COMPLETED_FAILURE_BY_LTN,
    }
)
ENDED = NEEDS_CAUSE | CLAIMS


class SlowDispatchContract(WireModel):
    """Average electric power of the heat source over one slot."""

    scada_alias: LeftRightDot
    start_s: Annotated[UtcSeconds, Field(multiple_of=300)]
    duration_minutes: Annotated[int, Field(gt=0)]
    avg_power_watts: int
    oil_boiler_on: bool
    contract_id: Uuid4
    type_name: Literal["slow.dispatch.contract"] = "slow.dispatch.contract"
    version: Literal["000"] = "000"

    @model_validator(mode="after")
    def _boiler_means_no_power(self) -> Self:
        if self.oil_boiler_on and self.avg_power_watts > 0:
            raise ValueError("OilBoilerOn demands AvgPowerWatts 0")
        return self

    @property
    def end_s(self) -> int:
        return self.start_s + self.duration_minutes * 60

    @property
    def energy_wh(self) -> float:
        return self.avg_power_watts * self.duration_minutes / 60


class SlowContractHeartbeat(WireModel):
    """What one side holds to be the status of a contract; said on every change and every 60 s."""

    from_node: Literal["ltn", "s"]
    contract: SlowDispatchContract
    previous_status: ContractStatus | None = None
    status: ContractStatus
    message_created_ms: UtcMilliseconds
    cause: str | None = None
    is_authoritative: bool = True
    watt_hours_used: int | None = None
    my_digit: Digit
    your_last_digit: Digit | None = None
    signed_proof: str = UNSIGNED
    type_name: Literal["slow.contract.heartbeat"] = "slow.contract.heartbeat"
    version: Literal["001"] = "001"

    @model_validator(mode="after")
    def _published_axioms(self) -> Self:
        late_s = self.message_created_ms / 1000 - self.contract.start_s
        if self.status is ContractStatus.CREATED and late_s > CREATED_GRACE_S:
            raise ValueError(f"Created {late_s:.1f} s after the start, limit is {CREATED_GRACE_S} s")
        if self.status in _LTN_ONLY and (self.from_node != "ltn" or not self.is_authoritative):
            raise ValueError(f"{self.status} is for an authoritative ltn only")
        if self.status in _SCADA_ONLY and (self.from_node != "s" or not self.is_authoritative):
            raise ValueError(f"{self.status} is for an authoritative s only")
        if self.status in CLAIMS and self.is_authoritative:
            raise ValueError(f"{self.status} is a claim: IsAuthoritative must be false")
        if (self.status in NEEDS_CAUSE) != (self.cause is not None):
            raise ValueError(f"{self.status}: Cause is for terminated, failed and unknown outcomes, and only these")
        if self.from_node == "s" and self.watt_hours_used is None:
            raise ValueError("the SCADA says WattHoursUsed")
        if self.from_node == "ltn" and self.watt_hours_used:
            raise ValueError("only the SCADA says WattHoursUsed")
        return self


def make_heartbeat(
    from_node: Literal["ltn", "s"],
    contract: SlowDispatchContract,
    status: ContractStatus,
    created_ms: int,
    *,
    previous_status: ContractStatus | None = None,
    cause: str | None = None,
    used_wh: float | None = None,
    your_last_digit: int | None = None,
    previous_proof: str = "",
) -> SlowContractHeartbeat:
    """A heartbeat whose proof is the hash of what it says and of `previous_proof`, so that both ledgers form chains.

    The digit is taken from that hash: no random numbers are needed, and it is as unpredictable as the chain.
    """
    used = None if from_node == "ltn" else round(used_wh or 0.0)
    said = f"{contract.contract_id}|{from_node}|{status}|{created_ms}|{used}|{cause}|{your_last_digit}|{previous_proof}"
    digest = hashlib.sha256(said.encode()).hexdigest()
    return SlowContractHeartbeat(
        from_node=from_node,
        contract=contract,
        previous_status=previous_status,
        status=status,
        message_created_ms=created_ms,
        cause=cause,
        is_authoritative=status not in CLAIMS,
        watt_hours_used=used,
        my_digit=int(digest[:8], 16) % 10,
        your_last_digit=your_last_digit,
        signed_proof=f"sha256:{digest}",
    )
