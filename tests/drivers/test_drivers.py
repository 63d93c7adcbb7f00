"""Bytes in, value out: answers from manuals (tests/fixtures/manual_answers.yaml), without any simulated house."""

import struct
from pathlib import Path

import pytest
import yaml

from gw_spaceheat.drivers.base import ActuatorDriver, SensorDriver
from gw_spaceheat.drivers.discovery import driver_kinds, known_devices, make_driver
from gw_spaceheat.errors import BadInput, OurError, WireError
from gw_spaceheat.house.devices import load_device
from gw_spaceheat.house.model import Channel, Component, Node
from gw_spaceheat.wires.protocols import RegisterKind, Wire
from tests.fixtures.device_house import device_house

HOUSE = device_house()
ANSWERS = yaml.safe_load((Path(__file__).parents[1] / "fixtures" / "manual_answers.yaml").read_text(encoding="utf-8"))


class ScriptedModbus:
    """Registers and coils given by the test; remembers what was asked and written."""

    def __init__(self, registers: dict[int, int] | None = None) -> None:
        self.registers = registers or {}
        self.coils: dict[int, bool] = {}
        self.asked: list[tuple[int, str, int, int]] = []
        self.short_by = 0

    def read_registers(self, unit_id: int, kind: RegisterKind, address: int, count: int) -> tuple[int, ...]:
        self.asked.append((unit_id, kind, address, count))
        return tuple(self.registers[place] for place in range(address, address + count - self.short_by))

    def write_register(self, unit_id: int, address: int, value: int) -> None:
        self.registers[address] = value

    def read_coils(self, unit_id: int, address: int, count: int) -> tuple[bool, ...]:
        return tuple(self.coils[place] for place in range(address, address + count))

    def write_coil(self, unit_id: int, address: int, value: bool) -> None:
        self.coils[address] = value


class ScriptedOneWire:
    def __init__(self, text: str) -> None:
        self.text = text

    def read_text(self, device_id: str) -> str:
        return self.text


class ScriptedPins:
    def __init__(self) -> None:
        self.levels: dict[int, bool] = {}

    def write_pin(self, pin: int, level: bool) -> None:
        self.levels[pin] = level

    def read_pin(self, pin: int) -> bool:
        return self.levels[pin]


def sensor(component_id: str, wire: Wire) -> SensorDriver:
    driver = _driver(component_id, wire)
    assert isinstance(driver, SensorDriver)
    return driver


def actuator(component_id: str, wire: Wire) -> ActuatorDriver:
    driver = _driver(component_id, wire)
    assert isinstance(driver, ActuatorDriver)
    return driver


def _driver(component_id: str, wire: Wire) -> SensorDriver | ActuatorDriver:
    component = next(part for part in HOUSE.components if part.id == component_id)
    return make_driver(component, HOUSE.nodes, HOUSE.channels, wire)


def test_every_device_file_is_valid_and_has_a_driver() -> None:
    assert set(known_devices()) >= {
        "egauge_4030",
        "flow_meter_modbus",
        "waveshare_relay_16",
        "ds18b20",
        "gpio_relays",
        "hp_setpoint_modbus",
    }
    for device in known_devices():
        assert load_device(device).kind in driver_kinds()


def test_egauge_words_of_the_manual() -> None:
    answer = ANSWERS["egauge_4030"]
    registers = dict(enumerate(answer["words"], start=answer["first_address"]))
    wire = ScriptedModbus(registers | dict.fromkeys(range(9008, 9012), 0))
    readings = sensor("meter", wire).read()
    # 6 channels of 2 words in one request to function 4's registers
    assert wire.asked == [(1, "input", 9000, 12)]
    for terminal, watts in answer["terminals"].items():
        assert readings[terminal] == (None if watts is None else pytest.approx(watts, rel=1e-6))
    assert readings["5"] == readings["6"] == 0.0


@pytest.mark.parametrize("word", [0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x4B18_9680])
def test_impossible_power_is_none(word: int) -> None:
    """Infinities, NaN and 10 MW are answers, but no usable values."""
    wire = ScriptedModbus(dict.fromkeys(range(9000, 9012), 0) | {9000: word >> 16, 9001: word & 0xFFFF})
    assert sensor("meter", wire).read()["1"] is None


def test_short_answer_and_bad_words_are_wire_errors() -> None:
    wire = ScriptedModbus(dict.fromkeys(range(9000, 9012), 0))
    driver = sensor("meter", wire)
    wire.short_by = 3
    with pytest.raises(WireError, match="9 registers at 9000, asked for 12"):
        driver.read()
    wire.short_by = 0
    wire.registers[9004] = 70_000
    with pytest.raises(WireError):
        driver.read()


def test_flow_meter_scale_and_missing_value() -> None:
    wire = ScriptedModbus({1: 2137})
    driver = sensor("flows", wire)
    assert driver.read() == {"2": pytest.approx(21.37)}
    wire.registers[1] = 65535
    assert driver.read() == {"2": None}


def test_relay_board_coils_of_the_manual() -> None:
    answer = ANSWERS["waveshare_relay_16"]
    wire = ScriptedModbus()
    driver = actuator("relays", wire)
    for frame, terminal, energised in (("write_relay_1_on", "1", True), ("write_relay_2_on", "2", True)):
        unit, function, address, value = struct.unpack(">BBHH", bytes.fromhex(answer[frame]))
        driver.write(terminal, energised)
        assert (unit, function, value) == (1, 5, 0xFF00)
        assert wire.coils[address] is True
        assert driver.read_back(terminal) is True
    driver.write("1", False)
    assert wire.coils[0] is False
    assert wire.coils[1] is True


def test_relays_refuse_other_values_and_terminals() -> None:
    driver = actuator("relays", ScriptedModbus())
    with pytest.raises(OurError, match="takes True or False"):
        driver.write("1", 45.0)
    with pytest.raises(OurError, match="no writable terminal '17'"):
        driver.write("17", True)


def test_gpio_relays_are_active_low() -> None:
    pins = ScriptedPins()
    driver = actuator("pin-relays", pins)
    driver.write("3", True)
    assert pins.levels == {13: False}
    assert driver.read_back("3") is True
    driver.write("3", False)
    assert pins.levels == {13: True}


def test_setpoint_is_in_tenths_and_within_limits() -> None:
    wire = ScriptedModbus()
    driver = actuator("setpoint", wire)
    driver.write("1", 55.04)
    assert wire.registers == {0: 550}
    assert driver.read_back("1") == pytest.approx(55.0)
    for wrong in (19.9, 80.1, float("nan"), float("inf"), True):
        with pytest.raises(OurError, match=r"20\.0\.\.80\.0 c"):
            driver.write("1", wrong)
    assert wire.registers == {0: 550}


@pytest.mark.parametrize("answer", ANSWERS["ds18b20"]["texts"])
def test_ds18b20_texts(answer: dict[str, str | float | None]) -> None:
    assert sensor("buffer-top", ScriptedOneWire(str(answer["text"]))).read() == {"1": answer["value_c"]}


@pytest.mark.parametrize("text", ["", "YES", "72 01 : crc=57 YES\n72 01 t=1\n", "a\nb\n", "x" * 9999])
def test_ds18b20_nonsense_is_a_wire_error(text: str) -> None:
    with pytest.raises(WireError, match="28-0000000000a1"):
        sensor("buffer-top", ScriptedOneWire(text)).read()


@pytest.mark.parametrize(
    ("component", "reason"),
    [
        (Component(id="x", device="no_such", wire="line"), "no table"),
        (Component(id="x", device="../secret", wire="line"), "small letters"),
        (Component(id="x", device="waveshare_relay_16", wire="pins"), "needs a modbus wire"),
        (Component(id="x", device="ds18b20", wire="line", serial="28-1"), "12 hexadecimal digits"),
    ],
)
def test_misfits_are_refused(component: Component, reason: str) -> None:
    wire: Wire = ScriptedOneWire("") if component.device == "ds18b20" else ScriptedPins()
    with pytest.raises(BadInput, match=reason):
        make_driver(component, (), (), wire)


def test_channel_of_a_missing_terminal_is_refused() -> None:
    node = Node(name="m", role="power_meter", component_id="meter")
    channel = Channel(name="c", node="m", terminal="99", quantity="total_w", telemetry="PowerW", unit="w")
    with pytest.raises(BadInput, match="channel c: egauge_4030 has no terminal '99'"):
        make_driver(HOUSE.components[0], (node,), (channel,), ScriptedModbus())


def test_bad_table_names_file_and_problem(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("make: a\nmodel: b\nkind: c\nsource: d\nterminals: {}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"odd\.yaml: terminals: "):
        load_device("odd", tmp_path)
    (tmp_path / "torn.yaml").write_text("make: [", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be read"):
        load_device("torn", tmp_path)


def test_new_meter_is_only_a_table(tmp_path: Path) -> None:
    """A holding-register meter in kW with a gap too wide for one read."""
    (tmp_path / "new_meter.yaml").write_text(
        "make: a\nmodel: b\nkind: modbus_registers\nsource: test\nmaximum_words_per_read: 8\nterminals:\n"
        '  "1": {address: 3053, space: holding, encoding: f32, unit: w, scale: 1000.0}\n'
        '  "2": {address: 3060, space: holding, encoding: i32, unit: w}\n'
        '  "3": {address: 3063, space: holding, encoding: i16, unit: w, missing_raw: -32768}\n',
        encoding="utf-8",
    )
    node = Node(name="m", role="power_meter", component_id="x")
    channels = [
        Channel(name=f"c{name}", node="m", terminal=name, quantity="total_w", telemetry="PowerW", unit="w")
        for name in ("1", "2", "3")
    ]
    wire = ScriptedModbus(
        dict.fromkeys(range(3050, 3070), 0) | {3053: 0x4020, 3060: 0xFFFF, 3061: 0xFFFE, 3063: 0x8000}
    )
    component = Component(id="x", device="new_meter", wire="line", unit_id=12)
    driver = make_driver(component, [node], channels, wire, tmp_path)
    assert isinstance(driver, SensorDriver)
    assert driver.read() == {"1": 2500.0, "2": -2.0, "3": None}
    assert wire.asked == [(12, "holding", 3053, 2), (12, "holding", 3060, 4)]
