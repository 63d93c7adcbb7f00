"""What must agree between the parts of a house file: ids, wires, units, terminals, actuators, plumbing.

Works on the raw JSON, so that one wrong field does not hide all other problems; what the schema already refuses is
passed over here. Every function gives problems as `path: what is there, rule`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.channel_checks import channel_checks
from gw_spaceheat.house.devices import DeviceTable, known_devices, load_device
from gw_spaceheat.house.plumbing_checks import plumbing_checks
from gw_spaceheat.house.rows import Row, by_name, duplicates, object_of, rows_of
from gw_spaceheat.markets.tariff import load_tariff

BOSSES = ("scada",)
"""Who may be an actuator's boss: the SCADA alone passes commands on, after the safety filter."""

WIRE_OF_SPACE = {
    "input": "modbus_tcp",
    "holding": "modbus_tcp",
    "coil": "modbus_tcp",
    "one_wire": "one_wire",
    "pin": "gpio",
}
ONE_WIRE_SERIAL = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{12}$")
HOST_AND_PORT = re.compile(r"^[A-Za-z0-9._:\[\]-]+:([0-9]{1,5})$")


def cross_checks(document: dict[str, object], input_data: Path) -> list[str]:
    """All problems between the parts of one house file; `input_data` holds devices and tariffs."""
    rows = {name: rows_of(document, name) for name in ("wires", "components", "nodes", "channels")}
    plumbing = object_of(document, "plumbing")
    zones = [Row(f"plumbing.{row.path}", row.item) for row in rows_of(plumbing, "zones")]
    tables = _device_tables(rows["components"], input_data / "devices")
    problems: list[str] = []
    problems += duplicates(rows["wires"], "id")
    problems += duplicates(rows["components"], "id")
    problems += duplicates(rows["nodes"], "name")
    problems += duplicates(rows["channels"], "name")
    problems += duplicates(zones, "name")
    problems += _house_checks(document, input_data)
    problems += _wire_checks(rows["wires"])
    problems += _component_checks(rows["components"], rows["wires"], tables)
    problems += _node_checks(rows["nodes"], rows["components"], tables)
    problems += _boss_checks(rows["nodes"])
    problems += channel_checks(rows["channels"], rows["nodes"], rows["components"], tables)
    problems += plumbing_checks(plumbing, zones, rows["nodes"], rows["channels"])
    return problems


def _house_checks(document: dict[str, object], input_data: Path) -> Iterator[str]:
    timezone = document.get("timezone")
    if isinstance(timezone, str):
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"timezone: '{timezone}' is no known timezone, needed is one like America/New_York"
    tariff = document.get("tariff")
    if isinstance(tariff, str):
        known = sorted(path.stem for path in (input_data / "tariffs").glob("*.json"))
        if tariff not in known:
            yield f"tariff: '{tariff}' is unknown; known: {', '.join(known) or 'none'}"
            return
        try:
            load_tariff(input_data / "tariffs" / f"{tariff}.json")
        except BadInput as error:
            yield f"tariff: {error}"


def _wire_checks(wires: list[Row]) -> Iterator[str]:
    for row in wires:
        address = row.text("address")
        if row.text("kind") == "modbus_tcp" and address is not None:
            match = HOST_AND_PORT.match(address)
            if match is None or not 0 < int(match[1]) < 65536:
                yield f"{row.path}.address: '{address}' must be host:port for modbus_tcp"
        elif address == "":
            yield f"{row.path}.address: is empty"


def _device_tables(components: list[Row], folder: Path) -> dict[str, DeviceTable | str]:
    """Device name -> its table, or the text of what is wrong with it."""
    tables: dict[str, DeviceTable | str] = {}
    known = known_devices(folder)
    for device in {row.text("device") for row in components} - {None}:
        assert device is not None
        if device not in known:
            tables[device] = f"device '{device}' is unknown; known: {', '.join(known) or 'none'}"
            continue
        try:
            tables[device] = load_device(device, folder)
        except BadInput as error:
            tables[device] = str(error)
    return tables


def _component_checks(components: list[Row], wires: list[Row], tables: dict[str, DeviceTable | str]) -> Iterator[str]:
    by_id = by_name(wires, "id")
    addresses: dict[tuple[str, str], str] = {}
    for row in components:
        table = tables.get(row.text("device") or "")
        if isinstance(table, str):
            yield f"{row.path}.device: {table}"
        wire_id = row.text("wire")
        if wire_id is None:
            continue
        if wire_id not in by_id:
            yield f"{row.path}.wire: no wire '{wire_id}'; there are: {', '.join(by_id) or 'none'}"
            continue
        kind = by_id[wire_id].text("kind")
        if isinstance(table, DeviceTable):
            spaces = {terminal.space for terminal in table.terminals.values()}
            wanted = sorted({WIRE_OF_SPACE[space] for space in spaces})
            if kind not in wanted:
                yield f"{row.path}.wire: '{wire_id}' is {kind}, {row.text('device')} needs {' or '.join(wanted)}"
        serial = row.text("serial")
        if kind == "one_wire" and (serial is None or not ONE_WIRE_SERIAL.match(serial)):
            yield f"{row.path}.serial: {serial!r} must be like 28-3c01d6070001 on a one_wire wire"
        place = _place(row, kind)
        if place is not None and addresses.setdefault((wire_id, place), row.path) != row.path:
            other = addresses[wire_id, place]
            yield f"{row.path}: {place} on wire '{wire_id}' is that of {other} too, must be one device"


def _place(row: Row, kind: str | None) -> str | None:
    """Where on its wire a component answers; two may not share it."""
    if kind == "modbus_tcp":
        unit_id = row.item.get("unit_id", 1)
        return f"unit_id {unit_id}" if isinstance(unit_id, int) else None
    if kind == "one_wire" and row.text("serial") is not None:
        return f"serial {row.text('serial')}"
    return "the set of pins" if kind == "gpio" else None


def _table_of(row: Row, components: dict[str, Row], tables: dict[str, DeviceTable | str]) -> DeviceTable | None:
    component = components.get(row.text("component_id") or "")
    table = tables.get(component.text("device") or "") if component is not None else None
    return table if isinstance(table, DeviceTable) else None


def _node_checks(nodes: list[Row], components: list[Row], tables: dict[str, DeviceTable | str]) -> Iterator[str]:
    by_id = by_name(components, "id")
    for row in nodes:
        component_id = row.text("component_id")
        if component_id is not None and component_id not in by_id:
            yield f"{row.path}.component_id: no component '{component_id}'"
        actuator, role = row.text("actuator"), row.text("role")
        if role in ("relay", "analog"):
            if actuator is None:
                yield f"{row.path}.actuator: missing, a {role} must drive one"
            elif (actuator == "leaving_setpoint") != (role == "analog"):
                yield f"{row.path}.role: '{role}' cannot drive '{actuator}'"
        elif role is not None and actuator is not None:
            yield f"{row.path}.actuator: '{actuator}' is driven by a {role}, must be a relay or analog"
        table = _table_of(row, by_id, tables)
        if table is None or actuator is None:
            continue
        terminal = row.text("terminal")
        if terminal is None and len(table.terminals) > 1:
            yield f"{row.path}.terminal: missing, the device has {len(table.terminals)}"
        elif terminal is not None and terminal not in table.terminals:
            there = ", ".join(table.terminals)
            yield f"{row.path}.terminal: '{terminal}' is no terminal of the device; there are: {there}"
        elif terminal is not None:
            yield from _drivable(row, terminal, table)


def _drivable(row: Row, terminal: str, table: DeviceTable) -> Iterator[str]:
    space = table.terminals[terminal].space
    wanted = ("holding",) if row.text("role") == "analog" else ("coil", "pin")
    if space not in wanted:
        yield f"{row.path}.terminal: '{terminal}' is of kind {space}, a {row.text('role')} needs {' or '.join(wanted)}"


def _boss_checks(nodes: list[Row]) -> Iterator[str]:
    drivers: dict[str, str] = {}
    terminals: dict[tuple[str, str], str] = {}
    for row in nodes:
        actuator, boss = row.text("actuator"), row.text("boss")
        if actuator is None:
            if boss is not None:
                yield f"{row.path}.boss: '{boss}' given, but the node drives no actuator"
            continue
        if boss is None:
            yield f"{row.path}.boss: missing, actuator '{actuator}' must have exactly one boss"
        elif boss not in BOSSES:
            yield f"{row.path}.boss: '{boss}' is unknown; known: {', '.join(BOSSES)}"
        if drivers.setdefault(actuator, row.path) != row.path:
            yield f"{row.path}.actuator: '{actuator}' is driven by {drivers[actuator]} too, must have exactly one boss"
        place = (row.text("component_id") or "", row.text("terminal") or "1")
        if terminals.setdefault(place, row.path) != row.path:
            yield (
                f"{row.path}.terminal: '{place[1]}' of component '{place[0]}' is driven by {terminals[place]} too, "
                "must have exactly one boss"
            )
