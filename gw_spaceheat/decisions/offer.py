"""How many watts the AtomicTNode offers for a slot: what was bought, in runs as the heat source can make them."""

from dataclasses import asdict, dataclass
from math import inf

from pydantic import TypeAdapter, ValidationError

from gw_spaceheat.decisions.acceptance import TOLERANCE
from gw_spaceheat.decisions.slot import HeatSource
from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.model import Plumbing

WHOLE = 0.95
"""A slot that buys this share of a whole run is run through: a stop just before its end would be a start more."""
ROOM = 1.02
"""Above one minimum run, so that a rounded offer is not refused for falling below it."""
QUARTER_RUN = 0.25
"""Of one minimum run: so far above the estimate of what can be drawn is still offered. The SCADA takes twice that."""


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """Of the heat source: power (W) it can draw, and what a run takes. Without a heat pump there is no minimum run."""

    nameplate_w: float
    standby_w: float = 0.0
    start_delay_s: float = 0.0
    minimum_on_s: float = 0.0
    has_minimum_run: bool = False
    least_wh: float = 0.0
    """Less cannot be met to 2 % by switching on and off, where there is no minimum run."""

    @property
    def minimum_run_wh(self) -> float:
        """As the SCADA counts it, and the bid: no heat and no power before the start's delay is over."""
        delay_s = min(self.start_delay_s, self.minimum_on_s)
        return (self.nameplate_w * (self.minimum_on_s - delay_s) + self.standby_w * delay_s) / 3600.0


@dataclass(frozen=True, slots=True)
class OfferFacts:
    """All that an offer rests on. `wanted_w`: what the market sold for the slot, or what the plan wants on average.

    `whole_w`: what a run through the slot is predicted to draw on average; None: there is no room for so much heat.
    """

    start_s: int
    minutes: int
    wanted_w: float
    whole_w: float | None
    limits: SourceLimits
    drawable_w: float | None = None
    """What the source can draw, by what is measured; None: not known. More would be refused, or end short."""


_FACTS = TypeAdapter(OfferFacts)


def facts_document(facts: OfferFacts) -> dict[str, object]:
    """Plain JSON values; `facts_of_document` is its inverse."""
    return asdict(facts)


def facts_of_document(document: object) -> OfferFacts:
    """Raises BadInput when it is none."""
    try:
        return _FACTS.validate_python(document)
    except ValidationError as error:
        raise BadInput(f"remembered offer: {error.errors(include_url=False)[0]['msg']}") from error


def source_limits(plumbing: Plumbing) -> SourceLimits:
    """Those of the house file."""
    pump, boost = plumbing.heat_pump, plumbing.boost
    if pump is None:
        rated_w = boost.rated_w if boost is not None else 0.0
        return SourceLimits(rated_w, least_wh=HeatSource(rated_w).switching_wh / TOLERANCE)
    return SourceLimits(pump.nameplate_w, pump.standby_w, pump.start_delay_s, pump.minimum_on_s, True)


def offered_w(facts: OfferFacts) -> float:
    """Average power (W) to offer. Below half of a minimum run nothing, below one a whole one: less is refused."""
    limits, minutes = facts.limits, facts.minutes
    whole_w = facts.whole_w
    most_w = inf
    if facts.drawable_w is not None:
        most_w = facts.drawable_w + QUARTER_RUN * limits.minimum_run_wh * 60.0 / minutes
    if whole_w is not None:
        whole_w = min(whole_w, most_w)
    average_w = whole_w if whole_w is not None and facts.wanted_w >= WHOLE * whole_w else facts.wanted_w
    average_w = min(average_w, most_w)
    if not limits.has_minimum_run:
        return average_w if average_w * minutes / 60.0 > limits.least_wh else 0.0
    minimum_w = limits.minimum_run_wh * 60.0 / minutes
    if average_w < 0.5 * minimum_w:
        return 0.0
    return min(max(average_w, ROOM * minimum_w + limits.standby_w), limits.nameplate_w)
