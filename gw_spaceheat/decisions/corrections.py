"""How far the planner's parameters are from the house they are believed of: two ratios, learned while it runs.

*Power*: what the heat source drew in a slot against what was believed of a run that long. *Load*: the heat the house
took, by its own flow and water temperatures, against the load line at the weather of the moment. `gws fit` finds
parameters from weeks; these two follow the season, a new tenant or a dirty coil within a day, and begin at 1.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from gw_spaceheat.errors import BadInput

RUNNING_W = 500.0
KEPT_S = 10_800.0
NEW_WEIGHT = 0.3
"""Of the newest slot: defrosts come every 60 to 90 minutes, so one hour has more of them than another."""
LEAST_RUN_S = 1800.0
"""A shorter run shows its start, not its power."""
LIMITS = (0.6, 1.5)
"""Beyond them something else is wrong than a parameter."""
MEMORY_H = 72.0
PRIOR_H = 12.0
"""The belief counts as much as so many hours of measurement: half a day of sun says little about a house."""
LONGEST_GAP_S = 300.0
FINEST = 0.005
"""A plan in this hour and one in the next mostly use the same ratios, and are remembered with the same parameters."""


class Ratios(NamedTuple):
    """What multiplies the believed power of a run and the believed load."""

    power: float
    load: float


@dataclass(frozen=True, slots=True)
class Corrections:
    """`power` multiplies the believed electric power of a run, `load` the believed heat load.

    `runs`: when the source ran in the last hours, as (from, to) in epoch s; the last is infinite while it runs.
    The heat measured and believed (kWh) in the hours heard fade with `MEMORY_H`.
    """

    power: float = 1.0
    measured_kwh: float = 0.0
    believed_kwh: float = 0.0
    hours: float = 0.0
    heard_s: float = math.nan
    runs: tuple[tuple[float, float], ...] = ()

    @property
    def ratios(self) -> Ratios:
        """As plans use them."""
        power, load = (round(ratio / FINEST) * FINEST for ratio in (self.power, self.load))
        return Ratios(power, load)

    @property
    def load(self) -> float:
        if self.believed_kwh <= 0.0:
            return 1.0
        weight = self.hours / (self.hours + PRIOR_H)
        return 1.0 + weight * (_limited(self.measured_kwh / self.believed_kwh) - 1.0)

    def running_s(self, start_s: float, end_s: float) -> float:
        """How long the source ran between two times (epoch s)."""
        return sum(max(0.0, min(to_s, end_s) - max(from_s, start_s)) for from_s, to_s in self.runs)


_SAVED = TypeAdapter(Corrections)


def power_heard(state: Corrections, watts: float, at_s: float) -> Corrections:
    """The source draws `watts` from `at_s` (epoch s) on."""
    was_running = bool(state.runs) and state.runs[-1][1] == math.inf
    if was_running == (watts > RUNNING_W):
        return state
    if was_running:
        return replace(state, runs=(*state.runs[:-1], (state.runs[-1][0], at_s)))
    kept = tuple(run for run in state.runs if run[1] > at_s - KEPT_S)
    return replace(state, runs=(*kept, (at_s, math.inf)))


def slot_over(state: Corrections, used_wh: float, running_w: float, start_s: float, end_s: float) -> Corrections:
    """A slot (epoch s) has used `used_wh`; `running_w`: what was predicted while the source runs, as then corrected."""
    ran_s = state.running_s(start_s, end_s)
    if ran_s < LEAST_RUN_S or running_w <= 0.0:
        return state
    seen = used_wh * 3600.0 / (running_w * ran_s)
    return replace(state, power=_limited(state.power * (1.0 + NEW_WEIGHT * (_limited(seen) - 1.0))))


def heat_heard(state: Corrections, measured_kw: float, believed_kw: float, at_s: float) -> Corrections:
    """The house takes `measured_kw` at `at_s` (epoch s), where `believed_kw` is believed."""
    hours = (at_s - state.heard_s) / 3600.0
    if not 0.0 < hours <= LONGEST_GAP_S / 3600.0:
        return replace(state, heard_s=at_s)
    kept = math.exp(-hours / MEMORY_H)
    return replace(
        state,
        measured_kwh=state.measured_kwh * kept + measured_kw * hours,
        believed_kwh=state.believed_kwh * kept + believed_kw * hours,
        hours=state.hours * kept + hours,
        heard_s=at_s,
    )


def document_of(state: Corrections) -> dict[str, object]:
    """Plain JSON values of what outlives a restart: the runs do not."""
    document = asdict(replace(state, heard_s=0.0))
    del document["runs"]
    return document


def from_document(document: object) -> Corrections:
    """What `document_of` made. Raises BadInput when it is none."""
    try:
        return replace(_SAVED.validate_python(document), heard_s=math.nan, runs=())
    except ValidationError as error:
        raise BadInput(f"remembered corrections: {error.errors(include_url=False)[0]['msg']}") from error


def _limited(ratio: float) -> float:
    return min(max(ratio, LIMITS[0]), LIMITS[1])
