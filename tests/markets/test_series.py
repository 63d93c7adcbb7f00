"""Hourly series: the samples, and files that are refused with file, line, value and rule."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import INPUT_DATA
from gw_spaceheat.markets.series import HOUR_S, HourlySeries, load_flat_lmp, load_series

HEADER = "time_utc,outdoor_temp_c,lmp_usd_per_mwh,distribution_usd_per_mwh\n"
ROW = "2020-01-01T05:00:00Z,-3.89,22.66,46.73\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "series.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "lowest_c"), [("chicago_ohare_2016_2017.csv", -24.4), ("northway_2018_2019.csv", -43.9)]
)
def test_the_weather_samples_cover_a_whole_winter(name: str, lowest_c: float) -> None:
    series = load_series(INPUT_DATA / "weather" / name)
    weather = series.outdoor_c
    assert weather is not None and series.lmp_usd_per_mwh is None and series.distribution_usd_per_mwh is None
    assert len(weather.values) == 5088 and min(weather.values) == lowest_c
    assert datetime.fromtimestamp(weather.start_s, UTC).month == 10
    # Physics of air: a change of more than 16 K in an hour would be a slip in the file.
    assert max(abs(b - a) for a, b in zip(weather.values, weather.values[1:], strict=False)) < 16.0


def test_the_price_sample_has_all_columns_and_negative_prices() -> None:
    series = load_series(INPUT_DATA / "prices" / "maine_2020_01_02.csv")
    assert series.outdoor_c is not None and series.distribution_usd_per_mwh is not None
    assert series.lmp_usd_per_mwh is not None and min(series.lmp_usd_per_mwh.values) < 0.0


def test_prices_are_steps_and_weather_is_a_line() -> None:
    series = HourlySeries(7200.0, (10.0, 20.0))
    assert (series.at(7200.0), series.at(10799.9), series.at(10800.0), series.at(14399.9)) == (10.0, 10.0, 20.0, 20.0)
    assert (series.between(7200.0), series.between(9000.0), series.between(12600.0)) == (10.0, 15.0, 20.0)
    assert series.covers(7200.0, 14400.0) and not series.covers(7199.0, 7200.0) and not series.covers(7200.0, 14401.0)


@pytest.mark.parametrize("time_s", [7199.0, 14400.0])
def test_outside_the_series_is_bad_input(time_s: float) -> None:
    series = HourlySeries(7200.0, (10.0, 20.0), "weather")
    with pytest.raises(BadInput, match=r"weather: no value at 1970-01-01T.*covers 1970-01-01T02:00:00Z to"):
        series.at(time_s)
    with pytest.raises(BadInput):
        series.between(time_s)


def test_columns_may_come_in_any_order_and_others_are_passed_over(tmp_path: Path) -> None:
    series = load_series(written(tmp_path, "note,lmp_usd_per_mwh,time_utc\nx,-5,2020-01-01T05:00:00+00:00\n"))
    assert series.outdoor_c is None
    assert series.lmp_usd_per_mwh is not None and series.lmp_usd_per_mwh.values == (-5.0,)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "0 line(s)"),
        (HEADER, "1 line(s)"),
        (HEADER + "\n", "no rows"),
        ("time,lmp\n1,2\n", ":1: columns are time, lmp; needed are time_utc"),
        (HEADER + ROW + "2020-01-01T06:00:00Z,1,2\n", ":3: 3 cells, the header has 4"),
        (HEADER + ROW + "2020-01-01T06:00:00Z,cold,2,3\n", ":3: outdoor_temp_c is 'cold', must be a finite number"),
        (HEADER + ROW + "2020-01-01T06:00:00Z,1,nan,3\n", ":3: lmp_usd_per_mwh is 'nan'"),
        (HEADER + ROW + "2020-01-01T06:00:00Z,999,2,3\n", ":3: outdoor_temp_c is 999, must be within"),
        (HEADER + ROW + "2020-01-01T07:00:00Z,1,2,3\n", "must be one hour later"),
        (HEADER + ROW + ROW, "must be one hour later"),
        (HEADER + "2020-01-01T05:00:00,1,2,3\n", ":2: time_utc is '2020-01-01T05:00:00', must be a UTC time"),
        (HEADER + "2020-01-01T05:00:00-05:00,1,2,3\n", "must be a UTC time"),
        (HEADER + "yesterday,1,2,3\n", ":2: time_utc is 'yesterday'"),
        (HEADER + "2020-01-01T05:30:00Z,1,2,3\n", "no whole hour"),
    ],
)
def test_a_wrong_file_is_refused_with_line_value_and_rule(tmp_path: Path, text: str, wanted: str) -> None:
    with pytest.raises(BadInput, match=r"series\.csv") as caught:
        load_series(written(tmp_path, text))
    assert wanted in str(caught.value)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        load_series(tmp_path / "absent.csv")
    path = tmp_path / "bytes.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="cannot be read"):
        load_series(path)


def test_the_flat_price(tmp_path: Path) -> None:
    assert load_flat_lmp(INPUT_DATA / "prices" / "flat_lmp.json") == 40.0
    for text in ("{}", '{"lmp_usd_per_mwh": true}', '{"lmp_usd_per_mwh": NaN}', "[]", "{"):
        path = written(tmp_path, text)
        with pytest.raises(BadInput, match=r"series\.csv"):
            load_flat_lmp(path)


def test_an_empty_series_is_refused() -> None:
    with pytest.raises(BadInput, match="no values"):
        HourlySeries(float(HOUR_S), ())
