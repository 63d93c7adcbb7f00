"""What a driver is, and how a new kind of device is added: one module here with one `DeviceDriver` class."""

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol, TypeGuard, runtime_checkable

from gw_spaceheat.errors import BadInput, OurError
from gw_spaceheat.house.devices import FittedDevice, Terminal
from gw_spaceheat.wires.protocols import ModbusWire, OneWireWire, PinWire, Wire


@runtime_checkable
class SensorDriver(Protocol):
    """Reads all terminals of a device that the house has channels for."""

    def read(self) -> dict[str, float | None]:
        """Terminal -> value in W, C or l/min; None = the device answered, but not with a usable value.

        Raises WireError when it did not answer or answered nonsense.
        """
        ...


@runtime_checkable
class ActuatorDriver(Protocol):
    """Commands a device's outputs: bool for relays, SI value for analog ones."""

    def write(self, terminal: str, value: bool | float) -> None:
        """Raises WireError when the device did not take it, OurError for a value the device must never get."""
        ...

    def read_back(self, terminal: str) -> bool | float:
        """What the device says its output is (its register, not the effect). Raises WireError."""
        ...


class DeviceDriver(ABC):
    """Base of all driver classes; `discovery` finds them by `kind`, the word in the device tables."""

    kind: ClassVar[str]

    @classmethod
    @abstractmethod
    def make(cls, fitted: FittedDevice, wire: Wire) -> SensorDriver | ActuatorDriver:
        """Raises BadInput when the house or the table does not fit this kind."""


def _is_modbus(wire: Wire) -> TypeGuard[ModbusWire]:
    return hasattr(wire, "read_registers")


def _is_one_wire(wire: Wire) -> TypeGuard[OneWireWire]:
    return hasattr(wire, "read_text")


def _is_pins(wire: Wire) -> TypeGuard[PinWire]:
    return hasattr(wire, "write_pin")


def modbus_wire(fitted: FittedDevice, wire: Wire) -> ModbusWire:
    if _is_modbus(wire):
        return wire
    raise _wrong_wire(fitted, "a modbus")


def one_wire_wire(fitted: FittedDevice, wire: Wire) -> OneWireWire:
    if _is_one_wire(wire):
        return wire
    raise _wrong_wire(fitted, "a one_wire")


def pin_wire(fitted: FittedDevice, wire: Wire) -> PinWire:
    if _is_pins(wire):
        return wire
    raise _wrong_wire(fitted, "a gpio")


def _wrong_wire(fitted: FittedDevice, needed: str) -> BadInput:
    component = fitted.component
    return BadInput(
        f"component {component.id}: {component.device} needs {needed} wire, {component.wire} is another kind"
    )


def output_terminal(fitted: FittedDevice, terminal: str, spaces: tuple[str, ...]) -> Terminal:
    """The table's terminal, if a driver of these address spaces may write it. Raises OurError otherwise."""
    found = fitted.table.terminals.get(terminal)
    if found is None or found.space not in spaces:
        raise OurError(f"{fitted.component.id}: no writable terminal {terminal!r} on {fitted.component.device}")
    return found


def require_relay_value(fitted: FittedDevice, terminal: str, value: bool | float) -> bool:
    """A relay takes only True or False: 0.5 would be a confusion of terminals. Raises OurError."""
    if not isinstance(value, bool):
        raise OurError(f"{fitted.component.id} terminal {terminal}: {value!r} refused, a relay takes True or False")
    return value
