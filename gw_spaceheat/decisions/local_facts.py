"""What a house can do and what is known of it now, with the predicates of local control. Temperatures C."""

from dataclasses import dataclass

from gw_spaceheat.decisions.slot import HeatSource, SlotView
from gw_spaceheat.house.model import Plumbing

STORE_FULL_MARGIN_K = 1.0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this house can do, and the thresholds of its rules."""

    heat_pump: bool
    boost: bool
    store: bool
    buffer: bool
    actuators: frozenset[str]
    source: HeatSource
    leaving_choice: bool = False
    maximum_leaving_c: float = 75.0
    maximum_entering_c: float = 68.0
    store_maximum_c: float = 75.0
    look_ahead_minutes: float = 2.0
    blind_after_s: float = 300.0
    empty_margin_k: float = 2.0
    full_margin_k: float = 0.5
    lift_k: float = 8.0
    fill_s: float = 600.0
    charge_s: float = 600.0
    cold_margin_k: float = 4.0
    """So much below empty the buffer is filled at once, whatever has just begun."""

    @property
    def two_tanks(self) -> bool:
        return self.store and self.buffer and "store_pump" in self.actuators


def capabilities_of(plumbing: Plumbing, actuators: frozenset[str]) -> Capabilities:
    """From the house file; `actuators`: those that the house's nodes really have."""
    pump, boost, store = plumbing.heat_pump, plumbing.boost, plumbing.store
    source = HeatSource(boost.rated_w if boost is not None else 0.0, 0.0, 0.0, 0.0)
    maximum_c = store.maximum_c if store is not None else 75.0
    if pump is None:
        return Capabilities(
            False, boost is not None, store is not None, plumbing.buffer is not None, actuators, source,
            store_maximum_c=min(maximum_c, boost.maximum_c) if boost is not None else maximum_c,
        )  # fmt: skip
    return Capabilities(
        heat_pump=True,
        boost=boost is not None,
        store=store is not None,
        buffer=plumbing.buffer is not None,
        actuators=actuators,
        source=HeatSource(pump.nameplate_w, pump.standby_w, pump.start_delay_s, pump.minimum_on_s),
        leaving_choice=pump.leaving_choice and "leaving_setpoint" in actuators,
        maximum_leaving_c=pump.maximum_leaving_c,
        maximum_entering_c=pump.maximum_entering_c,
        store_maximum_c=min(maximum_c, pump.maximum_entering_c),
        lift_k=pump.lift_k,
    )


@dataclass(frozen=True, slots=True)
class PolicyWish:
    """What the AtomicTNode's policy makes of the measured state: heat or not, charge the store or not."""

    run: bool
    charge: bool
    reason: str


@dataclass(slots=True)  # frozen would cost more than all of the decision: these are gathered anew every second
class LocalFacts:
    """What is known now; None = no fresh value. `rswt_c`: highest required source water of the next 3 h.

    `no_heat`: nothing has to be heated for a day, as in summer.
    """

    capabilities: Capabilities
    on_peak: bool
    minutes_to_on_peak: float
    buffer_top_c: float | None
    buffer_bottom_c: float | None
    store_top_c: float | None
    store_bottom_c: float | None
    rswt_c: float | None
    required_kwh: float | None
    usable_kwh: float | None
    house_cold: bool = False
    house_below: bool = False
    """Zones are, on average, below the band of their thermostats: what is heated belongs to them."""
    no_heat: bool = False
    slot: SlotView | None = None
    policy: PolicyWish | None = None
    source_w: float = 0.0
    defrost: bool = False


def missing(facts: LocalFacts) -> bool:
    if facts.rswt_c is None:
        return True
    capabilities = facts.capabilities
    if capabilities.buffer and (facts.buffer_top_c is None or facts.buffer_bottom_c is None):
        return True
    if capabilities.store and (facts.store_top_c is None or facts.store_bottom_c is None):
        return True
    return capabilities.store and (facts.required_kwh is None or facts.usable_kwh is None)


def buffer_empty(facts: LocalFacts) -> bool:
    """The top cannot serve the next 3 h. The field's rule, less a margin that keeps it apart from 'full'."""
    top_c, rswt_c = facts.buffer_top_c, facts.rswt_c
    limits = facts.capabilities
    if top_c is None or rswt_c is None:
        return False
    return top_c < min(rswt_c, limits.maximum_entering_c - 5.6) - limits.empty_margin_k


def buffer_full(facts: LocalFacts) -> bool:
    bottom_c, rswt_c = facts.buffer_bottom_c, facts.rswt_c
    limits = facts.capabilities
    if bottom_c is None or rswt_c is None:
        return True
    return bottom_c > min(rswt_c, limits.maximum_entering_c) - limits.full_margin_k


def buffer_serves(facts: LocalFacts) -> bool:
    """The top is hot enough for the next 3 h, with a margin that keeps it apart from 'empty'."""
    top_c, rswt_c = facts.buffer_top_c, facts.rswt_c
    if top_c is None or rswt_c is None:
        return False
    return top_c > min(rswt_c, facts.capabilities.maximum_entering_c - 5.6) + facts.capabilities.full_margin_k


def filled(facts: LocalFacts, held_s: float) -> bool:
    """The heat source, filling the buffer for `held_s`, may turn to the store.

    The top alone is hot after two minutes and cold again after five: then valve and pump would move all night. To the
    bottom, the water that comes back would throttle the heat source and leave a slot's energy unbought. A house that
    is below its band comes before the store.
    """
    short = held_s >= facts.capabilities.fill_s and buffer_serves(facts) and not facts.house_below
    return short or buffer_full(facts)


def must_fill(facts: LocalFacts, held_s: float) -> bool:
    """The heat source, charging the store for `held_s`, is needed at the buffer: soon, or at once where it is cold."""
    if not buffer_empty(facts):
        return False
    limits, top_c, rswt_c = facts.capabilities, facts.buffer_top_c or 0.0, facts.rswt_c or 0.0
    cold_c = min(rswt_c, limits.maximum_entering_c - 5.6) - limits.empty_margin_k - limits.cold_margin_k
    return held_s >= limits.charge_s or top_c < cold_c


def store_useful(facts: LocalFacts) -> bool:
    """Worth starting to discharge: warmer than the buffer, and something in it."""
    store_c, buffer_c, usable_kwh = facts.store_top_c, facts.buffer_top_c, facts.usable_kwh
    if store_c is None or buffer_c is None or usable_kwh is None:
        return False
    return store_c > buffer_c + 1.0 and usable_kwh >= 0.2


def store_colder(facts: LocalFacts) -> bool:
    store_c, buffer_c = facts.store_top_c, facts.buffer_top_c
    return store_c is not None and buffer_c is not None and buffer_c > store_c + 3.0


def store_full(facts: LocalFacts) -> bool:
    bottom_c = facts.store_bottom_c
    return bottom_c is not None and bottom_c > facts.capabilities.store_maximum_c - STORE_FULL_MARGIN_K
