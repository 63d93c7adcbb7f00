"""The pin wire against gpiozero's own mock pins."""

import pytest
from gpiozero.pins import mock

from gw_spaceheat.drivers.base import ActuatorDriver
from gw_spaceheat.drivers.discovery import make_driver
from gw_spaceheat.errors import WireError
from gw_spaceheat.wires.gpio import GpioWire
from tests.fixtures.device_house import device_house

HOUSE = device_house()


def test_active_low_relay_on_mock_pins() -> None:
    factory = mock.MockFactory()
    wire = GpioWire(factory)
    board = next(part for part in HOUSE.components if part.id == "pin-relays")
    driver = make_driver(board, HOUSE.nodes, HOUSE.channels, wire)
    assert isinstance(driver, ActuatorDriver)
    with pytest.raises(WireError, match="gpio 13: read before the first write"):
        driver.read_back("3")
    driver.write("3", False)
    pin = factory.pin(13)
    # floating until the first write, then high at once: an active-low relay must not click on in between
    assert [bool(state.state) for state in pin.states] == [False, True]
    assert pin.state == 1
    driver.write("3", True)
    assert pin.state == 0
    assert driver.read_back("3") is True
    wire.close()
    with pytest.raises(WireError):
        driver.read_back("3")


def test_pin_that_does_not_exist() -> None:
    with pytest.raises(WireError, match="gpio 4711"):
        GpioWire(mock.MockFactory()).write_pin(4711, True)
