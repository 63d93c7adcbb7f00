"""`gws study --memory` writes, `gws replay` makes the same decisions once more, or says where they differ."""

import json
import sqlite3
import zlib
from datetime import datetime
from pathlib import Path

import pytest

from commands.main import app
from commands.replay import DIFFERS, SAME, run_replay
from commands.study import study_text
from gw_spaceheat.errors import BadInput

START = "2016-12-12T05:00:00Z"
AT = "2016-12-12T07:03:00Z"


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an AtomicTNode knew and decided in two hours."""
    path = tmp_path_factory.mktemp("memory") / "m.db"
    study_text("beech", 2.1 / 24.0, None, 1, START, True, path, True)
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_everything_comes_out_again(memory: Path) -> None:
    text, code = run_replay("beech", AT, memory, False, False)
    assert code == SAME
    decided = {line.split()[0]: line for line in text.splitlines() if line.endswith(": the same again")}
    assert set(decided) == {"plan", "bid", "offer"}
    assert "prices    since 2016-12-12T07:00:00Z from d1.isone.me.versant.keene.market" in text


def test_every_plan_of_the_run_comes_out_again(memory: Path) -> None:
    """Also that of the very start, before there was a bid or an offer."""
    first_s = datetime.fromisoformat(START).timestamp()
    for minutes in (1, 31, 58, 64, 119.9):
        at = datetime.fromtimestamp(first_s + 60.0 * minutes).astimezone().isoformat()
        assert run_replay("beech", at, memory, False, False)[1] == SAME, minutes


def test_json_has_both_answers(memory: Path) -> None:
    text, _ = run_replay("beech", AT, memory, False, True)
    said = json.loads(text)
    plan = said["decided"]["plan"]
    assert plan["same"] and plan["again"] == plan["before"]["plan"] and len(plan["again"]["steps"]) == 48
    assert "solve_seconds" not in plan["again"]
    assert said["known"]["prices"]["said"]["TypeName"] == "gw.spaceheat.prices"


def tampered(memory: Path, folder: Path, kind: str, old: bytes, new: bytes) -> Path:
    """A copy in which every memory of a kind says something else."""
    path = folder / "tampered.db"
    with sqlite3.connect(memory) as source, sqlite3.connect(path) as copy:
        source.backup(copy)
        for row, body in copy.execute("SELECT row, body FROM memory WHERE kind = ?", (kind,)).fetchall():
            text = zlib.decompress(body)
            assert old in text
            copy.execute("UPDATE memory SET body = ? WHERE row = ?", (zlib.compress(text.replace(old, new)), row))
    return path


def test_inputs_that_were_changed_give_another_answer_and_exit_code_1(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tampered(memory, tmp_path, "plan", b'"zone_c":', b'"zone_c":1')
    monkeypatch.setattr("sys.argv", ["gws", "replay", "--house", "beech", "--at", AT, "--memory", str(path)])
    with pytest.raises(SystemExit) as ended:
        app()
    assert ended.value.code == DIFFERS
    said = capsys.readouterr().out
    assert "DIFFERS in" in said and "steps[0]." in said and ", now " in said


def test_a_contract_for_other_watts_than_were_decided_differs(memory: Path, tmp_path: Path) -> None:
    path = tampered(memory, tmp_path, "offer", b'"AvgPowerWatts":', b'"AvgPowerWatts":1')
    text, code = run_replay("beech", AT, path, False, False)
    assert code == DIFFERS
    assert [line.split()[0] for line in text.splitlines() if "DIFFERS" in line] == ["offer"]
    assert "    avg_power_watts: 1" in text


def test_a_bid_whose_plan_is_gone_is_said(memory: Path, tmp_path: Path) -> None:
    path = tampered(memory, tmp_path, "bid", b'"rests_on":{"plan":', b'"rests_on":{"plan":9999')
    text, code = run_replay("beech", AT, path, False, False)
    assert code == DIFFERS and "NOT REPLAYED: its plan is not kept any more" in text


@pytest.mark.parametrize(
    ("house", "at", "said"),
    [
        ("beech", "2016-12-12T04:00:00Z", "no plan before 2016-12-12T04:00:00Z; kept are those from 2016-12-12T05:00"),
        ("fir", AT, "is the memory of d1.isone.me.versant.keene.beech, not of d1.isone.me.versant.keene.fir"),
        ("beech", "noon", "--at 'noon': must be like"),
        ("nowhere", AT, "nowhere"),
    ],
)
def test_what_cannot_be_asked_is_one_line(memory: Path, house: str, at: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as error:
        run_replay(house, at, memory, False, False)
    assert "\n" not in str(error.value)


def test_without_a_memory(memory: Path, tmp_path: Path) -> None:
    for simulated, folder in ((False, r"data/beech-atn/memory\.db"), (True, r"data/simulated/beech-atn/memory\.db")):
        with pytest.raises(BadInput, match=f"{folder}: no such file"):
            run_replay("beech", AT, None, simulated, False)
    with pytest.raises(BadInput, match="exists already"):
        study_text("beech", 1.0, None, 1, START, True, memory, True)
