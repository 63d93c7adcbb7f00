"""The ledger of slot contracts: every heartbeat said is numbered, chained and signed; every one heard is kept.

Where it travels: the published `slow.contract.heartbeat` 001 has a free text `SignedProof` (a stub there), so no type
of ours is needed and their tools read our heartbeats as before. Ours is
`ed25519:1:NUMBER:KEY:PREVIOUS:HEARD:SIGNATURE`: the number of this beat among the sender's in this contract, the
sender's public key (base64), the hash of its previous beat in this contract and of the newest beat of the other party
(`-` = none), and the signature (base64). A hash is SHA-256 over the canonical JSON of a whole heartbeat; signed is
that JSON with the proof up to HEARD. `HEARD` makes each party witness what the other said.

On disk a ledger is lines, numbered and chained themselves. Signing and checking are given as functions.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from pydantic import ValidationError

from gw_spaceheat.errors import BadInput
from gw_spaceheat.messages.contract import SlowContractHeartbeat

Party = Literal["ltn", "s"]
How = Literal["said", "heard"]
PARTIES: tuple[Party, ...] = get_args(Party)
NONE = "-"
PREFIX = "ed25519:1"
REMEMBERED_CONTRACTS = 4

CheckSignature = Callable[[str, str, bytes], bool]
"""(public key, signature, what was signed), both texts base64."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose words these are; `sign` gives the signature as base64."""

    party: Party
    public_key: str
    sign: Callable[[bytes], str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proof:
    number: int
    public_key: str
    previous: str
    heard: str
    signature: str

    @property
    def signed_part(self) -> str:
        return f"{PREFIX}:{self.number}:{self.public_key}:{self.previous}:{self.heard}"

    @property
    def text(self) -> str:
        return f"{self.signed_part}:{self.signature}"


def proof_of(heartbeat: SlowContractHeartbeat) -> Proof | None:
    """The proof in a heartbeat; None when it carries none of ours (a stub, or something broken)."""
    words = heartbeat.signed_proof.split(":")
    if len(words) != 7 or ":".join(words[:2]) != PREFIX or not (words[2].isascii() and words[2].isdigit()):
        return None
    proof = Proof(int(words[2]), words[3], words[4], words[5], words[6])
    return proof if proof.text == heartbeat.signed_proof else None


def canonical(heartbeat: SlowContractHeartbeat) -> bytes:
    """The one form that is hashed and signed: sorted members, no spaces, absent ones left out."""
    data = heartbeat.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def hash_of(heartbeat: SlowContractHeartbeat) -> str:
    return hashlib.sha256(canonical(heartbeat)).hexdigest()


def signed_bytes(heartbeat: SlowContractHeartbeat, proof: Proof) -> bytes:
    return canonical(heartbeat.model_copy(update={"signed_proof": proof.signed_part}))


def words_of(heartbeat: SlowContractHeartbeat) -> str:
    """What is said, whatever its proof: the same words are signed once."""
    return hash_of(heartbeat.model_copy(update={"signed_proof": NONE}))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a ledger. `after`: `PARTY NUMBER CONTRACT` of the line before, `previous`: that line's hash."""

    keeper: Party
    number: int
    at_ms: int
    how: How
    heartbeat: SlowContractHeartbeat
    after: str
    previous: str

    @property
    def name(self) -> str:
        proof = proof_of(self.heartbeat)
        return f"{self.heartbeat.from_node} {proof.number if proof else 0} {self.heartbeat.contract.contract_id}"

    def body(self) -> dict[str, object]:
        return {
            "Keeper": self.keeper,
            "Line": self.number,
            "AtMs": self.at_ms,
            "How": self.how,
            "Beat": self.name,  # said twice, so that a broken proof still has a name
            "Heartbeat": self.heartbeat.model_dump(mode="json", by_alias=True, exclude_none=True),
            "After": self.after,
            "Previous": self.previous,
        }

    @property
    def own_hash(self) -> str:
        text = json.dumps(self.body(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def text(self) -> str:
        return json.dumps({**self.body(), "Hash": self.own_hash}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Talk:
    """What is known of one contract: our newest beat, theirs, and all we need to recognise a repetition."""

    number: int = 0
    previous: str = NONE
    heard_number: int = 0
    heard: str = NONE
    said: Mapping[str, SlowContractHeartbeat] = field(default_factory=dict)  # by words
    heard_hashes: frozenset[str] = frozenset()
    heard_numbers: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LedgerState:
    """`their_key`: the one the other party signs with; empty until it has signed something."""

    lines: int = 0
    after: str = NONE
    previous: str = NONE
    their_key: str = ""
    talks: Mapping[str, Talk] = field(default_factory=dict)


def _with_talk(state: LedgerState, contract_id: str, talk: Talk) -> LedgerState:
    others = {name: known for name, known in state.talks.items() if name != contract_id}
    kept = dict(list(others.items())[-(REMEMBERED_CONTRACTS - 1) :])
    return replace(state, talks={**kept, contract_id: talk})


def _append(state: LedgerState, line: Line) -> LedgerState:
    return replace(state, lines=line.number, after=line.name, previous=line.own_hash)


def _line(state: LedgerState, keeper: Party, how: How, heartbeat: SlowContractHeartbeat, now_s: float) -> Line:
    return Line(keeper, state.lines + 1, int(now_s * 1000), how, heartbeat, state.after, state.previous)


def seal(
    state: LedgerState, heartbeat: SlowContractHeartbeat, signer: Signer, now_s: float
) -> tuple[LedgerState, SlowContractHeartbeat, Line | None]:
    """The heartbeat with number, chain and signature, and the line to store before it is said.

    Words said before come back as they were, without a line: a repetition is no new beat.
    """
    contract_id = heartbeat.contract.contract_id
    talk = state.talks.get(contract_id, Talk())
    known = talk.said.get(words_of(heartbeat))
    if known is not None:
        return state, known, None
    proof = Proof(talk.number + 1, signer.public_key, talk.previous, talk.heard, "")
    proof = replace(proof, signature=signer.sign(signed_bytes(heartbeat, proof)))
    sealed = heartbeat.model_copy(update={"signed_proof": proof.text})
    line = _line(state, signer.party, "said", sealed, now_s)
    return _append(_with_talk(state, contract_id, _said(talk, sealed, proof)), line), sealed, line


def _said(talk: Talk, sealed: SlowContractHeartbeat, proof: Proof) -> Talk:
    said = {**talk.said, words_of(sealed): sealed}
    # Only the first word (an offer) and the last one are ever repeated.
    kept = dict([*list(said.items())[:1], *list(said.items())[1:][-2:]])
    return replace(talk, number=proof.number, previous=hash_of(sealed), said=kept)


@dataclass(frozen=True, slots=True)
class Heard:
    """`refused`: why the heartbeat must not be acted upon; `line`: what to store, None for a repetition."""

    refused: str
    line: Line | None


def hear(
    state: LedgerState, heartbeat: SlowContractHeartbeat, keeper: Party, check: CheckSignature, now_s: float
) -> tuple[LedgerState, Heard]:
    """Check a heartbeat of the other party. One without proof passes until that party has signed a first time."""
    if heartbeat.from_node == keeper:
        return state, Heard(f"a heartbeat from {keeper} came from outside", None)
    contract_id, proof = heartbeat.contract.contract_id, proof_of(heartbeat)
    talk, digest = state.talks.get(contract_id, Talk()), hash_of(heartbeat)
    if digest in talk.heard_hashes:
        return state, Heard("", None)
    refused = _why_refused(state, talk, heartbeat, proof, digest, check)
    if refused:
        return state, Heard(refused, None)
    if proof is not None and not state.their_key:
        state = replace(state, their_key=proof.public_key)
    line = _line(state, keeper, "heard", heartbeat, now_s)
    return _append(_with_talk(state, contract_id, _heard(talk, proof, digest)), line), Heard("", line)


def _why_refused(
    state: LedgerState,
    talk: Talk,
    heartbeat: SlowContractHeartbeat,
    proof: Proof | None,
    digest: str,
    check: CheckSignature,
) -> str:
    sender = heartbeat.from_node
    if proof is None:
        return f"{sender} has signed before and this heartbeat is not signed" if state.their_key else ""
    if state.their_key and proof.public_key != state.their_key:
        return f"signed by another key than that of {sender}"
    if not check(proof.public_key, proof.signature, signed_bytes(heartbeat, proof)):
        return f"the signature of {sender} does not fit beat {proof.number}"
    if talk.heard_numbers.get(proof.number, digest) != digest:
        return f"{sender} signed two beats number {proof.number}"
    if talk.heard_numbers.get(proof.number - 1, proof.previous) != proof.previous:
        return f"beat {proof.number} of {sender} does not follow its beat {proof.number - 1}"
    return ""


def _heard(talk: Talk, proof: Proof | None, digest: str) -> Talk:
    number = proof.number if proof is not None else talk.heard_number + 1
    newest = number > talk.heard_number
    return replace(
        talk,
        heard_number=max(number, talk.heard_number),
        heard=digest if newest else talk.heard,
        heard_hashes=talk.heard_hashes | {digest},
        heard_numbers={**talk.heard_numbers, number: digest} if proof is not None else talk.heard_numbers,
    )


def restore(lines: Iterable[Line], their_key: str = "") -> LedgerState:
    """The state after the last line of a file; its last hours are enough."""
    state = LedgerState(their_key=their_key)
    for line in lines:
        contract_id, proof = line.heartbeat.contract.contract_id, proof_of(line.heartbeat)
        talk = state.talks.get(contract_id, Talk())
        if line.how == "heard":
            talk = _heard(talk, proof, hash_of(line.heartbeat))
            if proof is not None and not state.their_key:
                state = replace(state, their_key=proof.public_key)
        elif proof is not None:
            talk = _said(talk, line.heartbeat, proof)
        state = _append(_with_talk(state, contract_id, talk), line)
    return state


def parse_line(text: str) -> tuple[Line, str]:
    """A line and the hash it claims. BadInput if it is no line of a ledger."""
    try:
        data = json.loads(text)
        if not isinstance(data, dict) or data["Keeper"] not in PARTIES or data["How"] not in get_args(How):
            raise BadInput("no line of a ledger")
        heartbeat = SlowContractHeartbeat.model_validate(data["Heartbeat"])
        line = Line(
            data["Keeper"], int(data["Line"]), int(data["AtMs"]), data["How"], heartbeat,
            str(data["After"]), str(data["Previous"]),
        )  # fmt: skip
        return line, str(data["Hash"]) if data.get("Beat") == line.name else "another beat than it names"
    except ValidationError as error:
        raise BadInput(f"no heartbeat: {error.errors(include_url=False)[0]['msg']}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"no line of a ledger: {type(error).__name__}") from error
