"""Cold house, reporting rules, usable and required energy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gw_spaceheat.decisions import cold, energy, reporting
from gw_spaceheat.decisions.cold import ColdState, ZoneNow


def zone(temperature_c: float | None, critical: bool = True) -> tuple[ZoneNow, ...]:
    return (ZoneNow("down", temperature_c, 20.0, 0.5, critical),)


def after(minutes: int, start_c: float, slope_k_per_min: float, at_maximum: bool) -> ColdState:
    state = ColdState()
    for minute in range(minutes + 1):
        state = cold.decide(state, zone(start_c + slope_k_per_min * minute), at_maximum, 60.0 * minute)
    return state


def test_cold_after_five_minutes_and_warm_only_above_the_limit() -> None:
    assert not after(4, 18.9, 0.0, False).cold
    state = after(5, 18.9, 0.0, False)
    assert state.cold
    assert cold.decide(state, zone(19.2), False, 400.0).cold
    assert not cold.decide(state, zone(19.5), False, 400.0).cold
    assert cold.decide(state, zone(None), False, 400.0) is state


def test_an_undersized_heat_pump_at_its_maximum_is_no_breach_unless_falling() -> None:
    assert not after(20, 18.9, 0.0, True).cold
    assert not after(20, 18.0, 0.02, True).cold
    assert after(20, 18.9, -0.05, True).cold


def test_not_critical_and_nearly_warm_zones_do_not_count() -> None:
    state = ColdState()
    assert cold.decide(state, zone(10.0, critical=False), False, 0.0) is state
    assert cold.decide(state, zone(19.0), False, 0.0) is state
    assert cold.degree_hours(zone(17.5), 1800.0) == 1.0


def test_power_is_reported_on_change_and_repeated() -> None:
    state, sent = reporting.decide_power(reporting.PowerReportState(), 100.0, 5000.0, 0.0)
    assert sent
    assert reporting.decide_power(state, 199.0, 5000.0, 59.0) == (state, False)
    assert reporting.decide_power(state, 201.0, 5000.0, 1.0)[1]
    assert reporting.decide_power(state, 100.0, 5000.0, 60.0)[1]
    assert not reporting.decide_power(state, 100.0, 5000.0, 600.0, repeat_s=None)[1]


def test_slots_are_aligned_and_lose_nothing() -> None:
    assert reporting.report_slot(1234.0, 300.0) == (1200.0, 1500.0)
    log = reporting.ChannelLog(limit=3)
    assert log.add("b", 2, 1500.0) and log.add("a", 1, 1499.9) and log.add("a", 0, 1300.0)
    assert not log.add("a", 9, 1.0) and log.dropped == 1
    assert log.close(1500.0) == (reporting.ChannelReadings("a", (0, 1), (1_300_000, 1_499_900)),)
    assert log.close(1800.0) == (reporting.ChannelReadings("b", (2,), (1_500_000,)),)
    assert log.close(2100.0) == () and log.add("a", 1, 2000.0)


def test_capture_and_flat_line() -> None:
    assert reporting.worth_capturing(None, 0.0, 1.0, 0.0, 60.0, None)
    assert not reporting.worth_capturing(1.0, 0.0, 9.0, 59.0, 60.0, None)
    assert reporting.worth_capturing(1.0, 0.0, 1.5, 1.0, 60.0, 0.5)
    assert not reporting.is_flat(0.0, 60.0, 126.0) and reporting.is_flat(0.0, 60.0, 126.1)


def test_usable_energy_of_a_hot_and_of_a_cold_store() -> None:
    assert energy.usable_water_kwh([40.0] * 12, 113.0, 55.0, 10.0) == 0.0
    hot_kwh = energy.usable_water_kwh([75.0] * 12, 113.0, 50.0, 10.0)
    # Never more than cooling all of it to the lowest return, never less than one drop.
    assert 12 * 113 * energy.KWH_PER_LITRE_K * 10 < hot_kwh < 12 * 113 * energy.KWH_PER_LITRE_K * 41


@given(st.lists(st.floats(20.0, 80.0), min_size=3, max_size=12), st.floats(30.0, 60.0))
def test_usable_energy_is_bounded_and_grows_with_temperature(layers_c: list[float], rswt_c: float) -> None:
    kwh = energy.usable_water_kwh(layers_c, 100.0, rswt_c, 8.0)
    floor_c = rswt_c - energy.RAMP_K - 8.0
    assert 0.0 <= kwh <= sum(max(0.0, c - floor_c) for c in layers_c) * 100.0 * energy.KWH_PER_LITRE_K + 1e-9


def test_required_energy() -> None:
    hour = 3600.0
    load_w = [5000.0] * 48
    morning, afternoon = (7 * hour, 12 * hour), (16 * hour, 20 * hour)
    windows = [morning, afternoon]
    assert energy.required_energy_kwh(0.0, windows, 0.0, load_w, 20_000.0, 99.0) == pytest.approx(25.0)
    # Midday gives 0.8*4*8 - 20 = 5.6 kWh, the afternoon needs 20: 14.4 more must be held.
    assert energy.required_energy_kwh(0.0, windows, 0.0, load_w, 8_000.0, 99.0) == pytest.approx(39.4)
    assert energy.required_energy_kwh(0.0, windows, 0.0, load_w, 8_000.0, 30.0) == 30.0
    assert energy.required_energy_kwh(10 * hour, windows, 0.0, load_w, 20_000.0, 99.0) == pytest.approx(10.0)
    assert energy.required_energy_kwh(20 * hour, windows, 0.0, load_w, 20_000.0, 99.0) == 0.0
    assert energy.required_energy_kwh(-6 * hour, windows, 0.0, load_w, 20_000.0, 99.0) == 0.0
