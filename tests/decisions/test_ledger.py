"""A broken ledger names party and beat; an honest one is never accused, whatever the link does."""

import json
from dataclasses import dataclass, replace
from random import Random

import pytest

from gw_spaceheat.decisions import ledger
from gw_spaceheat.decisions.ledger import Line, Party, Signer, hash_of, parse_line, proof_of, signed_bytes
from gw_spaceheat.decisions.ledger_check import LEGAL, Fault, verify
from gw_spaceheat.errors import BadInput
from gw_spaceheat.messages.contract import ContractStatus, SlowContractHeartbeat, make_heartbeat
from gw_spaceheat.storage.ledger_file import check_signature
from tests.fixtures.contract_pair import HOUR, KEYS, SIGNERS, Pair, Side, signer_of

Ledgers = dict[Party, list[str]]


def ledgers_of(pair: Pair) -> Ledgers:
    return {"ltn": list(pair.ltn.lines), "s": list(pair.s.lines)}


def no_accusation(seed: int, minutes: int) -> int:
    pair = Pair(seed, minutes=minutes).run()
    assert pair.refused == [], (seed, pair.refused[:1])
    verdict = verify(ledgers_of(pair), check_signature, KEYS)
    assert verdict.fault is None, (seed, verdict.fault.text if verdict.fault else "")
    return verdict.beats


def test_two_hundred_lossy_links_accuse_nobody() -> None:
    assert sum(no_accusation(seed, 5) for seed in range(200)) > 2000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_lossy_links_accuse_nobody() -> None:
    assert sum(no_accusation(seed, 15) for seed in range(1000)) > 20_000


@dataclass(frozen=True)
class Spoilt:
    """A spoilt pair of ledgers and where it was spoilt. `beats`: any of these names the place."""

    ledgers: Ledgers
    keeper: Party
    beats: frozenset[tuple[Party, int, str]]
    kind: str


def named(text: str) -> tuple[Party, int, str]:
    party, number, contract_id = parse_line(text)[0].name.split(" ")
    return ("ltn" if party == "ltn" else "s"), int(number), contract_id


def edited(text: str, rng: Random) -> str:
    """One value of the line is another one; a clever forger also mends the line's hash."""
    data = json.loads(text)
    heartbeat = data["Heartbeat"]
    match rng.randrange(6):
        case 0:
            heartbeat["WattHoursUsed"] = heartbeat.get("WattHoursUsed", 0) + 1
        case 1:
            heartbeat["MessageCreatedMs"] -= 1
        case 2:
            heartbeat["MyDigit"] = (heartbeat["MyDigit"] + 1) % 10
        case 3:
            place = rng.randrange(len(heartbeat["SignedProof"]))
            proof = heartbeat["SignedProof"]
            heartbeat["SignedProof"] = f"{proof[:place]}{'A' if proof[place] != 'A' else 'B'}{proof[place + 1 :]}"
        case 4:
            data["AtMs"] += 1
        case 5:
            heartbeat["Contract"]["AvgPowerWatts"] += 1
    return json.dumps(data, separators=(",", ":"))


def rewrite(lines: list[str], place: int, signer: Signer) -> list[str]:
    """The keeper itself forges its own beat at `place` and signs and chains everything after it anew."""
    kept, spoilt = lines[:place], [parse_line(text)[0] for text in lines[place:]]
    before = parse_line(kept[-1])[0] if kept else None
    newest: dict[str, str] = {}
    out: list[Line] = []
    for index, line in enumerate(spoilt):
        heartbeat = line.heartbeat
        proof = proof_of(heartbeat)
        contract_id = heartbeat.contract.contract_id
        if line.how == "said" and proof is not None and (index == 0 or contract_id in newest):
            if index == 0:
                heartbeat = heartbeat.model_copy(update={"message_created_ms": heartbeat.message_created_ms - 1})
            proof = replace(proof, previous=newest.get(contract_id, proof.previous), signature="")
            proof = replace(proof, signature=signer.sign(signed_bytes(heartbeat, proof)))
            heartbeat = heartbeat.model_copy(update={"signed_proof": proof.text})
            newest[contract_id] = hash_of(heartbeat)
        after = before.name if before is not None else "-"
        previous = before.own_hash if before is not None else "-"
        before = replace(line, heartbeat=heartbeat, after=after, previous=previous)
        out.append(before)
    return kept + [line.text for line in out]


def spoil(clean: Ledgers, rng: Random) -> Spoilt | None:
    """None where the change is one that nobody could see."""
    keeper: Party = rng.choice(["ltn", "s"])
    other: Party = "s" if keeper == "ltn" else "ltn"
    lines = list(clean[keeper])
    kind = rng.choice(["replay", "drop", "reorder", "edit", "rewrite"])
    place = rng.randrange(len(lines))
    beats = {named(lines[place])}
    theirs = [parse_line(text)[0] for text in clean[other]]
    if kind == "replay":
        lines.insert(rng.randrange(place + 1, len(lines) + 1), lines[place])
    elif kind == "drop":
        heard = {line.name for line in theirs if line.how == "heard"}
        if place == len(lines) - 1 and parse_line(lines[place])[0].name not in heard:
            return None
        del lines[place]
    elif kind == "reorder":
        with_place = rng.randrange(len(lines))
        if with_place == place:
            return None
        beats.add(named(lines[with_place]))
        lines[place], lines[with_place] = lines[with_place], lines[place]
    elif kind == "edit":
        lines[place] = edited(lines[place], rng)
    else:
        said = parse_line(lines[place])[0]
        heard_numbers = [
            int(line.name.split(" ")[1])
            for line in theirs
            if line.how == "heard" and line.heartbeat.contract == said.heartbeat.contract
        ]
        party, number, contract_id = named(lines[place])
        later = [heard for heard in heard_numbers if heard >= number]
        if said.how != "said" or not later:
            return None
        lines = rewrite(lines, place, SIGNERS[keeper])
        beats = {(party, min(later), contract_id)}
    return Spoilt({**clean, keeper: lines}, keeper, frozenset(beats), kind)


def pinpointed(spoilt: Spoilt, keys: dict[Party, str] | None = KEYS) -> Fault:
    fault = verify(spoilt.ledgers, check_signature, keys).fault
    assert fault is not None, spoilt.kind
    assert fault.keeper == spoilt.keeper, (spoilt.kind, fault.text)
    assert (fault.party, fault.beat, fault.contract_id) in spoilt.beats, (spoilt.kind, fault.text, spoilt.beats)
    return fault


def mutations_are_pinpointed(group: int, number: int) -> None:
    rng = Random(group)
    clean = ledgers_of(Pair(5000 + group, slots=2, minutes=5).run())
    done: dict[str, int] = {}
    while sum(done.values()) < number:
        spoilt = spoil(clean, rng)
        if spoilt is not None:
            pinpointed(spoilt)
            done[spoilt.kind] = done.get(spoilt.kind, 0) + 1
    assert set(done) >= {"replay", "drop", "reorder", "edit"}


def test_two_hundred_mutations_are_pinpointed() -> None:
    for group in range(4):
        mutations_are_pinpointed(group, 50)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_thousand_mutations_are_pinpointed() -> None:
    for group in range(20):
        mutations_are_pinpointed(100 + group, 50)


@pytest.fixture(scope="module")
def clean() -> Ledgers:
    return ledgers_of(Pair(1, slots=1, minutes=5, chaos=False).run())


def test_an_honest_pair_is_sound_and_keys_may_come_from_it(clean: Ledgers) -> None:
    verdict = verify(clean, check_signature)
    assert verdict.fault is None and verdict.contracts == 1 and verdict.beats == len(clean["s"]) + len(clean["ltn"])
    assert [text.split(" not")[0] for text in verdict.warnings] == ["key of ltn", "key of s"]
    assert verify(clean, check_signature, KEYS).warnings == ()
    for party, lines in clean.items():
        assert verify({party: lines}, check_signature).fault is None


def test_a_wrong_key_is_the_first_fault(clean: Ledgers) -> None:
    fault = verify(clean, check_signature, {**KEYS, "s": signer_of("s", "other").public_key}).fault
    assert fault is not None and fault.party == "s" and "another key" in fault.reason


def test_what_was_cut_off_the_beginning_is_a_fault_unless_said(clean: Ledgers) -> None:
    cut = {**clean, "s": clean["s"][3:]}
    fault = verify(cut, check_signature, KEYS).fault
    assert fault is not None and fault.keeper == "s" and fault.line == 1
    assert fault.reason == "dropped: lines 1 to 3 are missing, this beat is the last of them"
    assert (fault.party, fault.beat, fault.contract_id) == named(clean["s"][2])
    assert verify(cut, check_signature, KEYS, partial=True).fault is None


def test_an_illegal_status_is_the_speakers_fault() -> None:
    side = Side("ltn")
    contract = parse_line(Pair(1, slots=1, minutes=5, chaos=False).run().ltn.lines[0])[0].heartbeat.contract
    for number, status in enumerate((ContractStatus.CREATED, ContractStatus.ACTIVE, ContractStatus.CONFIRMED)):
        side.say(make_heartbeat("ltn", contract, status, HOUR * 1000 + number), HOUR + number)
    fault = verify({"ltn": side.lines}, check_signature, KEYS).fault
    assert fault is not None and (fault.party, fault.beat) == ("ltn", 3) and "Confirmed is not allowed" in fault.reason


@pytest.mark.parametrize("party", ["ltn", "s"])
@pytest.mark.parametrize("before", [None, *ContractStatus])
@pytest.mark.parametrize("status", list(ContractStatus))
def test_every_cell_of_the_legal_table(party: Party, before: ContractStatus | None, status: ContractStatus) -> None:
    legal = status in LEGAL[party].get(before, frozenset())
    ends = status.value.startswith(("Terminated", "Completed"))
    if before is not None and before.value.startswith(("Terminated", "Completed")):
        assert not legal or status is before
    if status is ContractStatus.CREATED:
        assert legal == (party == "ltn" and before is None)
    if legal and ends:
        assert (status is ContractStatus.TERMINATED_BY_LTN) == (party == "ltn")


def a_beat(created_ms: int = HOUR * 1000) -> SlowContractHeartbeat:
    contract = parse_line(Pair(1, slots=1, minutes=5, chaos=False).run().ltn.lines[0])[0].heartbeat.contract
    return make_heartbeat("ltn", contract, ContractStatus.CREATED, created_ms)


def test_the_same_words_are_signed_once_also_after_a_restart() -> None:
    side = Side("ltn")
    first = side.say(a_beat(), HOUR)
    assert side.say(a_beat(), HOUR + 5) == first and len(side.lines) == 1
    side.restart()
    assert side.say(a_beat(), HOUR + 10) == first and len(side.lines) == 1
    assert proof_of(side.say(a_beat(HOUR * 1000 + 1), HOUR + 11)).number == 2  # type: ignore[union-attr]


def test_what_may_not_be_acted_upon() -> None:
    sealed, s = Side("ltn").say(a_beat(), HOUR), Side("s")
    assert s.hear(a_beat(), HOUR) == ""  # a published LeafTransactiveNode does not sign
    assert s.hear(sealed, HOUR) == "" and s.hear(sealed, HOUR + 1) == "" and len(s.lines) == 2
    assert "not signed" in s.hear(a_beat(HOUR * 1000 + 1), HOUR)
    changed = sealed.model_copy(update={"message_created_ms": HOUR * 1000 + 7})
    assert "does not fit" in s.hear(changed, HOUR)
    stranger = ledger.seal(ledger.LedgerState(), a_beat(HOUR * 1000 + 8), signer_of("ltn", "stranger"), HOUR)[1]
    assert "another key" in s.hear(stranger, HOUR)
    twice = Side("ltn").say(a_beat(HOUR * 1000 + 9), HOUR)
    assert "two beats number 1" in s.hear(twice, HOUR)
    assert "came from outside" in Side("ltn").hear(sealed, HOUR)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Keeper":"x"}', '{"Keeper":"s","How":"said","Heartbeat":{}}'])
def test_a_line_that_is_none(text: str) -> None:
    with pytest.raises(BadInput):
        parse_line(text)
