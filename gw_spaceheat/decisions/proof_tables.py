"""What physics owes each command of a house, and the table of what follows when it stays away."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from gw_spaceheat.decisions.command import Actuator
from gw_spaceheat.errors import IllegalEvent
from gw_spaceheat.house.model import Plumbing

VALVE_SIGN = "store_valve_sign"
"""Not measured but worked out of pipe temperatures: 1 the store is charged, -1 discharged, None cannot be told."""

AWAKE_OVER_STANDBY_W = 30.0  # a fan or the unit's own pump: less than any compressor
WELDED_SHARE = 0.10  # of nameplate: more than a crankcase heater, less than the least modulation
START_MARGIN_S = 60.0
STOP_S = 60.0
ELEMENT_S = 6.0
PUMP_POWER_S = 10.0
PUMP_FLOW_S = 30.0
VALVE_S = 120.0
RUNNING_PUMP_SHARE = 0.5
STOPPED_PUMP_SHARE = 0.25
LEAST_FLOW_L_PER_MIN = 1.0
TRY_S = 45.0
DOCTOR_TRY_S = 12.0
DOCTOR_TRIES = 3
THERMOSTAT_SPAN_K = 6.0
RUNNING_ELEMENT_SHARE = 0.5
STOPPED_ELEMENT_SHARE = 0.05

Kind = Literal["open", "welded", "no flow", "stuck valve", "failed pump"]
Excuse = Literal["", "hot tank", "heat pump draws", "store pump rests", "thermostats may call"]


RUNS_BY_ITSELF: dict[Actuator, Excuse] = {
    "primary_pump": "heat pump draws",
    "distribution_pump": "thermostats may call",
}
"""Who else runs a pump: while that may be, off proves nothing."""
CALLS_BELOW_K = 2.0
"""Over the setpoint of the house file: a thermostat's knob is turned by people, and its call is not measured."""


class Phase(StrEnum):
    WAITING = "waiting"
    TRYING = "trying"
    PROVEN = "proven"
    FAILED = "failed"


class Event(StrEnum):
    COMMANDED = "commanded"
    SEEN = "seen"
    OVERDUE = "overdue"
    EXHAUSTED = "exhausted"
    GONE = "gone"


TABLE: dict[Phase, dict[Event, Phase]] = {
    Phase.WAITING: {
        Event.COMMANDED: Phase.WAITING, Event.SEEN: Phase.PROVEN, Event.OVERDUE: Phase.TRYING,
    },
    Phase.TRYING: {
        Event.COMMANDED: Phase.TRYING, Event.SEEN: Phase.PROVEN, Event.OVERDUE: Phase.TRYING,
        Event.EXHAUSTED: Phase.FAILED,
    },
    Phase.PROVEN: {Event.COMMANDED: Phase.WAITING, Event.GONE: Phase.WAITING},
    Phase.FAILED: {Event.COMMANDED: Phase.FAILED, Event.SEEN: Phase.PROVEN},
}  # fmt: skip


def next_phase(phase: Phase, event: Event) -> Phase:
    """The cell of the table; IllegalEvent where it is empty."""
    following = TABLE[phase].get(event)
    if following is None:
        raise IllegalEvent("proof of effect", phase, event)
    return following


@dataclass(frozen=True, slots=True)
class Owed:
    """`quantity` must be at least (or at most) `level` within `effect_deadline_s` of the release of `value`.

    `steady`: it must also stay so. `cycle`: a try is off and on again, else the same command once more.
    """

    actuator: Actuator
    value: bool
    quantity: str
    at_least: bool
    level: float
    effect_deadline_s: float
    kind: Kind
    tries: int = 1
    try_s: float = TRY_S
    steady: bool = True
    cycle: bool = False
    excuse: Excuse = ""

    @property
    def name(self) -> str:
        return f"{self.actuator} {'on' if self.value else 'off'} {self.quantity}"

    def seen_in(self, measured: float) -> bool:
        return measured >= self.level if self.at_least else measured <= self.level


def owed_by(
    plumbing: Plumbing, actuators: Sequence[str], quantities: Sequence[str], temperature_s: float
) -> tuple[Owed, ...]:
    """All that can be proven in this house: an actuator without a fitting measurement is not watched.

    `temperature_s`: how often flows and temperatures are read; power is read every second.
    """
    owed = [*_heat_sources(plumbing), *_pumps(plumbing, temperature_s), *_valve(temperature_s)]
    known = {*quantities, *((VALVE_SIGN,) if _valve_can_be_told(quantities) else ())}
    return tuple(entry for entry in owed if entry.actuator in actuators and entry.quantity in known)


def _heat_sources(plumbing: Plumbing) -> list[Owed]:
    owed: list[Owed] = []
    pump, boost = plumbing.heat_pump, plumbing.boost
    if pump is not None:
        awake_w = pump.standby_w + AWAKE_OVER_STANDBY_W
        welded_w = pump.standby_w + WELDED_SHARE * pump.nameplate_w
        start_s = pump.start_delay_s + START_MARGIN_S
        # Once awake it may stand in its own protection: not steady.
        owed.append(Owed("heat_pump", True, "heat_pump_w", True, awake_w, start_s, "open", steady=False))
        owed.append(Owed("heat_pump", False, "heat_pump_w", False, welded_w, STOP_S, "welded"))
    if boost is not None:
        runs_w, stands_w = RUNNING_ELEMENT_SHARE * boost.rated_w, STOPPED_ELEMENT_SHARE * boost.rated_w
        owed.append(Owed("boost", True, "boost_w", True, runs_w, ELEMENT_S, "open", excuse="hot tank"))
        owed.append(Owed("boost", False, "boost_w", False, stands_w, ELEMENT_S, "welded"))
    return owed


def _pumps(plumbing: Plumbing, temperature_s: float) -> list[Owed]:
    rated_w: dict[Actuator, float] = {"distribution_pump": plumbing.emitters.distribution_pump_w}
    if plumbing.heat_pump is not None:
        rated_w["primary_pump"] = plumbing.heat_pump.primary_pump_w
    if plumbing.store is not None:
        rated_w["store_pump"] = plumbing.store.pump_w
    owed: list[Owed] = []
    for name, watts in rated_w.items():
        power, flow = f"{name}_w", f"{name.removesuffix('_pump')}_flow_l_per_min"
        if watts > 0.0:
            owed.append(
                Owed(name, True, power, True, RUNNING_PUMP_SHARE * watts, PUMP_POWER_S, "failed pump",
                     DOCTOR_TRIES, DOCTOR_TRY_S, cycle=True)
            )  # fmt: skip
            level_w, excuse = STOPPED_PUMP_SHARE * watts, RUNS_BY_ITSELF.get(name, "")
            owed.append(Owed(name, False, power, False, level_w, PUMP_POWER_S, "welded", excuse=excuse))
        # Zone valves may close the distribution: only the other two owe flow. A flow is read as often as temperatures.
        if name != "distribution_pump":
            flow_s = PUMP_FLOW_S + temperature_s
            owed.append(
                Owed(name, True, flow, True, LEAST_FLOW_L_PER_MIN, flow_s, "no flow", try_s=temperature_s - 5.0,
                     cycle=True)
            )  # fmt: skip
    return owed


def _valve(temperature_s: float) -> list[Owed]:
    return [
        Owed("store_valve", value, VALVE_SIGN, value, 1.0 if value else -1.0, VALVE_S + temperature_s, "stuck valve",
             steady=False, excuse="store pump rests")
        for value in (True, False)
    ]  # fmt: skip


def _valve_can_be_told(quantities: Sequence[str]) -> bool:
    return {"hp_lwt_c", "store_hot_pipe_c", "tank1_1_c"} <= set(quantities)
