"""Commands of one commander to single actuators: each acts at most once, for a while, and is answered."""

import re
from collections import deque
from dataclasses import dataclass
from math import inf

from actors.base import Address, Context
from actors.events import Received, Send, Suspicion
from gw_spaceheat.decisions import dispatch as gate
from gw_spaceheat.decisions.command import Actuator, Command, Commander, Value
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.dispatch import (
    CLOSE_RELAY,
    OPEN_RELAY,
    SETPOINT_STEPS_PER_K,
    AnalogDispatch,
    CommandResult,
    FsmEvent,
    Outcome,
)
from gw_spaceheat.messages.units import milliseconds

UUID_4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
ANSWERS = 64  # remembered, for commands that are sent twice
UNREMEMBERED = ("duplicate", "signature")  # whoever may not command may not change what became of a command either
FLOOD, FLOOD_S = 60, 60.0  # more than so many commands in so long are not even answered


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of one actuator and has not been answered yet. `value` None: no value of this actuator."""

    command_id: str
    boss: str
    node: str
    value: Value | None
    sent_ms: int


def asked_of(trigger: FsmEvent | AnalogDispatch) -> Asked:
    """What a published dispatch asks for. The handle's last word is the node, what comes before is its boss."""
    boss, _, node = trigger.to_handle.rpartition(".")
    if isinstance(trigger, FsmEvent):
        value = {CLOSE_RELAY: True, OPEN_RELAY: False}.get(trigger.event_name)
        return Asked(trigger.trigger_id, boss, node, value, trigger.send_time_unix_ms)
    return Asked(trigger.trigger_id, boss, node, trigger.value / SETPOINT_STEPS_PER_K, trigger.unix_time_ms)


class CommandDesk:
    """`peer`: who is answered, on the link whose gateway is given. `lease_s`: so long a command holds, s."""

    def __init__(
        self,
        context: Context,
        house: House,
        gateway: Address,
        peer: str,
        link: str,
        commander: Commander,
        watchman: Address,
        lease_s: float = inf,
    ) -> None:
        self._context = context
        self._watchman = watchman
        self._house = house
        self._gateway = gateway
        self._peer, self._link = peer, link
        self._commander = commander
        self._lease_s = lease_s
        self._actuator_of: dict[str, Actuator] = {node.name: node.actuator for node in house.nodes if node.actuator}
        self._wishes: dict[Actuator, tuple[Command, float]] = {}  # with the end of the lease
        self._answers: dict[str, CommandResult] = {}
        self._asked: dict[str, Asked] = {}
        self._read_back: dict[str, Value | None] = {}
        self._heard_s: deque[float] = deque(maxlen=FLOOD)
        self._flooded = 0
        self.dispatches = gate.DispatchState()

    def flooded(self) -> bool:
        """Whether this command is one too many: then nobody looks at it."""
        now_s = self._context.now()
        if len(self._heard_s) == FLOOD and now_s - self._heard_s[0] < FLOOD_S:
            self._flooded += 1
            if str(self._flooded).strip("0") == "1":
                text = f"{self._peer}: more than {FLOOD} commands in {FLOOD_S:.0f} s"
                self._context.log("refused", text)
                self._watchman.tell(Suspicion(f"{self._link} command: flood", text))
            return True
        self._heard_s.append(now_s)
        return False

    def actuator(self, asked: Asked) -> Actuator | None:
        """What the command would move; None: nothing of this house, or no value for it."""
        return self._actuator_of.get(asked.node) if asked.value is not None else None

    def admitted(self, asked: Asked, received: Received, clock_trusted: bool) -> bool:
        """Whether the command passes the gate. A refused one is answered."""
        heard = gate.Dispatch(
            command_id=asked.command_id,
            source=received.source,
            actuator=self.actuator(asked) or "",
            sent_ms=asked.sent_ms,
            link=received.link,
            retained=received.retained,
            expires_ms=received.header.expires_at_ms,
        )
        self.dispatches, rejected = gate.decide(self.dispatches, heard, self._link, self._context.now(), clock_trusted)
        if rejected is None:
            return True
        said = self._answers.get(asked.command_id)
        if rejected.rule == "duplicate" and said is not None:
            self._gateway.tell(Send(self._peer, said))  # one act, the same answer
        elif all(waiting.command_id != asked.command_id for waiting in self._asked.values()):
            self.reject(asked, rejected)
        return False

    def fresh(self, received: Received, about: str, clock_trusted: bool) -> bool:
        """Whether a message that carries no time of its own counts: by the id and the end that its header has.

        The end is `VALID_S` after it was sent, as with every command.
        """
        header, rejected = received.header, gate.Rejected("no_expiry", "needs MessageId and ExpiresAtMs in its header")
        if header.message_id and header.expires_at_ms is not None:
            heard = gate.Dispatch(
                command_id=header.message_id,
                source=received.source,
                actuator=about,
                sent_ms=header.expires_at_ms - int(gate.VALID_S * 1000),
                link=received.link,
                retained=received.retained,
                expires_ms=header.expires_at_ms,
            )
            now_s = self._context.now()
            self.dispatches, broken = gate.decide(self.dispatches, heard, self._link, now_s, clock_trusted)
            if broken is None:
                return True
            rejected = broken
        self._context.log("refused", f"{about}: {rejected.reason}")
        if UUID_4.fullmatch(header.message_id):
            self.reject(Asked(header.message_id, "", "scada", None, 0), rejected)
        return False

    def reject(self, asked: Asked, rejected: gate.Rejected) -> None:
        if rejected.rule in gate.SUSPICIOUS:
            self._watchman.tell(Suspicion(f"{self._link} command: {rejected.rule}", f"{asked.node}: {rejected.reason}"))
        self._answer(asked, "refused", rejected.rule, f"{asked.node}: {rejected.reason}", rejected.wait_s)

    def take(self, asked: Asked) -> None:
        """An admitted command becomes a wish, in place of an older one for the same actuator."""
        actuator = self.actuator(asked)
        if actuator is None or asked.value is None:
            return
        if actuator in self._asked:
            self.refused(actuator, "superseded", "a newer command came before this one was done", 0.0)
        self._asked[actuator] = asked
        command = Command(actuator, asked.value, self._commander, asked.command_id)
        self._wishes[actuator] = (command, self._context.now() + self._lease_s)

    # -- what becomes of it

    def wishes(self) -> tuple[Command, ...]:
        """What is wanted; actuators never named are not in it."""
        return tuple(command for command, _ in self._wishes.values())

    def lapse(self, now_s: float) -> None:
        """Let go of what has been held for the lease's time."""
        for actuator, (_, until_s) in list(self._wishes.items()):
            if now_s >= until_s:
                self.drop(actuator, "lease", "the command's lease is over")

    def drop(self, actuator: Actuator, rule: str, text: str) -> None:
        """The wish ends; whoever still waits for an answer gets this one."""
        self.refused(actuator, rule, text, 0.0)
        if self._wishes.pop(actuator, None) is not None:
            self._context.log(self._peer, f"{actuator}: {text}")

    def forget(self, text: str) -> None:
        """The commander commands no longer."""
        self.refuse_waiting("lease", text)
        self._wishes.clear()

    def refuse_waiting(self, rule: str, text: str) -> None:
        for actuator in list(self._asked):
            self.refused(actuator, rule, text, 0.0)

    def refused(self, actuator: str, rule: str, text: str, wait_s: float) -> None:
        """A command acts at once or not at all: it does not wait for its rule to pass."""
        asked = self._asked.pop(actuator, None)
        if asked is not None:
            self._wishes = {name: wish for name, wish in self._wishes.items() if name != actuator}
            self._answer(asked, "refused", rule, text, wait_s)

    def read_back(self, actuator: str, value: Value | None, reason: str) -> None:
        """What the board says it holds; a reason: it does not hold what it was told."""
        self._read_back[actuator] = None if reason else value
        if reason:
            self.no_effect(actuator, reason)

    def settle(self) -> None:
        """Answer what is done: the board says so, now or already before."""
        for actuator, asked in list(self._asked.items()):
            if self._read_back.get(actuator) == asked.value:
                del self._asked[actuator]
                self._answer(asked, "done")

    def no_effect(self, actuator: str, text: str) -> None:
        asked = self._asked.pop(actuator, None)
        if asked is not None:
            self._answer(asked, "no_effect", reason=text)

    def _answer(self, asked: Asked, outcome: Outcome, rule: str = "", reason: str = "", wait_s: float = 0.0) -> None:
        result = CommandResult(
            from_g_node_alias=self._house.scada_alias,
            command_id=asked.command_id,
            node=asked.node,
            outcome=outcome,
            value=None if asked.value is None else float(asked.value),
            rule=rule or None,
            reason=reason,
            wait_s=wait_s or None,
            created_ms=milliseconds(self._context.now()),
        )
        if rule not in UNREMEMBERED:
            self._answers[asked.command_id] = result
            if len(self._answers) > ANSWERS:
                del self._answers[next(iter(self._answers))]
        self._context.log(self._peer, f"{asked.node} = {asked.value}: {outcome} {reason}".rstrip())
        self._gateway.tell(Send(self._peer, result))
