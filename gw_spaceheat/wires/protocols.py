"""What a driver may ask of a wire. Real libraries, loopback and the simulated house all serve these.

Every method raises `WireError` when the other side is silent or answers nonsense.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

RegisterKind = Literal["input", "holding"]


class ModbusWire(Protocol):
    """Modbus registers (16 bit, unsigned) and coils of the devices on one line."""

    def read_registers(self, unit_id: int, kind: RegisterKind, address: int, count: int) -> tuple[int, ...]: ...

    def write_register(self, unit_id: int, address: int, value: int) -> None: ...

    def read_coils(self, unit_id: int, address: int, count: int) -> tuple[bool, ...]: ...

    def write_coil(self, unit_id: int, address: int, value: bool) -> None: ...


class OneWireWire(Protocol):
    """The kernel's one-wire tree: the text of a device's `w1_slave` file."""

    def read_text(self, device_id: str) -> str: ...


class PinWire(Protocol):
    """General-purpose pins; `level` is the electrical level, True = high."""

    def write_pin(self, pin: int, level: bool) -> None: ...

    def read_pin(self, pin: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class ClockReading:
    """`wall_s`: epoch seconds; `synchronised`: the network has set the clock, None: nobody can say.

    `earliest_s`: no clock that runs shows less; None: nothing is known of that.
    """

    wall_s: float
    synchronised: bool | None
    earliest_s: float | None = None


class ClockWire(Protocol):
    """The clock of the machine that the program runs on. Reading it never fails."""

    def read(self) -> ClockReading: ...


Wire = ModbusWire | OneWireWire | PinWire
