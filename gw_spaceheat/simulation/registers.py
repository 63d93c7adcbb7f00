"""Encodes a simulated device's quantities into Modbus registers, as its maker would.

Each distinct request (block of registers) is compiled once, since a meter is read every simulated second.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gw_spaceheat.errors import WireError
from gw_spaceheat.house.devices import WORDS, Terminal
from gw_spaceheat.wires.protocols import RegisterKind

CODES = {"f32": "f", "u16": "H", "i16": "h", "u32": "I", "i32": "i"}
RANGES = {"u16": (0, 0xFFFF), "i16": (-0x8000, 0x7FFF), "u32": (0, 0xFFFFFFFF), "i32": (-0x80000000, 0x7FFFFFFF)}


@dataclass(frozen=True, slots=True)
class _Entry:
    quantity: str
    terminal: Terminal


@dataclass(frozen=True, slots=True)
class _Request:
    encoder: struct.Struct
    words: struct.Struct
    entries: tuple[_Entry, ...]
    quantities: tuple[str, ...]
    plain: bool


class RegisterImage:
    """`source` gives a quantity's value; a fault may replace it."""

    def __init__(
        self, terminals: Mapping[str, Terminal], quantity_of: Mapping[str, str], source: Callable[[str], float]
    ) -> None:
        self._terminals = {name: terminal for name, terminal in terminals.items() if terminal.encoding in CODES}
        self._quantity_of = quantity_of
        self._requests: dict[tuple[RegisterKind, int, int], _Request] = {}
        self.source = source

    def read(self, kind: RegisterKind, address: int, count: int) -> tuple[int, ...]:
        """Registers as 16-bit words. Raises WireError for addresses the device does not have."""
        request = self._requests.get((kind, address, count))
        if request is None:
            request = self._compile(kind, address, count)
            self._requests[kind, address, count] = request
        source = self.source
        if request.plain:
            values = [source(name) for name in request.quantities]
        else:
            values = [_raw(entry.terminal, source(entry.quantity)) for entry in request.entries]
        return request.words.unpack(request.encoder.pack(*values))

    def _compile(self, kind: RegisterKind, address: int, count: int) -> _Request:
        where = f"{kind} registers {address}..{address + count - 1}"
        present = sorted(
            (terminal.address, name) for name, terminal in self._terminals.items() if terminal.space == kind
        )
        if not present or address < present[0][0] or count < 1:
            raise WireError(f"{where}: illegal address")
        last = present[-1][0] + WORDS[self._terminals[present[-1][1]].encoding]
        if address + count > last:
            raise WireError(f"{where}: illegal address")
        form, cursor = ">", address
        entries: list[_Entry] = []
        for start, name in present:
            terminal = self._terminals[name]
            end = start + WORDS[terminal.encoding]
            if end <= address or start >= address + count:
                continue
            if start < cursor or end > address + count:
                raise WireError(f"{where}: splits a value of {end - start} words")
            if name in self._quantity_of:
                form += f"{2 * (start - cursor)}x{CODES[terminal.encoding]}"
                entries.append(_Entry(self._quantity_of[name], terminal))
                cursor = end
        form += f"{2 * (address + count - cursor)}x"
        plain = all(entry.terminal.encoding == "f32" and entry.terminal.scale == 1.0 for entry in entries)
        quantities = tuple(entry.quantity for entry in entries)
        return _Request(struct.Struct(form), struct.Struct(f">{count}H"), tuple(entries), quantities, plain)


def _raw(terminal: Terminal, value: float) -> float:
    """Counts of the device; a value it cannot have is clipped, NaN becomes its "missing" count."""
    if terminal.encoding == "f32":
        return value / terminal.scale
    low, high = RANGES[terminal.encoding]
    if value != value:
        return high if terminal.missing_raw is None else terminal.missing_raw
    return max(low, min(high, round(value / terminal.scale)))
