"""The AtomicTNode's side of direct commands: an id and a time for each, renewed, answered, not said after its end."""

from gw_spaceheat.decisions.atn_dispatch import (
    LONGEST_HOLD_S,
    RENEW_S,
    UNANSWERED_S,
    Answered,
    Became,
    DispatchBook,
    Order,
    SayDispatch,
    Tick,
    decide,
)
from gw_spaceheat.decisions.dispatch import REMOTE_LEASE_S

ORDER = Order("relay-boost", True, 1000.0)


def test_an_order_is_said_renewed_before_its_lease_ends_and_ends() -> None:
    state, (said,) = decide(DispatchBook(), ORDER, "a", 100.0)
    assert said == SayDispatch(ORDER, "a", 100_000)
    state, (became,) = decide(state, Answered("a", "done", "", 0.0), "", 101.0)
    assert became == Became(ORDER, "done", False)
    assert decide(state, Tick(), "b", 100.0 + RENEW_S - 1.0) == (state, ())
    assert RENEW_S < REMOTE_LEASE_S
    state, (again,) = decide(state, Tick(), "b", 100.0 + RENEW_S)
    assert isinstance(again, SayDispatch) and again.command_id == "b"
    state, _ = decide(state, Answered("b", "done", "", 0.0), "", 300.0)
    state, (over,) = decide(state, Tick(), "c", 1000.0)
    assert over == Became(ORDER, "over", True) and not state.orders


def test_a_refusal_ends_it_and_is_told_with_the_time_left() -> None:
    state, _ = decide(DispatchBook(), ORDER, "a", 100.0)
    state, (became,) = decide(state, Answered("a", "refused", "relay boost: ON refused", 42.0), "", 101.0)
    assert became == Became(ORDER, "refused: relay boost: ON refused; again in 42 s", True)
    assert decide(state, Tick(), "b", 500.0) == (state, ())
    assert decide(state, Answered("a", "done", "", 0.0), "", 102.0) == (state, ()), "a second answer changes nothing"


def test_without_an_answer_it_is_not_said_again() -> None:
    state, _ = decide(DispatchBook(), ORDER, "a", 100.0)
    assert decide(state, Tick(), "b", 100.0 + UNANSWERED_S) == (state, ())
    state, (became,) = decide(state, Tick(), "b", 101.0 + UNANSWERED_S)
    assert isinstance(became, Became) and became.over and "no answer" in became.text and not state.orders


def test_times_only_grow_also_when_the_clock_is_set_back() -> None:
    state, times = DispatchBook(), []
    for number, now_s in enumerate((100.0, 100.0, 50.0, 100.001, 200.0)):
        order = Order("relay-boost", number % 2 == 0, now_s + 60.0)
        state, (said,) = decide(state, order, str(number), now_s)
        assert isinstance(said, SayDispatch)
        times.append(said.sent_ms)
    assert times == sorted(set(times))


def test_an_order_replaces_an_older_one_and_a_hold_has_its_limits() -> None:
    state, _ = decide(DispatchBook(), ORDER, "a", 100.0)
    off = Order("relay-boost", False, 200.0)
    state, _ = decide(state, off, "b", 110.0)
    assert decide(state, Answered("a", "done", "", 0.0), "", 111.0) == (state, ())
    for until_s in (110.0, 111.0 + LONGEST_HOLD_S):
        same, (became,) = decide(state, Order("relay-boost", True, until_s), "c", 110.0)
        assert same is state and isinstance(became, Became) and "not said" in became.text
