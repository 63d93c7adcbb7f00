"""A real Modbus TCP server on 127.0.0.1 in front of an in-process wire, so that the real client is exercised.

Functions 1, 3, 4, 5 and 6 of the Modbus application protocol 1.1b3; each frame is the 7-byte header (transaction,
protocol 0, length, unit) and the request.
"""

import socketserver
import struct
import threading
from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import cast

from gw_spaceheat.errors import OurError, Unreachable, WireError
from gw_spaceheat.wires.protocols import ModbusWire, RegisterKind

HEADER = struct.Struct(">HHHB")
REQUEST = struct.Struct(">BHH")
READ_COILS, READ_HOLDING, READ_INPUT, WRITE_COIL, WRITE_REGISTER = 1, 3, 4, 5, 6
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, NO_GATEWAY_TARGET = 1, 2, 3, 11
COIL_ON, COIL_OFF = 0xFF00, 0x0000
MOST_COILS, MOST_REGISTERS = 2000, 125


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, responder: "_Responder") -> None:
        self.responder = responder
        super().__init__(("127.0.0.1", port), _Connection)


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        responder = cast(_Server, self.server).responder
        try:
            while header := self.rfile.read(HEADER.size):
                if len(header) < HEADER.size:
                    return
                transaction, protocol, length, unit_id = HEADER.unpack(header)
                if protocol != 0 or not 2 <= length <= 254:
                    return
                answer = responder.answer(unit_id, self.rfile.read(length - 1))
                self.wfile.write(HEADER.pack(transaction, 0, len(answer) + 1, unit_id) + answer)
        except OSError:
            # The client went away; its own side reports that.
            return


class _Responder:
    """Request bytes in, answer bytes out."""

    def __init__(self, wire: ModbusWire, unit_ids: Collection[int], lock: AbstractContextManager[object]) -> None:
        self._wire = wire
        self._unit_ids = frozenset(unit_ids)
        self._lock = lock

    def answer(self, unit_id: int, request: bytes) -> bytes:
        function = request[0] if request else 0
        if unit_id not in self._unit_ids:
            return _exception(function, NO_GATEWAY_TARGET)
        if function not in (READ_COILS, READ_HOLDING, READ_INPUT, WRITE_COIL, WRITE_REGISTER):
            return _exception(function, ILLEGAL_FUNCTION)
        if len(request) != REQUEST.size:
            return _exception(function, ILLEGAL_VALUE)
        _, address, value = REQUEST.unpack(request)
        try:
            with self._lock:
                return self._perform(unit_id, function, address, value, request)
        except WireError:
            return _exception(function, ILLEGAL_ADDRESS)

    def _perform(self, unit_id: int, function: int, address: int, value: int, request: bytes) -> bytes:
        if function == WRITE_COIL:
            if value not in (COIL_ON, COIL_OFF):
                return _exception(function, ILLEGAL_VALUE)
            self._wire.write_coil(unit_id, address, value == COIL_ON)
            return request
        if function == WRITE_REGISTER:
            self._wire.write_register(unit_id, address, value)
            return request
        if function == READ_COILS:
            if not 1 <= value <= MOST_COILS:
                return _exception(function, ILLEGAL_VALUE)
            coils = self._wire.read_coils(unit_id, address, value)
            packed = sum(1 << place for place, coil in enumerate(coils) if coil).to_bytes((value + 7) // 8, "little")
            return bytes((function, len(packed))) + packed
        if not 1 <= value <= MOST_REGISTERS:
            return _exception(function, ILLEGAL_VALUE)
        kind: RegisterKind = "input" if function == READ_INPUT else "holding"
        registers = self._wire.read_registers(unit_id, kind, address, value)
        return bytes((function, 2 * value)) + struct.pack(f">{value}H", *registers)


def _exception(function: int, code: int) -> bytes:
    return bytes((function | 0x80, code))


class LoopbackModbusServer:
    """Serves one in-process wire; `lock`, if given, is held during each access to the simulated house."""

    def __init__(
        self,
        wire: ModbusWire,
        unit_ids: Collection[int],
        port: int = 0,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._responder = _Responder(wire, unit_ids, lock or threading.Lock())
        self._wanted_port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on. Raises OurError when not started."""
        if self._server is None:
            raise OurError("loopback Modbus server: asked for its port before start")
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Listen and serve in a daemon thread. Raises Unreachable when the port is taken."""
        if self._server is not None:
            raise OurError("loopback Modbus server: started twice")
        try:
            self._server = _Server(self._wanted_port, self._responder)
        except OSError as error:
            raise Unreachable(f"loopback Modbus server: 127.0.0.1:{self._wanted_port}: {error}") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="loopback-modbus", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; connections end when their clients close. Safe to call twice."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=2.0)
        self._server = self._thread = None
