"""`gws layout check|show FILE`: is a house file sound, and what is in it. Both give the exit code."""

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from gw_spaceheat.errors import BadHouse, BadInput
from gw_spaceheat.house.load import load_house
from gw_spaceheat.house.model import Component, House, Plumbing

SOUND, BAD = 0, 1


def run_check(path: str) -> int:
    """Print every problem of a house file (path or alias), or that it is sound; 0 or 1."""
    house = _load(path)
    if house is None:
        return BAD
    print(
        f"{house.alias}: sound, {len(house.components)} components, {len(house.nodes)} nodes, "
        f"{len(house.channels)} channels, {len(house.wires)} wires"
    )
    return SOUND


def run_show(path: str) -> int:
    """Print what a house has: plumbing, wires with their devices, actuators and channels; 0 or 1."""
    house = _load(path)
    if house is None:
        return BAD
    console = Console(highlight=False)
    console.print(f"[bold]{escape(house.alias)}[/bold]  {escape(house.display_name)}", soft_wrap=True)
    for line in (f"timezone {house.timezone}, tariff {house.tariff}", *plumbing_lines(house.plumbing)):
        console.print(escape(line), soft_wrap=True)
    console.print(_wire_tree(house), soft_wrap=True)
    for line in channel_lines(house):
        console.print(escape(line), soft_wrap=True)
    return SOUND


def plumbing_lines(plumbing: Plumbing) -> list[str]:
    """One line for each part of the plumbing that the house has."""
    building, emitters, heat_pump, store = plumbing.building, plumbing.emitters, plumbing.heat_pump, plumbing.store
    zones = ", ".join(f"{zone.name} {zone.setpoint_c:g} C ({zone.share:.0%})" for zone in plumbing.zones)
    lines = [
        f"building   {building.loss_w_per_k:g} W/K",
        f"emitters   {emitters.design_heat_w / 1000:g} kW at {emitters.design_water_c:g} C water",
        f"zones      {zones}",
    ]
    if heat_pump is not None:
        choice = "leaving temperature chosen by us" if heat_pump.leaving_choice else "its own leaving temperature"
        rated = f"{heat_pump.rated_heat_w / 1000:g} kW at {heat_pump.rated_outdoor_c:g}/{heat_pump.rated_leaving_c:g} C"
        lines.append(f"heat pump  {rated}, at most {heat_pump.nameplate_w / 1000:g} kW electric, {choice}")
    if plumbing.boost is not None:
        lines.append(f"boost      {plumbing.boost.rated_w / 1000:g} kW up to {plumbing.boost.maximum_c:g} C")
    if store is not None:
        melting = store.phase_change
        kind = "water" if melting is None else f"melts at {melting.melt_start_c:g}-{melting.melt_end_c:g} C"
        lines.append(f"store      {store.tanks} x {store.litres_per_tank:g} l, {kind}, up to {store.maximum_c:g} C")
    if plumbing.buffer is not None:
        lines.append(f"buffer     {plumbing.buffer.litres:g} l")
    return lines


def _load(path: str) -> House | None:
    try:
        return load_house(path)
    except (BadHouse, BadInput) as error:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(str(error))
        return None


def _wire_tree(house: House) -> Tree:
    tree = Tree("wires")
    for wire in house.wires:
        branch = tree.add(escape(f"{wire.id} ({wire.kind}, {wire.address})"))
        for component in house.components:
            if component.wire == wire.id:
                leaf = branch.add(escape(_component_line(house, component)))
                for node in house.nodes:
                    if node.component_id == component.id and node.actuator is not None:
                        leaf.add(escape(f"terminal {node.terminal or '1'}: {node.actuator}, boss {node.boss}"))
    return tree


def _component_line(house: House, component: Component) -> str:
    kinds = {wire.id: wire.kind for wire in house.wires}
    place = f" unit {component.unit_id}" if kinds[component.wire] == "modbus_tcp" else ""
    return f"{component.id}: {component.device}{place}{f' {component.serial}' if component.serial else ''}"


def channel_lines(house: House) -> list[str]:
    """A table of the channels in plain text: never narrower than what it says, so that it can be searched."""
    rows = [("channel", "quantity", "telemetry", "unit", "every s")]
    rows += [
        (channel.name, channel.quantity, channel.telemetry, channel.unit, f"{channel.capture_period_s:g}")
        for channel in house.channels
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
