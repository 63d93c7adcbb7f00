"""The tariff file against the recorded year, and its rules: seasons, holidays, clocks."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import INPUT_DATA
from gw_spaceheat.markets.series import load_series
from gw_spaceheat.markets.tariff import Tariff, load_tariff

VERSANT = INPUT_DATA / "tariffs" / "versant_a1_ets_2020.json"
RECORDED_YEAR = INPUT_DATA.parent / ".." / "shared" / "data" / "maine_2020_hourly.csv"
HOUR_S = 3600


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def changed(tmp_path: Path, **changes: Any) -> Path:  # noqa: ANN401 - whatever JSON holds
    document = json.loads(VERSANT.read_text("utf-8")) | changes
    path = tmp_path / "tariff.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def versant() -> Tariff:
    return load_tariff(VERSANT)


def assert_equals_recorded(tariff: Tariff, path: Path, hours: int) -> None:
    recorded = load_series(path).distribution_usd_per_mwh
    assert recorded is not None and len(recorded.values) == hours
    for hour, price in enumerate(recorded.values):
        time_s = recorded.start_s + HOUR_S * hour
        assert tariff.rate_usd_per_mwh(time_s) == price, datetime.fromtimestamp(time_s, UTC)
        assert tariff.is_on_peak(time_s) == (price > 200.0)
        assert tariff.rate_usd_per_mwh(time_s + HOUR_S - 0.001) == price


@pytest.mark.skipif(not RECORDED_YEAR.is_file(), reason="the recorded year is not there")
def test_all_hours_of_the_recorded_year(versant: Tariff) -> None:
    assert_equals_recorded(versant, RECORDED_YEAR, 8784)


def test_all_hours_of_the_sample(versant: Tariff) -> None:
    assert_equals_recorded(versant, INPUT_DATA / "prices" / "maine_2020_01_02.csv", 1440)


@pytest.mark.parametrize(
    ("moment", "usd_per_mwh"),
    [
        ("2020-03-01T12:00:00-05:00", 50.54),  # a Sunday
        ("2021-03-01T07:00:00-05:00", 389.80),  # the last winter day
        ("2021-03-02T07:00:00-05:00", 380.51),
        ("2021-11-01T19:59:59-05:00", 380.51),
        ("2021-11-02T16:00:00-05:00", 389.80),
        ("2021-11-02T15:59:59-05:00", 50.54),
        ("2021-11-02T20:00:00-05:00", 46.73),
        ("2021-11-02T06:59:59-05:00", 46.73),
        ("2021-07-05T08:00:00-04:00", 380.51),  # on-peak follows EST: 07:00 EST
        ("2021-07-05T07:59:00-04:00", 46.73),
        ("2021-07-03T12:00:00-05:00", 50.54),  # a Saturday
    ],
)
def test_named_moments(versant: Tariff, moment: str, usd_per_mwh: float) -> None:
    assert versant.rate_usd_per_mwh(at(moment)) == usd_per_mwh


def test_on_peak_windows_are_whole_in_order_and_cut_off_at_the_ends(versant: Tariff) -> None:
    # Friday to Monday.
    spans = versant.on_peak_windows(at("2021-01-08T08:30:00-05:00"), at("2021-01-11T17:00:00-05:00"))
    assert spans == [
        (at("2021-01-08T08:30:00-05:00"), at("2021-01-08T12:00:00-05:00")),
        (at("2021-01-08T16:00:00-05:00"), at("2021-01-08T20:00:00-05:00")),
        (at("2021-01-11T07:00:00-05:00"), at("2021-01-11T12:00:00-05:00")),
        (at("2021-01-11T16:00:00-05:00"), at("2021-01-11T17:00:00-05:00")),
    ]
    assert versant.on_peak_windows(at("2021-01-09T00:00:00-05:00"), at("2021-01-11T07:00:00-05:00")) == []


def test_a_window_over_midnight_utc_is_one_span(tmp_path: Path) -> None:
    document = json.loads(VERSANT.read_text("utf-8"))
    document["windows"][0]["hours"] = [["16:00", "22:15"]]
    tariff = load_tariff(changed(tmp_path, windows=document["windows"]))
    day = (at("2021-01-08T00:00:00-05:00"), at("2021-01-09T00:00:00-05:00"))
    assert tariff.on_peak_windows(*day) == [(at("2021-01-08T16:00:00-05:00"), at("2021-01-08T22:15:00-05:00"))]


def test_a_tariff_by_local_clock_follows_daylight_saving(tmp_path: Path) -> None:
    tariff = load_tariff(changed(tmp_path, utc_offset_h=None, timezone="America/New_York"))
    assert tariff.is_on_peak(at("2021-07-05T07:00:00-04:00"))
    assert not tariff.is_on_peak(at("2021-07-05T12:00:00-04:00"))
    assert tariff.is_on_peak(at("2021-01-05T07:00:00-05:00"))
    # 23- and 25-hour days have their nine on-peak hours like all others (14 March and 7 November are Sundays).
    for day in ("2021-03-15", "2021-11-08"):
        spans = tariff.on_peak_windows(at(f"{day}T00:00:00-05:00"), at(f"{day}T00:00:00-05:00") + 24 * HOUR_S)
        assert sum(end - start for start, end in spans) == 9 * HOUR_S


@pytest.mark.parametrize(("day", "hours"), [("2021-03-14", 2), ("2021-03-21", 3), ("2021-11-07", 4)])
def test_a_window_over_the_change_of_clocks_has_its_real_length(tmp_path: Path, day: str, hours: int) -> None:
    windows = json.loads(VERSANT.read_text("utf-8"))["windows"]
    windows[0] |= {"weekdays": ["sun"], "hours": [["01:00", "04:00"]]}
    tariff = load_tariff(changed(tmp_path, windows=windows, utc_offset_h=None, timezone="America/New_York"))
    spans = tariff.on_peak_windows(at(f"{day}T00:00:00-05:00"), at(f"{day}T12:00:00-05:00"))
    assert [end - start for start, end in spans] == [hours * HOUR_S]


def test_days_of_validity_are_those_of_the_tariffs_own_clock(tmp_path: Path, versant: Tariff) -> None:
    tariff = load_tariff(changed(tmp_path, valid_from="2020-01-01", valid_to="2020-12-31"))
    assert (
        tariff.why_not_valid(at("2020-01-01T00:00:00-05:00")) == tariff.why_not_valid(at("2021-01-01T04:59:59Z")) == ""
    )
    assert "is valid from 2020-01-01, today is 2019-12-31" in tariff.why_not_valid(at("2020-01-01T04:59:59Z"))
    late_s = at("2021-01-04T08:00:00-05:00")
    assert "was valid to 2020-12-31, today is 2021-01-04" in tariff.why_not_valid(late_s)
    assert tariff.is_on_peak(late_s) and tariff.rate_usd_per_mwh(late_s) == 389.80, "nothing better is known"
    assert versant.why_not_valid(0.0) == "" == versant.why_not_valid(4e9), "a file without days is always valid"


def test_a_holiday_is_priced_as_a_sunday(tmp_path: Path) -> None:
    tariff = load_tariff(changed(tmp_path, holidays=["2021-01-01"]))
    assert tariff.rate_usd_per_mwh(at("2021-01-01T08:00:00-05:00")) == 50.54
    assert tariff.rate_usd_per_mwh(at("2021-01-04T08:00:00-05:00")) == 389.80


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"timezone": "America/New_York"}, "exactly one of utc_offset_h and timezone"),
        ({"utc_offset_h": None}, "exactly one of utc_offset_h and timezone"),
        ({"utc_offset_h": None, "timezone": "America/Keene"}, "unknown timezone 'America/Keene'"),
        ({"valid_from": "2021-02-01", "valid_to": "2021-01-31"}, "must not be later than valid_to 2021-01-31"),
        ({"valid_to": "soon"}, "valid_to"),
        ({"seasons": []}, "seasons are"),
        ({"seasons": [{"name": "winter", "first_day": "13-02", "last_day": "03-01"}]}, "seasons.0.first_day"),
        ({"windows": []}, "mon 00:00 is in no window"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_tariff_is_refused_with_the_rule(tmp_path: Path, changes: dict[str, Any], wanted: str) -> None:
    with pytest.raises(BadInput, match="tariff") as caught:
        load_tariff(changed(tmp_path, **changes))
    assert wanted in str(caught.value)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]"])
def test_a_broken_tariff_file_is_bad_input(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tariff.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"tariff\.json"):
        load_tariff(path)
    with pytest.raises(BadInput, match="cannot be read"):
        load_tariff(tmp_path / "absent.json")
