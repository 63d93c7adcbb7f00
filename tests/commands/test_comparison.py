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


def test_an_unknown_way_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="way 'magic'"):
        comparison_text("beech", series(tmp_path), "2020-01-06", 0.1, "magic", 0, 1, False)
