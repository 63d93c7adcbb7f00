"""The picture of a channel says nothing about times in which nothing was read."""

import pytest
from matplotlib.axes import Axes

from gw_spaceheat.views.readings import ChannelHistory, history_png

START_MS = 1_485_752_400_000
HOUR_MS = 3_600_000


def drawn(hours: list[float], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The values given to the plot."""
    seen: list[list[float]] = []
    plot = Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda self, x, y, **how: (seen.append(y), plot(self, x, y, **how))[1])
    readings = [(START_MS + round(hour * HOUR_MS), 40.0 + hour) for hour in hours]
    picture = history_png(ChannelHistory("beech", "tank", "WaterTempCTimes1000", "America/New_York", readings))
    assert picture.startswith(b"\x89PNG")
    return seen[0]


def test_hourly_readings_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn([0, 1, 2, 3], monkeypatch) == [40.0, 41.0, 42.0, 43.0]


def test_a_gap_breaks_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    values = drawn([0, 1, 5, 6], monkeypatch)
    assert values[:2] + values[3:] == [40.0, 41.0, 45.0, 46.0] and values[2] != values[2]


def test_one_reading_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn([0], monkeypatch) == [40.0]
