"""Energy between two times from powers that hold until the next is heard."""

import pytest

from gw_spaceheat.decisions.heard_power import SILENCE_S, energy_kwh

EVERY_MINUTE = [(60.0 * minute, 6000.0 if 30 <= minute < 60 else 0.0) for minute in range(90)]


@pytest.mark.parametrize(
    ("start_s", "end_s", "kwh"), [(0.0, 3600.0, 3.0), (1830.0, 1845.0, 0.025), (3570.0, 3630.0, 0.05), (0.0, 60.0, 0.0)]
)
def test_each_power_holds_until_the_next(start_s: float, end_s: float, kwh: float) -> None:
    assert energy_kwh(EVERY_MINUTE, start_s, end_s) == pytest.approx(kwh)


def test_who_was_silent_too_long_has_used_nobody_knows_what() -> None:
    assert energy_kwh([], 0.0, 60.0) is None
    assert energy_kwh(EVERY_MINUTE, -1.0, 60.0) is None, "not heard at its beginning"
    last_s = EVERY_MINUTE[-1][0]
    assert energy_kwh(EVERY_MINUTE, 0.0, last_s + SILENCE_S) is not None
    assert energy_kwh(EVERY_MINUTE, 0.0, last_s + SILENCE_S + 1.0) is None
    gap = [one for one in EVERY_MINUTE if not 1200.0 <= one[0] <= 1320.0]
    assert energy_kwh(gap, 0.0, 3600.0) is None
    assert energy_kwh(gap, 1400.0, 3600.0) == pytest.approx(3.0)
