"""A simulated house behind real protocols on 127.0.0.1: Modbus TCP servers and one-wire files, read by real clients.

Pins have no protocol that could be served, so they stay in the process.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from gw_spaceheat.house.model import House
from gw_spaceheat.simulation.wires import (
    SimulatedModbusWire,
    SimulatedOneWire,
    SimulatedPins,
    SupportsQuantities,
    make_wires,
)
from gw_spaceheat.wires.loopback.modbus_server import LoopbackModbusServer
from gw_spaceheat.wires.loopback.one_wire_files import OneWireFiles
from gw_spaceheat.wires.modbus import PymodbusWire
from gw_spaceheat.wires.one_wire import FileOneWire
from gw_spaceheat.wires.protocols import Wire


class LockedPlant:
    """One caller at a time: servers, files and the plant's own steps run in different threads."""

    def __init__(self, plant: SupportsQuantities, lock: AbstractContextManager[object]) -> None:
        self._plant, self._lock = plant, lock

    def quantity(self, name: str) -> float:
        with self._lock:
            return self._plant.quantity(name)

    def set_actuator(self, actuator: str, value: bool | float) -> None:
        with self._lock:
            self._plant.set_actuator(actuator, value)

    def actuator(self, name: str) -> bool | float:
        with self._lock:
            return self._plant.actuator(name)


class LoopbackHouse:
    """Serves every wire of the house; `wires` are the real clients. Hold `lock` while the plant advances."""

    def __init__(self, house: House, plant: SupportsQuantities, folder: Path) -> None:
        """One-wire files go below `folder`."""
        self.lock = threading.RLock()
        self._simulated = make_wires(house, LockedPlant(plant, self.lock))
        self._folder = folder
        self._servers: dict[str, LoopbackModbusServer] = {}
        self._files: dict[str, OneWireFiles] = {}
        for wire_id, wire in self._simulated.items():
            if isinstance(wire, SimulatedModbusWire):
                self._servers[wire_id] = LoopbackModbusServer(wire, wire.unit_ids, lock=self.lock)
            elif isinstance(wire, SimulatedOneWire):
                self._files[wire_id] = OneWireFiles(wire, wire.device_ids, folder / wire_id)

    def start(self) -> None:
        """Raises Unreachable when no port is free, StorageError when the files cannot be written."""
        for server in self._servers.values():
            server.start()
        self.write_files()

    def wires(self, now: Callable[[], float]) -> dict[str, Wire]:
        """The real clients; to be called after `start`."""
        wires: dict[str, Wire] = {}
        for wire_id, wire in self._simulated.items():
            if isinstance(wire, SimulatedPins):
                wires[wire_id] = wire
            elif wire_id in self._servers:
                wires[wire_id] = PymodbusWire("127.0.0.1", self._servers[wire_id].port, 1.0, now)
            else:
                wires[wire_id] = FileOneWire(self._folder / wire_id)
        return wires

    def write_files(self) -> None:
        """Show the thermometers' present values. Raises StorageError."""
        for files in self._files.values():
            files.write()

    def stop(self) -> None:
        for server in self._servers.values():
            server.stop()
