"""A disk that can no longer be written stops no actor: it is said once, and nothing new is promised."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from actors.base import Context, Shell
from actors.contract_keeper import ContractKeeper, KeeperAddresses
from actors.events import ClockNow, EnergyUsed, Received, Send, SlotNow
from actors.ledger_book import make_book
from actors.runtime import VirtualRuntime
from gw_spaceheat.decisions import contract
from gw_spaceheat.decisions.atn_contract import make_contract
from gw_spaceheat.messages.base import type_name_of
from gw_spaceheat.messages.contract import ContractStatus, SlowContractHeartbeat, make_heartbeat
from gw_spaceheat.messages.envelope import Header
from gw_spaceheat.storage.state_file import StateFile
from tests.actors.failing_disk_night import night
from tests.fixtures.contract_pair import HOUR
from tests.fixtures.machine import missing

ROOT = Path(__file__).parents[2]
# Which of the calls fail: from after the start to well before the end.
FAILING = {"pwrite64": "900..1000", "fdatasync": "150..210"}
FACTS = contract.ContractFacts("d1.beech.scada", 6000.0, 700.0)


@dataclass
class Ear:
    """Everybody the keeper speaks to."""

    name: str = "ear"
    heard: list[object] = field(default_factory=list)

    def tell(self, message: object) -> None:
        self.heard.append(message)

    def said(self) -> list[ContractStatus]:
        beats = [m.payload for m in self.heard if isinstance(m, Send)]
        return [beat.status for beat in beats if isinstance(beat, SlowContractHeartbeat)]


class Run:
    def __init__(self, path: Path) -> None:
        self.lines: list[tuple[str, str]] = []
        self.runtime = VirtualRuntime(float(HOUR), 1, lambda _, __, kind, text: self.lines.append((kind, text)))
        self.ear = Ear()
        to = KeeperAddresses(self.ear, self.ear, self.ear, self.ear)

        def factory(context: Context) -> Shell:
            return ContractKeeper(context, FACTS, to, StateFile(path), make_book("s", None, context.chance))

        self.runtime.add("keeper", factory)
        self.runtime.start("keeper")
        self.runtime.address("keeper").tell(ClockNow(True))
        self.runtime.run_until(HOUR + 1.0)

    def offer(self, number: int, start_s: int) -> None:
        """Unsigned, as a peer without keys says it."""
        terms = make_contract(FACTS.scada_alias, f"00000000-0000-4000-8000-{number:012d}", 3000.0, start_s, 60)
        now_s = self.runtime.now()
        beat = make_heartbeat("ltn", terms, ContractStatus.CREATED, int(now_s * 1000))
        header = Header("d1.beech", "s", type_name_of(type(beat)), f"00000000-0000-4000-8000-{number:012d}")
        self.runtime.address("keeper").tell(Received("cloud", "d1.beech", header, beat, False, now_s))
        self.runtime.run_until(now_s + 1.0)

    def storage_lines(self) -> int:
        return sum(kind == "storage" for kind, _ in self.lines)

    def crashed(self) -> bool:
        return any(kind == "crash" for kind, _ in self.lines)


def test_what_cannot_be_remembered_is_not_promised(tmp_path: Path) -> None:
    run = Run(tmp_path / "gone" / "contract.json")
    run.offer(1, HOUR)
    run.offer(1, HOUR)
    assert run.ear.said() == [] and run.storage_lines() == 1 and not run.crashed()
    assert not any(isinstance(m, SlotNow) and m.slot is not None for m in run.ear.heard)
    (tmp_path / "gone").mkdir()
    run.offer(1, HOUR)
    assert run.ear.said()[:2] == [ContractStatus.RECEIVED, ContractStatus.ACTIVE]


def test_a_running_slot_goes_on_when_the_disk_dies(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    run = Run(folder / "contract.json")
    run.offer(1, HOUR)
    assert ContractStatus.ACTIVE in run.ear.said()
    (folder / "contract.json").unlink()
    folder.rmdir()
    for second in range(10, 200, 5):
        run.runtime.run_until(HOUR + second)
        run.runtime.address("keeper").tell(EnergyUsed(10.0, 5.0, run.runtime.now()))
    assert run.storage_lines() == 1 and not run.crashed()
    views = [m.slot for m in run.ear.heard if isinstance(m, SlotNow) and m.slot is not None]
    assert views[-1].used_wh == pytest.approx(10.0 * 37)


def test_a_refusal_is_remembered_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    run = Run(path)
    run.offer(1, HOUR + 8 * 3600)
    assert run.ear.said() == [ContractStatus.TERMINATED_BY_SCADA]
    saved = StateFile(path).load()
    assert saved is not None and contract.from_json(saved).seen == ("00000000-0000-4000-8000-000000000001",)


@pytest.mark.timeout(120)
def test_a_house_starts_and_heats_on_a_dead_disk(tmp_path: Path) -> None:
    """Read-only, without its folder, full, and read-only with damaged files: on file systems of its own."""
    script = ROOT / "tests" / "actors" / "dead_disk_start.py"
    command = ["unshare", "-Urm", sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=110, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    if "unshare:" in done.stderr or (not done.stdout and "mount:" in done.stderr):
        pytest.skip(f"no namespaces here: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["read-only", "no-folder", "full", "damaged"]


@pytest.mark.timeout(200)
@pytest.mark.parametrize("call", ["fdatasync", pytest.param("pwrite64", marks=pytest.mark.slow)])
def test_errors_of_the_card_change_nothing_that_control_does_and_lose_no_reading(tmp_path: Path, call: str) -> None:
    """EIO of many writes or syncs, as of a dying card that comes back: compared with a house without a disk."""
    if shutil.which("strace") is None:
        missing("strace is not on PATH")
    script = ROOT / "tests" / "actors" / "failing_disk_night.py"
    fault = ["-f", "--seccomp-bpf", "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={FAILING[call]}"]
    done = subprocess.run(
        ["strace", *fault, sys.executable, str(script), str(tmp_path / "data")],
        cwd=ROOT, capture_output=True, text=True, timeout=180, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if done.returncode != 0 and "ptrace" in done.stderr:
        pytest.skip("tracing is not allowed here")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr.count("(INJECTED)") > 50, "the fault was there, for a while"
    suffered, well = json.loads(done.stdout), json.loads(json.dumps(night(None)))
    assert suffered["crashes"] == []
    assert suffered["control"] == well["control"] and len(well["control"]) > 20
    assert suffered["readings"] == well["readings"] and len(well["readings"]) > 1000
    assert suffered["twice"] == 0
    said = [text for _, text in suffered["storage"]]
    assert any("disk I/O error" in text for text in said), said
    assert len(said) <= 20, "a dying disk is no flood of lines"
