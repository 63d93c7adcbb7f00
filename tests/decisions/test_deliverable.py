from gw_spaceheat.decisions.deliverable import Deliverable, learn, limit_w, running_hours


def test_a_slot_that_could_not_be_filled_lowers_the_estimate_half_the_way() -> None:
    state = learn(Deliverable(7000.0, 7000.0), 6000.0, 5500.0, 1.0)
    assert state.power_w == 5750.0
    assert limit_w(state, 6000.0, 60.0, 1.0) < 5750.0


def test_filled_slots_raise_it_again_but_never_past_the_nameplate() -> None:
    state = Deliverable(5500.0, 7000.0)
    for _ in range(30):
        state = learn(state, limit_w(state, 9000.0, 60.0, 1.0), state.power_w, 1.0)
    assert state.power_w == 7000.0


def test_small_slots_teach_nothing() -> None:
    state = Deliverable(5500.0, 7000.0)
    assert learn(state, 1000.0, 100.0, 1.0) is state


def test_a_source_that_must_start_first_is_sold_for_less() -> None:
    state = Deliverable(6000.0, 7000.0)
    hours = running_hours(60.0, True, 360.0)
    assert abs(hours - 0.9) < 1e-9
    assert limit_w(state, 6000.0, 60.0, hours) < 0.9 * 6000.0
