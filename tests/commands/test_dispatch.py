"""`gws dispatch`: what is refused before it is written, and an order that a virtual AtomicTNode carries out."""

import json
import threading
from pathlib import Path

import pytest

from actors.dispatcher import ANSWER_FILE, ORDER_FILE
from commands.dispatch import order_of, run_dispatch
from gw_spaceheat.errors import BadInput, Unreachable
from gw_spaceheat.house.load import load_house


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GWS_DATA_FOLDER", str(tmp_path / "data"))
    return tmp_path / "data" / "beech-atn"


@pytest.mark.parametrize(
    ("node", "value", "minutes", "said"),
    [
        ("relay-oven", "on", 5.0, "has relay-distribution-pump"),
        ("relay-store-pump", "48", 5.0, "must be on or off"),
        ("relay-store-pump", "on", 61.0, "at most 60"),
        ("relay-store-pump", "on", 0.0, "above 0"),
    ],
)
def test_wrong_input(node: str, value: str, minutes: float, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        run_dispatch(node, value, minutes, "beech", False)


def test_a_leaving_temperature_is_a_number() -> None:
    fir = load_house("fir")
    assert order_of(fir, "leaving-setpoint", "48.5", 5.0).value == 48.5
    with pytest.raises(BadInput, match="temperature"):
        order_of(fir, "leaving-setpoint", "on", 5.0)


def test_nobody_there(folder: Path) -> None:
    with pytest.raises(Unreachable, match="does the AtomicTNode of this house run"):
        run_dispatch("relay-store-pump", "on", 5.0, "beech", False, patience_s=0.3)
    assert json.loads((folder / ORDER_FILE).read_text())["hold_s"] == 300.0


@pytest.mark.timeout(20)
def test_the_answer_is_printed(folder: Path) -> None:
    def answer() -> None:
        for _ in range(100):
            if (folder / ORDER_FILE).exists():
                number = json.loads((folder / ORDER_FILE).read_text())["number"]
                (folder / ANSWER_FILE).write_text(json.dumps({"number": number, "text": "done"}))
                return
            threading.Event().wait(0.05)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    assert run_dispatch("relay-store-pump", "on", 5.0, "beech", False, patience_s=10.0).endswith("on: done")
    thread.join(5.0)
