"""The real pymodbus client against the loopback server, and against devices that misbehave."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from gw_spaceheat.drivers.base import ActuatorDriver, SensorDriver
from gw_spaceheat.drivers.discovery import make_driver
from gw_spaceheat.errors import OurError, Unreachable, WireError
from gw_spaceheat.simulation.wires import SimulatedModbusWire, make_wires
from gw_spaceheat.wires.loopback.modbus_server import LoopbackModbusServer
from gw_spaceheat.wires.modbus import PymodbusWire
from gw_spaceheat.wires.protocols import RegisterKind
from tests.fixtures.device_house import SmallPlant, device_house

HOUSE = device_house()
MANUAL = yaml.safe_load((Path(__file__).parents[1] / "fixtures" / "manual_answers.yaml").read_text(encoding="utf-8"))[
    "modbus_specification"
]


@pytest.fixture
def line() -> SimulatedModbusWire:
    wire = make_wires(HOUSE, SmallPlant())["line"]
    assert isinstance(wire, SimulatedModbusWire)
    return wire


@pytest.fixture
def server(line: SimulatedModbusWire) -> Iterator[LoopbackModbusServer]:
    served = LoopbackModbusServer(line, line.unit_ids)
    served.start()
    yield served
    served.stop()


@pytest.fixture
def wire(server: LoopbackModbusServer) -> Iterator[PymodbusWire]:
    client = PymodbusWire("127.0.0.1", server.port)
    yield client
    client.close()


def test_relay_coil_makes_the_meter_rise_over_tcp(wire: PymodbusWire) -> None:
    components = {component.id: component for component in HOUSE.components}
    meter = make_driver(components["meter"], HOUSE.nodes, HOUSE.channels, wire)
    relays = make_driver(components["relays"], HOUSE.nodes, HOUSE.channels, wire)
    setpoint = make_driver(components["setpoint"], HOUSE.nodes, HOUSE.channels, wire)
    assert isinstance(meter, SensorDriver)
    assert isinstance(relays, ActuatorDriver)
    assert isinstance(setpoint, ActuatorDriver)
    assert meter.read()["6"] == 0.0
    relays.write("2", True)
    assert relays.read_back("2") is True
    assert meter.read() == {"1": 3200.5, "2": 0.0, "3": 0.0, "4": 0.0, "5": 0.0, "6": 3200.5}
    relays.write("2", False)
    assert meter.read()["1"] == 0.0
    setpoint.write("1", 57.5)
    assert setpoint.read_back("1") == pytest.approx(57.5)


def test_coils_longer_than_a_byte(wire: PymodbusWire) -> None:
    wire.write_coil(2, 3, True)
    wire.write_coil(2, 11, True)
    coils = wire.read_coils(2, 0, 12)
    assert [place for place, coil in enumerate(coils) if coil] == [3, 11]
    assert len(coils) == 12


def test_refusals_are_wire_errors_and_the_line_goes_on(wire: PymodbusWire, line: SimulatedModbusWire) -> None:
    with pytest.raises(WireError, match="exception 11"):
        wire.read_registers(99, "input", 9000, 2)
    with pytest.raises(WireError, match="exception 2"):
        wire.read_registers(1, "input", 1, 2)
    with pytest.raises(WireError, match="exception 2"):
        wire.write_coil(2, 16, True)
    line.fail("meter", "silent")
    with pytest.raises(WireError):
        wire.read_registers(1, "input", 9000, 2)
    line.fail("meter", None)
    assert wire.read_registers(1, "input", 9000, 2) == (0, 0)


def test_out_of_range_arguments_are_wire_errors(wire: PymodbusWire) -> None:
    with pytest.raises(WireError):
        wire.write_register(3, 0, 70_000)
    with pytest.raises(WireError):
        wire.read_registers(1, "input", 9000, 200)
    assert wire.read_registers(1, "input", 9000, 2) == (0, 0)


def test_server_restart_is_survived(line: SimulatedModbusWire) -> None:
    first = LoopbackModbusServer(line, line.unit_ids)
    first.start()
    port = first.port
    client = PymodbusWire("127.0.0.1", port, timeout_s=0.5)
    assert client.read_registers(1, "input", 9000, 2) == (0, 0)
    first.stop()
    client.close()
    with pytest.raises(WireError):
        client.read_registers(1, "input", 9000, 2)
    second = LoopbackModbusServer(line, line.unit_ids, port=port)
    second.start()
    assert client.read_registers(1, "input", 9000, 2) == (0, 0)
    client.close()
    second.stop()
    second.stop()


def test_server_misuse(server: LoopbackModbusServer, line: SimulatedModbusWire) -> None:
    with pytest.raises(OurError, match="twice"):
        server.start()
    with pytest.raises(OurError, match="before start"):
        _ = LoopbackModbusServer(line, (1,)).port
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(Unreachable):
        LoopbackModbusServer(line, (1,), port=taken.getsockname()[1]).start()


class SpecificationDevice:
    """Holds what the examples of the Modbus specification read."""

    def __init__(self) -> None:
        self.written: list[tuple[int, int | bool]] = []

    def read_registers(self, unit_id: int, kind: RegisterKind, address: int, count: int) -> tuple[int, ...]:
        known = {("holding", 0x6B): (0x022B, 0, 0x64), ("input", 8): (0x0A,)}
        return known[kind, address][:count]

    def write_register(self, unit_id: int, address: int, value: int) -> None:
        self.written.append((address, value))

    def read_coils(self, unit_id: int, address: int, count: int) -> tuple[bool, ...]:
        bits = int.from_bytes(bytes((0xCD, 0x6B, 0x05)), "little")
        return tuple(bool(bits >> place & 1) for place in range(count))

    def write_coil(self, unit_id: int, address: int, value: bool) -> None:
        self.written.append((address, value))


@pytest.mark.parametrize("name", sorted(set(MANUAL) - {"source"}))
def test_server_answers_as_the_specification_prints(name: str) -> None:
    served = LoopbackModbusServer(SpecificationDevice(), (7,))
    served.start()
    request, answer = (bytes.fromhex(MANUAL[name][part]) for part in ("request", "answer"))
    with socket.create_connection(("127.0.0.1", served.port), timeout=2.0) as connection:
        connection.sendall(struct.pack(">HHHB", 0x1501, 0, len(request) + 1, 7) + request)
        received = connection.recv(300)
    served.stop()
    assert received == struct.pack(">HHHB", 0x1501, 0, len(answer) + 1, 7) + answer


@pytest.mark.parametrize(
    ("request_hex", "answer_hex"),
    [("2B 0E 01 00", "AB 01"), ("03 00", "83 03"), ("05 00 00 12 34", "85 03"), ("03 00 00 00 7E", "83 03")],
)
def test_server_refuses_bad_requests(server: LoopbackModbusServer, request_hex: str, answer_hex: str) -> None:
    request, answer = bytes.fromhex(request_hex), bytes.fromhex(answer_hex)
    with socket.create_connection(("127.0.0.1", server.port), timeout=2.0) as connection:
        connection.sendall(struct.pack(">HHHB", 1, 0, len(request) + 1, 2) + request)
        assert connection.recv(300)[7:] == answer


def _misbehaving(reply: Callable[[bytes], bytes]) -> tuple[socket.socket, int]:
    """A device that answers every request of its connections with `reply(request)`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                while request := connection.recv(300):
                    answer = reply(request)
                    if not answer:
                        break
                    connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return listener, int(listener.getsockname()[1])


def _fewer(request: bytes) -> bytes:
    return request[:4] + struct.pack(">HB", 5, request[6]) + bytes((request[7], 2, 0, 1))


def _hang_up(request: bytes) -> bytes:
    return b""


def _other_echo(request: bytes) -> bytes:
    return request[:-2] + bytes((0x12, 0x34))


def test_short_answer_is_a_wire_error() -> None:
    listener, port = _misbehaving(_fewer)
    client = PymodbusWire("127.0.0.1", port, timeout_s=0.2)
    with listener, pytest.raises(WireError, match="1 registers instead of 4"):
        client.read_registers(1, "input", 0, 4)
    client.close()


@pytest.mark.parametrize("tail", ["", "04", "04 08 00", "84", "04 04 00 01", "01 01", "06 00", "ff ff ff ff"])
def test_torn_answers_are_wire_errors(tail: str) -> None:
    pdu = bytes.fromhex(tail)
    listener, port = _misbehaving(lambda request: request[:4] + struct.pack(">HB", len(pdu) + 1, request[6]) + pdu)
    client = PymodbusWire("127.0.0.1", port, timeout_s=0.1)
    with listener, pytest.raises(WireError):
        client.read_registers(1, "input", 0, 4)
    client.close()


def test_hang_up_is_a_wire_error() -> None:
    listener, port = _misbehaving(_hang_up)
    client = PymodbusWire("127.0.0.1", port, timeout_s=0.2)
    with listener, pytest.raises(WireError):
        client.read_registers(1, "input", 0, 4)
    client.close()


def test_wrong_echo_of_a_write_is_a_wire_error() -> None:
    listener, port = _misbehaving(_other_echo)
    client = PymodbusWire("127.0.0.1", port, timeout_s=0.2)
    with listener, pytest.raises(WireError):
        client.write_register(1, 0, 550)
    client.close()


def test_dead_device_is_left_alone_for_a_growing_pause() -> None:
    now_s = 1000.0
    port = _free_port()
    client = PymodbusWire("127.0.0.1", port, timeout_s=0.2, now=lambda: now_s)
    pauses_s = []
    for _ in range(7):
        with pytest.raises(WireError, match="cannot connect"):
            client.read_coils(1, 0, 1)
        with pytest.raises(WireError, match="not tried") as refused:
            client.read_coils(1, 0, 1)
        pauses_s.append(float(str(refused.value).split("not tried for ")[1].split(" ")[0]))
        now_s += pauses_s[-1]
    assert pauses_s == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
