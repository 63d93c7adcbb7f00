"""Where people of the house are heard: the homeowner's opt-out and the admin's lease. On the local link only."""

from dataclasses import dataclass

from actors.base import Address, Context
from actors.events import Received, Send
from gw_spaceheat.decisions import dispatch as gate
from gw_spaceheat.decisions import opt_out
from gw_spaceheat.decisions.authority import AdminRequest, Event, RequestRefused
from gw_spaceheat.decisions.command import Actuator, Command, Commander, Value
from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.dispatch import (
    CLOSE_RELAY,
    OPEN_RELAY,
    SETPOINT_STEPS_PER_K,
    AdminAnalogDispatch,
    AdminDispatch,
    AdminKeepAlive,
    AdminReleaseControl,
    CommandResult,
    HomeownerOptOut,
    Outcome,
)
from gw_spaceheat.messages.units import milliseconds
from gw_spaceheat.storage.state_file import StateFile

WATCH_S = 5.0
LONGEST_ADMIN_LEASE_S = 3600.0
ANSWERS = 64  # remembered, for commands that are sent twice
PEOPLE = HomeownerOptOut | AdminKeepAlive | AdminReleaseControl | AdminDispatch | AdminAnalogDispatch


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked of one actuator and has not been answered yet."""

    command_id: str
    node: str
    value: Value | None


class LocalDesk:
    """Holds the opt-out, the admin's wishes and the answers owed. The SCADA decides."""

    def __init__(self, context: Context, house: House, file: StateFile, gateway: Address) -> None:
        self._context = context
        self._house = house
        self._file = file
        self._gateway = gateway
        self._actuator_of: dict[str, Actuator] = {node.name: node.actuator for node in house.nodes if node.actuator}
        self._watched_s = float("-inf")
        self._problem = ""
        self._wishes: dict[Actuator, Command] = {}
        self._answers: dict[str, CommandResult] = {}
        self.dispatches = gate.DispatchState()
        self._asked: dict[str, Asked] = {}
        self._read_back: dict[str, Value | None] = {}
        self.opt_out = opt_out.OptOut()

    # -- opt-out

    def watch(self, now_s: float) -> bool:
        """Look at the file now and then. True if the homeowner's choice changed."""
        if now_s - self._watched_s < WATCH_S:
            return False
        self._watched_s = now_s
        try:
            data = self._file.load()
            if data is None:
                # A lost file takes nothing back.
                if self.opt_out.opted_out:
                    self._file.save(self.opt_out.to_json())
                return False
            found = opt_out.from_json(data)
        except (BadInput, StorageError) as error:
            self._say_problem(str(error))
            return False
        self._problem = ""
        event = opt_out.Event.OPTS_OUT if found.opted_out else opt_out.Event.TAKES_BACK
        return self._choose(event, found.by or "the opt-out file", found.since_s or now_s)

    def _choose(self, event: opt_out.Event, by: str, now_s: float) -> bool:
        self.opt_out, changed = opt_out.decide(self.opt_out, event, by, now_s)
        if changed:
            self._context.log("opt-out", f"homeowner {self.opt_out.choice} (by {by})")
        return changed

    def _say_problem(self, text: str) -> None:
        if text != self._problem:
            self._problem = text
            self._context.log("opt-out", f"{text}; still: homeowner {self.opt_out.choice}")

    # -- messages

    def hear(self, received: Received) -> AdminRequest | None:
        """A person's message. What comes on another link or was retained by the broker is refused."""
        payload = received.payload
        if not isinstance(payload, PEOPLE):
            return None
        what = payload.type_name
        if received.link != "local" or received.retained:
            why = "retained by the broker" if received.retained else f"came on the {received.link} link"
            self._context.log("refused", f"{what}: {why}; only a fresh one on the local link counts")
            return None
        admin = received.source
        match payload:
            case HomeownerOptOut(opted_out=opted_out, by=by):
                event = opt_out.Event.OPTS_OUT if opted_out else opt_out.Event.TAKES_BACK
                if self._choose(event, by or admin, received.at_s):
                    self._save_choice()
                return None
            case AdminKeepAlive(admin_timeout_seconds=lease_s):
                return AdminRequest(Event.ADMIN_TAKES, admin, float(lease_s or LONGEST_ADMIN_LEASE_S))
            case AdminReleaseControl():
                return AdminRequest(Event.ADMIN_RELEASES, admin)
            case AdminDispatch(dispatch_trigger=trigger, timeout_seconds=lease_s):
                value = {CLOSE_RELAY: True, OPEN_RELAY: False}.get(trigger.event_name)
                asked = Asked(trigger.trigger_id, trigger.to_handle.rpartition(".")[2], value)
                sent_ms = trigger.send_time_unix_ms
            case AdminAnalogDispatch(dispatch=analog, timeout_seconds=lease_s):
                number = analog.value / SETPOINT_STEPS_PER_K
                asked = Asked(analog.trigger_id, analog.to_handle.rpartition(".")[2], number)
                sent_ms = analog.unix_time_ms
        if not self._admitted(asked, received, sent_ms):
            return None
        return AdminRequest(Event.ADMIN_TAKES, admin, float(lease_s))

    def _admitted(self, asked: Asked, received: Received, sent_ms: int) -> bool:
        """Whether a person's command may act. A refused one is answered and takes no lease either."""
        actuator = self._actuator_of.get(asked.node) if asked.value is not None else None
        heard = gate.Dispatch(
            asked.command_id, received.source, actuator or "", sent_ms, received.link, received.retained
        )
        self.dispatches, rejected = gate.decide(self.dispatches, heard, "local", self._context.now())
        if rejected is None and actuator is not None and asked.value is not None:
            if actuator in self._asked:
                self.refused(actuator, "superseded", "a newer command came before this one was done", 0.0)
            self._asked[actuator] = asked
            self._wishes[actuator] = Command(actuator, asked.value, Commander.ADMIN, asked.command_id)
            return True
        if rejected is None:
            return False
        said = self._answers.get(asked.command_id)
        if rejected.rule == "duplicate" and said is not None:
            self._gateway.tell(Send("admin", said))  # one act, the same answer
        elif all(waiting.command_id != asked.command_id for waiting in self._asked.values()):
            self._answer(asked, "refused", rejected.rule, f"{asked.node}: {rejected.reason}")
        return False

    def _save_choice(self) -> None:
        try:
            self._file.save(self.opt_out.to_json())
        except StorageError as error:
            self._say_problem(str(error))  # it holds as long as this process lives

    # -- what becomes of it

    def wishes(self) -> tuple[Command, ...]:
        """What the admin wants; actuators never named stay as they are."""
        return tuple(self._wishes.values())

    def request_refused(self, refused: RequestRefused) -> None:
        self._context.log("admin", refused.reason)
        for actuator in list(self._asked):
            self.refused(actuator, "lease", refused.reason, 0.0)

    def forget(self) -> None:
        """The lease is over."""
        for actuator in list(self._asked):
            self.refused(actuator, "lease", "the lease is over", 0.0)
        self._wishes.clear()

    def refused(self, actuator: str, rule: str, text: str, wait_s: float) -> None:
        """An admin's command acts at once or not at all: it does not wait for its rule to pass."""
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
        if rule != "duplicate":
            self._answers[asked.command_id] = result
            if len(self._answers) > ANSWERS:
                del self._answers[next(iter(self._answers))]
        self._context.log("admin", f"{asked.node} = {asked.value}: {outcome} {reason}".rstrip())
        self._gateway.tell(Send("admin", result))
