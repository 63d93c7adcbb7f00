"""What average power the heat source can really be sold for: learned from the power it draws while it runs.

A heat pump's electric draw follows weather and water, and defrosts take their share; the nameplate is no promise.
"""

import math
from dataclasses import dataclass

RUNNING_W = 500.0
MEMORY_S = 2700.0
"""Long enough to average over defrosts, which come every 60 to 90 minutes; short enough to follow the weather."""
UNKNOWN_SHARE = 0.85
"""Of the nameplate, until it has been seen running."""
SETTLED_S = 600.0
"""Before that a run shows its start, not its power."""
LEAST_SHARE = 0.93
"""Of what the plan wants: selling too little would give shorter runs, which show less power still."""
MARGIN = 0.995


@dataclass(frozen=True, slots=True)
class Deliverable:
    """Average electric power, W, of the heat source while it runs, defrosts included.

    `last_w` is what it drew at `last_s` (epoch s), `running_s` since when it runs without a stop.
    """

    nameplate_w: float
    power_w: float | None = None
    last_w: float = 0.0
    last_s: float = 0.0
    running_s: float | None = None

    @property
    def estimate_w(self) -> float:
        known_w = UNKNOWN_SHARE * self.nameplate_w if self.power_w is None else self.power_w
        return min(known_w, self.nameplate_w)


def heard(state: Deliverable, watts: float, at_s: float) -> Deliverable:
    """The source's power is `watts` from `at_s` (epoch s) on; what it drew until then is learned."""
    power_w = state.power_w
    if state.running_s is not None and at_s - state.running_s > SETTLED_S:
        share = 1.0 - math.exp(-(at_s - max(state.last_s, state.running_s + SETTLED_S)) / MEMORY_S)
        power_w = state.last_w if power_w is None else power_w + share * (state.last_w - power_w)
    running_s = None if watts <= RUNNING_W else at_s if state.running_s is None else state.running_s
    return Deliverable(state.nameplate_w, power_w, watts, at_s, running_s)


def running_hours(minutes: float, was_off: bool, start_delay_s: float) -> float:
    """Hours of a slot in which a source ordered at its start can draw its power."""
    return max(0.0, minutes / 60.0 - (start_delay_s / 3600.0 if was_off else 0.0))


def limit_w(state: Deliverable, average_w: float, minutes: float, hours: float) -> float:
    """The average power, W, to offer for a slot of `minutes` with `hours` running hours."""
    return min(average_w, max(LEAST_SHARE * average_w, MARGIN * state.estimate_w * hours * 60.0 / minutes))
