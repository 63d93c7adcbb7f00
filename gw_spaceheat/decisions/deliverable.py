"""What average power the heat source can really be sold for: learned from slots that could not be filled.

A heat pump's electric draw follows weather and water, and defrosts take their share; the nameplate is no promise.
The estimate falls half the way to what was seen (one bad hour is often the store's, not the machine's) and rises
again by `RECOVERY` with every slot that was filled at it.
"""

from dataclasses import dataclass

SHORT = 0.98
RECOVERY = 1.04
MARGIN = 0.99


@dataclass(frozen=True, slots=True)
class Deliverable:
    """Greatest average electric power, W, of the running heat source."""

    power_w: float
    nameplate_w: float


def running_hours(minutes: float, was_off: bool, start_delay_s: float) -> float:
    """Hours of a slot in which a source ordered at its start can draw its power."""
    return max(0.0, minutes / 60.0 - (start_delay_s / 3600.0 if was_off else 0.0))


def learn(state: Deliverable, promised_wh: float, used_wh: float, hours: float) -> Deliverable:
    """After a slot of `hours` running hours. Slots far below the estimate teach nothing."""
    if hours <= 0.0 or promised_wh < 0.5 * state.power_w * hours:
        return state
    if used_wh < SHORT * promised_wh:
        half_way_w = 0.5 * (used_wh + promised_wh) / hours
        return Deliverable(min(state.power_w, max(half_way_w, 0.5 * state.power_w)), state.nameplate_w)
    if promised_wh > 0.9 * state.power_w * hours:
        return Deliverable(min(state.power_w * RECOVERY, state.nameplate_w), state.nameplate_w)
    return state


def limit_w(state: Deliverable, average_w: float, minutes: float, hours: float) -> float:
    """The average power, W, to offer for a slot of `minutes` with `hours` running hours."""
    return min(average_w, MARGIN * state.power_w * hours * 60.0 / minutes)
