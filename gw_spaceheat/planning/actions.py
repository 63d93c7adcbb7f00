"""What may be done in a step: a ladder of shares of the step that the source runs, and where the thermostats aim.

Minimum times and the start's delay act through the shares. What is exact: on steps shorter than the minimum run (off)
time a mode counts the steps still to run (to rest); on steps up to half an hour, and on those of which the delay is a
tenth or more, a start gives heat only after its delay, because one rung of the ladder is just the rest of the step.
What is not: on other steps the tables ignore the delay (the roll-out does not), and a delay longer than a step ends
with it. A unit that nobody can turn down runs a long step in one block at full power, and a short one all of it or not
at all; one that can be turned down runs a short step at its minimum modulation or more, and a long one of a smaller
share ends at rest.
"""

from dataclasses import dataclass
from enum import Enum, auto
from math import ceil, isnan
from typing import NamedTuple

from gw_spaceheat.planning.model.heat_load import COAST, HOLD, PREHEAT, StepHeat, Wanted
from gw_spaceheat.planning.model.maths import Maths, Quantity
from gw_spaceheat.planning.model.source import Charging, HeatSource

SHORT_STEP_H = 0.5
SHORT_DELAY = 0.1
"""Share of a long step that a start may cost without the tables noticing."""
NEARLY_ONE = 0.999
STOPS_BELOW = 0.95
"""A long step run for less of its time ends at rest, as the slot executor runs it: the next run is a new start.

From here on it is offered as a whole run (`decisions/offer.WHOLE`).
"""
LEAST_SHARE = 0.01
"""Of a unit that can be turned down as far as one likes: less is rest."""


class Rung(Enum):
    """How much of the step the source runs."""

    IDLE = auto()
    STORE_FIRST = auto()
    FOLLOW = auto()
    THIRD = auto()
    MIDDLE = auto()
    FULL = auto()


class Water(Enum):
    """How hot it charges: at full flow and power, turned down, or as hot as was asked for."""

    USUAL = auto()
    TURNED_DOWN = auto()
    HOT = auto()


IDLE, STORE_FIRST, MIDDLE = Rung.IDLE, Rung.STORE_FIRST, Rung.MIDDLE
USUAL, HOT = Water.USUAL, Water.HOT
"""What every step of a roll-out asks for: by way of their class, Python 3.11 takes ten times as long to find them."""


class Action(NamedTuple):
    rung: Rung
    target: int = HOLD
    water: Water = Water.USUAL
    boost: bool = False


def actions_of(source: HeatSource, movable: bool, store: bool) -> tuple[Action, ...]:
    """The house's actions, idle ones first: 6 with a heat pump, 7 if thermostats may be moved, and one per extra."""
    idle, run = [Action(Rung.IDLE)], [Action(Rung.STORE_FIRST), Action(Rung.FOLLOW)]
    part = Water.TURNED_DOWN if source.leaving_choice else Water.USUAL
    full = Water.USUAL
    if source.hot_is_free and store:
        run = [Action(action.rung, water=Water.HOT) for action in run]
        part = full = Water.HOT
    if movable:
        idle.append(Action(Rung.IDLE, COAST))
        run += [Action(Rung.MIDDLE, water=part), Action(Rung.FULL, water=full), Action(Rung.FULL, PREHEAT, full)]
    else:
        run += [Action(Rung.THIRD, water=part), Action(Rung.MIDDLE, water=part), Action(Rung.FULL, water=full)]
    if source.leaving_choice and store and not source.hot_is_free:
        run.append(Action(Rung.FULL, water=Water.HOT))
    if source.pump is not None and source.boost_kw > 0.0 and store:
        run.append(Action(Rung.FULL, boost=True))
    return (*idle, *run)


@dataclass(frozen=True, slots=True)
class StepTimes:
    """What the source's times mean on steps of one length."""

    least: float
    """Least share of a running step."""
    start_share: float
    """What a start leaves of the step."""
    delayed: bool
    """Whether the tables count the start's delay."""
    stops_below: float
    """A run of a smaller share is over before the step is."""
    more_on: int
    """Further steps it must run after the one it started in."""
    more_off: int

    @property
    def start_in_step(self) -> bool:
        """Whether a rung of the ladder is just what a start leaves of the step."""
        return self.delayed and 0.0 < self.start_share < NEARLY_ONE


def step_times(source: HeatSource, hours: float) -> StepTimes:
    """Minimum run, off and start time on steps of `hours`."""
    step_s = 3600.0 * hours
    short = hours <= SHORT_STEP_H
    # On a long step a run may end inside it; on a short one the unit runs through, turned down as far as it goes.
    turned_down = source.minimum_modulation if source.leaving_choice else 1.0
    least = turned_down if short else min(1.0, source.minimum_on_s / step_s)
    stops_below = max(turned_down, LEAST_SHARE) if source.leaving_choice else STOPS_BELOW
    return StepTimes(
        least=least,
        start_share=max(0.0, 1.0 - source.start_delay_s / step_s),
        delayed=short or source.start_delay_s > SHORT_DELAY * step_s,
        stops_below=0.0 if short or source.minimum_on_s > step_s else stops_below,
        more_on=max(0, ceil(source.minimum_on_s / step_s - 1e-9) - 1),
        more_off=max(0, ceil(source.minimum_off_s / step_s - 1e-9) - 1),
    )


def line_of(action: Action, times: StepTimes) -> tuple[float, float, float]:
    """Share of the step the source runs, as (slope, constant, least): max(slope * follow + constant, least).

    `follow` is the share that just carries the wanted heat; for `STORE_FIRST` it is what the store leaves of it.
    """
    match action.rung:
        case Rung.IDLE:
            return 0.0, 0.0, 0.0
        case Rung.STORE_FIRST | Rung.FOLLOW:
            return 1.0, 0.0, times.least
        case Rung.THIRD:
            return 2.0 / 3.0, 1.0 / 3.0, times.least
        case Rung.MIDDLE if times.start_in_step:
            return 0.0, times.start_share, 0.0
        case Rung.MIDDLE:
            return 1.0 / 3.0, 2.0 / 3.0, times.least
        case Rung.FULL:
            return 0.0, 1.0, 0.0


def only_starts(action: Action, step: StepHeat, times: StepTimes) -> bool:
    """Whether the action is what a start leaves of a step, and less than a source that runs on can do."""
    for_start = action.rung is MIDDLE and times.start_in_step and times.start_share < times.least
    return for_start and not is_committed(action, step)


def is_committed(action: Action, step: StepHeat) -> bool:
    """Whether the action buys what an accepted slot asks for, instead of its rung."""
    return action.rung is MIDDLE and not isnan(step.committed_kwh)


def committed_share(
    maths: Maths[Quantity],
    step: StepHeat,
    wanted: Wanted[Quantity],
    charging: Charging[Quantity],
    room_kwh: Quantity,
) -> Quantity:
    """The share of the step that draws just the committed electricity, as far as house and store can take it."""
    tiny = 1e-9
    direct = maths.minimum(maths.minimum(wanted.cop * step.committed_kwh, wanted.wanted_kwh), wanted.capacity_kwh)
    left_kwh = direct / wanted.cop * -1.0 + step.committed_kwh
    charge = maths.minimum(left_kwh * charging.cop, room_kwh)
    rate_kwh = maths.maximum(charging.rate_kw * step.hours, tiny)
    share = direct / maths.maximum(wanted.capacity_kwh, tiny) + charge / rate_kwh
    return maths.minimum(maths.maximum(share, 0.0), 1.0)
