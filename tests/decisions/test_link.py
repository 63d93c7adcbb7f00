"""The link machine: active means a round trip, nothing less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gw_spaceheat.decisions.link import (
    EVENT_OF_NOTICE,
    TABLE,
    ConnectionStorm,
    LinkEvent,
    LinkRules,
    LinkState,
    LinkView,
    PeerActive,
    PeerLost,
    SendPing,
    decide,
    tick,
)
from gw_spaceheat.errors import IllegalEvent
from gw_spaceheat.wires.mqtt_protocol import LinkNotice

E, S = LinkEvent, LinkState
UP = (E.START, E.CONNECTED, E.SUBSCRIBED)


def after(*events: LinkEvent, now_s: float = 100.0) -> LinkView:
    view = LinkView()
    for event in events:
        view, _ = decide(view, event, now_s)
    return view


def test_way_up_needs_the_peer() -> None:
    assert after(*UP).state is S.AWAITING_PEER
    assert after(*UP, E.PEER_HEARD).state is S.AWAITING_PEER, "hearing is no proof of being heard"
    assert after(*UP, E.ROUND_TRIP).active


def test_awaiting_peer_asks_at_once_and_active_says_so() -> None:
    view, effects = decide(after(E.START, E.CONNECTED), E.SUBSCRIBED, 5.0)
    assert effects == (SendPing(),)
    view, effects = decide(view, E.ROUND_TRIP, 6.0)
    assert effects == (PeerActive(),)
    _, effects = decide(view, E.ROUND_TRIP, 7.0)
    assert effects == ()


@pytest.mark.parametrize("event", [E.DISCONNECTED, E.PEER_SILENT, E.STOP, E.CONNECT_FAILED])
def test_every_way_out_of_active_says_so(event: LinkEvent) -> None:
    view, effects = decide(after(*UP, E.ROUND_TRIP), event, 200.0)
    assert PeerLost(str(event)) in effects
    assert not view.active
    assert view.since_s == 200.0


def test_a_round_trip_of_an_old_connection_proves_nothing_after_reconnecting() -> None:
    view = after(*UP, E.ROUND_TRIP, E.DISCONNECTED, E.ROUND_TRIP)
    assert view.state is S.CONNECTING
    assert after(*UP, E.ROUND_TRIP, E.DISCONNECTED, E.CONNECTED, E.ROUND_TRIP).state is S.AWAITING_SETUP


def test_silent_peer_is_pinged_then_lost() -> None:
    rules = LinkRules(silence_s=20, answer_s=5, proof_s=60)
    view = after(*UP, E.ROUND_TRIP, now_s=0.0)
    pings: list[float] = []
    lost_s = None
    for second in range(1, 100):
        view, effects = tick(view, float(second), rules)
        if SendPing() in effects:
            pings.append(second)
        if any(isinstance(effect, PeerLost) for effect in effects):
            lost_s = second
    assert pings[:3] == [20, 25, 30]
    assert lost_s == 60
    assert view.state is S.AWAITING_PEER
    assert pings[-1] >= 94, "it goes on asking"


def test_talking_peer_still_has_to_prove() -> None:
    view = after(*UP, E.ROUND_TRIP, now_s=0.0)
    lost = False
    for second in range(1, 100):
        view, _ = decide(view, E.PEER_HEARD, float(second))
        view, effects = tick(view, float(second))
        lost = lost or any(isinstance(effect, PeerLost) for effect in effects)
    assert lost, "our messages reach nobody: that is no link"


def test_answering_peer_stays_active() -> None:
    view = after(*UP, E.ROUND_TRIP, now_s=0.0)
    pings = 0
    for second in range(1, 1000):
        view, effects = tick(view, float(second))
        if SendPing() in effects:
            pings += 1
            view, _ = decide(view, E.ROUND_TRIP, float(second))
        assert view.active
    assert 45 <= pings <= 50


def test_illegal_event_names_machine_state_and_event() -> None:
    with pytest.raises(IllegalEvent, match="link: event subscribed is illegal in state not_started"):
        decide(LinkView(), E.SUBSCRIBED, 0.0)


def test_every_notice_is_known_or_means_nothing() -> None:
    assert set(EVENT_OF_NOTICE) | {"connecting", "stopped"} == {str(notice) for notice in LinkNotice}


@given(st.lists(st.tuples(st.sampled_from(list(E)), st.floats(0, 1000)), max_size=60))
def test_active_only_by_a_round_trip_while_subscribed(steps: list[tuple[LinkEvent, float]]) -> None:
    view, now_s = LinkView(), 0.0
    for event, wait_s in steps:
        now_s += wait_s
        view, _ = tick(view, now_s)
        if event not in TABLE[view.state]:
            continue
        before = view
        view, effects = decide(view, event, now_s)
        if view.active and not before.active:
            assert (event, before.state) == (E.ROUND_TRIP, S.AWAITING_PEER)
        assert (PeerActive() in effects) == (view.active and not before.active)
        assert any(isinstance(e, PeerLost) for e in effects) == (before.active and not view.active)


def losses(times_s: list[float]) -> list[tuple[float, ConnectionStorm]]:
    """Connect, and lose the connection at these times: when a storm was told."""
    view, found = LinkView(), []
    view, _ = decide(view, E.START, times_s[0])
    for at_s in times_s:
        for event in (E.CONNECTED, E.SUBSCRIBED, E.DISCONNECTED):
            view, effects = decide(view, event, at_s)
            found += [(at_s, effect) for effect in effects if isinstance(effect, ConnectionStorm)]
    return found


def test_the_fourth_loss_within_a_minute_is_a_storm_and_told_once() -> None:
    assert losses([0.0, 10.0, 20.0, 30.0, 31.0, 32.0]) == [(30.0, ConnectionStorm(4, 60.0))]


def test_losses_of_a_bad_line_are_no_storm() -> None:
    assert losses([60.0 * number / 3 for number in range(100)]) == []


def test_a_storm_that_goes_on_is_told_each_hour() -> None:
    assert [at_s for at_s, _ in losses([5.0 * number for number in range(1000)])] == [15.0, 3615.0]


def test_a_broker_that_cannot_be_reached_is_no_storm() -> None:
    view = after(E.START)
    for number in range(100):
        view, effects = decide(view, E.CONNECT_FAILED, float(number))
        assert effects == ()
