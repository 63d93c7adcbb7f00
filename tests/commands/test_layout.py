"""`gws layout check|show`: exit codes and what is printed."""

from pathlib import Path

import pytest

from commands.layout import run_check, run_show


@pytest.mark.parametrize("short_name", ["beech", "orange", "fir"])
def test_check_and_show_of_a_sound_house(short_name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check(short_name) == 0
    assert f"d1.isone.me.versant.keene.{short_name}: sound" in capsys.readouterr().out
    assert run_show(short_name) == 0
    shown = capsys.readouterr().out
    for word in ("versant_a1_ets_2020", "egauge_4030", "boss scada", "zone1-", "WaterTempCTimes1000"):
        assert word in shown


@pytest.mark.parametrize("run", [run_check, run_show])
def test_an_unknown_house_is_one_line_and_exit_code_1(run: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(run) and run("beach") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1 and "house 'beach': no such house" in captured.err


def test_every_problem_is_a_line_with_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"alias": "x", "nodes": [{"name": "a", "role": "sensor", "component_id": "absent"}]}')
    assert run_check(str(path)) == 1
    error = capsys.readouterr().err
    assert "nodes[0].component_id: no component 'absent'" in error
    assert "\n  alias: " in error and "\n  plumbing: missing" in error
    path.write_text("{")
    assert run_check(str(path)) == 1
    assert "line 1 column 2: no valid JSON" in capsys.readouterr().err
