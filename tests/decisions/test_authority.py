"""Exactly one commander; all others are refused and answered."""

from dataclasses import replace

import pytest

from gw_spaceheat.decisions import authority
from gw_spaceheat.decisions.authority import (
    TABLE,
    AdminRequest,
    AuthorityFacts,
    AuthorityState,
    CommanderChanged,
    Event,
    RequestGranted,
    RequestRefused,
)
from gw_spaceheat.decisions.command import Command, Commander
from gw_spaceheat.errors import IllegalEvent

LOCAL, REMOTE, ADMIN = Commander
GOOD = AuthorityFacts(True, 10.0, True, True, False, False)
EXPECTED = {
    (LOCAL, Event.REMOTE_GRANTED): REMOTE,
    (LOCAL, Event.ADMIN_TAKES): ADMIN,
    (REMOTE, Event.REMOTE_LOST): LOCAL,
    (REMOTE, Event.ADMIN_TAKES): ADMIN,
    (ADMIN, Event.ADMIN_RENEWS): ADMIN,
    (ADMIN, Event.ADMIN_RELEASES): LOCAL,
    (ADMIN, Event.LEASE_LAPSES): LOCAL,
}


@pytest.mark.parametrize("commander", list(Commander))
@pytest.mark.parametrize("event", list(Event))
def test_table(commander: Commander, event: Event) -> None:
    if (commander, event) in EXPECTED:
        assert authority.next_commander(commander, event) is EXPECTED[commander, event]
    else:
        with pytest.raises(IllegalEvent):
            authority.next_commander(commander, event)
    assert set(TABLE) == set(Commander)


BAD = [
    {"contract_live": False},
    {"heartbeat_age_s": 170.5},
    {"house_cold": True},
    {"opted_out": True},
    {"remote_released": True},
]


@pytest.mark.parametrize("change", [*BAD, {"link_proven": False}, {"clock_trusted": False}])
def test_remote_needs_every_condition(change: dict[str, bool | float]) -> None:
    state = AuthorityState()
    assert authority.decide(state, replace(GOOD, **change), 0.0) == (state, ())  # type: ignore[arg-type]
    state, effects = authority.decide(state, GOOD, 0.0)
    assert state.commander is REMOTE and effects == (CommanderChanged(LOCAL, REMOTE, "contract live"),)


@pytest.mark.parametrize("change", BAD)
def test_remote_ends_and_returns_after_five_minutes_only(change: dict[str, bool | float]) -> None:
    state, _ = authority.decide(AuthorityState(), GOOD, 0.0)
    state, effects = authority.decide(state, replace(GOOD, **change), 100.0)  # type: ignore[arg-type]
    assert state.commander is LOCAL and isinstance(effects[0], CommanderChanged)
    assert authority.decide(state, GOOD, 399.0)[0] is state
    assert authority.decide(state, GOOD, 400.0)[0].commander is REMOTE


def test_silence_of_170_s_is_still_borne() -> None:
    state, _ = authority.decide(AuthorityState(), GOOD, 0.0)
    assert authority.decide(state, replace(GOOD, heartbeat_age_s=170.0), 100.0)[0] is state


def test_admin_lease() -> None:
    state, effects = authority.decide(AuthorityState(), GOOD, 0.0, AdminRequest(Event.ADMIN_TAKES, "ann", 600.0))
    assert state.commander is ADMIN and isinstance(effects[-1], RequestGranted)
    other, effects = authority.decide(state, GOOD, 1.0, AdminRequest(Event.ADMIN_TAKES, "bob"))
    assert other is state and isinstance(effects[0], RequestRefused)
    state, _ = authority.decide(state, GOOD, 500.0, AdminRequest(Event.ADMIN_RENEWS, "ann", 600.0))
    assert state.lease_until_s == 1100.0
    assert authority.decide(state, GOOD, 1099.0)[0] is state
    state, _ = authority.decide(state, GOOD, 1100.0)
    assert state.commander is LOCAL and state.admin == ""


def test_admin_requests_that_make_no_sense_are_answered() -> None:
    for request in (
        AdminRequest(Event.ADMIN_TAKES, "ann", 3601.0),
        AdminRequest(Event.ADMIN_TAKES, "ann", 0.0),
        AdminRequest(Event.ADMIN_RENEWS, "ann"),
        AdminRequest(Event.ADMIN_RELEASES, "ann"),
        AdminRequest(Event.REMOTE_GRANTED, "ann"),
    ):
        state, effects = authority.decide(AuthorityState(), GOOD, 0.0, request)
        assert state == AuthorityState() and isinstance(effects[0], RequestRefused)


def test_release_and_takeover_from_remote_and_lapsed_lease() -> None:
    state, _ = authority.decide(AuthorityState(), GOOD, 0.0)
    state, _ = authority.decide(state, GOOD, 10.0, AdminRequest(Event.ADMIN_TAKES, "ann", 60.0))
    state, effects = authority.decide(state, GOOD, 100.0, AdminRequest(Event.ADMIN_TAKES, "bob", 60.0))
    assert state.admin == "bob"
    state, effects = authority.decide(state, GOOD, 110.0, AdminRequest(Event.ADMIN_RELEASES, "bob"))
    assert state.commander is LOCAL and state.left_remote_s == 10.0 and len(effects) == 2


@pytest.mark.parametrize("commander", list(Commander))
@pytest.mark.parametrize("sender", list(Commander))
def test_a_command_from_another_is_refused_with_an_answer(commander: Commander, sender: Commander) -> None:
    refusal = authority.admit(AuthorityState(commander), Command("boost", True, sender, "id"))
    assert (refusal is None) == (commander is sender)
    assert refusal is None or (refusal.rule == "not_commander" and refusal.command.command_id == "id")
