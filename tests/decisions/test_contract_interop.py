"""Every heartbeat we can say decodes with the published package, and comes back unchanged."""

from typing import Literal

import pytest
from gwsproto import named_types as published

from gw_spaceheat.decisions.atn_contract import make_contract, next_slot
from gw_spaceheat.decisions.ledger import parse_line, proof_of, signed_bytes
from gw_spaceheat.messages.contract import NEEDS_CAUSE, ContractStatus, SlowContractHeartbeat, make_heartbeat
from gw_spaceheat.storage.ledger_file import check_signature
from tests.fixtures.contract_pair import Pair

HOUR = 1_700_002_800 // 3600 * 3600
LTN_ONLY = {ContractStatus.CREATED, ContractStatus.CONFIRMED, ContractStatus.TERMINATED_BY_LTN}
SCADA_ONLY = {ContractStatus.RECEIVED, ContractStatus.TERMINATED_BY_SCADA}


@pytest.mark.parametrize("node", ["ltn", "s"])
@pytest.mark.parametrize("status", list(ContractStatus))
def test_round_trip(node: Literal["ltn", "s"], status: ContractStatus) -> None:
    contract = make_contract("d1.beech.scada", "00000000-0000-4000-8000-000000000001", 3000.0, HOUR, 60)
    cause = "x" if status in NEEDS_CAUSE else None
    if status in (SCADA_ONLY if node == "ltn" else LTN_ONLY):
        with pytest.raises(ValueError, match="authoritative"):
            make_heartbeat(node, contract, status, HOUR * 1000, cause=cause)
        return
    ours = make_heartbeat(node, contract, status, HOUR * 1000, cause=cause, used_wh=5.0)
    theirs = published.SlowContractHeartbeat.model_validate_json(ours.model_dump_json(by_alias=True))
    assert theirs.model_dump(mode="json") == ours.model_dump(mode="json", by_alias=True)
    assert SlowContractHeartbeat.model_validate_json(theirs.model_dump_json()) == ours


def test_a_sealed_heartbeat_passes_through_the_published_package_with_its_signature() -> None:
    sealed = parse_line(Pair(1, slots=1, minutes=5, chaos=False).run().s.lines[1])[0].heartbeat
    theirs = published.SlowContractHeartbeat.model_validate_json(sealed.model_dump_json(by_alias=True))
    back = SlowContractHeartbeat.model_validate_json(theirs.model_dump_json())
    proof = proof_of(back)
    assert back == sealed and proof is not None
    assert check_signature(proof.public_key, proof.signature, signed_bytes(back, proof))


@pytest.mark.parametrize(
    ("after_s", "start_s", "minutes"),
    [(0, 0, 60), (10, 0, 60), (11, 300, 55), (1700, 1800, 30), (3290, 3300, 5), (3400, 3600, 60)],
)
def test_next_slot(after_s: int, start_s: int, minutes: int) -> None:
    assert next_slot(HOUR + after_s) == (HOUR + start_s, minutes)
