"""The file reader against a folder shaped like the kernel's, written by the loopback side."""

from pathlib import Path

import pytest

from gw_spaceheat.drivers.base import SensorDriver
from gw_spaceheat.drivers.discovery import make_driver
from gw_spaceheat.errors import StorageError, WireError
from gw_spaceheat.simulation.wires import SimulatedOneWire, make_wires
from gw_spaceheat.wires.loopback.one_wire_files import OneWireFiles
from gw_spaceheat.wires.one_wire import FileOneWire
from tests.fixtures.device_house import SmallPlant, device_house

HOUSE = device_house()
THERMOMETER = next(part for part in HOUSE.components if part.id == "buffer-top")


def test_temperature_through_files(tmp_path: Path) -> None:
    plant = SmallPlant()
    simulated = make_wires(HOUSE, plant)["thermometers"]
    assert isinstance(simulated, SimulatedOneWire)
    files = OneWireFiles(simulated, simulated.device_ids, tmp_path)
    driver = make_driver(THERMOMETER, HOUSE.nodes, HOUSE.channels, FileOneWire(tmp_path))
    assert isinstance(driver, SensorDriver)
    with pytest.raises(WireError, match="28-0000000000a1"):
        driver.read()
    files.write()
    assert driver.read() == {"1": pytest.approx(47.3, abs=0.04)}
    plant.set_values["buffer_1_c"] = -3.5
    files.write()
    assert driver.read() == {"1": -3.5}
    assert [path.name for path in (tmp_path / "28-0000000000a1").iterdir()] == ["w1_slave"]
    simulated.fail("buffer-top", "silent")
    files.write()
    with pytest.raises(WireError):
        driver.read()


@pytest.mark.parametrize("device_id", ["../etc", "..", "", "a/b"])
def test_reader_stays_in_its_folder(tmp_path: Path, device_id: str) -> None:
    with pytest.raises(WireError, match="no device id"):
        FileOneWire(tmp_path).read_text(device_id)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "28-1").mkdir()
    (tmp_path / "28-1" / "w1_slave").write_bytes(b"\xff\xfe")
    with pytest.raises(WireError, match="28-1"):
        FileOneWire(tmp_path).read_text("28-1")


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    simulated = make_wires(HOUSE, SmallPlant())["thermometers"]
    assert isinstance(simulated, SimulatedOneWire)
    with pytest.raises(StorageError, match="file"):
        OneWireFiles(simulated, simulated.device_ids, tmp_path / "file").write()
