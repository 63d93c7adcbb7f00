import json

import pytest

from gw_spaceheat.decisions.corrections import (
    LEAST_RUN_S,
    LIMITS,
    NEW_WEIGHT,
    Corrections,
    document_of,
    from_document,
    heat_heard,
    power_heard,
    slot_over,
)
from gw_spaceheat.errors import BadInput

HOUR_S = 3600.0


def ran(*runs: tuple[float, float]) -> Corrections:
    """A source that ran from and to these times (s)."""
    state = Corrections()
    for from_s, to_s in runs:
        for at_s in (from_s, 0.5 * (from_s + to_s)):
            state = power_heard(state, 5000.0, at_s)
        state = power_heard(state, 20.0, to_s)
    return state


def lived(hours: float, measured_kw: float, believed_kw: float, state: Corrections | None = None) -> Corrections:
    state = Corrections() if state is None else state
    first_s = 0.0 if state.heard_s != state.heard_s else state.heard_s
    for minute in range(round(60 * hours) + 1):
        state = heat_heard(state, measured_kw, believed_kw, first_s + 60.0 * minute)
    return state


def test_running_time_is_counted_inside_the_slot_only() -> None:
    state = ran((-600.0, 900.0), (1800.0, 4000.0))
    assert state.running_s(0.0, HOUR_S) == 900.0 + 1800.0
    assert power_heard(state, 5000.0, 5000.0).running_s(4000.0, 7200.0) == 2200.0


def test_runs_of_long_ago_are_forgotten() -> None:
    state = ran(*((7200.0 * hour, 7200.0 * hour + HOUR_S) for hour in range(24)))
    assert len(state.runs) <= 3


def test_power_moves_to_what_was_drawn_slot_by_slot() -> None:
    state = slot_over(ran((0.0, HOUR_S)), 5000.0, 5500.0, 0.0, HOUR_S)
    assert state.power == pytest.approx(1.0 + NEW_WEIGHT * (5000.0 / 5500.0 - 1.0))
    for hour in range(1, 30):
        state = power_heard(power_heard(state, 5000.0, hour * HOUR_S), 20.0, (hour + 1) * HOUR_S)
        state = slot_over(state, 5000.0, 5500.0 * state.power, hour * HOUR_S, (hour + 1) * HOUR_S)
    assert state.power == pytest.approx(5000.0 / 5500.0, rel=1e-3)


def test_a_slot_run_in_part_teaches_by_the_part() -> None:
    assert slot_over(ran((0.0, 2400.0)), 4000.0, 6000.0, 0.0, HOUR_S).power == pytest.approx(1.0)


def test_a_short_run_and_an_unpredicted_one_teach_nothing() -> None:
    assert slot_over(ran((0.0, LEAST_RUN_S - 1.0)), 900.0, 6000.0, 0.0, HOUR_S).power == 1.0
    assert slot_over(ran((0.0, HOUR_S)), 5000.0, 0.0, 0.0, HOUR_S).power == 1.0


def test_load_is_believed_at_first_and_measured_after_some_days() -> None:
    assert Corrections().load == 1.0
    assert lived(1.0, 4.0, 5.0).load > 0.97
    assert lived(12.0, 4.0, 5.0).load == pytest.approx(0.9, abs=0.01)
    assert lived(240.0, 4.0, 5.0).load == pytest.approx(0.8, abs=0.04)


def test_load_follows_the_house() -> None:
    state = lived(240.0, 6.0, 5.0, lived(240.0, 4.0, 5.0))
    assert state.load == pytest.approx(1.2, abs=0.05)


def test_a_gap_in_what_is_heard_teaches_nothing() -> None:
    state = lived(24.0, 4.0, 5.0)
    after = heat_heard(state, 50.0, 5.0, state.heard_s + 7200.0)
    assert after.measured_kwh == state.measured_kwh


def test_what_is_learned_stays_within_reason() -> None:
    assert lived(500.0, 0.0, 5.0).load >= LIMITS[0]
    assert lived(500.0, 50.0, 5.0).load <= LIMITS[1]
    state = Corrections()
    for _ in range(50):
        state = slot_over(Corrections(power=state.power, runs=((0.0, HOUR_S),)), 100.0, 6000.0, 0.0, HOUR_S)
    assert state.power == LIMITS[0]


def test_plans_use_ratios_that_hardly_ever_change() -> None:
    state = lived(30.0, 4.5, 5.0)
    assert state.ratios.load == pytest.approx(state.load, abs=0.0026)
    assert state.ratios == lived(0.2, 4.5, 5.0, state).ratios


def test_what_was_learned_outlives_a_restart_but_not_what_was_running() -> None:
    state = slot_over(lived(30.0, 4.5, 5.0, ran((0.0, HOUR_S))), 5000.0, 5500.0, 0.0, HOUR_S)
    again = from_document(json.loads(json.dumps(document_of(state))))
    assert (again.load, again.power) == (state.load, state.power)
    assert again.runs == ()
    with pytest.raises(BadInput, match="remembered corrections"):
        from_document({"power": "strong"})
