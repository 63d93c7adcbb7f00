import pytest

from gw_spaceheat.decisions.deliverable import (
    LEAST_RUN_S,
    NEW_WEIGHT,
    SHARES,
    WHOLE,
    Deliverable,
    heard,
    learned,
    offered_w,
)

HOUR_S = 3600.0


def ran(*runs: tuple[float, float]) -> Deliverable:
    """A source that ran from and to these times (s)."""
    state = Deliverable()
    for from_s, to_s in runs:
        for at_s in (from_s, 0.5 * (from_s + to_s)):
            state = heard(state, 5000.0, at_s)
        state = heard(state, 20.0, to_s)
    return state


def test_running_time_is_counted_inside_the_slot_only() -> None:
    state = ran((-600.0, 900.0), (1800.0, 4000.0))
    assert state.running_s(0.0, HOUR_S) == 900.0 + 1800.0
    assert heard(state, 5000.0, 5000.0).running_s(4000.0, 7200.0) == 2200.0


def test_runs_of_long_ago_are_forgotten() -> None:
    state = ran(*((7200.0 * hour, 7200.0 * hour + HOUR_S) for hour in range(24)))
    assert len(state.runs) <= 3


def test_the_first_slot_is_believed_at_once_and_later_ones_by_their_weight() -> None:
    state = learned(ran((0.0, HOUR_S)), 5000.0, 5500.0, 0.0, HOUR_S)
    assert state.share == pytest.approx(5000.0 / 5500.0)
    again = learned(heard(heard(state, 5000.0, HOUR_S), 20.0, 7200.0), 5500.0, 5500.0, HOUR_S, 7200.0)
    assert again.share == pytest.approx(5000.0 / 5500.0 + NEW_WEIGHT * (1.0 - 5000.0 / 5500.0))


def test_a_slot_run_in_part_teaches_by_the_part() -> None:
    state = learned(ran((0.0, 2400.0)), 4000.0, 6000.0, 0.0, HOUR_S)
    assert state.share == pytest.approx(1.0)


def test_a_short_run_and_an_unpredicted_one_teach_nothing() -> None:
    assert learned(ran((0.0, LEAST_RUN_S - 1.0)), 900.0, 6000.0, 0.0, HOUR_S).share is None
    assert learned(ran((0.0, HOUR_S)), 5000.0, 0.0, 0.0, HOUR_S).share is None


def test_what_is_learned_stays_within_reason() -> None:
    assert learned(ran((0.0, HOUR_S)), 100.0, 6000.0, 0.0, HOUR_S).share == SHARES[0]
    assert learned(ran((0.0, HOUR_S)), 60_000.0, 6000.0, 0.0, HOUR_S).share == SHARES[1]


def test_a_whole_run_is_offered_at_what_it_will_draw() -> None:
    state = Deliverable(share=0.9)
    assert offered_w(state, 6000.0, 6000.0) == pytest.approx(5400.0)
    assert offered_w(state, WHOLE * 6000.0, 6000.0) == pytest.approx(5400.0)
    assert offered_w(Deliverable(), 6000.0, 6000.0) == 6000.0


def test_a_part_of_a_run_is_offered_as_planned_as_far_as_it_can_be_drawn() -> None:
    assert offered_w(Deliverable(share=0.9), 3000.0, 6000.0) == 3000.0
    assert offered_w(Deliverable(share=0.8), 5000.0, 6000.0) == pytest.approx(4800.0)


def test_without_room_for_a_whole_run_the_plan_says_what_is_offered() -> None:
    assert offered_w(Deliverable(share=0.9), 2500.0, None) == 2500.0
