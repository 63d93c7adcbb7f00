"""In-process wires: the simulated house's devices answer with the bytes that real ones would.

A relay coil written here acts on the plant, and the meter's registers show what the plant then draws.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol

from gw_spaceheat.errors import BadInput, OurError, WireError
from gw_spaceheat.house.devices import DEVICES_FOLDER, FittedDevice, fit_device
from gw_spaceheat.house.model import House
from gw_spaceheat.simulation.registers import RegisterImage
from gw_spaceheat.wires.protocols import RegisterKind

FaultKind = Literal["silent", "stuck", "nan"]
WORD = 0x10000
SIGN_BIT = 0x8000


class SupportsQuantities(Protocol):
    """What the wires need of a simulated house."""

    def quantity(self, name: str) -> float: ...

    def set_actuator(self, actuator: str, value: bool | float) -> None: ...

    def actuator(self, name: str) -> bool | float: ...


class _Device:
    """Common to all simulated devices: which quantity is read where, and the fault it has.

    silent: no answer. stuck: readings stay as they are and outputs no longer move (registers still accept).
    nan: readings are unusable in the device's own manner.
    """

    def __init__(self, fitted: FittedDevice, plant: SupportsQuantities) -> None:
        self.fitted = fitted
        self.plant = plant
        self.fault: FaultKind | None = None
        self._frozen: dict[str, float] = {}
        table = fitted.table
        self.quantity_of = {
            channel.terminal: channel.quantity for channel in fitted.channels if channel.telemetry != "RelayState"
        }
        self.actuator_at = {
            table.terminals[fitted.terminal_of(node)].address: node.actuator
            for node in fitted.nodes
            if node.actuator is not None
        }

    def set_fault(self, kind: FaultKind | None) -> None:
        self.fault = kind
        if kind == "stuck":
            self._frozen = {name: self.plant.quantity(name) for name in self.quantity_of.values()}

    def value(self, quantity: str) -> float:
        if self.fault == "stuck":
            return self._frozen[quantity]
        return float("nan") if self.fault == "nan" else self.plant.quantity(quantity)

    def act(self, address: int, value: bool | float) -> None:
        actuator = self.actuator_at.get(address)
        if actuator is not None and self.fault != "stuck":
            self.plant.set_actuator(actuator, value)

    def require_answer(self) -> None:
        if self.fault == "silent":
            raise WireError(f"component {self.fitted.component.id}: no answer")


class _ModbusDevice(_Device):
    def __init__(self, fitted: FittedDevice, plant: SupportsQuantities) -> None:
        super().__init__(fitted, plant)
        terminals = fitted.table.terminals
        self.image = RegisterImage(terminals, self.quantity_of, plant.quantity)
        self.coils = {
            terminal.address: fitted.table.active_low for terminal in terminals.values() if terminal.space == "coil"
        }
        self.outputs = {
            terminal.address: terminal
            for terminal in terminals.values()
            if terminal.space == "holding" and terminal.address in self.actuator_at
        }
        self.written: dict[int, int] = {}

    def set_fault(self, kind: FaultKind | None) -> None:
        super().set_fault(kind)
        self.image.source = self.plant.quantity if kind in (None, "silent") else self.value

    def output(self, address: int) -> int:
        """Raw word of an output register: what was written, or else what the plant does now."""
        if address not in self.written:
            actuator = self.actuator_at[address]
            value = float(self.plant.actuator(actuator)) if actuator is not None else 0.0
            self.written[address] = round(value / self.outputs[address].scale) % WORD
        return self.written[address]

    def write_output(self, address: int, raw: int) -> None:
        terminal = self.outputs[address]
        self.written[address] = raw
        signed = raw - WORD if terminal.encoding == "i16" and raw & SIGN_BIT else raw
        self.act(address, signed * terminal.scale)


class SimulatedModbusWire:
    """Serves `ModbusWire` for all components of one line, told apart by unit id."""

    def __init__(self, wire_id: str, devices: Sequence[FittedDevice], plant: SupportsQuantities) -> None:
        self._wire_id = wire_id
        self._units: dict[int, _ModbusDevice] = {}
        for fitted in devices:
            unit_id = fitted.component.unit_id
            if unit_id in self._units:
                other = self._units[unit_id].fitted.component.id
                raise BadInput(
                    f"wire {wire_id}: components {other} and {fitted.component.id} both have unit id {unit_id}"
                )
            self._units[unit_id] = _ModbusDevice(fitted, plant)

    @property
    def unit_ids(self) -> tuple[int, ...]:
        return tuple(self._units)

    def fail(self, component_id: str, kind: FaultKind | None) -> None:
        """Give a component a fault, or heal it with None."""
        _find(self._wire_id, self._units.values(), component_id).set_fault(kind)

    def read_registers(self, unit_id: int, kind: RegisterKind, address: int, count: int) -> tuple[int, ...]:
        device = self._device(unit_id)
        if kind == "holding" and address in device.outputs and count == 1:
            return (device.output(address),)
        return device.image.read(kind, address, count)

    def write_register(self, unit_id: int, address: int, value: int) -> None:
        device = self._device(unit_id)
        if address not in device.outputs:
            raise WireError(f"unit {unit_id}: holding register {address} cannot be written")
        if not 0 <= value < WORD:
            raise WireError(f"unit {unit_id}: {value} is not a 16-bit word")
        device.write_output(address, value)

    def read_coils(self, unit_id: int, address: int, count: int) -> tuple[bool, ...]:
        coils = self._device(unit_id).coils
        try:
            return tuple(coils[place] for place in range(address, address + count))
        except KeyError as error:
            raise WireError(f"unit {unit_id}: no coil {error}") from None

    def write_coil(self, unit_id: int, address: int, value: bool) -> None:
        device = self._device(unit_id)
        if address not in device.coils:
            raise WireError(f"unit {unit_id}: no coil {address}")
        device.coils[address] = value
        device.act(address, value != device.fitted.table.active_low)

    def _device(self, unit_id: int) -> _ModbusDevice:
        device = self._units.get(unit_id)
        if device is None:
            raise WireError(f"wire {self._wire_id}: unit {unit_id}: no answer")
        if device.fault == "silent":
            device.require_answer()
        return device


class SimulatedOneWire:
    """Serves `OneWireWire`: thermometers by serial, with the nine scratchpad bytes and their check sum."""

    def __init__(self, wire_id: str, devices: Sequence[FittedDevice], plant: SupportsQuantities) -> None:
        self._wire_id = wire_id
        self._devices: dict[str, _Device] = {}
        for fitted in devices:
            serial = fitted.component.serial
            if serial is None or serial in self._devices:
                raise BadInput(f"wire {wire_id}: component {fitted.component.id}: serial {serial!r} missing or twice")
            self._devices[serial] = _Device(fitted, plant)

    @property
    def device_ids(self) -> tuple[str, ...]:
        return tuple(self._devices)

    def fail(self, component_id: str, kind: FaultKind | None) -> None:
        """Give a component a fault, or heal it with None; nan = wrong check sum."""
        _find(self._wire_id, self._devices.values(), component_id).set_fault(kind)

    def read_text(self, device_id: str) -> str:
        device = self._devices.get(device_id)
        if device is None or not device.quantity_of:
            raise WireError(f"one-wire {device_id}: no such device")
        device.require_answer()
        if device.fault == "nan":
            garbled = "ff " * 9
            return f"{garbled}: crc=c9 NO\n{garbled}t=-62\n"
        temperature_c = device.value(next(iter(device.quantity_of.values())))
        return w1_slave_text(temperature_c)


def w1_slave_text(temperature_c: float) -> str:
    """What the kernel shows for a DS18B20 at this temperature, which the chip rounds to 1/16 K."""
    return _w1_slave_text(max(-55 * 16, min(125 * 16, round(temperature_c * 16))))


@lru_cache(maxsize=4096)
def _w1_slave_text(sixteenths: int) -> str:
    low, high = sixteenths & 0xFF, (sixteenths >> 8) & 0xFF
    scratchpad = bytes((low, high, 0x4B, 0x46, 0x7F, 0xFF, 0x10 - (low & 0x0F), 0x10))
    check_sum = crc8(scratchpad)
    shown = " ".join(f"{byte:02x}" for byte in (*scratchpad, check_sum))
    # The kernel divides towards zero, as C does.
    milli_c = int(sixteenths * 1000 / 16)
    return f"{shown} : crc={check_sum:02x} YES\n{shown} t={milli_c}\n"


def crc8(data: bytes) -> int:
    """Check sum of the one-wire bus: x^8 + x^5 + x^4 + 1, low bit first (Maxim application note 27)."""
    remainder = 0
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ (0x8C if remainder & 1 else 0)
    return remainder


class SimulatedPins:
    """Serves `PinWire`; a pin starts at the level that leaves its relay de-energised."""

    def __init__(self, wire_id: str, devices: Sequence[FittedDevice], plant: SupportsQuantities) -> None:
        self._wire_id = wire_id
        self._levels: dict[int, bool] = {}
        self._owners: dict[int, _Device] = {}
        for fitted in devices:
            device = _Device(fitted, plant)
            for terminal in fitted.table.terminals.values():
                if terminal.address in self._owners:
                    raise BadInput(f"wire {wire_id}: pin {terminal.address} belongs to two components")
                self._owners[terminal.address] = device
                self._levels[terminal.address] = fitted.table.active_low

    def fail(self, component_id: str, kind: FaultKind | None) -> None:
        """Give a component a fault, or heal it with None."""
        _find(self._wire_id, self._owners.values(), component_id).set_fault(kind)

    def write_pin(self, pin: int, level: bool) -> None:
        device = self._device(pin)
        self._levels[pin] = level
        device.act(pin, level != device.fitted.table.active_low)

    def read_pin(self, pin: int) -> bool:
        self._device(pin)
        return self._levels[pin]

    def _device(self, pin: int) -> _Device:
        if pin not in self._owners:
            raise WireError(f"wire {self._wire_id}: no pin {pin}")
        self._owners[pin].require_answer()
        return self._owners[pin]


SimulatedWire = SimulatedModbusWire | SimulatedOneWire | SimulatedPins


def _find(wire_id: str, devices: Iterable[_Device], component_id: str) -> _Device:
    for device in devices:
        if device.fitted.component.id == component_id:
            return device
    raise OurError(f"wire {wire_id}: no component {component_id}")


def make_wires(
    house: House, plant: SupportsQuantities, devices_folder: Path = DEVICES_FOLDER
) -> dict[str, SimulatedWire]:
    """One in-process wire per wire of the house, by wire id. Raises BadInput when house and devices do not fit."""
    wires: dict[str, SimulatedWire] = {}
    for spec in house.wires:
        devices = [
            fit_device(component, house.nodes, house.channels, devices_folder)
            for component in house.components
            if component.wire == spec.id
        ]
        match spec.kind:
            case "modbus_tcp":
                wires[spec.id] = SimulatedModbusWire(spec.id, devices, plant)
            case "one_wire":
                wires[spec.id] = SimulatedOneWire(spec.id, devices, plant)
            case "gpio":
                wires[spec.id] = SimulatedPins(spec.id, devices, plant)
    return wires
