"""DS18B20 one-wire thermometer, through the text of the kernel's `w1_slave` file.

    72 01 4b 46 7f ff 0e 10 57 : crc=57 YES
    72 01 4b 46 7f ff 0e 10 57 t=23125

The number after `t=` is in thousandths of a degree C. Source: Maxim DS18B20 data sheet (19-7487), Linux w1_therm.
"""

import re
from functools import lru_cache
from typing import ClassVar

from gw_spaceheat.drivers.base import DeviceDriver, SensorDriver, one_wire_wire
from gw_spaceheat.errors import BadInput, WireError
from gw_spaceheat.house.devices import FittedDevice
from gw_spaceheat.wires.protocols import OneWireWire, Wire

DEVICE_ID = re.compile(r"^28-[0-9a-f]{12}$")
CRC_LINE = re.compile(r"^((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (YES|NO)$")
VALUE_LINE = re.compile(r"^(?:[0-9a-f]{2} ){9}t=(-?\d{1,6})$")
POWER_ON_MILLI_C = 85_000
SHORTED_BUS = "00 " * 9


class OneWireDs18b20(DeviceDriver):
    """One thermometer; the component's serial is its folder name on the bus, `28-` and 12 hexadecimal digits."""

    kind: ClassVar[str] = "one_wire_ds18b20"

    def __init__(self, fitted: FittedDevice, wire: OneWireWire) -> None:
        serial = fitted.component.serial
        if serial is None or not DEVICE_ID.match(serial):
            raise BadInput(
                f"component {fitted.component.id}: serial {serial!r}: a DS18B20's is 28- and 12 hexadecimal digits"
            )
        self._serial = serial
        self._wire = wire
        self._terminal, table = next(iter(fitted.table.terminals.items()))
        self._minimum_c = -55.0 if table.minimum is None else table.minimum
        self._maximum_c = 125.0 if table.maximum is None else table.maximum

    @classmethod
    def make(cls, fitted: FittedDevice, wire: Wire) -> SensorDriver:
        return cls(fitted, one_wire_wire(fitted, wire))

    def read(self) -> dict[str, float | None]:
        """Temperature in C; None on a wrong check sum, a shorted bus or the power-on value."""
        return {self._terminal: self._decode(self._wire.read_text(self._serial))}

    def _decode(self, text: str) -> float | None:
        try:
            temperature_c = _temperature_c(text)
        except ValueError as error:
            raise WireError(f"one-wire {self._serial}: {error}: {text[:80]!r}") from None
        if temperature_c is None:
            return None
        return temperature_c if self._minimum_c <= temperature_c <= self._maximum_c else None


@lru_cache(maxsize=1024)  # thermometers say the same for minutes
def _temperature_c(text: str) -> float | None:
    """None: the chip did not measure. Raises ValueError for what is not a `w1_slave` file."""
    lines = text.splitlines()
    if len(lines) != 2:
        raise ValueError(f"{len(lines)} lines instead of 2")
    check = CRC_LINE.match(lines[0].strip())
    value = VALUE_LINE.match(lines[1].strip())
    if check is None or value is None:
        raise ValueError("not the text of w1_slave")
    # All zeros have a right check sum (0), so a shorted bus would read as 0 C.
    if check.group(2) == "NO" or check.group(1) == SHORTED_BUS:
        return None
    milli_c = int(value.group(1))
    # 85 C is what the chip holds before its first conversion. A true 85.000 C is lost for one reading, which
    # is harmless; a false one would end a charge.
    return None if milli_c == POWER_ON_MILLI_C else milli_c / 1000.0
