"""Channels of a house file: their nodes, terminals and units must agree."""

from collections.abc import Iterator

from gw_spaceheat.house.devices import DeviceTable
from gw_spaceheat.house.rows import Row, by_name

UNIT_OF_TELEMETRY = {
    "WaterTempCTimes1000": "c",
    "AirTempCTimes1000": "c",
    "PowerW": "w",
    "GpmTimes100": "l_per_min",
    "RelayState": "relay",
}
UNIT_OF_ENDING = {"_l_per_min": "l_per_min", "_c": "c", "_w": "w"}


def channel_checks(
    channels: list[Row], nodes: list[Row], components: list[Row], tables: dict[str, DeviceTable | str]
) -> Iterator[str]:
    """`tables`: device name -> its table, or the text of what is wrong with it."""
    node_by_name, component_by_id = by_name(nodes, "name"), by_name(components, "id")
    read: dict[tuple[str, str], str] = {}
    for row in channels:
        yield from _unit_checks(row)
        name = row.text("node")
        if name is None:
            continue
        node = node_by_name.get(name)
        if node is None:
            yield f"{row.path}.node: no node '{name}'"
            continue
        reads_relay = row.text("telemetry") == "RelayState"
        if reads_relay != (node.text("role") == "relay"):
            wanted = "a relay" if reads_relay else "a power_meter or sensor"
            yield f"{row.path}.node: '{name}' is of role {node.text('role')}, {row.text('telemetry')} needs {wanted}"
        terminal = row.text("terminal") or "1"
        component_id = node.text("component_id") or ""
        if read.setdefault((component_id, terminal), row.path) != row.path:
            yield (
                f"{row.path}.terminal: '{terminal}' of component '{component_id}' is read by "
                f"{read[component_id, terminal]} too, must be read once"
            )
        component = component_by_id.get(component_id)
        table = tables.get(component.text("device") or "") if component is not None else None
        if isinstance(table, DeviceTable) and not reads_relay:
            yield from _terminal_checks(row, terminal, table)


def _terminal_checks(row: Row, terminal: str, table: DeviceTable) -> Iterator[str]:
    if terminal not in table.terminals:
        yield f"{row.path}.terminal: '{terminal}' is no terminal of the device; there are: {', '.join(table.terminals)}"
        return
    unit, measured = row.text("unit"), table.terminals[terminal].unit
    if unit is not None and unit != measured:
        yield f"{row.path}.unit: '{unit}' is wrong, terminal '{terminal}' of the device measures '{measured}'"


def _unit_checks(row: Row) -> Iterator[str]:
    unit, telemetry, quantity = row.text("unit"), row.text("telemetry"), row.text("quantity") or ""
    wanted = UNIT_OF_TELEMETRY.get(telemetry or "")
    if unit is not None and wanted is not None and unit != wanted:
        yield f"{row.path}.unit: '{unit}' is wrong for telemetry {telemetry}, must be '{wanted}'"
    measured = next((unit for ending, unit in UNIT_OF_ENDING.items() if quantity.endswith(ending)), None)
    if wanted is not None and measured is not None and wanted != measured:
        yield f"{row.path}.telemetry: {telemetry} is in '{wanted}', quantity '{quantity}' is in '{measured}'"
