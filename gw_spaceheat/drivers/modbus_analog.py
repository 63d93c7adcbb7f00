"""Set values in single holding registers (function 6 writes one), such as a heat pump's leaving temperature."""

import math
from typing import ClassVar

from gw_spaceheat.drivers.base import ActuatorDriver, DeviceDriver, modbus_wire, output_terminal
from gw_spaceheat.errors import BadInput, OurError, WireError
from gw_spaceheat.house.devices import FittedDevice, Terminal
from gw_spaceheat.wires.protocols import ModbusWire, Wire

SIGN_BIT = 0x8000
WORD = 0x10000


class ModbusAnalog(DeviceDriver):
    """Writes nothing outside the table's limits: a wrong temperature in a heat pump is dear."""

    kind: ClassVar[str] = "modbus_analog"

    def __init__(self, fitted: FittedDevice, wire: ModbusWire) -> None:
        for name, terminal in fitted.table.terminals.items():
            if terminal.space == "holding" and (terminal.minimum is None or terminal.maximum is None):
                raise BadInput(
                    f"device {fitted.component.device}: terminals.{name}: a writable register needs minimum and maximum"
                )
            if terminal.encoding not in ("u16", "i16"):
                raise BadInput(
                    f"device {fitted.component.device}: terminals.{name}.encoding: only u16 and i16 are written"
                )
        self._fitted = fitted
        self._wire = wire
        self._unit_id = fitted.component.unit_id

    @classmethod
    def make(cls, fitted: FittedDevice, wire: Wire) -> ActuatorDriver:
        return cls(fitted, modbus_wire(fitted, wire))

    def write(self, terminal: str, value: bool | float) -> None:
        found = output_terminal(self._fitted, terminal, ("holding",))
        self._wire.write_register(self._unit_id, found.address, self._raw(terminal, found, value))

    def read_back(self, terminal: str) -> float:
        found = output_terminal(self._fitted, terminal, ("holding",))
        registers = self._wire.read_registers(self._unit_id, "holding", found.address, 1)
        if len(registers) != 1:
            raise WireError(f"{self._fitted.component.id}: {len(registers)} registers, asked for 1")
        raw = registers[0]
        if found.encoding == "i16" and raw & SIGN_BIT:
            raw -= WORD
        return raw * found.scale

    def _raw(self, name: str, terminal: Terminal, value: bool | float) -> int:
        rule = f"{terminal.minimum}..{terminal.maximum} {terminal.unit}"
        if isinstance(value, bool) or not math.isfinite(value):
            raise OurError(f"{self._fitted.component.id} terminal {name}: {value!r} refused, limits are {rule}")
        if terminal.minimum is not None and value < terminal.minimum:
            raise OurError(f"{self._fitted.component.id} terminal {name}: {value} refused, limits are {rule}")
        if terminal.maximum is not None and value > terminal.maximum:
            raise OurError(f"{self._fitted.component.id} terminal {name}: {value} refused, limits are {rule}")
        return round(value / terminal.scale) % WORD
