"""Why a step is as it is, and which of its goals are not met: short codes, countable and fit for a log."""

from dataclasses import dataclass

from gw_spaceheat.planning.inputs import StepInput

TRACE_KWH = 0.005
"""Less heat than this per step is not worth a word."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The action taken in one step and what it did; energies in kWh."""

    step: StepInput
    top_before_c: float
    level: float
    spread: float
    electric_kwh: float
    heat_kwh: float
    charge_kwh: float
    discharge_kwh: float
    loss_kwh: float
    unserved_kwh: float
    source_share: float
    forced: bool
    started: bool


def reason_of(taken: Taken, typical_usd_per_kwh: float) -> str:
    """The constraint or price that made the step so. `typical` is the median price of the plan."""
    price = taken.step.price_usd_per_kwh
    running = taken.electric_kwh > TRACE_KWH
    if taken.forced and not (0.0 < taken.source_share < 1.0):
        return "minimum_time_of_source"
    if running and taken.charge_kwh > TRACE_KWH:
        if price < 0.0:
            return "paid_to_charge"
        return "charge_while_cheap" if price <= typical_usd_per_kwh else "charge_for_need_ahead"
    if running and taken.unserved_kwh - taken.step.beyond_emitters_kwh > TRACE_KWH:
        return "source_at_capacity"
    if running and taken.discharge_kwh > TRACE_KWH:
        return "store_first_then_source"
    if running:
        return "store_below_rswt" if taken.top_before_c < taken.step.rswt_c else "serve_load"
    if taken.discharge_kwh > TRACE_KWH:
        return "discharge_while_dear" if price > typical_usd_per_kwh else "discharge_instead_of_run"
    return "no_load" if taken.unserved_kwh <= TRACE_KWH else "too_dear_to_heat"


def unmet_of(taken: Taken) -> tuple[str, ...]:
    """Goals of the step that are not met."""
    unmet: list[str] = []
    short_kwh = taken.unserved_kwh - taken.step.beyond_emitters_kwh
    if taken.step.beyond_emitters_kwh > TRACE_KWH:
        unmet.append(f"emitters_too_small_kwh={taken.step.beyond_emitters_kwh:.2f}")
    if short_kwh > TRACE_KWH:
        unmet.append(f"heat_unserved_kwh={short_kwh:.2f}")
    return tuple(unmet)
