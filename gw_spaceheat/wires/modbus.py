"""Modbus TCP through pymodbus. Connects at the first use, closes on any fault and connects again at the next."""

import logging
import struct
from collections.abc import Callable

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ExceptionResponse, ModbusPDU

from gw_spaceheat.errors import WireError
from gw_spaceheat.wires.protocols import RegisterKind

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0


class PymodbusWire:
    """One Modbus TCP connection; use it from one thread.

    With a clock (`now`, epoch seconds) a dead device costs a time-out only every 0.5 s, doubling to 10 s; between
    those, calls fail at once. Every fault is a WireError.
    """

    def __init__(self, host: str, port: int, timeout_s: float = 1.0, now: Callable[[], float] | None = None) -> None:
        # On an error the library prints its whole recent packet trace; our WireError says what is needed.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        self._place = f"modbus {host}:{port}"
        self._client = ModbusTcpClient(host, port=port, timeout=timeout_s, retries=0)
        self._now = now
        self._pause_s = 0.0
        self._not_before_s = 0.0
        self._fault = ""

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]

    def read_registers(self, unit_id: int, kind: RegisterKind, address: int, count: int) -> tuple[int, ...]:
        """Raw 16-bit words. Raises WireError."""
        read = self._client.read_input_registers if kind == "input" else self._client.read_holding_registers
        what = f"unit {unit_id} {kind} registers {address}..{address + count - 1}"
        answer = self._call(what, lambda: read(address, count=count, device_id=unit_id))
        # A short answer is no error for the library.
        if len(answer.registers) != count:
            raise self._broken(what, f"{len(answer.registers)} registers instead of {count}")
        return tuple(answer.registers)

    def write_register(self, unit_id: int, address: int, value: int) -> None:
        """Raises WireError, also when the echo differs from what was written."""
        what = f"unit {unit_id} write register {address} = {value}"
        answer = self._call(what, lambda: self._client.write_register(address, value, device_id=unit_id))
        if answer.registers != [value]:
            raise self._broken(what, f"the device echoed {answer.registers}")

    def read_coils(self, unit_id: int, address: int, count: int) -> tuple[bool, ...]:
        """Raises WireError."""
        what = f"unit {unit_id} coils {address}..{address + count - 1}"
        answer = self._call(what, lambda: self._client.read_coils(address, count=count, device_id=unit_id))
        # Coils come in whole bytes, so the answer may be longer.
        if len(answer.bits) < count:
            raise self._broken(what, f"{len(answer.bits)} coils instead of {count}")
        return tuple(answer.bits[:count])

    def write_coil(self, unit_id: int, address: int, value: bool) -> None:
        """Raises WireError, also when the echo differs from what was written."""
        what = f"unit {unit_id} write coil {address} = {value}"
        answer = self._call(what, lambda: self._client.write_coil(address, value, device_id=unit_id))
        if answer.bits[:1] != [value]:
            raise self._broken(what, f"the device echoed {answer.bits[:1]}")

    def _call(self, what: str, request: Callable[[], ModbusPDU]) -> ModbusPDU:
        if self._now is not None and self._now() < self._not_before_s:
            raise WireError(f"{self._place}: {what}: not tried for {self._pause_s:g} s after: {self._fault}")
        try:
            if not self._client.connected and not self._connect():
                raise self._broken(what, "cannot connect")
            answer = request()
        # ConnectionResetError and the like leak through the library; the rest are its words for a
        # bad argument or a torn answer.
        except (ModbusException, OSError, ValueError, struct.error, IndexError) as error:
            raise self._broken(what, str(error)) from error
        self._pause_s = self._not_before_s = 0.0
        if isinstance(answer, ExceptionResponse) or answer.isError():
            code = getattr(answer, "exception_code", None)
            raise WireError(f"{self._place}: {what}: the device refused with exception {code}")
        return answer

    def _connect(self) -> bool:
        return bool(self._client.connect())  # type: ignore[no-untyped-call]

    def _broken(self, what: str, why: str) -> WireError:
        """Close, so that a late answer is not taken for the next one, and lengthen the pause."""
        self.close()
        self._fault = why
        if self._now is not None:
            self._pause_s = min(max(FIRST_PAUSE_S, 2 * self._pause_s), LONGEST_PAUSE_S)
            self._not_before_s = self._now() + self._pause_s
        return WireError(f"{self._place}: {what}: {why}")
