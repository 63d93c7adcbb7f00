"""Device tables: what a make and model answers on its bus, read from `input_data/devices/<device>.yaml`.

Drivers decode with these tables and the simulated house encodes with them; both must agree with the maker's
manual, which the fixtures in tests/fixtures hold independently.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.model import Channel, Component, Finite, Node, Part, Positive

DEVICES_FOLDER = Path(__file__).resolve().parents[2] / "input_data" / "devices"
DEVICE_NAME = re.compile(r"^[a-z0-9][a-z0-9_]{0,63}$")

Encoding = Literal["f32", "u16", "i16", "u32", "i32", "bit", "text"]
WORDS: dict[str, int] = {"f32": 2, "u16": 1, "i16": 1, "u32": 2, "i32": 2}


class Terminal(Part):
    """One value of a device.

    `address` is a register, coil or pin; `scale` is SI units per raw count; `missing_raw` is the raw count that
    the maker uses for "no value"; outside `minimum`..`maximum` (SI) a reading is unusable and a command refused.
    """

    address: Annotated[int, Field(ge=0, le=65535)] = 0
    space: Literal["input", "holding", "coil", "pin", "one_wire"]
    encoding: Encoding
    unit: Literal["w", "c", "l_per_min", "relay"]
    scale: Positive = 1.0
    missing_raw: int | None = None
    minimum: Finite | None = None
    maximum: Finite | None = None


class DeviceTable(Part):
    """One make and model. `effect_deadline_s`: the effect of a command must be seen within this time."""

    make: str
    model: str
    kind: str
    source: str
    terminals: Annotated[dict[str, Terminal], Field(min_length=1)]
    active_low: bool = False
    effect_deadline_s: Positive | None = None
    response_timeout_s: Positive = 1.0
    maximum_words_per_read: Annotated[int, Field(ge=2, le=125)] = 125


@dataclass(frozen=True, slots=True)
class FittedDevice:
    """A device table with the part of one house that uses it."""

    component: Component
    table: DeviceTable
    nodes: tuple[Node, ...]
    channels: tuple[Channel, ...]

    def terminal_of(self, node: Node) -> str:
        """The node's terminal; a device with a single terminal needs no name."""
        if node.terminal is not None:
            return node.terminal
        if len(self.table.terminals) == 1:
            return next(iter(self.table.terminals))
        raise BadInput(f"node {node.name}: no terminal given, {self.component.device} has {len(self.table.terminals)}")


def known_devices(folder: Path = DEVICES_FOLDER) -> tuple[str, ...]:
    """Names of all devices that have a table in the folder, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def load_device(device: str, folder: Path = DEVICES_FOLDER) -> DeviceTable:
    """Read and check one table. Raises BadInput naming the file and every problem in it."""
    if not DEVICE_NAME.match(device):
        raise BadInput(f"device {device!r}: a device name has only small letters, digits and _")
    path = folder / f"{device}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        known = ", ".join(known_devices(folder)) or "none"
        raise BadInput(f"device {device}: no table {path}; known devices: {known}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"device table {path}: cannot be read: {error}") from error
    return _parse(path, text)


@lru_cache(maxsize=256)
def _parse(path: Path, text: str) -> DeviceTable:
    """A house has one kind of thermometer twenty times; parse its table once."""
    try:
        content: object = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"device table {path}: cannot be read: {error}") from error
    try:
        return DeviceTable.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(step) for step in problem['loc']) or 'file'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise BadInput(f"device table {path}: {problems}") from error


def fit_device(
    component: Component, nodes: Sequence[Node], channels: Sequence[Channel], folder: Path = DEVICES_FOLDER
) -> FittedDevice:
    """Choose from a whole house's nodes and channels those of one component.

    Raises BadInput when a node or channel names a terminal that the device does not have.
    """
    table = load_device(component.device, folder)
    own_nodes = tuple(node for node in nodes if node.component_id == component.id)
    names = {node.name for node in own_nodes}
    own_channels = tuple(channel for channel in channels if channel.node in names)
    fitted = FittedDevice(component, table, own_nodes, own_channels)
    wanted = [(f"node {node.name}", fitted.terminal_of(node)) for node in own_nodes if node.actuator is not None]
    wanted += [
        (f"channel {channel.name}", channel.terminal) for channel in own_channels if channel.telemetry != "RelayState"
    ]
    for who, terminal in wanted:
        if terminal not in table.terminals:
            raise BadInput(f"{who}: {component.device} has no terminal {terminal!r}, only {', '.join(table.terminals)}")
    return fitted
