"""What the machines of one house allow, and what is measured now: all that the safety filter goes by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gw_spaceheat.decisions.command import Commander
from gw_spaceheat.house.model import Plumbing
from gw_spaceheat.physics.thermometers import top_first


@dataclass(frozen=True, slots=True)
class SafetyLimits:
    """What the machines of one house allow; temperatures in C, times in s."""

    actuators: frozenset[str]
    minimum_on_s: float = 600.0
    minimum_off_s: float = 300.0
    maximum_starts_per_h: int = 3
    maximum_leaving_c: float = 75.0
    maximum_entering_c: float = 68.0
    maximum_boost_c: float = 85.0
    minimum_flow_l_per_min: float = 1.0
    flow_deadline_s: float = 60.0
    pump_overrun_s: float = 30.0
    freeze_zone_c: float = 7.0
    freeze_pipe_c: float = 4.0
    freeze_release_k: float = 2.0
    valve_forbids_load: bool = False
    measured: frozenset[str] = frozenset()
    """Which of the facts this house has a sensor for: `leaving_c`, `entering_c`, `coldest_zone_c`, `pipe_c`."""


def boost_tank_quantities(plumbing: Plumbing, quantities: Sequence[str]) -> tuple[str, ...]:
    """The thermometers of the tank that the element sits in, the last one; top first."""
    number = plumbing.store.tanks if plumbing.store is not None else 1
    return top_first(quantities, f"tank{number}_")


def limits_of(plumbing: Plumbing, actuators: Sequence[str], quantities: Sequence[str]) -> SafetyLimits:
    """The limits from the house file; `actuators` and `quantities`: those that its nodes and channels really have."""
    facts = {"hp_lwt_c": "leaving_c", "hp_ewt_c": "entering_c", "pipe_c": "pipe_c"}
    facts |= {f"zone_{zone.name}_c": "coldest_zone_c" for zone in plumbing.zones}
    measured = frozenset(fact for quantity, fact in facts.items() if quantity in quantities)
    limits = SafetyLimits(frozenset(actuators), measured=measured)
    if plumbing.boost is not None:
        limits = replace(limits, maximum_boost_c=plumbing.boost.maximum_c)
    pump = plumbing.heat_pump
    if pump is None:
        return limits
    return replace(
        limits,
        minimum_on_s=pump.minimum_on_s,
        minimum_off_s=pump.minimum_off_s,
        maximum_starts_per_h=pump.maximum_starts_per_h,
        maximum_leaving_c=pump.maximum_leaving_c,
        maximum_entering_c=pump.maximum_entering_c,
    )


@dataclass(slots=True)  # not frozen, which costs twice the time: these are gathered anew every second
class SafetyFacts:
    """What is measured now. None: there is no such sensor, or its reading is stale: that is not a value."""

    limits: SafetyLimits
    commander: Commander = Commander.LOCAL
    leaving_c: float | None = None
    entering_c: float | None = None
    primary_flow_l_per_min: float | None = None
    coldest_zone_c: float | None = None
    pipe_c: float | None = None
    boost_tank_c: float | None = None
    house_cold: bool = False
