"""A plan as a picture for a homeowner: price, heat pump, store and heat over local time. Plan in, PNG out."""

from io import BytesIO
from textwrap import fill
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gw_spaceheat.errors import BadInput
from gw_spaceheat.planning.plan import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN, HEIGHT_IN, DOTS_PER_IN = 11.0, 10.0, 110
PRICE, ELECTRIC, WATER, HEAT, HOUSE = "#6b4c9a", "#1f77b4", "#c0392b", "#e08e0b", "#3b7d3b"
DEAR = "#f3e3e3"
EMPTY_STORE_C = 20.0
LINE_LENGTH = 115
DAY_S = 86400.0
"""Matplotlib counts days from 1970-01-01 UTC."""
DEAR_TIMES = 1.5
"""A step this many times dearer than the median is shaded."""


def plan_png(plan: Plan, timezone: str, title: str) -> bytes:
    """The figure as PNG. Raises BadInput where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BadInput(
            f"plot: {error.name or 'matplotlib'} is not installed; it is in the extra `cloud`: "
            "pip install -r requirements/cloud.txt"
        ) from error
    zone = ZoneInfo(timezone)
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes: list[Axes] = list(figure.subplots(5, 1, sharex=True))
    edges = [step.start_s / DAY_S for step in plan.steps]
    edges.append((plan.steps[-1].start_s + 60.0 * plan.steps[-1].minutes) / DAY_S)
    _draw_price(axes[0], plan, edges)
    _draw_electricity(axes[1], plan, edges)
    _draw_store(axes[2], plan, edges)
    _draw_heat(axes[3], plan, edges)
    _draw_room(axes[4], plan, edges)
    for each in axes:
        _shade_dear(each, plan, edges)
        each.grid(True, axis="both", alpha=0.25)
        each.margins(x=0.0)
        each.spines[["top", "right"]].set_visible(False)
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator, tz=zone)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_formatter(formatter)
    axes[-1].set_xlabel(f"local time ({timezone}); shaded: electricity is dear")
    figure.suptitle(f"{title}\n{_headline(plan)}" if title else _headline(plan), fontsize=12)
    file = BytesIO()
    canvas.print_figure(file, format="png", dpi=DOTS_PER_IN)
    return file.getvalue()


def _headline(plan: Plan) -> str:
    electric_kwh = sum(step.hp_electric_kwh for step in plan.steps)
    cost = f"{plan.total_cost_usd:.2f} USD for {electric_kwh:.0f} kWh of electricity"
    if not plan.unmet:
        return f"{cost}; every goal met"
    unmet = "not met: " + ", ".join(goal.replace("_", " ").replace("=", " = ") for goal in plan.unmet)
    return f"{cost}\n{fill(unmet, LINE_LENGTH)}"


def _draw_price(axes: "Axes", plan: Plan, edges: list[float]) -> None:
    axes.stairs(
        [step.price_usd_per_mwh / 10.0 for step in plan.steps], edges, baseline=None, color=PRICE, linewidth=1.8
    )
    axes.set_ylabel("price\ncents per kWh")
    low, high = axes.get_ylim()
    axes.set_ylim(min(0.0, low), max(high, 1.0))


def _draw_electricity(axes: "Axes", plan: Plan, edges: list[float]) -> None:
    power_kw = [step.average_w / 1000.0 for step in plan.steps]
    axes.stairs(power_kw, edges, fill=True, color=ELECTRIC, alpha=0.75)
    axes.set_ylabel("heat pump\nkW electricity")
    axes.set_ylim(0.0, max(1.0, 1.1 * max(power_kw)))


def _draw_store(axes: "Axes", plan: Plan, edges: list[float]) -> None:
    """From now on; an axis from a room's temperature up shows how full the store is."""
    known = [] if plan.start_store_top_c is None else [plan.start_store_top_c]
    tops = [*known, *(step.store_top_c for step in plan.steps)]
    axes.plot(edges[-len(tops) :], tops, color=WATER, linewidth=1.8)
    axes.set_ylabel("store, top\ndegrees C")
    axes.set_ylim(min(EMPTY_STORE_C, *tops), max(EMPTY_STORE_C, *tops) + 5.0)


def _draw_heat(axes: "Axes", plan: Plan, edges: list[float]) -> None:
    hours = [step.minutes / 60.0 for step in plan.steps]
    made = [step.hp_heat_kwh / long for step, long in zip(plan.steps, hours, strict=True)]
    used = [step.house_heat_kwh / long for step, long in zip(plan.steps, hours, strict=True)]
    missing = [(step.house_heat_kwh + step.unserved_kwh) / long for step, long in zip(plan.steps, hours, strict=True)]
    axes.stairs(made, edges, fill=True, color=HEAT, alpha=0.35, label="made by the heat pump")
    axes.stairs(used, edges, baseline=None, color=HOUSE, linewidth=1.8, label="used by the house")
    if any(step.unserved_kwh > 0.005 for step in plan.steps):
        axes.stairs(missing, edges, baseline=used, fill=True, color=WATER, alpha=0.6, label="missing")
    axes.set_ylabel("heat\nkW")
    axes.set_ylim(0.0, max(1.0, 1.3 * max(*made, *missing, 0.0)))
    axes.legend(loc="upper right", ncols=3, frameon=False, fontsize=9)


def _draw_room(axes: "Axes", plan: Plan, edges: list[float]) -> None:
    axes.plot(edges, [plan.start_house_k, *(step.house_k for step in plan.steps)], color=HOUSE, linewidth=1.8)
    axes.axhline(0.0, color=HOUSE, linewidth=0.8, alpha=0.5)
    axes.set_ylabel("room, K above\nits usual")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -1.0), max(high, 1.0))


def _shade_dear(axes: "Axes", plan: Plan, edges: list[float]) -> None:
    prices = sorted(step.price_usd_per_mwh for step in plan.steps)
    usual = prices[len(prices) // 2]
    for step, begin, end in zip(plan.steps, edges[:-1], edges[1:], strict=True):
        if step.price_usd_per_mwh > max(0.0, usual) * DEAR_TIMES:
            axes.axvspan(begin, end, color=DEAR, zorder=0, linewidth=0)
