"""`gws compare` on one day: the table has a line per tariff and way, and wrong input is named."""

from pathlib import Path

import pytest

from commands.comparison import comparison_text
from gw_spaceheat.errors import BadInput


def series(folder: Path) -> Path:
    """Five winter days, cold nights, dear evenings."""
    path = folder / "series.csv"
    lines = ["time_utc,outdoor_temp_c,lmp_usd_per_mwh,distribution_usd_per_mwh"]
    for hour in range(120):
        lmp = 20.0 + 10.0 * (hour % 24 > 16)
        lines.append(f"2020-01-{6 + hour // 24:02d}T{hour % 24:02d}:00:00Z,{-5 - hour % 7},{lmp},50")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_line_for_each_tariff_and_way(tmp_path: Path) -> None:
    table = comparison_text("beech", series(tmp_path), "2020-01-06", 0.25, "thermostat,rule", 0, 1, False)
    lines = table.splitlines()
    assert len(lines) == 2 + 4
    assert lines[2].startswith("| time-of-use | thermostat |")
    assert lines[5].startswith("| hourly | rule |")


@pytest.mark.parametrize(
    ("weeks", "days", "workers", "problem"),
    [
        ("nonsense", 0.1, 1, "week 'nonsense': must be a day such as 2020-01-06"),
        ("2020-01-06,", 0.1, 1, "week '': must be a day"),
        ("2020-01-06", 0.0, 1, "days 0.0: must be above 0"),
        ("2020-01-06", 0.1, 0, "workers 0: must be 1 to 256"),
    ],
)
def test_a_wrong_option_is_one_clear_error(tmp_path: Path, weeks: str, days: float, workers: int, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        comparison_text("beech", series(tmp_path), weeks, days, "rule", 0, workers, False)


@pytest.mark.parametrize("price", ["cheap", ""])
def test_a_price_that_is_no_number_is_named_with_its_line(tmp_path: Path, price: str) -> None:
    path = series(tmp_path)
    path.write_text(path.read_text().replace("T03:00:00Z,-8,20.0,50", f"T03:00:00Z,-8,{price},50", 1))
    with pytest.raises(BadInput, match=rf"series\.csv:5: lmp_usd_per_mwh is '{price}', must be a number"):
        comparison_text("beech", path, "2020-01-06", 0.1, "rule", 0, 1, False)


def test_an_unknown_way_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="way 'magic'"):
        comparison_text("beech", series(tmp_path), "2020-01-06", 0.1, "magic", 0, 1, False)
