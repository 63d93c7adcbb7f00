"""The picture of a plan is a PNG, and without matplotlib the error names the extra."""

import sys
from dataclasses import replace

import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.views.plan_figure import HEIGHT_IN, WIDTH_IN, _draw_room, _draw_store, plan_png
from tests.views.plans import small_plan


@pytest.mark.parametrize("unmet", [False, True])
def test_a_png_of_some_size(unmet: bool) -> None:
    image = plan_png(small_plan(unmet=unmet), "America/New_York", "beech")
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = int.from_bytes(image[16:20], "big"), int.from_bytes(image[20:24], "big")
    assert width > 80 * WIDTH_IN and height > 80 * HEIGHT_IN


def test_one_step_is_enough() -> None:
    assert plan_png(small_plan(steps=1), "UTC", "")


def test_without_matplotlib_the_error_is_one_line_and_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BadInput, match="extra `cloud`") as caught:
        plan_png(small_plan(), "UTC", "beech")
    assert "\n" not in str(caught.value)


def test_store_and_room_are_drawn_from_now_on() -> None:
    from matplotlib.figure import Figure

    plan = replace(small_plan(), start_store_top_c=48.0, start_house_k=-0.4)
    edges = [float(place) for place in range(len(plan.steps) + 1)]
    store, room = Figure().subplots(2, 1)
    _draw_store(store, plan, edges)
    _draw_room(room, plan, edges)
    assert store.lines[0].get_xydata().tolist()[:2] == [[0.0, 48.0], [1.0, 55.0]]  # type: ignore[union-attr]
    assert store.get_ylim()[0] == 20.0, "a store that falls by two kelvin does not look empty"
    assert room.lines[0].get_xydata().tolist()[0] == [0.0, -0.4]  # type: ignore[union-attr]
