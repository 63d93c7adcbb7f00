"""The AtomicTNode's dispatches over a hostile network into the real desk, and a book of what acted."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from actors.base import Context
from actors.events import Received
from actors.remote_desk import RemoteDesk
from gw_spaceheat.decisions.command import Command, Commander
from gw_spaceheat.decisions.dispatch import RemoteFacts, signed_bytes
from gw_spaceheat.decisions.safety import SafeCommand
from gw_spaceheat.house.load import load_house
from gw_spaceheat.house.model import House, Node
from gw_spaceheat.messages.dispatch import AnalogDispatch, FsmEvent, relay_event_from, setpoint_dispatch_from
from gw_spaceheat.messages.envelope import Header

KEY, LEASE_S, VALID_S, EASY = "the key of the heartbeats", 300.0, 60.0, 1e-6
SWITCHES = ("store_valve", "primary_pump", "distribution_pump", "store_pump", "heat_pump", "boost")


def full_house() -> House:
    """beech with every actuator there is."""
    house = load_house("beech")
    nodes = [node for node in house.nodes if node.actuator is None]
    nodes += [Node(name=f"relay-{a.replace('_', '-')}", role="relay", component_id="x", actuator=a) for a in SWITCHES]
    nodes.append(Node(name="leaving-setpoint", role="analog", component_id="x", actuator="leaving_setpoint"))
    return house.model_copy(update={"nodes": tuple(nodes)})


HOUSE = full_house()
NODES = (*(node.name for node in HOUSE.nodes if node.actuator), "relay-of-nobody")


def sign(key: str, data: bytes) -> str:
    """Stands in for Ed25519, which would take most of a campaign's time."""
    return hashlib.sha256(key.encode() + data).hexdigest()


class Nobody:
    """Where answers go that nobody reads."""

    name = "nobody"

    def tell(self, message: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Sent:
    """A dispatch as it came: what was so of it, whatever the SCADA makes of it."""

    received: Received
    sent_s: float
    actuator: str
    honest: bool  # signed by who keeps the contract, for this house, in its words
    expires_s: float


class Network:
    """What was ever sent may come again, late, forged, retained, on the other link or for another house."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.sent: list[Sent] = []
        self.late: list[Sent] = []
        self.count = 0

    def next(self, now_s: float) -> Sent:
        rng = self.rng
        if self.late and rng.random() < 0.5:
            return self.late.pop()
        if self.sent and rng.random() < 0.4:
            return self._again(rng.choice(self.sent[-20:]))
        node = rng.choice(NODES)
        if rng.random() < 0.2:
            self.late.append(self._fresh(now_s - 1.0, node))  # the next one overtakes it
        return self._fresh(now_s, node)

    def _fresh(self, now_s: float, node: str) -> Sent:
        rng = self.rng
        sent_s = now_s + rng.choice((0.0, 0.0, 0.0, -1.0, -5.0, -20.0, -61.0, 61.0, 86400.0))
        self.count += 1
        fresh = self._sent(sent_s, sent_s + rng.choice((5.0, VALID_S, VALID_S, 1e6)), rng.random() < 0.95, node)
        self.sent.append(fresh)
        return fresh

    def _sent(self, sent_s: float, expires_s: float, ours: bool, node: str) -> Sent:
        rng, command_id = self.rng, f"00000000-0000-4000-8000-{self.count:012d}"
        boss = "ltn" if rng.random() < 0.95 else "admin"
        event: FsmEvent | AnalogDispatch
        if node == "leaving-setpoint":
            event = setpoint_dispatch_from(
                alias=HOUSE.atn_alias, from_handle=boss, to_handle=f"{boss}.{node}", about_name=node,
                setpoint_c=rng.uniform(-10.0, 90.0), trigger_id=command_id, now_s=sent_s,
            )  # fmt: skip
        else:
            event = relay_event_from(
                from_handle=boss, to_handle=f"{boss}.{node}", closed=rng.random() < 0.6, trigger_id=command_id,
                now_s=sent_s,
            )  # fmt: skip
        whose = HOUSE.scada_alias if ours else "d1.isone.me.versant.keene.other.scada"
        key = KEY if rng.random() < 0.95 else "another key"
        header = Header(
            HOUSE.atn_alias, "s", event.type_name, command_id, expires_at_ms=int(expires_s * 1000),
            signature=sign(key, signed_bytes(whose, event)),
        )  # fmt: skip
        actuator = next((n.actuator or "" for n in HOUSE.nodes if n.name == node), "")
        received = Received("cloud", HOUSE.atn_alias, header, event, False, sent_s)
        return Sent(received, sent_s, actuator, ours and key == KEY and boss == "ltn", expires_s)

    def _again(self, old: Sent) -> Sent:
        received, way = old.received, self.rng.randrange(5)
        if way == 0:
            return replace(old, received=replace(received, retained=True))
        if way == 1:
            return replace(old, received=replace(received, link="local"))
        if way == 2 and isinstance(received.payload, FsmEvent):
            self.count += 1
            forged = received.payload.model_copy(update={"trigger_id": f"00000000-0000-4000-9000-{self.count:012d}"})
            return replace(old, received=replace(received, payload=forged), honest=False)
        return old


class DispatchBook:
    """Which dispatches acted, by the true clock; `violations` counts what may never be."""

    def __init__(self, violations: Counter[str]) -> None:
        self.violations = violations
        self.heard: dict[str, Sent] = {}
        self.heard_s: dict[str, float] = {}
        self.without_right: set[str] = set()
        self.acted: set[str] = set()
        self.newest_s: dict[str, float] = {}

    def hears(self, sent: Sent, commander: Commander, now_s: float) -> None:
        payload = sent.received.payload
        assert isinstance(payload, FsmEvent | AnalogDispatch)
        self.heard[payload.trigger_id] = sent
        self.heard_s[payload.trigger_id] = now_s
        if commander is not Commander.REMOTE:
            self.without_right.add(payload.trigger_id)

    def acts(self, safe: SafeCommand, buys_heat: bool, now_s: float) -> None:
        command_id = safe.command.command_id
        if not command_id or safe.forced_by:
            return
        sent = self.heard[command_id]
        checks = {
            "dispatch twice": command_id in self.acted,
            "dispatch expired": self.heard_s[command_id] > min(sent.sent_s + VALID_S, sent.expires_s) + 0.001,
            "dispatch from the future": sent.sent_s > self.heard_s[command_id] + VALID_S + 0.001,
            "dispatch reordered": sent.sent_s < self.newest_s.get(sent.actuator, -1.0),
            "dispatch retained": sent.received.retained,
            "dispatch on the wrong link": sent.received.link != "cloud",
            "dispatch misaddressed": sent.actuator != safe.command.actuator,
            "dispatch forged": not sent.honest,
            "dispatch without right": command_id in self.without_right,
            "heat nobody bought": safe.command.actuator in ("heat_pump", "boost")
            and safe.command.value is True
            and not buys_heat,
        }
        self.violations.update(name for name, broken in checks.items() if broken)
        self.acted.add(command_id)
        self.newest_s[sent.actuator] = max(sent.sent_s, self.newest_s.get(sent.actuator, -1.0))

    def holds(self, commands: Sequence[Command], now_s: float) -> None:
        """What the SCADA goes by in this control period."""
        for command in commands:
            if now_s - self.heard_s[command.command_id] >= LEASE_S + EASY:
                self.violations["dispatch beyond its lease"] += 1


class DispatchWorld:
    """The real desk with a clock of its own; what it remembers goes through `saved`."""

    def __init__(self, rng: random.Random, clock: Callable[[], float], violations: Counter[str]) -> None:
        self.rng, self.clock = rng, clock
        self.network, self.book = Network(rng), DispatchBook(violations)
        self.buys_heat = True
        self.desk = self._new_desk()

    def _new_desk(self) -> RemoteDesk:
        context = Context(
            "scada", self.clock, self.rng, lambda: "", lambda *_: None, lambda *_: None, lambda _: None, Nobody()
        )
        return RemoteDesk(context, HOUSE, Nobody(), lambda key, found, data: found == sign(key, data), "ltn", Nobody())

    def restart(self) -> None:
        """Only what is on disk is left: the ids and times, not the wishes."""
        remembered = self.desk.commands.dispatches
        self.desk = self._new_desk()
        self.desk.commands.dispatches = remembered

    def hear(self, facts: RemoteFacts, clock_trusted: bool, now_s: float) -> None:
        """One dispatch comes in."""
        sent = self.network.next(now_s)
        payload = sent.received.payload
        assert isinstance(payload, FsmEvent | AnalogDispatch)
        before = self.desk.commands.wishes()
        self.desk.hear(sent.received, facts, clock_trusted, KEY)
        if self.desk.commands.wishes() != before:
            self.book.hears(sent, facts.commander, now_s)
