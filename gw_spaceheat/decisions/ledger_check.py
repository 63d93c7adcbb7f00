"""Who broke a slot: one or both parties' ledgers, checked line by line and against each other. Pure.

What cannot be seen: last lines cut off a ledger which no other ledger knows of.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gw_spaceheat.decisions.ledger import (
    NONE,
    PREFIX,
    CheckSignature,
    Line,
    Party,
    Proof,
    hash_of,
    parse_line,
    proof_of,
    signed_bytes,
)
from gw_spaceheat.errors import BadInput
from gw_spaceheat.messages.contract import ContractStatus

_S = ContractStatus
_SCADA_ENDS = frozenset(
    {_S.TERMINATED_BY_SCADA, _S.COMPLETED_UNKNOWN_OUTCOME, _S.COMPLETED_SUCCESS, _S.COMPLETED_FAILURE_BY_SCADA}
)
_LTN_ENDS = frozenset({_S.TERMINATED_BY_LTN})
# What a party may say after what it said last in the same contract; None = its first word. An end is only repeated.
LEGAL: Mapping[Party, Mapping[ContractStatus | None, frozenset[ContractStatus]]] = {
    "s": {
        None: frozenset({_S.RECEIVED, _S.TERMINATED_BY_SCADA}),
        _S.RECEIVED: frozenset({_S.RECEIVED, _S.ACTIVE}) | _SCADA_ENDS,
        _S.ACTIVE: frozenset({_S.ACTIVE}) | _SCADA_ENDS,
        **{end: frozenset({end}) for end in _SCADA_ENDS},
    },
    "ltn": {
        None: frozenset({_S.CREATED}),
        _S.CREATED: frozenset({_S.CONFIRMED, _S.ACTIVE}) | _LTN_ENDS,
        _S.CONFIRMED: frozenset({_S.CONFIRMED, _S.ACTIVE}) | _LTN_ENDS,
        _S.ACTIVE: frozenset({_S.ACTIVE}) | _LTN_ENDS,
        **{end: frozenset({end}) for end in _LTN_ENDS},
    },
}


@dataclass(frozen=True, slots=True)
class Fault:
    """`keeper`: in whose ledger; `party` and `beat`: whose beat (0 = not known); `line`: 0 = known by the other's."""

    keeper: Party
    party: Party
    beat: int
    contract_id: str
    line: int
    reason: str
    at_ms: int = 0

    @property
    def text(self) -> str:
        beat = f"beat {self.beat}" if self.beat else "a beat"
        where = f", line {self.line}" if self.line else ""
        return (
            f"{beat} of {self.party} in the ledger of {self.keeper}{where}, contract {self.contract_id}: {self.reason}"
        )


@dataclass
class _Contract:
    """What one ledger has shown of one contract so far."""

    said_number: int = 0
    said_hash: str = NONE
    said_status: ContractStatus | None = None
    terms: object = None
    said: dict[int, str] = field(default_factory=dict)
    heard: dict[int, str] = field(default_factory=dict)
    heard_hashes: set[str] = field(default_factory=set)


@dataclass
class Read:
    """One ledger as far as it was sound."""

    keeper: Party
    contracts: dict[str, _Contract] = field(default_factory=dict)
    seen_ms: dict[str, int] = field(default_factory=dict)
    beats: int = 0
    unsigned: int = 0
    fault: Fault | None = None


def read_ledger(
    texts: Sequence[str], keeper: Party, keys: dict[Party, str], check: CheckSignature, warnings: list[str],
    partial: bool,
) -> Read:  # fmt: skip
    """Check one ledger. `keys` gains a party's key from its first entry when none is given."""
    read = Read(keeper)
    before: tuple[Line, str] | None = None  # and its hash, which was checked
    for place, text in enumerate(texts):
        try:
            line, claimed = parse_line(text)
        except BadInput as error:
            beat = _expected_name(texts, place, keeper)
            read.fault = Fault(keeper, *beat, place + 1 if before is None else before[0].number + 1, str(error))
            return read
        expected = before[0].number + 1 if before is not None else line.number if partial else 1
        fault = _chain_fault(line, claimed, before, expected, keeper, texts, place)
        fault = fault or _beat_fault(read, line, keys, check, warnings)
        if fault is not None:
            read.fault = fault
            return read
        before = (line, claimed)
    return read


def _named(name: str, keeper: Party) -> tuple[Party, int, str]:
    words = name.split(" ")
    if len(words) == 3 and words[0] in ("ltn", "s") and words[1].isdigit():
        return ("ltn" if words[0] == "ltn" else "s"), int(words[1]), words[2]
    return keeper, 0, NONE


def _expected_name(texts: Sequence[str], place: int, keeper: Party) -> tuple[Party, int, str]:
    """Whose beat stood at a line that cannot be trusted: the next line says so, else what is left of this one."""
    if place + 1 < len(texts):
        try:
            return _named(parse_line(texts[place + 1])[0].after, keeper)
        except BadInput:
            pass
    beat = re.search(r'"Beat":"([^"]*)"', texts[place])
    if beat is not None:
        return _named(beat.group(1), keeper)
    number = re.search(rf"{PREFIX}:(\d+):", texts[place])
    sender = re.search(r'"FromNode":"(ltn|s)"', texts[place])
    contract_id = re.search(r'"ContractId":"([0-9a-f-]{36})"', texts[place])
    party = sender.group(1) if sender else keeper
    return _named(f"{party} {number.group(1) if number else 0} {contract_id.group(1) if contract_id else NONE}", keeper)


def _fault_at(line: Line, reason: str) -> Fault:
    proof = proof_of(line.heartbeat)
    beat, contract_id = proof.number if proof is not None else 0, line.heartbeat.contract.contract_id
    return Fault(line.keeper, line.heartbeat.from_node, beat, contract_id, line.number, reason, line.at_ms)


def _chain_fault(
    line: Line, claimed: str, before: tuple[Line, str] | None, expected: int, keeper: Party,
    texts: Sequence[str], place: int,
) -> Fault | None:  # fmt: skip
    if line.own_hash != claimed:
        # An edit may have changed the very words that name the beat: the following line names it as it was.
        party, beat, contract_id = _expected_name(texts, place, keeper)
        reason = "edited: the line does not have the hash it claims"
        return Fault(keeper, party, beat, contract_id, expected, reason, line.at_ms)
    if line.keeper != keeper:
        return _fault_at(line, f"a line of the ledger of {line.keeper}")
    if line.number < expected:
        return _fault_at(line, f"replayed: line {line.number} stands where line {expected} belongs")
    if line.number > expected:
        if any(f'"Line":{expected},' in text for text in texts[place + 1 :]):
            return _fault_at(line, f"out of order: line {line.number} stands where line {expected} belongs")
        party, beat, contract_id = _named(line.after, keeper)
        missing = f"line {expected} is missing"
        if line.number > expected + 1:
            # Of several, the line that follows names the last one only.
            missing = f"lines {expected} to {line.number - 1} are missing, this beat is the last of them"
        return Fault(keeper, party, beat, contract_id, expected, f"dropped: {missing}", line.at_ms)
    if before is not None and (line.previous != before[1] or line.after != before[0].name):
        return _fault_at(line, f"does not follow line {before[0].number}: one of both was written anew")
    return None


def _beat_fault(
    read: Read, line: Line, keys: dict[Party, str], check: CheckSignature, warnings: list[str]
) -> Fault | None:
    """Signature, place in the chain, status and terms of one heartbeat."""
    heartbeat, party = line.heartbeat, line.heartbeat.from_node
    if (party == read.keeper) != (line.how == "said"):
        return _fault_at(line, f"a beat of {party} cannot be {line.how} by {read.keeper}")
    proof = proof_of(heartbeat)
    read.beats += 1
    if proof is None:
        if party in keys or line.how == "said":
            return _fault_at(line, "not signed")
        read.unsigned += 1
        return None
    if party not in keys:
        keys[party] = proof.public_key
        warnings.append(f"key of {party} not given: taken from its first entry")
    if proof.public_key != keys[party]:
        return _fault_at(line, f"signed by another key than that of {party}")
    if not check(proof.public_key, proof.signature, signed_bytes(heartbeat, proof)):
        return _fault_at(line, "the signature does not fit")
    known = read.contracts.setdefault(heartbeat.contract.contract_id, _Contract())
    if known.terms is None:
        known.terms = heartbeat.contract
    if known.terms != heartbeat.contract:
        return _fault_at(line, "other terms than before in the same contract")
    reason = _said_fault(read, known, line, proof) if line.how == "said" else _heard_fault(known, line, proof)
    return _fault_at(line, reason) if reason else None


def _said_fault(read: Read, known: _Contract, line: Line, proof: Proof) -> str:
    party, status = read.keeper, line.heartbeat.status
    first = known.said_number == 0
    # A ledger that begins in the middle (an older file was put away) is believed from its first line on.
    if first and proof.number > 1 and line.number > 1:
        known.said_number, known.said_hash, known.said_status = proof.number - 1, proof.previous, None
    elif proof.number != known.said_number + 1:
        return f"its number is not {known.said_number + 1}"
    elif status not in LEGAL[party].get(known.said_status, frozenset()):
        return f"{status} is not allowed after {known.said_status or 'nothing'}"
    if proof.previous != known.said_hash:
        return "does not follow its previous beat"
    if proof.heard != NONE and proof.heard not in known.heard_hashes and not (first and line.number > 1):
        return "claims to have heard a beat that this ledger does not hold"
    known.said_number, known.said_hash, known.said_status = proof.number, hash_of(line.heartbeat), status
    known.said[proof.number] = known.said_hash
    read.seen_ms[known.said_hash] = line.at_ms
    return ""


def _heard_fault(known: _Contract, line: Line, proof: Proof) -> str:
    digest = hash_of(line.heartbeat)
    if known.heard.get(proof.number, digest) != digest:
        return f"{line.heartbeat.from_node} signed two beats number {proof.number}"
    if known.heard.get(proof.number - 1, proof.previous) != proof.previous:
        return f"does not follow beat {proof.number - 1}"
    known.heard[proof.number] = digest
    known.heard_hashes.add(digest)
    return ""


def cross_fault(teller: Read, witness: Read) -> Fault | None:
    """What the witness heard of the teller against what the teller's ledger says it said."""
    faults: list[Fault] = []
    for contract_id, seen in witness.contracts.items():
        told = teller.contracts.get(contract_id, _Contract())
        first = min(told.said, default=0)
        for number, digest in seen.heard.items():
            ours = told.said.get(number)
            if ours == digest or 0 < number < first:
                continue
            reason = f"missing, but {witness.keeper} holds it signed (or this file is the older copy)"
            if ours is not None:
                reason = f"signed twice: {witness.keeper} holds another beat of this number"
            at_ms = witness.seen_ms.get(digest, 0)
            faults.append(Fault(teller.keeper, teller.keeper, number, contract_id, 0, reason, at_ms))
    return min(faults, key=lambda fault: (fault.contract_id, fault.beat)) if faults else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`fault` None = sound."""

    fault: Fault | None
    beats: int
    contracts: int
    warnings: tuple[str, ...]


def verify(
    ledgers: Mapping[Party, Sequence[str]],
    check: CheckSignature,
    keys: Mapping[Party, str] | None = None,
    partial: bool = False,
) -> Verdict:
    """The first fault of one or two ledgers: of a single ledger by its time, then of both against each other.

    `partial`: older files were put away, so a ledger may begin in the middle.
    """
    known: dict[Party, str] = dict(keys or {})
    warnings: list[str] = []
    reads = [read_ledger(texts, keeper, known, check, warnings, partial) for keeper, texts in ledgers.items()]
    warnings += [
        f"{read.unsigned} beats in the ledger of {read.keeper} are not signed" for read in reads if read.unsigned
    ]
    faults = [read.fault for read in reads if read.fault is not None]
    if not faults and len(reads) == 2:
        crossed = (cross_fault(reads[0], reads[1]), cross_fault(reads[1], reads[0]))
        faults = [fault for fault in crossed if fault is not None]
    first = min(faults, key=lambda fault: (fault.at_ms, fault.line)) if faults else None
    contracts = {contract_id for read in reads for contract_id in read.contracts}
    return Verdict(first, sum(read.beats for read in reads), len(contracts), tuple(warnings))
