"""What a heat pump can draw: below its nameplate with cold water, more the hotter, less with defrosts and a start."""

import pytest

from gw_spaceheat.decisions.drawable import DEFROST_BELOW_C, drawable_w
from gw_spaceheat.house.load import load_house
from gw_spaceheat.house.model import HeatPump, Plumbing

HOUR_S = 3600.0
FIR = load_house("fir").plumbing
COLD: dict[str, float | None] = {
    "outdoor_c": -8.2, "buffer_1_c": 56.0, "buffer_3_c": 42.4, "tank1_1_c": 58.0, "tank2_3_c": 42.5,
    "heat_pump_w": 4000.0,
}  # fmt: skip


def watts(plumbing: Plumbing = FIR, slot_s: float = HOUR_S, **known: float | None) -> float:
    found = drawable_w(plumbing, {**COLD, **known}, slot_s)
    assert found is not None
    return found


def unit() -> HeatPump:
    assert FIR.heat_pump is not None
    return FIR.heat_pump


def test_cold_water_keeps_it_far_below_nameplate() -> None:
    # The slot of 4694 Wh that house fir was sold in this state drew 3883 Wh.
    assert 3883.0 < watts() < 1.07 * 3883.0


def test_hotter_water_draws_more_up_to_the_nameplate() -> None:
    powers = [watts(tank2_3_c=bottom_c) for bottom_c in (35.0, 45.0, 55.0, 63.0)]
    assert powers == sorted(powers) and powers[0] < 0.95 * powers[-1]
    assert powers[-1] <= unit().nameplate_w


def test_what_melts_holds_the_water_back() -> None:
    assert FIR.store is not None
    water = FIR.model_copy(update={"store": FIR.store.model_copy(update={"phase_change": None})})
    assert watts(FIR, tank2_3_c=56.0) < watts(water, tank2_3_c=56.0)


def test_a_start_and_defrosts_cost_some_of_it() -> None:
    assert watts(heat_pump_w=20.0) == pytest.approx(watts() * (1.0 - unit().start_delay_s / HOUR_S))
    never = FIR.model_copy(update={"heat_pump": unit().model_copy(update={"defrost": False})})
    assert 0.94 * watts(never) < watts() < watts(never)
    warm_c = DEFROST_BELOW_C + 1.0
    assert watts(outdoor_c=warm_c) == watts(never, outdoor_c=warm_c)


@pytest.mark.parametrize("unknown", [{"outdoor_c": None}, {"tank2_3_c": None, "tank1_1_c": None}])
def test_what_is_not_measured_decides_nothing(unknown: dict[str, float | None]) -> None:
    assert drawable_w(FIR, {**COLD, **unknown}, HOUR_S) is None


def test_an_element_draws_its_rating_whatever_the_water() -> None:
    assert drawable_w(load_house("orange").plumbing, COLD, HOUR_S) is None
