"""What a person watching one house wants to know, and how a terminal shows it. Pure: a view in, a renderable out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

COLDEST_C, HOTTEST_C = 20.0, 75.0


@dataclass(frozen=True, slots=True)
class ZoneView:
    name: str
    temperature_c: float | None
    setpoint_c: float


@dataclass(frozen=True, slots=True)
class HouseView:
    """One moment of a house; None = not known at this moment. Times are epoch seconds.

    `store_c`: layers from the top of the first of the store's `tanks` to the bottom of the last.
    """

    name: str
    timezone: str
    at_s: float
    speed: float
    outdoor_c: float | None
    zones: tuple[ZoneView, ...]
    buffer_c: tuple[float | None, ...]
    store_c: tuple[float | None, ...]
    tanks: int
    heat_source_w: float | None
    leaving_c: float | None
    price_now_usd_per_mwh: float
    price_next_usd_per_mwh: float
    commander: str
    contract: str
    reason: str
    cost_usd: float
    thermostat_only_cost_usd: float
    happened: tuple[str, ...] = ()


def temperature_colour(temperature_c: float) -> str:
    """A colour from blue (`COLDEST_C`) over violet to red (`HOTTEST_C`), as rich writes it."""
    share = min(1.0, max(0.0, (temperature_c - COLDEST_C) / (HOTTEST_C - COLDEST_C)))
    return f"rgb({int(50 + 205 * share)},{int(90 - 30 * share)},{int(255 - 215 * share)})"


def _temperature(value_c: float | None) -> str:
    return "   --  " if value_c is None else f"{value_c:5.1f} C"


def _column(title: str, layers_c: Sequence[float | None]) -> RenderableType:
    text = Text(f"{title:^7}\n", style="bold", no_wrap=True)
    for layer_c in layers_c:
        if layer_c is None:
            text.append("   --  \n", style="dim")
        else:
            text.append(f" {layer_c:5.1f} ", style=f"white on {temperature_colour(layer_c)}")
            text.append("\n")
    return text


def _tanks(view: HouseView) -> RenderableType:
    columns = [_column("buffer", view.buffer_c)] if view.buffer_c else []
    size = max(1, len(view.store_c) // max(1, view.tanks))
    for index, start in enumerate(range(0, len(view.store_c), size), start=1):
        columns.append(_column(f"tank {index}", view.store_c[start : start + size]))
    grid = Table.grid(padding=(0, 1))
    for _ in columns:
        grid.add_column(no_wrap=True)
    grid.add_row(*columns)
    return Panel(grid, title="water, C, hottest on top", border_style="blue", expand=False)


def _comfort(view: HouseView) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_row("outdoor", _temperature(view.outdoor_c), "")
    for zone in view.zones:
        warm = zone.temperature_c is not None and zone.temperature_c >= zone.setpoint_c - 1.0
        table.add_row(
            zone.name,
            Text(_temperature(zone.temperature_c), style="green" if warm else "bold red"),
            f"set {zone.setpoint_c:.1f} C",
        )
    return Panel(table, title="comfort", border_style="green")


def _machine(view: HouseView) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    power = "--" if view.heat_source_w is None else f"{view.heat_source_w / 1000:.2f} kW"
    running = view.heat_source_w is not None and view.heat_source_w > 200.0
    table.add_row("heat source", Text(f"{'on ' if running else 'off'} {power}", style="yellow" if running else "dim"))
    table.add_row("leaving water", _temperature(view.leaving_c))
    table.add_row("price now", f"{view.price_now_usd_per_mwh / 10:.1f} cents/kWh")
    table.add_row("price in an hour", f"{view.price_next_usd_per_mwh / 10:.1f} cents/kWh")
    table.add_row("in command", view.commander)
    return Panel(table, title="heat and electricity", border_style="yellow")


def _money(view: HouseView) -> str:
    saved = view.thermostat_only_cost_usd - view.cost_usd
    share = 100.0 * saved / view.thermostat_only_cost_usd if view.thermostat_only_cost_usd > 0.01 else 0.0
    return (
        f"so far {view.cost_usd:.2f} USD, a thermostat-only house {view.thermostat_only_cost_usd:.2f} USD: "
        f"saved {saved:.2f} USD ({share:.0f} %)"
    )


def render(view: HouseView) -> RenderableType:
    """The whole picture as one rich renderable, about 90 columns wide."""
    local = datetime.fromtimestamp(view.at_s, ZoneInfo(view.timezone))
    pace = "" if view.speed == 1.0 else f"   x{view.speed:g}"
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Group(_comfort(view), _machine(view)), _tanks(view))
    why = Text(f"contract {view.contract}\nbecause  {view.reason}")
    parts: list[RenderableType] = [grid, why, Text(_money(view), style="bold")]
    if view.happened:
        parts.append(Text("\n".join(view.happened), style="dim"))
    title = f"{view.name}   {local:%a %d %b %H:%M:%S %Z}{pace}"
    return Panel(Group(*parts), title=title, border_style="white")
