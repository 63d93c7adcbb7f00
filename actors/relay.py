"""One actuator: passes on what the safety filter let through, reads back, repeats it every minute."""

from actors.base import Address, Context, Shell
from actors.events import Actuate, ActuatorState, DeviceWritten, Reassert, Tick, WriteDevice
from gw_spaceheat.decisions.safety import SafeCommand
from gw_spaceheat.house.model import Node

REASSERT = Tick("reassert")
REASSERT_S = 60.0


class Relay(Shell):
    """Holds the last command, so that a board that lost its power comes back to it within a minute."""

    def __init__(self, context: Context, node: Node, bus: Address, scada: Address) -> None:
        super().__init__(context)
        self._node = node
        self._terminal = node.terminal or "1"
        self._bus = bus
        self._scada = scada
        self._command: SafeCommand | None = None
        self._told: tuple[bool | float | None, str] | None = None

    def begin(self) -> None:
        self.context.after(REASSERT_S, REASSERT)

    def handle(self, message: object) -> None:
        match message:
            case Actuate(safe):
                self._command = safe
                self._write(safe)
            case Tick("reassert"):
                self.context.after(REASSERT_S, REASSERT)
                self._repeat()
            case Reassert():
                self._repeat()
            case DeviceWritten():
                self._report(message)

    def _repeat(self) -> None:
        if self._command is not None:
            self._write(self._command)

    def _write(self, safe: SafeCommand) -> None:
        self._bus.tell(WriteDevice(self._node.component_id, self._terminal, safe, self.context.me))

    def _report(self, written: DeviceWritten) -> None:
        reason = written.reason
        # Compared with what was written, not with the last command: that one may still be on its way.
        if not reason and written.read_back != written.written:
            reason = f"{self._node.name}: commanded {written.written}, reads back {written.read_back}"
        state = (written.read_back, reason)
        if state != self._told:
            self._told = state
            self.context.log("actuator", f"{self._node.actuator} = {written.read_back} {reason}".rstrip())
            self._scada.tell(
                ActuatorState(
                    self._node.actuator or self._node.name, self._node.name, written.read_back, reason, written.at_s
                )
            )
