"""Relay boards whose relays are Modbus coils (function 1 reads, 5 writes one)."""

from typing import ClassVar

from gw_spaceheat.drivers.base import ActuatorDriver, DeviceDriver, modbus_wire, output_terminal, require_relay_value
from gw_spaceheat.errors import WireError
from gw_spaceheat.house.devices import FittedDevice
from gw_spaceheat.wires.protocols import ModbusWire, Wire


class ModbusCoils(DeviceDriver):
    """True = relay energised, whatever the board's coil polarity."""

    kind: ClassVar[str] = "modbus_coils"

    def __init__(self, fitted: FittedDevice, wire: ModbusWire) -> None:
        self._fitted = fitted
        self._wire = wire
        self._unit_id = fitted.component.unit_id
        self._active_low = fitted.table.active_low

    @classmethod
    def make(cls, fitted: FittedDevice, wire: Wire) -> ActuatorDriver:
        return cls(fitted, modbus_wire(fitted, wire))

    def write(self, terminal: str, value: bool | float) -> None:
        energised = require_relay_value(self._fitted, terminal, value)
        address = output_terminal(self._fitted, terminal, ("coil",)).address
        self._wire.write_coil(self._unit_id, address, energised != self._active_low)

    def read_back(self, terminal: str) -> bool:
        address = output_terminal(self._fitted, terminal, ("coil",)).address
        coils = self._wire.read_coils(self._unit_id, address, 1)
        if len(coils) != 1:
            raise WireError(f"{self._fitted.component.id}: {len(coils)} coils from address {address}, asked for 1")
        return coils[0] != self._active_low
