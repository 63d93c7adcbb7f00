"""`gws optout on|off|status`."""

import json
from pathlib import Path

import pytest

from commands.opt_out import FILE_NAME, run_opt_out
from gw_spaceheat.errors import BadInput


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GWS_DATA_FOLDER", str(tmp_path / "data"))
    return tmp_path / "data"


def test_on_and_off(data_folder: Path) -> None:
    assert "takes part" in run_opt_out("status", "beech", False)
    text = run_opt_out("on", "beech", False)
    path = data_folder / "beech" / FILE_NAME
    assert "opted out" in text and str(path) in text
    assert json.loads(path.read_text())["opted_out"] is True
    assert "opted out" in run_opt_out("status", "beech", False)
    assert "takes part" in run_opt_out("off", "beech", False)
    assert json.loads(path.read_text())["opted_out"] is False


def test_the_simulated_house_has_its_own(data_folder: Path) -> None:
    run_opt_out("on", "beech", True)
    assert (data_folder / "simulated" / "beech" / FILE_NAME).exists()


@pytest.mark.parametrize(("wish", "house"), [("maybe", "beech"), ("on", "nowhere")])
def test_wrong_input(wish: str, house: str) -> None:
    with pytest.raises(BadInput):
        run_opt_out(wish, house, False)
