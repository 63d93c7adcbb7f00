"""Why a step is as it is, and which of its goals are not met: short codes, countable and fit for a log."""

from gw_spaceheat.planning.actions import IDLE, is_committed
from gw_spaceheat.planning.model.heat_load import COAST, PREHEAT, StepHeat
from gw_spaceheat.planning.roll_out import Taken

TRACE_KWH = 0.005
"""Less heat than this per step is not worth a word."""
TRACE_K = 0.05


def reason_of(taken: Taken, step: StepHeat, top_before_c: float, price: float, typical: float) -> str:
    """The constraint or price that made the step so. `price` now and `typical` (the plan's median) in USD/kWh."""
    outcome = taken.outcome
    running = outcome.electric_kwh > TRACE_KWH
    discharging = outcome.discharge_kwh > TRACE_KWH
    if taken.forced:
        return "minimum_time_of_source"
    if is_committed(taken.action, step) and running:
        return "committed_slot"
    if taken.started and taken.action.rung is not IDLE and not running and taken.share <= 0.0:
        return "source_starting"
    if running and taken.action.target == PREHEAT and price <= typical:
        return "preheat_house_while_cheap"
    if running and outcome.charge_kwh > TRACE_KWH:
        if price < 0.0:
            return "paid_to_charge"
        return "charge_while_cheap" if price <= typical else "charge_for_need_ahead"
    if running and outcome.unserved_kwh - step.beyond_emitters_kwh > TRACE_KWH:
        return "source_at_capacity"
    if running and discharging:
        return "store_first_then_source"
    if running:
        return "store_below_rswt" if top_before_c < step.rswt_c else "serve_load"
    if outcome.boiler_kwh > TRACE_KWH:
        return "boiler_cheaper"
    if taken.action.target == COAST:
        return "let_house_coast"
    if discharging:
        return "discharge_while_dear" if price > typical else "discharge_instead_of_run"
    return "no_load" if outcome.unserved_kwh <= TRACE_KWH else "too_dear_to_heat"


def unmet_of(taken: Taken, step: StepHeat) -> tuple[str, ...]:
    """Goals of the step that are not met."""
    unmet: list[str] = []
    outcome = taken.outcome
    short_kwh = outcome.unserved_kwh
    if step.beyond_emitters_kwh > TRACE_KWH:
        unmet.append(f"emitters_too_small_kwh={step.beyond_emitters_kwh:.2f}")
    if short_kwh > TRACE_KWH:
        unmet.append(f"heat_unserved_kwh={short_kwh:.2f}")
    below_k = step.setpoint_k - outcome.after.house_k
    if below_k > TRACE_K:
        unmet.append(f"below_setpoint_k={below_k:.2f}")
    if step.committed_kwh == step.committed_kwh and abs(outcome.electric_kwh - step.committed_kwh) > 10.0 * TRACE_KWH:
        unmet.append(f"commitment_missed_kwh={outcome.electric_kwh - step.committed_kwh:+.2f}")
    return tuple(unmet)
