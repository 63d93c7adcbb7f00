"""A plan as a homeowner and a grid operator read it in a terminal: an hour per line, then what matters. Pure text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from gw_spaceheat.planning.plan import Plan, PlanStep
from gw_spaceheat.planning.scenarios import ScenarioPlan, first_actions

HEADS = ("time", "price", "electricity", "heat made", "heat used", "store +/-", "store top", "cost", "why")
UNITS = ("", "USD/MWh", "kWh", "kWh", "kWh", "kWh", "C", "USD", "")

LEAVING, LEAVING_AT = ("water made", "C"), 5

UNITS_OF_CODES = ("k", "kwh", "h")


@dataclass(frozen=True, slots=True)
class Hour:
    """The steps of one local hour together; price is their mean by time."""

    start_s: float
    price_usd_per_mwh: float
    electric_kwh: float
    heat_kwh: float
    house_heat_kwh: float
    store_heat_kwh: float
    store_top_c: float
    leaving_c: float | None
    """Hottest water the heat pump is asked for; None: it is off, or nobody can choose."""
    cost_usd: float
    reasons: tuple[str, ...]
    unmet: tuple[str, ...]
    """Goals in words; how far each is missed stands in the plan's own steps."""


def hours_of(plan: Plan, timezone: str) -> tuple[Hour, ...]:
    """Steps gathered by the hour of the local clock; a longer step is an hour of its own."""
    zone = ZoneInfo(timezone)

    def hour_of(step: PlanStep) -> tuple[int, int, int, float]:
        local = datetime.fromtimestamp(step.start_s, zone)
        # The offset tells the two hours apart that bear one name when clocks go back.
        offset = local.utcoffset()
        return (*local.timetuple()[1:3], local.hour, offset.total_seconds() if offset else 0.0)

    return tuple(_hour(tuple(steps)) for _, steps in groupby(plan.steps, hour_of))


def _hour(steps: Sequence[PlanStep]) -> Hour:
    minutes = sum(step.minutes for step in steps)
    return Hour(
        start_s=steps[0].start_s,
        price_usd_per_mwh=sum(step.price_usd_per_mwh * step.minutes for step in steps) / minutes,
        electric_kwh=sum(step.hp_electric_kwh for step in steps),
        heat_kwh=sum(step.hp_heat_kwh for step in steps),
        house_heat_kwh=sum(step.house_heat_kwh for step in steps),
        store_heat_kwh=sum(step.store_heat_kwh for step in steps),
        store_top_c=steps[-1].store_top_c,
        leaving_c=max((step.leaving_c for step in steps if step.leaving_c is not None), default=None),
        cost_usd=sum(step.cost_usd for step in steps),
        reasons=tuple(dict.fromkeys(step.reason for step in steps)),
        unmet=tuple(dict.fromkeys(_words(goal) for step in steps for goal in step.unmet)),
    )


def _words(code: str) -> str:
    """`heat_unserved_kwh=0.50` as `heat unserved`: the amount is of one step, not of the hour."""
    words = code.split("=")[0].split("_")
    return " ".join(words[:-1] if words[-1] in UNITS_OF_CODES else words)


def plan_text(plan: Plan, timezone: str, title: str, lower_bound_usd: float | None) -> str:
    """The whole plan: title, a line per hour, sums, bound and gap, unmet goals."""
    hours = hours_of(plan, timezone)
    chosen = any(hour.leaving_c is not None for hour in hours)
    rows = [_with_leaving(HEADS, LEAVING[0], chosen), _with_leaving(UNITS, LEAVING[1], chosen)]
    for hour in hours:
        asked = "off" if hour.leaving_c is None else f"{hour.leaving_c:.1f}"
        rows.append(_with_leaving(_row(hour, timezone), asked, chosen))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [title, "", *(_line(row, widths) for row in rows), "", *_summary(plan, lower_bound_usd)]
    return "\n".join(lines)


def uncertainty_lines(found: ScenarioPlan | None) -> tuple[str, ...]:
    """What the scenarios changed; nothing without any."""
    if found is None:
        return ()
    names = first_actions(found.solution.case)
    first = names[found.first_action]
    if not found.changed:
        return (f"uncertainty         changes nothing: first {first}",)
    instead = names[found.certain_action]
    if instead == first:
        return (
            f"uncertainty         changes the slot after first {first}: worth {found.worth_usd:.2f} USD on average",
        )
    return (f"uncertainty         first {first} instead of {instead}: worth {found.worth_usd:.2f} USD on average",)


def _with_leaving(row: tuple[str, ...], cell: str, chosen: bool) -> tuple[str, ...]:
    """The row with what the heat pump is asked for, before the store's columns, where anybody can choose that."""
    return (*row[:LEAVING_AT], cell, *row[LEAVING_AT:]) if chosen else row


def _row(hour: Hour, timezone: str) -> tuple[str, ...]:
    reasons = ", then ".join(reason.replace("_", " ") for reason in hour.reasons)
    return (
        datetime.fromtimestamp(hour.start_s, ZoneInfo(timezone)).strftime("%a %d %H:%M"),
        f"{hour.price_usd_per_mwh:.0f}",
        f"{hour.electric_kwh:.2f}",
        f"{hour.heat_kwh:.2f}",
        f"{hour.house_heat_kwh:.2f}",
        f"{hour.store_heat_kwh:+.2f}",
        f"{hour.store_top_c:.1f}",
        f"{hour.cost_usd:.2f}",
        reasons + (f"  NOT MET: {', '.join(hour.unmet)}" if hour.unmet else ""),
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, numbers to the right."""
    last = len(row) - 1
    cells = (
        cell.ljust(width) if column in (0, last) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join(cells).rstrip()


def _summary(plan: Plan, lower_bound_usd: float | None) -> Iterator[str]:
    electric_kwh = sum(step.hp_electric_kwh for step in plan.steps)
    heat_kwh = sum(step.hp_heat_kwh for step in plan.steps)
    end_kwh = plan.steps[-1].store_energy_kwh
    bought = f"{electric_kwh:.1f} kWh bought, {heat_kwh:.1f} kWh heat made"
    yield f"total cost          {plan.total_cost_usd:.2f} USD; {bought}"
    yield f"heat in the store   {plan.start_store_energy_kwh:.1f} kWh now, {end_kwh:.1f} kWh at the end"
    yield f"worth at the end    {plan.terminal_value_usd:.2f} USD"
    yield f"one more kWh        {plan.marginal_heat_usd_per_kwh:.4f} USD is what heat in the store is worth now"
    if lower_bound_usd is None:
        yield "lower bound         not computed"
    else:
        gap_usd = plan.total_cost_usd - lower_bound_usd
        gap = f", {100.0 * gap_usd / lower_bound_usd:.1f} %" if lower_bound_usd > 0.0 else ""
        yield f"lower bound         {lower_bound_usd:.2f} USD, the plan is within {gap_usd:.2f} USD{gap} of it"
    yield f"not met             {', '.join(plan.unmet) if plan.unmet else 'nothing: every goal is met'}"
