"""May the time of day be trusted: boot without a clock, network time, its loss, and jumps."""

from gw_spaceheat.decisions.clock import (
    ANEW_AFTER_S,
    BUILT_S,
    HELD_S,
    JUMP_S,
    BeginAnew,
    ClockFacts,
    ClockState,
    Effect,
    Trust,
    TrustChanged,
    decide,
)

NOW_S = BUILT_S + 1e8


def look(state: ClockState, synchronised: bool | None, off_s: float = 0.0, now_s: float = NOW_S) -> ClockState:
    return decide(state, ClockFacts(now_s + off_s, synchronised), now_s)[0]


def effects(state: ClockState, synchronised: bool | None, off_s: float, now_s: float = NOW_S) -> tuple[Effect, ...]:
    return decide(state, ClockFacts(now_s + off_s, synchronised), now_s)[1]


def test_only_network_time_is_trusted() -> None:
    for synchronised in (False, None):
        state = look(ClockState(), synchronised)
        assert state.trust is Trust.UNPROVEN and not state.trusted
    assert look(ClockState(), True).trusted
    assert effects(look(ClockState(), True), True, 0.0) == ()


def test_what_was_proven_is_held_for_two_days() -> None:
    state = look(look(ClockState(), True), False)
    assert state.trust is Trust.HELD and state.trusted
    assert look(state, False, 0.0, NOW_S + HELD_S).trusted
    assert not look(state, False, 0.0, NOW_S + HELD_S + 1.0).trusted
    assert look(state, True).trust is Trust.PROVEN


def test_a_boot_with_the_clock_of_the_last_shutdown_begins_anew_when_the_network_sets_it() -> None:
    state = look(ClockState(), False)
    state = look(state, False, 86_400.0 * 30.0)
    assert state.trust is Trust.WRONG
    assert not any(isinstance(e, BeginAnew) for e in effects(state, False, 86_400.0 * 30.0, NOW_S + 100.0))
    state = look(state, True, 86_400.0 * 30.0)
    (anew,) = effects(state, True, 86_400.0 * 30.0, NOW_S + ANEW_AFTER_S)
    assert anew == BeginAnew("the network's time is +2592000 s from ours")


def test_a_clock_before_this_program_was_written_is_wrong_whatever_the_network_says() -> None:
    state, found = decide(ClockState(), ClockFacts(0.0, True), BUILT_S)
    assert (
        state.trust is Trust.WRONG and isinstance(found[0], TrustChanged) and "before this program" in found[0].reason
    )
    assert not any(isinstance(e, BeginAnew) for e in decide(state, ClockFacts(100.0, True), BUILT_S + 100.0)[1])


def test_jumps() -> None:
    proven = look(ClockState(), True)
    for off_s in (-3600.0, -JUMP_S - 1.0, JUMP_S + 1.0, 86_400.0):
        state = look(proven, True, off_s)
        assert state.trust is Trust.WRONG
        back, found = decide(state, ClockFacts(NOW_S, True), NOW_S)  # it was set back: ours was right
        assert back.trust is Trust.PROVEN and len(found) == 2
    assert look(proven, True, JUMP_S - 1.0).trusted, "what the network slews is no jump"


def test_a_jump_that_goes_away_forgets_how_long_it_was() -> None:
    state = look(look(ClockState(), True), True, 60.0)
    state = look(state, False, 60.0, NOW_S + 3.0)
    assert not any(isinstance(e, BeginAnew) for e in effects(state, True, 60.0, NOW_S + 10.0))
