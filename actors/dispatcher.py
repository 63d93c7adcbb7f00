"""The AtomicTNode's mouth for direct commands: signs and says them, renews them, and tells what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from actors.base import Address, Context, Shell
from actors.events import Received, Send, Tick
from gw_spaceheat.decisions import atn_dispatch as rule
from gw_spaceheat.decisions.dispatch import REMOTE_BOSS, VALID_S, signed_bytes
from gw_spaceheat.decisions.ledger import Signer
from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.dispatch import (
    AnalogDispatch,
    CommandResult,
    FsmEvent,
    relay_event_from,
    setpoint_dispatch_from,
)
from gw_spaceheat.storage.state_file import StateFile

WATCH = Tick("watch")
WATCH_S = 2.0
ORDER_FILE, ANSWER_FILE = "order.json", "order_answer.json"


@dataclass(frozen=True, slots=True)
class Written:
    """An order as `gws dispatch` writes it. `number` only grows; `hold_s`: for so long from when it is read."""

    number: float
    node: str
    value: bool | float
    hold_s: float

    def to_json(self) -> dict[str, object]:
        return {"number": self.number, "node": self.node, "value": self.value, "hold_s": self.hold_s}


def written_from(data: Mapping[str, object]) -> Written:
    """What `to_json` wrote. BadInput if it is none."""
    number, node, value, hold_s = (data.get(name) for name in ("number", "node", "value", "hold_s"))
    if not (isinstance(number, float) and isinstance(node, str) and isinstance(hold_s, float)):
        raise BadInput(f"{ORDER_FILE}: must hold number, node, value and hold_s")
    if not isinstance(value, bool | float):
        raise BadInput(f"{ORDER_FILE}: value {value!r} must be true, false or a temperature in C")
    return Written(number, node, value, hold_s)


class Dispatcher(Shell):
    """Orders come as messages, or in `order.json` of the AtomicTNode's folder, where `gws dispatch` puts them."""

    def __init__(
        self, context: Context, house: House, gateway: Address, signer: Signer, folder: Path | None, scada: str = "s"
    ) -> None:
        super().__init__(context)
        self._house = house
        self._gateway = gateway
        self._signer = signer
        self._scada = scada
        self._analog = {node.name for node in house.nodes if node.actuator == "leaving_setpoint"}
        self._orders = StateFile(None if folder is None else folder / ORDER_FILE)
        self._answers = StateFile(None if folder is None else folder / ANSWER_FILE)
        self._number = 0.0
        self._told = ""
        self._state = rule.DispatchBook()

    def begin(self) -> None:
        written = self._read()
        self._number = written.number if written is not None else 0.0  # what we find here is of another day
        self.context.after(WATCH_S, WATCH)

    def handle(self, message: object) -> None:
        match message:
            case Tick("watch"):
                self.context.after(WATCH_S, WATCH)
                self._decide(rule.Tick())
                self._look()
            case rule.Order():
                self._decide(message)
            case Received(payload=CommandResult() as result):
                answer = rule.Answered(result.command_id, result.outcome, result.reason, result.wait_s or 0.0)
                self._decide(answer)

    def _look(self) -> None:
        """An order in the file acts once: the one that is newer than all before."""
        written = self._read()
        if written is not None and written.number > self._number:
            self._number = written.number
            self._decide(rule.Order(written.node, written.value, self.context.now() + written.hold_s))

    def _read(self) -> Written | None:
        try:
            data = self._orders.load()
            return None if data is None else written_from(data)
        except (BadInput, StorageError) as error:
            if str(error) != self._told:
                self._told = str(error)
                self.context.log("dispatch", self._told)
            return None

    def _decide(self, event: rule.Input) -> None:
        self._state, effects = rule.decide(self._state, event, self.context.new_id(), self.context.now())
        for effect in effects:
            match effect:
                case rule.SayDispatch(order, command_id, sent_ms):
                    self.context.log("dispatch", f"{order.node} = {order.value}")
                    payload = self._payload(order, command_id, sent_ms / 1000.0)
                    signature = self._signer.sign(signed_bytes(self._house.scada_alias, payload))
                    self._gateway.tell(Send(self._scada, payload, sent_ms / 1000.0 + VALID_S, signature))
                case rule.Became(order, text, over):
                    self.context.log("dispatch", f"{order.node} = {order.value}: {text}")
                    self._note(order, text, over)

    def _payload(self, order: rule.Order, command_id: str, sent_s: float) -> FsmEvent | AnalogDispatch:
        to_handle = f"{REMOTE_BOSS}.{order.node}"
        if order.node in self._analog:
            return setpoint_dispatch_from(
                alias=self._house.atn_alias,
                from_handle=REMOTE_BOSS,
                to_handle=to_handle,
                about_name=order.node,
                setpoint_c=float(order.value),
                trigger_id=command_id,
                now_s=sent_s,
            )
        return relay_event_from(
            from_handle=REMOTE_BOSS,
            to_handle=to_handle,
            closed=bool(order.value),
            trigger_id=command_id,
            now_s=sent_s,
        )

    def _note(self, order: rule.Order, text: str, over: bool) -> None:
        """For whoever waits at a keyboard."""
        try:
            self._answers.save({"number": self._number, "node": order.node, "text": text, "over": over})
        except StorageError as error:
            self.context.log("storage", str(error))
