"""The first refusal of a kind is said at once; an attacker does not decide how many events there are."""

from hypothesis import given
from hypothesis import strategies as st

from gw_spaceheat.decisions.suspicion import AGAIN_S, MOST_CAUSES, OTHER, Saying, Suspicions, due, note


def test_the_first_at_once_the_rest_once_an_hour_with_their_number_and_the_last_of_them() -> None:
    state, first = note(Suspicions(), "too long", "a", 1000.0)
    assert first == Saying("too long", 1, "a")
    for number in range(500):
        state, said = note(state, "too long", f"b{number}", 1001.0 + number)
        assert said is None
    state, other = note(state, "sender differs", "c", 1600.0)
    assert other == Saying("sender differs", 1, "c"), "another kind does not wait for the first"
    assert state.unsaid == 500
    assert due(state, 1000.0 + AGAIN_S - 1.0) == (state, ())
    state, said_now = due(state, 1000.0 + AGAIN_S)
    assert said_now == (Saying("too long", 500, "b499"),)
    assert state.unsaid == 0 and due(state, 1e9) == (state, ())
    state, again = note(state, "too long", "d", 1000.0 + 2 * AGAIN_S)
    assert again == Saying("too long", 1, "d")


@given(st.lists(st.tuples(st.integers(0, 3 * MOST_CAUSES), st.integers(0, 60)), max_size=400))
def test_everything_is_counted_and_little_is_said(steps: list[tuple[int, int]]) -> None:
    state, now_s, said = Suspicions(), 0.0, []
    for cause, later_s in steps:
        now_s += later_s
        state, saying = note(state, str(cause), "", now_s)
        said += [saying] if saying is not None else []
    assert sum(saying.count for saying in said) + state.unsaid == len(steps)
    assert len(state.noted) <= MOST_CAUSES + 1
    assert len(said) <= (MOST_CAUSES + 1) * (now_s // AGAIN_S + 1)
    left = {str(cause) for cause, _ in steps} - state.noted.keys()
    assert not left or OTHER in state.noted
    state, rest = due(state, now_s + AGAIN_S)
    assert state.unsaid == 0 and sum(saying.count for saying in (*said, *rest)) == len(steps)
