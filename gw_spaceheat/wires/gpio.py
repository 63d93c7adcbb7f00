"""General-purpose pins through gpiozero, which is imported only when a pin is first used."""

import importlib
from typing import Protocol

from gw_spaceheat.errors import WireError


class _OutputPin(Protocol):
    value: int

    def close(self) -> None: ...


class GpioWire:
    """Output pins by BCM number; a pin takes its first written level without passing through the other.

    `pin_factory` is a gpiozero factory (a mock one in tests); None = gpiozero's own choice.
    """

    def __init__(self, pin_factory: object | None = None) -> None:
        self._pin_factory = pin_factory
        self._pins: dict[int, _OutputPin] = {}

    def write_pin(self, pin: int, level: bool) -> None:
        """Raises WireError when there are no pins here or this one cannot be had."""
        if pin not in self._pins:
            self._pins[pin] = self._open(pin, level)
            return
        try:
            self._pins[pin].value = int(level)
        except OSError as error:
            raise WireError(f"gpio {pin}: write {level}: {error}") from error

    def read_pin(self, pin: int) -> bool:
        """Level of an output. Raises WireError before its first write: until then its level is nobody's word."""
        if pin not in self._pins:
            raise WireError(f"gpio {pin}: read before the first write")
        try:
            return bool(self._pins[pin].value)
        except OSError as error:
            raise WireError(f"gpio {pin}: read: {error}") from error

    def close(self) -> None:
        """Release all pins; they become inputs, so an active-low board de-energises."""
        for pin in self._pins.values():
            pin.close()
        self._pins.clear()

    def _open(self, pin: int, level: bool) -> _OutputPin:
        try:
            gpiozero = importlib.import_module("gpiozero")
        except ImportError as error:
            raise WireError(f"gpio {pin}: the package gpiozero is not installed") from error
        try:
            device: _OutputPin = gpiozero.OutputDevice(pin, initial_value=level, pin_factory=self._pin_factory)
        except (gpiozero.GPIOZeroError, OSError) as error:
            raise WireError(f"gpio {pin}: {error}") from error
        return device
