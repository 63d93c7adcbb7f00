"""`gws history` from either store."""

import sys
from datetime import datetime
from pathlib import Path

import pytest
from pyarrow.parquet import read_table

from commands.history import run_export, run_history
from commands.history_files import history_of_csv
from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.house.load import load_house
from gw_spaceheat.messages.telemetry import ChannelReadings
from gw_spaceheat.storage.ear_store import Heard, open_ear_store
from tests.storage.postgres_server import PostgresServer
from tests.storage.victoria_metrics import VictoriaMetrics

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
    picture = tmp_path / "picture.png"
    assert run_history("beech", CHANNEL, *DAY, csv=False, plot=picture) == f"3 readings drawn in {picture}"
    assert picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BadInput, match="cannot be written"):
        run_history("beech", CHANNEL, *DAY, csv=False, plot=tmp_path / "no" / "picture.png")


def test_parquet_of_one_channel(store: str, tmp_path: Path) -> None:
    file = tmp_path / "history.parquet"
    said = run_history("beech", CHANNEL, *DAY, csv=False, plot=None, parquet=file)
    assert said == f"3 readings written to {file}"
    assert read_table(file).column("value").to_pylist() == [40.0, 41.0, 42.0]
    with pytest.raises(BadInput, match=r"must end with \.parquet"):
        run_history("beech", CHANNEL, *DAY, csv=False, plot=None, parquet=tmp_path / "history.xlsx")


def test_export_of_everything_and_of_a_range(store: str, tmp_path: Path) -> None:
    parquet, text = tmp_path / "all.parquet", tmp_path / "part.csv"
    assert run_export("beech", (), None, None, parquet) == f"3 readings of 1 channels of {HOUSE.alias} in {parquet}"
    table = read_table(parquet)
    assert table.column("time_utc").to_pylist()[0] == datetime.fromisoformat("2026-11-20T17:00:00+00:00")
    assert set(table.column("source").to_pylist()) == {HOUSE.scada_alias}
    run_export("beech", (CHANNEL,), "2026-11-20T12:01:00", "2026-11-20T12:02:00", text)
    assert text.read_text().splitlines() == [
        "time_utc,source,channel,telemetry,unit,value,wire_value",
        f"2026-11-20T17:01:00Z,{HOUSE.scada_alias},{CHANNEL},WaterTempCTimes1000,C,41,41000",
    ]


@pytest.mark.lines
def test_export_as_lines(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victoria = VictoriaMetrics(tmp_path)
    victoria.start()
    try:
        monkeypatch.setenv("GWS_EAR_LINES_URL", victoria.url)
        said = run_export("beech", (), None, None, None)
        assert said == f"3 readings of 1 channels of {HOUSE.alias} in http://127.0.0.1:{victoria.port}/write"
        assert [value for _, value in victoria.points(HOUSE.scada_alias, CHANNEL)] == [40_000, 41_000, 42_000]
    finally:
        victoria.kill()


def test_what_cannot_be_exported_is_one_clear_line_and_leaves_no_file(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(tmp_path.iterdir())
    for channels, out, said in (
        (("no-such",), "x.csv", f"nothing of channel no-such of {HOUSE.alias} .*only {CHANNEL}"),
        ((), "x.xlsx", r"must end with \.csv or \.parquet"),
        ((), "no/x.csv", "No such file"),
    ):
        with pytest.raises((BadInput, StorageError), match=said):
            run_export("beech", channels, None, None, tmp_path / out)
    with pytest.raises(BadInput, match=r"nothing of .*\.fir in .*nothing of this house"):
        run_export("fir", (), None, None, tmp_path / "x.csv")
    with pytest.raises(BadInput, match="export: where to"):
        run_export("beech", (), None, None, None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as where the extra is not installed
    with pytest.raises(BadInput, match=r"^Parquet: pyarrow is not installed; install requirements/cloud\.txt$"):
        run_export("beech", (), None, None, tmp_path / "x.parquet")
    assert sorted(tmp_path.iterdir()) == before


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
