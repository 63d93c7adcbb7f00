"""A slot ends within 2 % (or one minimum run) of its energy, in a tiny plant with a slow start and noisy power."""

import random
from dataclasses import replace

import pytest

from gw_spaceheat.decisions import slot
from gw_spaceheat.decisions.slot import HeatSource, SlotView

SOURCE = HeatSource(5000.0)
DELAY_S, MINIMUM_ON_S, MINIMUM_OFF_S = 215.0, 600.0, 300.0


def run_slot(
    average_w: float, minutes: int, seed: int, nominal_w: float = 5000.0, followed: bool = False
) -> tuple[float, int]:
    """(used Wh, starts) of one simulated slot."""
    rng = random.Random(seed)
    on, since_s, used_wh, starts, power_w = False, -1e9, 0.0, 0, 20.0
    level_w = nominal_w
    for second in range(minutes * 60):
        now_s = float(second)
        if second % 60 == 0:
            level_w = nominal_w * rng.uniform(0.8, 1.2)
        view = SlotView("x", average_w, 0.0, minutes * 60.0, used_wh, followed)
        want = slot.decide(view, SOURCE, on, power_w, now_s).run
        held = now_s - since_s < (MINIMUM_ON_S if on else MINIMUM_OFF_S)
        if want != on and not held:
            on, since_s = want, now_s
            starts += on
        power_w = level_w if on and now_s - since_s >= DELAY_S else 20.0
        used_wh += power_w / 3600
    return used_wh, starts


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("average_w", [0, 600, 1000, 2500, 3500])
@pytest.mark.parametrize("minutes", [30, 60])
def test_energy(average_w: float, minutes: int, seed: int) -> None:
    used_wh, starts = run_slot(average_w, minutes, seed)
    promised_wh = average_w * minutes / 60
    if promised_wh >= SOURCE.minimum_run_wh + 20 and average_w <= 2500:
        assert used_wh == pytest.approx(promised_wh, rel=0.02)
        assert starts == 1
    else:
        assert abs(used_wh - promised_wh) <= max(0.02 * promised_wh, 1.2 * SOURCE.minimum_run_wh)
    assert used_wh <= 1.02 * promised_wh + 21


def test_a_slot_that_is_followed_by_another_is_bridged_by_up_to_a_minimum_run() -> None:
    """A stop this close to the next slot would not be over before it begins."""
    view = SlotView("x", 3000.0, 0.0, 3600.0, 3000.0, followed=True)
    alone, bridged_s = replace(view, followed=False), 3600.0 * SOURCE.minimum_run_wh / 5020.0
    first_s = 3600.0 - bridged_s + 1.0
    assert slot.decide(view, SOURCE, True, 5000.0, first_s).reason == "slot energy is used, its end is near"
    assert not slot.decide(alone, SOURCE, True, 5000.0, first_s).run
    assert not slot.decide(view, SOURCE, True, 5000.0, first_s - 10.0).run
    # It is not a start: a source that is off stays off. One that is only starting is judged by what it will draw.
    assert not slot.decide(view, SOURCE, False, 20.0, first_s).run
    assert slot.decide(view, SOURCE, True, 20.0, first_s).run
    assert not slot.decide(view, SOURCE, True, 20.0, first_s - 10.0).run


@pytest.mark.parametrize("average_w", [2500.0, 4400.0, 4700.0])
def test_a_followed_slot_is_at_most_a_minimum_run_over(average_w: float) -> None:
    for followed in (False, True):
        used_wh, starts = run_slot(average_w, 60, 3, followed=followed)
        most_wh = SOURCE.minimum_run_wh + 21.0 if followed else 0.02 * average_w + 21.0
        assert used_wh <= average_w + most_wh and starts == 1


def test_decisions() -> None:
    view = SlotView("x", 3000.0, 0.0, 3600.0, 0.0)
    assert slot.decide(view, SOURCE, False, 20.0, 0.0).run
    assert not slot.decide(view, SOURCE, False, 20.0, -1.0).run
    assert not slot.decide(view, SOURCE, True, 5000.0, 3600.0).run
    assert slot.decide(view, SOURCE, False, 20.0, 3001.0).reason.startswith("too late")
    assert slot.decide(SlotView("x", 3000.0, 0.0, 3600.0, 2996.5), SOURCE, True, 5000.0, 3000.0).run is False
    little = slot.decide(SlotView("x", 3000.0, 0.0, 3600.0, 2700.0), SOURCE, False, 20.0, 2000.0)
    assert little.reason.startswith("remaining")
    assert not slot.decide(SlotView("x", 0.0, 0.0, 3600.0, 0.0), SOURCE, False, 20.0, 0.0).run
