"""The in-process wires with the true drivers: what is commanded shows in what is measured."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gw_spaceheat.drivers.base import ActuatorDriver, SensorDriver
from gw_spaceheat.drivers.discovery import make_driver
from gw_spaceheat.errors import BadInput, OurError, WireError
from gw_spaceheat.simulation.wires import SimulatedModbusWire, SimulatedWire, crc8, make_wires, w1_slave_text
from tests.fixtures.device_house import SmallPlant, device_house

HOUSE = device_house()


class Bench:
    def __init__(self) -> None:
        self.plant = SmallPlant()
        self.wires = make_wires(HOUSE, self.plant)

    def _driver(self, component_id: str) -> SensorDriver | ActuatorDriver:
        component = next(part for part in HOUSE.components if part.id == component_id)
        return make_driver(component, HOUSE.nodes, HOUSE.channels, self.wires[component.wire])

    def sensor(self, component_id: str) -> SensorDriver:
        driver = self._driver(component_id)
        assert isinstance(driver, SensorDriver)
        return driver

    def actuator(self, component_id: str) -> ActuatorDriver:
        driver = self._driver(component_id)
        assert isinstance(driver, ActuatorDriver)
        return driver

    def wire_of(self, component_id: str) -> SimulatedWire:
        return self.wires[next(part.wire for part in HOUSE.components if part.id == component_id)]


def test_relay_makes_the_meter_rise() -> None:
    bench = Bench()
    meter, relays = bench.sensor("meter"), bench.actuator("relays")
    assert meter.read()["6"] == 0.0
    relays.write("1", True)
    relays.write("2", True)
    bench.actuator("pin-relays").write("3", True)
    readings = meter.read()
    assert readings == {"1": 3200.5, "2": 4500.0, "3": 51.25, "4": 0.0, "5": 0.0, "6": 7751.75}
    relays.write("1", False)
    assert meter.read()["2"] == 0.0
    assert relays.read_back("2") is True
    # a relay with nothing behind it
    relays.write("16", True)
    assert meter.read()["6"] == 3251.75


def test_setpoint_reaches_the_plant_and_reads_back() -> None:
    bench = Bench()
    setpoint = bench.actuator("setpoint")
    assert setpoint.read_back("1") == pytest.approx(45.0)
    setpoint.write("1", 62.5)
    assert bench.plant.actuator("leaving_setpoint") == pytest.approx(62.5)
    assert setpoint.read_back("1") == pytest.approx(62.5)


def test_flow_and_temperature_with_their_resolution() -> None:
    bench = Bench()
    assert bench.sensor("flows").read() == {"2": pytest.approx(21.37)}
    assert bench.sensor("buffer-top").read() == {"1": pytest.approx(47.3, abs=1 / 32 + 0.001)}


@pytest.mark.parametrize("component_id", ["meter", "flows", "buffer-top"])
def test_sensor_faults(component_id: str) -> None:
    bench = Bench()
    driver, wire = bench.sensor(component_id), bench.wire_of(component_id)
    before = driver.read()
    wire.fail(component_id, "silent")
    with pytest.raises(WireError, match="no answer"):
        driver.read()
    wire.fail(component_id, "nan")
    assert set(driver.read().values()) == {None}
    wire.fail(component_id, "stuck")
    bench.plant.set_values = {"buffer_1_c": 60.0, "primary_flow_l_per_min": 3.0}
    bench.plant.set_actuator("boost", True)
    assert driver.read() == before
    wire.fail(component_id, None)
    assert driver.read() != before


@pytest.mark.parametrize(
    ("component_id", "terminal", "actuator"), [("relays", "1", "boost"), ("pin-relays", "3", "store_pump")]
)
def test_relay_faults(component_id: str, terminal: str, actuator: str) -> None:
    bench = Bench()
    driver, wire = bench.actuator(component_id), bench.wire_of(component_id)
    wire.fail(component_id, "stuck")
    driver.write(terminal, True)
    # the board believes it, the plant does not move: only the meter tells
    assert driver.read_back(terminal) is True
    assert bench.plant.actuator(actuator) is False
    wire.fail(component_id, "silent")
    with pytest.raises(WireError):
        driver.write(terminal, True)
    with pytest.raises(WireError):
        driver.read_back(terminal)


def test_one_components_fault_leaves_the_line_alone() -> None:
    bench = Bench()
    bench.wires["line"].fail("relays", "silent")
    assert bench.sensor("meter").read()["1"] == 0.0
    with pytest.raises(OurError, match="no component"):
        bench.wires["line"].fail("buffer-top", "silent")


def test_addresses_that_do_not_exist() -> None:
    line = Bench().wires["line"]
    assert isinstance(line, SimulatedModbusWire)
    for unit_id, address, count in ((9, 9000, 2), (1, 8998, 4), (1, 9030, 4), (1, 9001, 2), (1, 9000, 0)):
        with pytest.raises(WireError):
            line.read_registers(unit_id, "input", address, count)
    with pytest.raises(WireError):
        line.read_registers(1, "holding", 9000, 2)
    with pytest.raises(WireError):
        line.write_register(1, 9000, 1)
    with pytest.raises(WireError):
        line.write_register(3, 0, 65536)
    with pytest.raises(WireError):
        line.read_coils(2, 15, 2)
    with pytest.raises(WireError):
        line.write_coil(1, 0, True)


def test_two_components_with_one_unit_id_are_refused() -> None:
    twin = HOUSE.components[0].model_copy(update={"id": "twin"})
    house = HOUSE.model_copy(update={"components": (*HOUSE.components, twin)})
    with pytest.raises(BadInput, match="meter and twin both have unit id 1"):
        make_wires(house, SmallPlant())


def test_check_sum_of_a_real_thermometer() -> None:
    """Scratchpads as real chips answer them, check sum last."""
    assert crc8(bytes.fromhex("72014b467fff0e10")) == 0x57
    assert crc8(bytes.fromhex("50054b467fff0c10")) == 0x1C


@pytest.mark.parametrize(
    ("temperature_c", "start"),
    [(125.0, "d0 07"), (25.0625, "91 01"), (0.5, "08 00"), (-0.5, "f8 ff"), (-10.125, "5e ff"), (-55.0, "90 fc")],
)
def test_scratchpad_as_in_the_data_sheet(temperature_c: float, start: str) -> None:
    assert w1_slave_text(temperature_c).startswith(start)


@given(st.floats(min_value=-55.0, max_value=125.0))
def test_every_temperature_survives_within_a_thirty_second(temperature_c: float) -> None:
    bench_plant = SmallPlant()
    bench_plant.set_values["buffer_1_c"] = temperature_c
    component = next(part for part in HOUSE.components if part.id == "buffer-top")
    wire = make_wires(HOUSE, bench_plant)["thermometers"]
    driver = make_driver(component, HOUSE.nodes, HOUSE.channels, wire)
    assert isinstance(driver, SensorDriver)
    value_c = driver.read()["1"]
    if value_c is None:
        assert math.isclose(temperature_c, 85.0, abs_tol=1 / 32)
    else:
        assert abs(value_c - temperature_c) <= 1 / 32 + 0.001
