"""The heat pump's curves against the published points and their own rules."""

import pytest

from gw_spaceheat.house.model import HeatPump
from gw_spaceheat.physics.heat_pump import capacity_w, cop, electric_w

MODEL = HeatPump(nameplate_w=6000.0, rated_heat_w=11200.0)


@pytest.mark.parametrize(("outdoor_c", "leaving_c", "published"), [(-7, 35, 3.00), (2, 35, 4.00), (7, 35, 4.86)])
def test_cop_near_published_points(outdoor_c: float, leaving_c: float, published: float) -> None:
    # The worst of the three, +7 C, is 0.43 under its point: the fit is of many units, the points of one.
    assert cop(outdoor_c, leaving_c) == pytest.approx(published, abs=0.45)


def test_cop_grows_with_outdoor_and_falls_with_leaving() -> None:
    for outdoor_c in range(-35, 20):
        for leaving_c in range(30, 80):
            assert 1.0 <= cop(outdoor_c, leaving_c) <= 7.0
            assert cop(outdoor_c + 1, leaving_c) >= cop(outdoor_c, leaving_c)
            assert cop(outdoor_c, leaving_c + 1) <= cop(outdoor_c, leaving_c)


def test_capacity_at_the_rating_point_and_under_the_nameplate() -> None:
    assert capacity_w(MODEL.model_copy(update={"nameplate_w": 20000.0}), -7.0, 50.0) == pytest.approx(11200.0)
    for outdoor_c in range(-40, 20, 3):
        for leaving_c in range(30, 80, 5):
            heat_w = capacity_w(MODEL, outdoor_c, leaving_c)
            assert heat_w > 0.0
            assert heat_w / cop(outdoor_c, leaving_c) <= MODEL.nameplate_w + 1e-6


def test_electricity_is_heat_over_cop() -> None:
    assert electric_w(MODEL, 6000.0, 0.0, 45.0) == pytest.approx(6000.0 / cop(0.0, 45.0))
