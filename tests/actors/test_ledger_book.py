"""A virtual house and its AtomicTNode keep ledgers that fit each other, also on disk and over restarts."""

from datetime import datetime
from pathlib import Path

import pytest

from actors.base import Context, Shell
from actors.ledger_book import LedgerBook, make_book
from actors.runtime import VirtualRuntime
from commands.site import load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.decisions.atn_contract import make_contract
from gw_spaceheat.decisions.ledger_check import verify
from gw_spaceheat.messages.contract import ContractStatus, SlowContractHeartbeat, make_heartbeat
from gw_spaceheat.storage.ledger_file import LedgerFile, check_signature
from tests.fixtures.contract_pair import HOUR, SIGNERS

MIDNIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()


def context_of(runtime: VirtualRuntime) -> Context:
    said: list[Context] = []

    def factory(context: Context) -> Shell:
        said.append(context)
        return Shell(context)

    runtime.add("book", factory)
    runtime.start("book")
    return said[0]


def lines_of(house: VirtualHouse, name: str) -> list[str]:
    actor = house.runtime._addresses[name].actor  # type: ignore[attr-defined]
    return list(actor._book._file.tail())


@pytest.mark.timeout(120)
def test_both_ledgers_of_a_virtual_house_are_sound(tmp_path: Path) -> None:
    house = VirtualHouse(load_site("beech"), MIDNIGHT_S, seed=1, folder=tmp_path)
    house.run_until(MIDNIGHT_S + 1200.0)
    house.runtime.replace("contract-keeper")
    house.runtime.replace("atn")
    house.run_until(MIDNIGHT_S + 5400.0)
    s = (tmp_path / "ledger.jsonl").read_text().splitlines()
    verdict = verify({"ltn": lines_of(house, "atn"), "s": s}, check_signature)
    assert verdict.fault is None and verdict.beats > 100 and verdict.contracts >= 2


def a_heartbeat() -> SlowContractHeartbeat:
    contract = make_contract("d1.beech.scada", "00000000-0000-4000-8000-000000000001", 2000, HOUR, 60)
    return make_heartbeat("ltn", contract, ContractStatus.CREATED, HOUR * 1000)


def test_what_the_disk_refuses_is_not_said(tmp_path: Path) -> None:
    lines: list[str] = []
    runtime = VirtualRuntime(HOUR, 1, lambda _at, _actor, kind, text: lines.append(f"{kind} {text}"))
    context = context_of(runtime)
    book = LedgerBook(SIGNERS["ltn"], LedgerFile(tmp_path / "gone" / "ledger.jsonl"))
    assert book.say(a_heartbeat(), context) is None
    assert "must be writable" in lines[-1]
    (tmp_path / "gone").mkdir()
    sealed = book.say(a_heartbeat(), context)
    assert sealed is not None and sealed.signed_proof.startswith("ed25519:1:1:")
    again = LedgerBook(SIGNERS["ltn"], LedgerFile(tmp_path / "gone" / "ledger.jsonl"))
    (tmp_path / "gone" / "ledger.jsonl").open("a").write("damaged\n")
    again.open(context)
    assert "left out" in lines[-1] and again.say(a_heartbeat(), context) == sealed


def test_a_given_key_is_held_to(tmp_path: Path) -> None:
    runtime = VirtualRuntime(HOUR, 1, lambda *_: None)
    context = context_of(runtime)
    sealed = make_book("ltn", None, runtime.chance("ltn")).say(a_heartbeat(), context)
    assert sealed is not None
    (tmp_path / "ltn.pub").write_text(SIGNERS["ltn"].public_key)
    assert "another key" in make_book("s", tmp_path, runtime.chance("s")).hear(sealed, context)
    assert make_book("s", None, runtime.chance("s")).hear(sealed, context) == ""
