"""Readings of one channel for a person: lines, CSV and a picture. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from zoneinfo import ZoneInfo

from gw_spaceheat.errors import BadInput
from gw_spaceheat.messages.units import UNITS, utc_ms_text

WIDTH_IN, HEIGHT_IN, DOTS_PER_IN = 11.0, 4.5, 110
DAY_MS = 86_400_000.0
GAP_MS = 2 * 3_600_000.0  # readings of the oldest tier are an hour apart


@dataclass(frozen=True, slots=True)
class ChannelHistory:
    """Values in C, W, l/min or 0/1 (the unit of `telemetry`), in order of time; at least one."""

    house: str
    channel: str
    telemetry: str
    timezone: str
    readings: Sequence[tuple[int, float]]  # epoch ms, value

    @property
    def unit(self) -> str:
        return UNITS.get(self.telemetry, "")


def history_csv(history: ChannelHistory) -> str:
    """Columns as `gws fit --csv` reads them."""
    lines = [f"time_utc,{history.channel}"]
    lines += [f"{utc_ms_text(time_ms)},{round(value, 4):g}" for time_ms, value in history.readings]
    return "\n".join(lines)


def history_text(history: ChannelHistory) -> str:
    """One line of summary, then one per reading in the house's own time."""
    zone, unit = ZoneInfo(history.timezone), f" {history.unit}".rstrip()
    values = [value for _, value in history.readings]
    mean = sum(values) / len(values)
    lines = [
        f"{history.house} {history.channel}: {len(values)} readings, least {min(values):.2f}{unit}, "
        f"mean {mean:.2f}{unit}, most {max(values):.2f}{unit} ({history.timezone})"
    ]
    for time_ms, value in history.readings:
        moment = datetime.fromtimestamp(time_ms / 1000.0, zone)
        lines.append(f"{moment:%Y-%m-%d %H:%M:%S%z}  {value:10.2f}{unit}")
    return "\n".join(lines)


def history_png(history: ChannelHistory) -> bytes:
    """The readings over local time. Raises BadInput where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BadInput(
            f"plot: {error.name or 'matplotlib'} is not installed; install requirements/cloud.txt"
        ) from error
    zone = ZoneInfo(history.timezone)
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    days: list[float] = []
    values: list[float] = []
    for time_ms, value in history.readings:
        if days and time_ms - days[-1] * DAY_MS > GAP_MS:
            # Nothing was read: no line is drawn through it.
            days.append(days[-1])
            values.append(math.nan)
        days.append(time_ms / DAY_MS)
        values.append(value)
    # A value holds until the next one; only relays jump, the rest is drawn from point to point.
    axes.plot(days, values, drawstyle="steps-post" if history.telemetry == "RelayState" else "default", linewidth=1.0)
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=zone)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
    axes.set_ylabel(history.unit or "0/1")
    axes.set_title(f"{history.house}: {history.channel} ({history.timezone})", loc="left")
    axes.grid(alpha=0.3)
    picture = BytesIO()
    canvas.print_figure(picture, format="png", dpi=DOTS_PER_IN)
    return picture.getvalue()
