"""Relay boards driven by general-purpose pins; the table says which level energises them."""

from typing import ClassVar

from gw_spaceheat.drivers.base import ActuatorDriver, DeviceDriver, output_terminal, pin_wire, require_relay_value
from gw_spaceheat.house.devices import FittedDevice
from gw_spaceheat.wires.protocols import PinWire, Wire


class GpioRelays(DeviceDriver):
    """True = relay energised; on an active-low board that is the low level."""

    kind: ClassVar[str] = "gpio_relays"

    def __init__(self, fitted: FittedDevice, wire: PinWire) -> None:
        self._fitted = fitted
        self._wire = wire
        self._active_low = fitted.table.active_low

    @classmethod
    def make(cls, fitted: FittedDevice, wire: Wire) -> ActuatorDriver:
        return cls(fitted, pin_wire(fitted, wire))

    def write(self, terminal: str, value: bool | float) -> None:
        energised = require_relay_value(self._fitted, terminal, value)
        pin = output_terminal(self._fitted, terminal, ("pin",)).address
        self._wire.write_pin(pin, energised != self._active_low)

    def read_back(self, terminal: str) -> bool:
        pin = output_terminal(self._fitted, terminal, ("pin",)).address
        return self._wire.read_pin(pin) != self._active_low
