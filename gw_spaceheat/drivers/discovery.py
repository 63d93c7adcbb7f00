"""Finds the driver classes of this package, so that a new kind of device is one new file and no list to edit."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

from gw_spaceheat import drivers
from gw_spaceheat.drivers.base import ActuatorDriver, DeviceDriver, SensorDriver
from gw_spaceheat.errors import BadInput, OurError
from gw_spaceheat.house import devices
from gw_spaceheat.house.model import Channel, Component, Node
from gw_spaceheat.wires.protocols import Wire


@cache
def driver_kinds() -> Mapping[str, type[DeviceDriver]]:
    """Kind -> class, of all modules in this package. Raises OurError when two classes claim one kind."""
    found: dict[str, type[DeviceDriver]] = {}
    for module_info in pkgutil.iter_modules(drivers.__path__):
        module = importlib.import_module(f"{drivers.__name__}.{module_info.name}")
        for member in vars(module).values():
            if not inspect.isclass(member) or member.__module__ != module.__name__:
                continue
            if not issubclass(member, DeviceDriver) or inspect.isabstract(member):
                continue
            if member.kind in found:
                raise OurError(f"driver kind {member.kind}: both {found[member.kind].__name__} and {member.__name__}")
            found[member.kind] = member
    return MappingProxyType(found)


def known_devices(folder: Path = devices.DEVICES_FOLDER) -> tuple[str, ...]:
    """Names a component's `device` may have, sorted."""
    return devices.known_devices(folder)


def make_driver(
    component: Component,
    nodes: Sequence[Node],
    channels: Sequence[Channel],
    wire: Wire,
    devices_folder: Path = devices.DEVICES_FOLDER,
) -> SensorDriver | ActuatorDriver:
    """The driver of one component; `nodes` and `channels` may be those of the whole house.

    Raises BadInput for an unknown device, kind or terminal, or the wrong kind of wire.
    """
    fitted = devices.fit_device(component, nodes, channels, devices_folder)
    kinds = driver_kinds()
    if fitted.table.kind not in kinds:
        raise BadInput(
            f"device {component.device}: kind {fitted.table.kind!r} has no driver; kinds are {', '.join(sorted(kinds))}"
        )
    return kinds[fitted.table.kind].make(fitted, wire)
