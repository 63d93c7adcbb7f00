"""The filter under all commanders: pure, deterministic, needs no broker, cloud, database or wall clock.

Times are seconds of one steady clock. Only this module can make a `SafeCommand`, and only a `SafeCommand` may
reach an actuator. Order of what holds: limits of the machine (temperature, flow, run times), freeze, commander.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from gw_spaceheat.decisions.command import Actuator, Command, Commander, Refusal, Value
from gw_spaceheat.decisions.safety_limits import SafetyFacts, SafetyLimits, boost_tank_quantities, limits_of
from gw_spaceheat.errors import OurError

__all__ = [
    "Command", "Refusal", "SafeCommand", "SafetyFacts", "SafetyLimits", "SafetyState", "apply", "boost_tank_quantities",
    "filter", "limits_of",
]  # fmt: skip

HOUR_S = 3600.0
SENSOR_LOST_S = 90.0  # one failed reading is no loss
SENSOR_PROVEN_S = 120.0  # so long a sensor has to be there again, before what it limits is switched on
HEAT_SOURCES: tuple[Actuator, ...] = ("heat_pump", "boost")
_TOKEN = object()


@dataclass(frozen=True, slots=True)
class Switch:
    """The released value of an actuator and since when it holds; `starts_s`: starts of the last hour."""

    value: Value = False
    since_s: float = -inf
    starts_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Loss:
    """What limits a heat source was not measured from the first to the last of these times; `over`: it is again."""

    since_s: float
    last_s: float
    over: bool = False


@dataclass(frozen=True, slots=True)
class SafetyState:
    """Released values; never changed in place."""

    switches: Mapping[str, Switch] = field(default_factory=dict)
    freezing: bool = False
    losses: Mapping[str, Loss] = field(default_factory=dict)  # by heat source

    def value(self, actuator: str) -> Value:
        switch = self.switches.get(actuator)
        return False if switch is None else switch.value

    def to_json(self) -> dict[str, dict[str, float | bool | list[float]]]:
        """For the file that keeps run times honoured across restarts; times must then be epoch seconds."""
        return {
            name: {"value": switch.value, "since_s": max(switch.since_s, 0.0), "starts_s": list(switch.starts_s)}
            for name, switch in self.switches.items()
        }


@dataclass(frozen=True, slots=True)
class SafeCommand:
    """A command that the filter released. `forced_by`: the safety rule, when no commander wished it."""

    command: Command
    released_s: float
    forced_by: str = ""
    token: object = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.token is not _TOKEN:
            raise OurError("a SafeCommand is made by the safety filter only")


def safe_pattern(limits: SafetyLimits, commander: Commander, now_s: float) -> tuple[SafeCommand, ...]:
    """All switches off, heat sources first: the first act at every start and the last at an orderly stop."""
    switched = [name for name in _ON_ORDER if name in limits.actuators and name != "leaving_setpoint"]
    return tuple(
        SafeCommand(Command(name, False, commander), now_s, "safe_pattern", _TOKEN) for name in reversed(switched)
    )


def start(
    limits: SafetyLimits, now_s: float, persisted: Mapping[str, Mapping[str, object]] | None = None
) -> SafetyState:
    """The state after the safe pattern (all off) was written at `now_s`.

    Everything counts as just switched off, and recorded starts as if no time had passed since the record: how far the
    clock was set while the process was down nobody knows, and a start too late does less harm than one too many.
    """
    records = {name: record for name in limits.actuators if (record := (persisted or {}).get(name)) is not None}
    starts_of = {name: _starts_s(record) for name, record in records.items()}
    times_s = [time_s for name, record in records.items() for time_s in (*starts_of[name], _since_s(record))]
    shift_s = now_s - max(times_s, default=now_s)
    switches: dict[str, Switch] = {}
    for name in sorted(limits.actuators):
        shifted_s = (start_s + shift_s for start_s in starts_of.get(name, ()))
        switches[name] = Switch(False, now_s, tuple(start_s for start_s in shifted_s if start_s > now_s - HOUR_S))
    return SafetyState(switches)


def _starts_s(record: Mapping[str, object]) -> tuple[float, ...]:
    starts = record.get("starts_s")
    found = starts if isinstance(starts, list) else []
    return tuple(float(start_s) for start_s in found if isinstance(start_s, int | float))


def _since_s(record: Mapping[str, object]) -> float:
    since_s = record.get("since_s")
    return float(since_s) if isinstance(since_s, int | float) else 0.0


def filter(
    state: SafetyState, command: Command, facts: SafetyFacts, now_s: float
) -> tuple[SafetyState, SafeCommand | Refusal]:
    """Release one command or refuse it with the rule; a released value that is held already is released again."""
    refusal = _refusal(state, command, facts, now_s)
    if refusal is not None:
        return state, refusal
    return _release(state, command, now_s, "")


def force(state: SafetyState, facts: SafetyFacts, now_s: float) -> tuple[SafetyState, tuple[SafeCommand, ...]]:
    """What safety itself demands now, whoever commands; call every control period."""
    limits = facts.limits
    freezing = _freezing(state.freezing, facts)
    if freezing != state.freezing:
        state = replace(state, freezing=freezing)
    state = _note_losses(state, facts, now_s)
    demands: list[tuple[Actuator, Value, str]] = []
    for name in HEAT_SOURCES:
        switch = state.switches.get(name)
        if switch is not None and switch.value:
            trip = _trip(name, switch, facts, now_s) or _blind_trip(name, state, now_s)
            if trip:
                demands.append((name, False, trip))
    if freezing:
        for pump in ("distribution_pump", "primary_pump"):
            if pump in limits.actuators and not state.value(pump):
                demands.append((pump, True, "freeze"))
        if "leaving_setpoint" in limits.actuators and state.value("leaving_setpoint") != limits.maximum_leaving_c:
            # Somebody may have asked for lukewarm water.
            demands.append(("leaving_setpoint", limits.maximum_leaving_c, "freeze"))
    if not demands and not freezing:
        return state, ()
    released: list[SafeCommand] = []
    for name, value, rule in demands:
        state, safe = _release(state, Command(name, value, facts.commander), now_s, rule)
        released.append(safe)
    if freezing:
        for name in HEAT_SOURCES:
            if name in limits.actuators and not state.value(name):
                command = Command(name, True, facts.commander)
                if _refusal(state, command, facts, now_s) is None:
                    state, safe = _release(state, command, now_s, "freeze")
                    released.append(safe)
    return state, tuple(released)


# Pumps and valves before heat, heat off before pumps.
_ON_ORDER: tuple[Actuator, ...] = (
    "store_valve", "primary_pump", "distribution_pump", "store_pump", "leaving_setpoint", "heat_pump", "boost",
)  # fmt: skip
_RANK = {name: rank for rank, name in enumerate(_ON_ORDER)}


def apply(
    state: SafetyState, commands: Sequence[Command], facts: SafetyFacts, now_s: float
) -> tuple[SafetyState, tuple[SafeCommand, ...], tuple[Refusal, ...]]:
    """Force, then release all wishes that change something, in safe order. The whole pass of one control period."""
    state, forced = force(state, facts, now_s)
    switch_of = state.switches.get
    news = [wish for wish in commands if (switch := switch_of(wish.actuator)) is None or switch.value != wish.value]
    if not news and not forced:
        return state, (), ()
    released, refused = list(forced), []
    just_forced = {safe.command.actuator for safe in forced}
    for command in sorted(news, key=_order):
        if command.actuator in just_forced:
            continue
        state, answer = filter(state, command, facts, now_s)
        if isinstance(answer, SafeCommand):
            released.append(answer)
        else:
            refused.append(answer)
    return state, tuple(released), tuple(refused)


def _order(command: Command) -> int:
    rank = _RANK[command.actuator]
    if command.actuator in HEAT_SOURCES and not command.value:
        return -10
    if command.actuator == "store_pump" and not command.value:
        return -5  # before the valve moves
    return rank if command.value else rank + 20


def _release(state: SafetyState, command: Command, now_s: float, forced_by: str) -> tuple[SafetyState, SafeCommand]:
    safe = SafeCommand(command, now_s, forced_by, _TOKEN)
    before = state.switches.get(command.actuator, Switch())
    if before.value == command.value:
        return state, safe
    starts_s = before.starts_s
    if command.value and command.actuator in HEAT_SOURCES:
        starts_s = (*(start_s for start_s in starts_s if start_s > now_s - HOUR_S), now_s)
    switches = {**state.switches, command.actuator: Switch(command.value, now_s, starts_s)}
    return replace(state, switches=switches), safe


def _refuse(command: Command, rule: str, why: str, wait_s: float = 0.0) -> Refusal:
    name = command.actuator.replace("_", "-")
    wish = f"{command.value:.1f} C" if command.actuator == "leaving_setpoint" else "ON" if command.value else "OFF"
    kind = "" if command.actuator == "leaving_setpoint" else "relay "
    return Refusal(command, rule, f"{kind}{name}: {wish} refused, {why}", wait_s)


def _refusal(state: SafetyState, command: Command, facts: SafetyFacts, now_s: float) -> Refusal | None:
    name, limits = command.actuator, facts.limits
    if command.commander is not facts.commander:
        why = f"{facts.commander} commands the house, not {command.commander}"
        return _refuse(command, "not_commander", why)
    if name not in limits.actuators:
        return _refuse(command, "no_such_actuator", "this house has none")
    if name == "leaving_setpoint":
        if not 0.0 < command.value <= limits.maximum_leaving_c:
            return _refuse(
                command, "setpoint_range", f"it must be above 0 and at most {limits.maximum_leaving_c:.1f} C"
            )
        if state.freezing and command.value < limits.maximum_leaving_c:
            return _refuse(command, "freeze", "a zone or pipe is near freezing")
        return None
    if not isinstance(command.value, bool):
        return _refuse(command, "not_a_switch_value", f"{command.value} is neither on nor off")
    switch = state.switches.get(name, Switch())
    if switch.value == command.value:
        return None
    if state.freezing and not command.value and name not in ("store_pump", "store_valve"):
        return _refuse(command, "freeze", "a zone or pipe is near freezing")
    if name in HEAT_SOURCES and command.value and (unproven := _unproven(state, command, facts, now_s)) is not None:
        return unproven
    if name == "heat_pump":
        return (
            _heat_pump_on(state, command, switch, facts, now_s)
            if command.value
            else _off(command, switch, limits, now_s)
        )
    if name == "boost" and command.value:
        return _boost_on(command, facts)
    if name == "primary_pump" and not command.value:
        return _primary_off(state, command, limits, now_s)
    if name == "store_valve" and limits.valve_forbids_load and state.value("store_pump"):
        return _refuse(command, "valve_under_load", "the store pump runs and this valve may not move under load")
    return None


def _heat_pump_on(
    state: SafetyState, command: Command, switch: Switch, facts: SafetyFacts, now_s: float
) -> Refusal | None:
    limits = facts.limits
    off_s = max(0.0, now_s - switch.since_s)
    if off_s < limits.minimum_off_s:
        why = f"heat pump off for {off_s:.0f} s, minimum is {limits.minimum_off_s:.0f} s"
        return _refuse(command, "minimum_off", why, limits.minimum_off_s - off_s)
    recent_s = [start_s for start_s in switch.starts_s if start_s > now_s - HOUR_S]
    if len(recent_s) >= limits.maximum_starts_per_h:
        wait_s = recent_s[-limits.maximum_starts_per_h] + HOUR_S - now_s
        why = f"{len(recent_s)} starts in the last hour, maximum is {limits.maximum_starts_per_h}"
        return _refuse(command, "starts_per_hour", why, wait_s)
    if facts.entering_c is not None and facts.entering_c >= limits.maximum_entering_c:
        why = f"entering water {facts.entering_c:.1f} C, maximum is {limits.maximum_entering_c:.1f} C"
        return _refuse(command, "maximum_entering", why)
    if facts.leaving_c is not None and facts.leaving_c > limits.maximum_leaving_c:
        why = f"leaving water {facts.leaving_c:.1f} C, maximum is {limits.maximum_leaving_c:.1f} C"
        return _refuse(command, "maximum_leaving", why)
    if "primary_pump" in limits.actuators and not state.value("primary_pump"):
        return _refuse(command, "pump_before_heat", "the primary pump is off")
    return None


def _off(command: Command, switch: Switch, limits: SafetyLimits, now_s: float) -> Refusal | None:
    on_s = max(0.0, now_s - switch.since_s)
    if on_s >= limits.minimum_on_s:
        return None
    why = f"heat pump on for {on_s:.0f} s, minimum is {limits.minimum_on_s:.0f} s"
    return _refuse(command, "minimum_on", why, limits.minimum_on_s - on_s)


def _blind(name: Actuator, freezing: bool, facts: SafetyFacts) -> bool:
    """What limits this heat source is not measured, and no worse harm excuses that."""
    if name == "boost":
        known = facts.boost_tank_c is not None
    else:
        measured = "leaving_c" in facts.limits.measured or "entering_c" in facts.limits.measured
        known = not measured or facts.leaving_c is not None or facts.entering_c is not None
    return not known and not _excused(name, freezing, facts)


def _excused(name: Actuator, freezing: bool, facts: SafetyFacts) -> bool:
    """Its own thermostat still protects it, and freezing is the worse harm; so is frost that nobody can exclude.

    A heat pump has controls of its own and may besides serve a house that has become cold.
    """
    measured = facts.limits.measured
    watches_frost = "coldest_zone_c" in measured or "pipe_c" in measured
    frost_unknown = watches_frost and facts.coldest_zone_c is None and facts.pipe_c is None
    return freezing or frost_unknown or (name == "heat_pump" and facts.house_cold)


def _note_losses(state: SafetyState, facts: SafetyFacts, now_s: float) -> SafetyState:
    losses = dict(state.losses)
    for name in HEAT_SOURCES:
        if name not in facts.limits.actuators:
            continue
        before = losses.get(name)
        if _blind(name, state.freezing, facts):
            losses[name] = Loss(now_s if before is None or before.over else before.since_s, now_s)
        elif before is not None and not before.over:
            losses[name] = replace(before, over=True)
    return state if losses == state.losses else replace(state, losses=losses)


def _blind_trip(name: Actuator, state: SafetyState, now_s: float) -> str:
    loss = state.losses.get(name)
    return "stale_sensor" if loss is not None and not loss.over and now_s - loss.since_s >= SENSOR_LOST_S else ""


def _unproven(state: SafetyState, command: Command, facts: SafetyFacts, now_s: float) -> Refusal | None:
    if _blind(command.actuator, state.freezing, facts):
        return _refuse(command, "stale_sensor", "the temperature that limits it is not known")
    loss = state.losses.get(command.actuator)
    wait_s = 0.0 if loss is None else loss.last_s + SENSOR_PROVEN_S - now_s
    if wait_s <= 0.0 or _excused(command.actuator, state.freezing, facts):
        return None
    why = f"the temperature that limits it was lost, it must be known for {SENSOR_PROVEN_S:.0f} s"
    return _refuse(command, "stale_sensor", why, wait_s)


def _boost_on(command: Command, facts: SafetyFacts) -> Refusal | None:
    tank_c, maximum_c = facts.boost_tank_c, facts.limits.maximum_boost_c
    if tank_c is None:
        return None  # excused: see `_blind`
    if tank_c >= maximum_c - 2.0:
        return _refuse(command, "maximum_tank", f"tank {tank_c:.1f} C, maximum is {maximum_c:.1f} C less 2 K")
    return None


def _primary_off(state: SafetyState, command: Command, limits: SafetyLimits, now_s: float) -> Refusal | None:
    heat_pump = state.switches.get("heat_pump", Switch())
    if heat_pump.value:
        return _refuse(command, "heat_off_before_pump", "the heat pump is on")
    off_s = max(0.0, now_s - heat_pump.since_s)
    if off_s < limits.pump_overrun_s:
        why = f"heat pump off for {off_s:.0f} s, the pump runs on for {limits.pump_overrun_s:.0f} s"
        return _refuse(command, "pump_overrun", why, limits.pump_overrun_s - off_s)
    return None


def _trip(name: Actuator, switch: Switch, facts: SafetyFacts, now_s: float) -> str:
    """The rule by which a running heat source must stop at once, also within its minimum run; empty if none."""
    limits = facts.limits
    if name == "boost":
        return "maximum_tank" if facts.boost_tank_c is not None and facts.boost_tank_c >= limits.maximum_boost_c else ""
    if facts.entering_c is not None and facts.entering_c > limits.maximum_entering_c + 1.0:
        return "maximum_entering"
    if facts.leaving_c is not None and facts.leaving_c > limits.maximum_leaving_c + 3.0:
        return "maximum_leaving"
    flow = facts.primary_flow_l_per_min
    if flow is not None and flow < limits.minimum_flow_l_per_min and now_s - switch.since_s > limits.flow_deadline_s:
        return "no_flow"
    return ""


def _freezing(freezing: bool, facts: SafetyFacts) -> bool:
    limits = facts.limits
    margin_k = limits.freeze_release_k if freezing else 0.0
    zone_c, pipe_c = facts.coldest_zone_c, facts.pipe_c
    if zone_c is not None and zone_c < limits.freeze_zone_c + margin_k:
        return True
    if pipe_c is not None and pipe_c < limits.freeze_pipe_c + margin_k:
        return True
    return freezing and zone_c is None and pipe_c is None  # blind while freezing: keep protecting
