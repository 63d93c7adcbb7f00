"""`gws history` from either store."""

from datetime import datetime
from pathlib import Path

import pytest

from commands.history import run_history
from commands.history_files import history_of_csv
from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.house.load import load_house
from gw_spaceheat.messages.telemetry import ChannelReadings
from gw_spaceheat.storage.ear_store import Heard, open_ear_store
from tests.storage.postgres_server import PostgresServer

HOUSE = load_house("beech")
CHANNEL = next(channel.name for channel in HOUSE.channels if channel.telemetry == "WaterTempCTimes1000")
START_MS = int(datetime.fromisoformat("2026-11-20T12:00:00-05:00").timestamp()) * 1000
DAY = ("2026-11-20", "2026-11-21")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.db)])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An ear heard 40, 41 and 42 C; where that is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GWS_DATA_FOLDER", str(tmp_path / "data"))
    url = None
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
        monkeypatch.setenv("GWS_EAR_DATABASE_URL", url)
    ear = open_ear_store(url, tmp_path / "data")
    times = (START_MS, START_MS + 60_000, START_MS + 120_500)
    said = ChannelReadings(
        channel_name=CHANNEL, value_list=(40_000, 41_000, 42_000), scada_read_time_unix_ms_list=times
    )
    ear.put_all([Heard(HOUSE.scada_alias, 1, 1, START_MS / 1000.0, "report", b"", (said,))])
    ear.close()
    return ear.place


def test_lines_are_in_the_house_s_own_time(store: str) -> None:
    lines = run_history("beech", CHANNEL, *DAY, csv=False, plot=None).splitlines()
    assert lines[0].startswith(f"{HOUSE.alias} {CHANNEL}: 3 readings, least 40.00 C, mean 41.00 C, most 42.00 C")
    assert lines[1].split() == ["2026-11-20", "12:00:00-0500", "40.00", "C"] and len(lines) == 4


def test_csv_is_what_fit_reads(store: str, tmp_path: Path) -> None:
    text = run_history(None, CHANNEL, "2026-11-20T12:01:00-05:00", DAY[1], csv=True, plot=None)
    assert text.splitlines() == [f"time_utc,{CHANNEL}", "2026-11-20T17:01:00Z,41", "2026-11-20T17:02:00.500Z,42"]
    file = tmp_path / "history.csv"
    file.write_text(text)
    history_of_csv(file, HOUSE)


def test_a_picture(store: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "picture.png"
    assert run_history("beech", CHANNEL, *DAY, csv=False, plot=picture) == f"3 readings drawn in {picture}"
    assert picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BadInput, match="cannot be written"):
        run_history("beech", CHANNEL, *DAY, csv=False, plot=tmp_path / "no" / "picture.png")


def test_what_is_not_there_is_one_clear_line(store: str) -> None:
    other = next(channel.name for channel in HOUSE.channels if channel.name != CHANNEL)
    wrong = {
        ("beech", "no-such", *DAY): "channel 'no-such': house",
        ("beech", CHANNEL, "yesterday", None): "--from 'yesterday': must be like 2026-11-20",
        ("beech", CHANNEL, DAY[1], DAY[0]): "must be before",
        ("beech", CHANNEL, "2020-01-01", "2020-01-02"): f"no reading of {CHANNEL}",
        ("beech", other, *DAY): f"nothing of channel {other} .*only {CHANNEL}",
        ("nowhere", CHANNEL, *DAY): "nowhere",
    }
    for (house, channel, from_text, to_text), said in wrong.items():
        with pytest.raises(BadInput, match=said) as error:
            run_history(house, channel, from_text, to_text, csv=False, plot=None)
        assert "\n" not in str(error.value)


def test_no_store_and_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"ear-messages\.db: no such file"):
        run_history("beech", CHANNEL, *DAY, csv=False, plot=None)
    monkeypatch.setenv("GWS_EAR_DATABASE_URL", "postgresql://ear:secret@127.0.0.1:1/gone")
    with pytest.raises(StorageError, match="must be reachable") as error:
        run_history("beech", CHANNEL, *DAY, csv=False, plot=None)
    assert "secret" not in str(error.value)
