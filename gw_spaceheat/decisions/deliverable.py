"""What average power the heat source can really be sold for: the planner's own prediction, and how true it has been.

The planner predicts what the source draws in a slot that it runs through, from weather, water and its parameters. These
are never quite right; the share of it that was really drawn is learned from slot to slot.
"""

import math
from dataclasses import dataclass, replace

RUNNING_W = 500.0
WHOLE = 0.95
"""A slot that buys this share of a whole run, or more, is run through: a stop just before its end would be a start more."""
NEW_WEIGHT = 0.3
"""Of the newest slot: defrosts come every 60 to 90 minutes, so one hour has more of them than another."""
KEPT_S = 10_800.0
LEAST_RUN_S = 1800.0
"""A shorter run shows its start, not its power."""
SHARES = (0.6, 1.4)
"""Beyond them something else is wrong than a parameter."""


@dataclass(frozen=True, slots=True)
class Deliverable:
    """`share` of the predicted power that is really drawn; None: nothing was learned yet.

    `runs`: when the source ran in the last hours, as (from, to) in epoch s; the last is infinite while it runs.
    """

    share: float | None = None
    runs: tuple[tuple[float, float], ...] = ()

    def running_s(self, start_s: float, end_s: float) -> float:
        """How long the source ran between two times (epoch s)."""
        return sum(max(0.0, min(to_s, end_s) - max(from_s, start_s)) for from_s, to_s in self.runs)


def heard(state: Deliverable, watts: float, at_s: float) -> Deliverable:
    """The source draws `watts` from `at_s` (epoch s) on."""
    was_running = bool(state.runs) and state.runs[-1][1] == math.inf
    if was_running == (watts > RUNNING_W):
        return state
    if was_running:
        return replace(state, runs=(*state.runs[:-1], (state.runs[-1][0], at_s)))
    kept = tuple(run for run in state.runs if run[1] > at_s - KEPT_S)
    return replace(state, runs=(*kept, (at_s, math.inf)))


def learned(state: Deliverable, used_wh: float, running_w: float, start_s: float, end_s: float) -> Deliverable:
    """A slot (epoch s) is over that used `used_wh`; `running_w`: what was predicted to be drawn while the source runs."""
    ran_s = state.running_s(start_s, end_s)
    if ran_s < LEAST_RUN_S or running_w <= 0.0:
        return state
    seen = min(max(used_wh * 3600.0 / (running_w * ran_s), SHARES[0]), SHARES[1])
    share = seen if state.share is None else state.share + NEW_WEIGHT * (seen - state.share)
    return replace(state, share=share)


def offered_w(state: Deliverable, planned_w: float, whole_w: float | None) -> float:
    """The average power, W, to offer for a slot that the plan buys `planned_w` in.

    `whole_w`: what is predicted of a run through all of the slot; None: there is no room for so much heat.
    """
    if whole_w is None:
        return planned_w
    deliverable_w = whole_w * (1.0 if state.share is None else state.share)
    return deliverable_w if planned_w >= WHOLE * whole_w else min(planned_w, deliverable_w)
