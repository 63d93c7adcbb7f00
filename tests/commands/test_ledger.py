"""`gws ledger verify` on files: OK, the first fault, wrong input."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.main import app
from gw_spaceheat.errors import BadInput
from tests.fixtures.contract_pair import KEYS, Pair


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    pair = Pair(1, slots=1, minutes=5, chaos=False).run()
    for party, lines in (("ltn", pair.ltn.lines), ("s", pair.s.lines)):
        (tmp_path / f"{party}.jsonl").write_text("".join(f"{line}\n" for line in lines))
        (tmp_path / f"{party}.pub").write_text(KEYS["ltn" if party == "ltn" else "s"] + "\n")
    keys = [word for party in ("ltn", "s") for word in ("--key", f"{party}={tmp_path / party}.pub")]
    return [str(tmp_path / "ltn.jsonl"), str(tmp_path / "s.jsonl"), *keys]


def verify(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["ledger", "verify", *words])
    if isinstance(result.exception, BadInput):
        raise result.exception
    return result.exit_code, result.output


def test_sound(files: list[str]) -> None:
    code, text = verify(*files)
    assert code == 0 and text.startswith("OK: ") and "warning" not in text
    code, text = verify(*files[:2])
    assert code == 0 and text.count("warning: key of") == 2


def test_the_first_fault_has_party_and_beat(files: list[str]) -> None:
    path = Path(files[1])
    path.write_text(path.read_text().replace('"WattHoursUsed":0', '"WattHoursUsed":5', 1))
    code, text = verify(*files)
    assert code == 1 and text.startswith("FAULT: beat 1 of s in the ledger of s, line 2,") and "edited" in text


def test_older_files_of_one_party_are_joined_and_an_unfinished_line_is_no_fault(files: list[str]) -> None:
    path = Path(files[1])
    lines = path.read_text().splitlines(keepends=True)
    older = path.with_name("s-old.jsonl")
    older.write_text("".join(lines[:4]))
    path.write_text("".join(lines[4:]) + '{"Keeper":"s","Li')
    code, text = verify(str(path), str(older), *files[2:], files[0])
    assert code == 0 and "unfinished" in text
    assert verify(str(path), *files[2:])[0] == 1
    assert verify(str(path), "--partial", *files[2:])[0] == 0


@pytest.mark.parametrize("words", [["missing.jsonl"], ["FILE", "--key", "x"], ["FILE", "--key", "s=missing"]])
def test_wrong_input(files: list[str], words: list[str]) -> None:
    with pytest.raises(BadInput):
        verify(*(files[0] if word == "FILE" else word for word in words))


def test_a_file_without_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello\n")
    with pytest.raises(BadInput, match="holds no line"):
        verify(str(tmp_path / "x"))
