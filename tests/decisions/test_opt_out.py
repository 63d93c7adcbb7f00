"""The homeowner's choice: every cell, and its form on disk."""

import pytest

from gw_spaceheat.decisions.opt_out import TABLE, Choice, Event, OptOut, decide, from_json, next_choice
from gw_spaceheat.errors import BadInput, IllegalEvent


@pytest.mark.parametrize("choice", list(Choice))
@pytest.mark.parametrize("event", list(Event))
def test_table(choice: Choice, event: Event) -> None:
    assert set(TABLE) == set(Choice)
    assert next_choice(choice, event) is (Choice.OPTED_OUT if event is Event.OPTS_OUT else Choice.TAKES_PART)


def test_an_empty_cell_is_a_named_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE, Choice.TAKES_PART, {})
    with pytest.raises(IllegalEvent):
        next_choice(Choice.TAKES_PART, Event.OPTS_OUT)


def test_it_holds_until_taken_back_and_survives_the_disk() -> None:
    state, changed = decide(OptOut(), Event.OPTS_OUT, "anna", 5.0)
    assert changed and state == OptOut(Choice.OPTED_OUT, "anna", 5.0)
    assert decide(state, Event.OPTS_OUT, "bert", 6.0) == (state, False)
    assert from_json(state.to_json()) == state
    state, changed = decide(state, Event.TAKES_BACK, "anna", 7.0)
    assert changed and not state.opted_out


@pytest.mark.parametrize("data", [{}, {"opted_out": "yes"}, {"opted_out": True, "by": 1}])
def test_what_is_no_record(data: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        from_json(data)


def test_a_person_may_write_it_by_hand() -> None:
    assert from_json({"opted_out": True}).opted_out
