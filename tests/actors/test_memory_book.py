"""In virtual time: an AtomicTNode that dies goes on with its contract, its bid and its prices; one that cannot remember
offers nothing new."""

import re
import shutil
import sqlite3
import zlib
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest

from actors.atomic_tnode import AtomicTNode
from actors.base import Context
from actors.memory_book import MemoryBook
from commands.site import Site, load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.storage.atn_memory import AtnMemory, MemoryFile

MIDNIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()
MINUTE_S = 60.0
AT_THE_END = "at-the-end.db"


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site("beech")


class Run:
    def __init__(self, site: Site, memory: Path) -> None:
        self.lines: list[tuple[float, str, str, str]] = []
        self.path = memory
        self.house = VirtualHouse(site, MIDNIGHT_S, 1, sink=self._keep, memory=AtnMemory(memory))

    def _keep(self, at_s: float, actor: str, kind: str, text: str) -> None:
        self.lines.append(((at_s - MIDNIGHT_S) / MINUTE_S, actor, kind, text))

    def to(self, minutes: float) -> None:
        self.house.run_until(MIDNIGHT_S + minutes * MINUTE_S)

    def of(self, kind: str, actor: str = "atn", after: float = 0.0) -> list[str]:
        return [text for at, who, what, text in self.lines if what == kind and who == actor and at >= after]


@pytest.fixture(scope="module")
def restarted(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Killed at 1:20, in the middle of its slot, back 5 minutes later; then killed between bid and offer."""
    run = Run(site, tmp_path_factory.mktemp("memory") / "m.db")
    run.to(80.0)
    run.house.stop_atomic_tnode()
    run.to(85.0)
    run.house.start_atomic_tnode()
    run.to(115.1)
    run.house.stop_atomic_tnode()
    run.to(115.2)
    run.house.start_atomic_tnode()
    run.to(182.0)
    with closing(sqlite3.connect(run.path)) as source, closing(sqlite3.connect(run.path.with_name(AT_THE_END))) as copy:
        source.backup(copy)
    return run


def test_it_goes_on_with_its_contract(restarted: Run) -> None:
    contract_id = restarted.of("accepted", after=54.0)[0].split()[0]
    first, second = restarted.of("resumed")
    assert first.split()[:2] == [contract_id, "Active"] and second.split()[0] == contract_id
    # Nothing else was offered within the slot, and it ended once, by the SCADA's own count.
    within = [text for at, who, kind, text in restarted.lines if who == "contract-keeper" and 61.0 < at < 115.0]
    assert within == []
    assert [text for at, who, kind, text in restarted.lines if kind == "authority" and at > 61.0] == [
        "remote -> local: no heartbeat for more than 170 s",
        "local -> remote: contract live",
    ]
    (ended,) = [text for text in restarted.of("ended") if text.startswith(contract_id)]
    (counted,) = [text for text in restarted.of("slot", "contract-keeper") if text.startswith(f"ended {contract_id}")]
    assert counted == f"ended {ended}" and "Unknown" not in ended
    assert not restarted.of("crash")


def test_what_the_market_sold_before_the_restart_is_offered_after_it(restarted: Run) -> None:
    sold = [
        text for at, who, kind, text in restarted.lines if who == "market" and kind == "cleared" and 110 < at < 115.2
    ]
    sold_w = 1000.0 * float(sold[0].split(": ")[1].split()[0])
    (offered,) = [text for at, who, kind, text in restarted.lines if kind == "accepted" and 115.2 < at < 120.0]
    watts = float(offered.split()[1])
    assert watts == pytest.approx(sold_w, rel=0.05)
    atn = restarted.house.runtime._addresses["atn"].actor
    assert isinstance(atn, AtomicTNode)
    assert atn._corrections.hours > 2.5, "what was seen of the house was not forgotten either"
    assert not restarted.of("market"), "the price was remembered"
    assert re.match(r"[\d.]+ USD", restarted.of("regret", after=179.0)[0]), "so was the bid, to the look back"


def test_who_knew_what_when(restarted: Run, site: Site) -> None:
    file = MemoryFile(restarted.path)
    now_s = MIDNIGHT_S + 100 * MINUTE_S
    prices, forecast, plan = (file.latest(kind, now_s) for kind in ("prices", "forecast", "plan"))
    assert prices is not None and forecast is not None and plan is not None
    assert prices.source == f"{site.house.alias.rsplit('.', 1)[0]}.market" and prices.from_s == MIDNIGHT_S + 3600
    assert forecast.source == site.weather.name and plan.source == site.house.atn_alias
    assert plan.body["rests_on"] == {"prices": prices.row, "forecast": forecast.row}
    assert len(file.since("prices", 0.0, now_s)) == 2, "said every 5 minutes, kept when it changed"
    outcomes = [one.body["status"] for one in file.since("contract", 0.0, MIDNIGHT_S + 1e6)]
    assert outcomes[:4] == ["Accepted", "Accepted", "CompletedSuccess", "Accepted"]
    file.close()


def test_a_memory_of_another_run_is_left_alone(restarted: Run, site: Site) -> None:
    """The clock is back where it was: nothing of what is remembered has happened yet."""
    again = Run(site, restarted.path)
    again.to(62.0)
    assert not again.of("resumed") and again.of("accepted")


class Quiet:
    """What a memory book needs of its actor."""

    def __init__(self, now_s: float) -> None:
        self.said: list[tuple[str, str]] = []
        self._now_s = now_s

    def now(self) -> float:
        return self._now_s

    def log(self, kind: str, text: str) -> None:
        self.said.append((kind, text))


def test_one_memory_that_cannot_be_read_takes_no_other_along(restarted: Run, site: Site, tmp_path: Path) -> None:
    """Of contract, bids and prices: each is read or said, whatever became of the ones before it."""
    path, now_s = tmp_path / "m.db", MIDNIGHT_S + 182.5 * MINUTE_S
    shutil.copy(restarted.path.with_name(AT_THE_END), path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE contract_state SET body = ?", (zlib.compress(b"{}"),))
        (first, *others) = db.execute("SELECT row FROM memory WHERE kind = 'bid' ORDER BY row").fetchall()
        assert others
        db.execute("UPDATE memory SET body = ? WHERE row = ?", (zlib.compress(b'{"bid": 3}'), *first))
        db.execute("UPDATE memory SET body = ? WHERE kind = 'forecast'", (b"bits that fell over",))
    memory = AtnMemory(path)
    quiet = Quiet(now_s)
    recalled = MemoryBook(memory, site.house.atn_alias, site.weather.name).open(cast("Context", quiet))
    memory.close()
    assert recalled.contract.current is None
    assert [kind for kind, _ in quiet.said] == ["memory"] * 3
    for said, part in zip(
        (text for _, text in quiet.said), ("a memory cannot be read", "contract state", ""), strict=True
    ):
        assert part in said and said.endswith("not used")
    assert recalled.prices is not None and recalled.corrections.hours > 0.5
    assert list(recalled.bids) == [MIDNIGHT_S + 3600.0 * hour for hour in (2, 3)]
    assert all(price is not None for _, price in recalled.bids.values())


def test_without_a_disk_nothing_new_is_offered_and_it_is_said_once(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = Run(site, tmp_path / "file" / "m.db")
    run.to(63.0)
    assert not run.of("accepted") and not run.of("crash")
    (said,) = run.of("storage")
    assert "m.db" in said and said.endswith("no new slot is offered")
    assert run.of("local", "local-controller"), "the house heats on"
