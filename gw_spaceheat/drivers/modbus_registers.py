"""Meters and sensors that answer with Modbus registers: one read per block of neighbours, big-endian words."""

import struct
import sys
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from gw_spaceheat.drivers.base import DeviceDriver, SensorDriver, modbus_wire
from gw_spaceheat.errors import BadInput, WireError
from gw_spaceheat.house.devices import WORDS, FittedDevice, Terminal
from gw_spaceheat.wires.protocols import ModbusWire, RegisterKind, Wire

STRUCT_CODES = {"f32": "f", "u16": "H", "i16": "h", "u32": "I", "i32": "i"}
LARGEST = sys.float_info.max


class _Value(NamedTuple):
    name: str
    scale: float
    missing_raw: int | None
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class _Block:
    space: RegisterKind
    address: int
    count: int
    words: struct.Struct
    decoder: struct.Struct
    values: tuple[_Value, ...]


class ModbusRegisters(DeviceDriver):
    """Reads only the terminals that have channels."""

    kind: ClassVar[str] = "modbus_registers"

    def __init__(self, fitted: FittedDevice, wire: ModbusWire) -> None:
        self._wire = wire
        self._component_id = fitted.component.id
        self._unit_id = fitted.component.unit_id
        self._blocks = _blocks(fitted)

    @classmethod
    def make(cls, fitted: FittedDevice, wire: Wire) -> SensorDriver:
        return cls(fitted, modbus_wire(fitted, wire))

    def read(self) -> dict[str, float | None]:
        """All terminals in W, C or l/min; None where the register holds NaN, "missing" or an impossible value."""
        readings: dict[str, float | None] = {}
        for block in self._blocks:
            registers = self._wire.read_registers(self._unit_id, block.space, block.address, block.count)
            decoded = self._decode(block, registers)
            for (name, scale, missing_raw, minimum, maximum), raw in zip(block.values, decoded, strict=True):
                number = raw * scale
                # NaN fails both comparisons, so it is None too.
                readings[name] = number if minimum <= number <= maximum and raw != missing_raw else None
        return readings

    def _decode(self, block: _Block, registers: tuple[int, ...]) -> tuple[float, ...]:
        if len(registers) != block.count:
            raise WireError(
                f"{self._component_id}: {len(registers)} registers at {block.address}, asked for {block.count}"
            )
        try:
            return block.decoder.unpack(block.words.pack(*registers))
        except struct.error as error:
            raise WireError(f"{self._component_id}: {registers} from address {block.address}: {error}") from error


def _blocks(fitted: FittedDevice) -> tuple[_Block, ...]:
    """Cut the wanted terminals into as few reads as the device allows."""
    table = fitted.table
    wanted = {channel.terminal for channel in fitted.channels}
    blocks: list[_Block] = []
    spaces: tuple[RegisterKind, ...] = ("input", "holding")
    for space in spaces:
        chosen = [(name, terminal) for name, terminal in table.terminals.items() if terminal.space == space]
        chosen = sorted((pair for pair in chosen if pair[0] in wanted), key=lambda pair: pair[1].address)
        group: list[tuple[str, Terminal]] = []
        for name, terminal in chosen:
            _require_decodable(fitted, name, terminal)
            if (
                group
                and terminal.address + WORDS[terminal.encoding] - group[0][1].address > table.maximum_words_per_read
            ):
                blocks.append(_block(space, group))
                group = []
            group.append((name, terminal))
        if group:
            blocks.append(_block(space, group))
    if not blocks:
        raise BadInput(f"component {fitted.component.id}: no channel reads any register of {fitted.component.device}")
    return tuple(blocks)


def _require_decodable(fitted: FittedDevice, name: str, terminal: Terminal) -> None:
    if terminal.encoding not in STRUCT_CODES:
        raise BadInput(
            f"device {fitted.component.device}: terminals.{name}.encoding: {terminal.encoding} is no register's"
        )


def _block(space: RegisterKind, group: list[tuple[str, Terminal]]) -> _Block:
    start = cursor = group[0][1].address
    form = ">"
    values: list[_Value] = []
    for name, terminal in group:
        if terminal.address < cursor:
            raise BadInput(f"terminals.{name}: address {terminal.address} overlaps the terminal before it")
        form += f"{2 * (terminal.address - cursor)}x{STRUCT_CODES[terminal.encoding]}"
        cursor = terminal.address + WORDS[terminal.encoding]
        low = -LARGEST if terminal.minimum is None else terminal.minimum
        high = LARGEST if terminal.maximum is None else terminal.maximum
        values.append(_Value(name, terminal.scale, terminal.missing_raw, low, high))
    count = cursor - start
    return _Block(space, start, count, struct.Struct(f">{count}H"), struct.Struct(form), tuple(values))
