"""The simulated broker routes as MQTT does and breaks as it is told."""

import heapq
import random
import timeit
from collections.abc import Callable

import pytest

from gw_spaceheat.errors import OurError
from gw_spaceheat.simulation.broker import SimulatedBroker, SimulatedLink, matches
from gw_spaceheat.wires.mqtt_protocol import Link


class World:
    """A tiny scheduler and what each client got."""

    def __init__(self, seed: int = 1) -> None:
        self.now_s, self.number = 0.0, 0
        self.due: list[tuple[float, int, Callable[[], None]]] = []
        self.broker = SimulatedBroker(self.schedule, random.Random(seed))
        self.got: dict[str, list[tuple[str, bytes, bool]]] = {}
        self.states: dict[str, list[str]] = {}

    def schedule(self, delay_s: float, action: Callable[[], None]) -> None:
        self.number += 1
        heapq.heappush(self.due, (self.now_s + delay_s, self.number, action))

    def run(self) -> None:
        while self.due:
            self.now_s, _, action = heapq.heappop(self.due)
            action()

    def client(self, name: str, *subscriptions: str) -> SimulatedLink:
        got, states = self.got.setdefault(name, []), self.states.setdefault(name, [])
        link = self.broker.client(name, lambda t, p, r: got.append((t, p, r)), states.append, subscriptions)
        link.start()
        return link


@pytest.mark.parametrize(
    ("topic", "topic_filter", "fits"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/+", True),
        ("a/b/c", "a/+", False),
        ("a/b/c", "a/#", True),
        ("a", "a/#", True),
        ("a", "#", True),
        ("a/b", "+/+", True),
        ("a", "+/+", False),
        ("/a", "+/a", True),
        ("a/b", "b/#", False),
        ("$SYS/x", "#", False),
        ("$SYS/x", "+/x", False),
        ("$SYS/x", "$SYS/#", True),
    ],
)
def test_topic_matching(topic: str, topic_filter: str, fits: bool) -> None:
    assert matches(topic, topic_filter) is fits


def test_delivers_in_order_to_all_that_match() -> None:
    world = World()
    scada: Link = world.client("scada", "to/scada/#")
    world.client("ear", "#")
    atn = world.client("atn")
    assert world.states["scada"] == ["connecting", "connected", "subscribed"]
    for number in range(5):
        assert atn.publish("to/scada/x", b"%d" % number)
    assert world.got["scada"] == [], "nothing happens inside publish"
    world.run()
    assert [payload for _, payload, _ in world.got["scada"]] == [b"0", b"1", b"2", b"3", b"4"]
    assert world.got["ear"] == world.got["scada"]
    scada.stop(1.0)
    assert not scada.publish("a", b"")
    assert world.states["scada"][-1] == "stopped"


def test_retained_is_given_to_late_comers_and_cleared_by_empty() -> None:
    world = World()
    world.client("a").publish("house/state", b"warm", retain=True)
    world.client("b", "house/+")
    world.run()
    assert world.got["b"] == [("house/state", b"warm", True)]
    world.client("c").publish("house/state", b"", retain=True)
    world.client("d", "house/+")
    world.run()
    assert world.got["d"] == []


def test_partition_queues_qos_1_and_heals() -> None:
    world = World()
    world.client("atn", "up")
    scada = world.client("scada", "down")
    world.broker.partition("scada")
    assert world.states["scada"][-1] == "disconnected"
    assert scada.problem
    assert scada.publish("up", b"kept")
    assert not scada.publish("up", b"gone", qos=0)
    world.client("other").publish("down", b"missed")
    world.run()
    assert world.got == {"atn": [], "scada": [], "other": []}
    world.broker.heal("scada")
    world.run()
    assert [payload for _, payload, _ in world.got["atn"]] == [b"kept"]
    assert world.got["scada"] == []
    assert world.states["scada"][-2:] == ["connected", "subscribed"]
    assert not scada.problem


def test_silent_partition_tells_nobody() -> None:
    world = World()
    world.client("atn", "up")
    scada = world.client("scada")
    world.broker.partition("scada", silent=True)
    assert scada.publish("up", b"lost"), "a half-open socket takes everything"
    world.run()
    assert world.got["atn"] == []
    assert world.states["scada"][-1] == "subscribed"
    world.broker.heal("scada")
    scada.publish("up", b"seen")
    world.run()
    assert len(world.got["atn"]) == 1


def test_broker_stops_and_starts() -> None:
    world = World()
    scada = world.client("scada", "x")
    scada.publish("x", b"old", retain=True)
    world.run()
    world.broker.stop()
    late = world.client("late", "x")
    assert world.states["late"][-1] == "unreachable"
    assert late.publish("x", b"waits")
    world.broker.start()
    world.run()
    assert [payload for _, payload, _ in world.got["scada"]] == [b"old", b"waits"]
    assert [payload for _, payload, _ in world.got["late"]] == [b"waits"], "retained messages died with the broker"


def test_same_name_throws_the_first_out() -> None:
    world = World()
    world.client("first", "x")
    twin = world.broker.client("first", lambda *_: None, lambda _: None, ["x"])
    twin.start()
    assert world.states["first"][-1] == "disconnected"
    with pytest.raises(OurError, match="no started client 'nobody'"):
        world.broker.partition("nobody")


def test_chance_faults_are_repeatable_and_near_their_share() -> None:
    def run(seed: int) -> list[bytes]:
        world = World(seed)
        world.broker.faults.drop, world.broker.faults.duplicate, world.broker.faults.reorder = 0.1, 0.1, 0.1
        world.client("b", "x")
        sender = world.client("a")
        for number in range(2000):
            sender.publish("x", b"%d" % number)
        world.run()
        return [payload for _, payload, _ in world.got["b"]]

    got = run(3)
    assert got == run(3)
    assert got != run(4)
    assert 1700 <= len(set(got)) <= 1880
    assert 120 <= len(got) - len(set(got)) <= 260
    assert got != sorted(got, key=int)


def test_delay_keeps_order() -> None:
    world = World()
    world.broker.faults.delay_s = 3.0
    world.client("b", "x")
    world.client("a").publish("x", b"1")
    world.run()
    assert world.now_s == 3.0
    assert len(world.got["b"]) == 1


def test_a_delivery_is_cheap() -> None:
    calls: list[Callable[[], None]] = []
    broker = SimulatedBroker(lambda _delay_s, action: calls.append(action), random.Random(1))
    sink = broker.client("b", lambda *_: None, lambda _: None, ["gw/+/to/scada/#"])
    sink.start()
    sender = broker.client("a", lambda *_: None, lambda _: None, [])
    sender.start()

    def burst() -> None:
        for _ in range(1000):
            sender.publish("gw/atn/to/scada/x", b"p")
        for call in calls:
            call()
        calls.clear()

    best_s = min(timeit.repeat(burst, number=1, repeat=5)) / 1000
    assert best_s < 20e-6, f"{best_s * 1e6:.1f} us a delivery"  # aim 10, room for a busy machine
