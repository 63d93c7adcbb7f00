"""Did it do what it was told? What each released command owes, what is tried when it stays away, and the alarm.

Pure; times are seconds of one steady clock. A missing or stale reading is no evidence for or against.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from gw_spaceheat.decisions.command import Actuator, Command, Value
from gw_spaceheat.decisions.proof_tables import (
    CALLS_BELOW_K,
    THERMOSTAT_SPAN_K,
    VALVE_SIGN,
    Event,
    Owed,
    Phase,
    next_phase,
)
from gw_spaceheat.decisions.safety import Switch

CYCLE_OFF_S = 5.0
VALVE_MARGIN_K = 4.0
FORGET_TRIES_S = 120.0


@dataclass(slots=True)  # not frozen: gathered anew every few seconds
class ProofFacts:
    """`values` and `read_s`: by quantity, with the time of reading; `switches`: what safety released and when."""

    values: Mapping[str, float | None]
    read_s: Mapping[str, float]
    switches: Mapping[str, Switch]
    hottest_tank_c: float | None = None
    maximum_tank_c: float = inf
    heat_pump_rests_below_w: float = 0.0
    coolest_zone_k: float | None = None
    """Over its setpoint; None: not every zone is measured."""


@dataclass(frozen=True, slots=True)
class Watch:
    """One thing owed. `since_s`: release of the command; `from_s`: since when it is waited for; `tries` so far."""

    since_s: float
    from_s: float
    phase: Phase = Phase.WAITING
    tries: int = 0
    gone_s: float | None = None


@dataclass(frozen=True, slots=True)
class ProofState:
    """Never changed in place. `failed`: actuator -> kind; one alarm each until the effect is seen again."""

    watches: Mapping[str, Watch] = field(default_factory=dict)
    failed: Mapping[Actuator, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Repeat the command; `cycle`: off for some seconds, then on (the pump doctor)."""

    owed: Owed
    number: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """What was commanded, what was seen."""

    owed: Owed
    text: str


@dataclass(frozen=True, slots=True)
class Restored:
    actuator: Actuator
    text: str


Effect = TryAgain | Alarm | Restored


def decide(
    state: ProofState, owed: Sequence[Owed], facts: ProofFacts, now_s: float
) -> tuple[ProofState, tuple[Effect, ...]]:
    """One look at everything owed. The same state object comes back if nothing changed."""
    watches: dict[str, Watch] | None = None
    failed: dict[Actuator, str] | None = None
    effects: list[Effect] = []
    switches, values = facts.switches, facts.values
    for entry in owed:
        switch = switches.get(entry.actuator)
        if switch is None or bool(switch.value) is not entry.value:
            continue
        before = state.watches.get(entry.name)
        if before is None or before.since_s != switch.since_s:
            watch = _commanded(before, switch.since_s, now_s)
        else:
            watch = before
        measured = values.get(entry.quantity)
        if entry.excuse and _excused(entry, facts):
            # The clock of a promise that cannot be kept now stands still.
            if watch.phase in (Phase.WAITING, Phase.TRYING):
                watch = replace(watch, from_s=now_s)
        elif measured is not None and facts.read_s.get(entry.quantity, -inf) >= switch.since_s:
            watch, said = _look(watch, entry, measured, now_s)
            for effect in said:
                failed = dict(state.failed) if failed is None else failed
                _note(failed, effect, effects)
        if watch is not before:
            watches = dict(state.watches) if watches is None else watches
            watches[entry.name] = watch
    if watches is None:
        return state, tuple(effects)
    return ProofState(watches, state.failed if failed is None else failed), tuple(effects)


def _commanded(before: Watch | None, since_s: float, now_s: float) -> Watch:
    if before is None:
        return Watch(since_s, max(since_s, now_s))
    phase = next_phase(before.phase, Event.COMMANDED)
    # Off and on again by the doctor is the same illness, a command of much later is not.
    if phase is Phase.TRYING and since_s - before.from_s > FORGET_TRIES_S:
        return Watch(since_s, since_s)
    return Watch(since_s, since_s, phase, before.tries if phase is Phase.TRYING else 0)


def _note(failed: dict[Actuator, str], effect: Effect, effects: list[Effect]) -> None:
    """One alarm per actuator: the first evidence names the fault."""
    match effect:
        case Alarm(entry, _):
            if entry.actuator in failed:
                return
            failed[entry.actuator] = entry.kind
        case TryAgain(entry, _):
            if entry.actuator in failed:
                return
        case Restored(actuator, _):
            if failed.pop(actuator, None) is None:
                return
    effects.append(effect)


def _look(watch: Watch, entry: Owed, measured: float, now_s: float) -> tuple[Watch, tuple[Effect, ...]]:
    if entry.seen_in(measured):
        return _seen(watch, entry, measured)
    if watch.phase is Phase.PROVEN:
        if not entry.steady:
            return watch, ()
        if watch.gone_s is None:
            return replace(watch, gone_s=now_s), ()
        return replace(watch, phase=next_phase(watch.phase, Event.GONE), from_s=watch.gone_s, gone_s=None), ()
    if watch.phase is Phase.FAILED:
        return watch, ()
    limit_s = entry.effect_deadline_s if watch.phase is Phase.WAITING else entry.try_s
    if now_s - watch.from_s < limit_s:
        return watch, ()
    if watch.tries < entry.tries:
        phase = next_phase(watch.phase, Event.OVERDUE)
        tried = replace(watch, phase=phase, tries=watch.tries + 1, from_s=now_s)
        return tried, (TryAgain(entry, tried.tries),)
    phase = next_phase(watch.phase, Event.EXHAUSTED)
    return replace(watch, phase=phase), (Alarm(entry, _alarm_text(entry, measured, watch.tries)),)


def _seen(watch: Watch, entry: Owed, measured: float) -> tuple[Watch, tuple[Effect, ...]]:
    if watch.phase is Phase.PROVEN:
        return (watch if watch.gone_s is None else replace(watch, gone_s=None)), ()
    proven = replace(watch, phase=next_phase(watch.phase, Event.SEEN), tries=0)
    if watch.phase is not Phase.FAILED:
        return proven, ()
    name = entry.actuator.replace("_", "-")
    return proven, (Restored(entry.actuator, f"{name}: works again, {_measured_text(entry, measured)}"),)


def _excused(entry: Owed, facts: ProofFacts) -> bool:
    match entry.excuse:
        case "hot tank":  # the element's own thermostat
            hot_c = facts.hottest_tank_c
            return hot_c is None or hot_c >= facts.maximum_tank_c - THERMOSTAT_SPAN_K
        case "heat pump draws":  # it runs its primary pump itself
            watts = facts.values.get("heat_pump_w")
            return watts is None or watts > facts.heat_pump_rests_below_w
        case "thermostats may call":
            return facts.coolest_zone_k is None or facts.coolest_zone_k < CALLS_BELOW_K
        case "store pump rests":
            pump = facts.switches.get("store_pump")
            return pump is None or not pump.value or facts.values.get(VALVE_SIGN) == 0.0
        case _:
            return False


def _measured_text(entry: Owed, measured: float) -> str:
    if entry.quantity == VALVE_SIGN:
        return f"the pipes show {'charging' if measured > 0 else 'discharging'}"
    name, _, unit = entry.quantity.rpartition("_")
    if entry.quantity.endswith("_l_per_min"):
        name, unit = entry.quantity.removesuffix("_l_per_min"), "l/min"
    return f"{name.replace('_', ' ')} {measured:.{0 if unit == 'w' else 1}f} {unit.upper() if unit == 'w' else unit}"


def _alarm_text(entry: Owed, measured: float, tries: int) -> str:
    name, wish = entry.actuator.replace("_", "-"), "ON" if entry.value else "OFF"
    if entry.quantity == VALVE_SIGN:
        wish = "CHARGE" if entry.value else "DISCHARGE"
        rule = ""
    else:
        rule = f", {'at least' if entry.at_least else 'at most'} {entry.level:.0f} is owed"
    seen = f"{_measured_text(entry, measured)}{rule} within {entry.effect_deadline_s:.0f} s"
    return f"{name} {entry.kind}: commanded {wish}, {seen}; {tries} {'try' if tries == 1 else 'tries'} without effect"


def valve_sign(values: Mapping[str, float | None]) -> float | None:
    """1: the hot pipe of the store has the heat pump's leaving water; -1: the store's top; 0: both are alike."""
    hot_c, leaving_c, top_c = values.get("store_hot_pipe_c"), values.get("hp_lwt_c"), values.get("tank1_1_c")
    if hot_c is None or leaving_c is None or top_c is None:
        return None
    to_leaving_k, to_top_k = abs(hot_c - leaving_c), abs(hot_c - top_c)
    if min(to_leaving_k, to_top_k) > VALVE_MARGIN_K or abs(to_leaving_k - to_top_k) < VALVE_MARGIN_K:
        return 0.0
    return 1.0 if to_leaving_k < to_top_k else -1.0


def alternative(
    wishes: Sequence[Command], failed: Mapping[Actuator, str], actuators: frozenset[str]
) -> tuple[Command, ...]:
    """The other path around what failed: the element for an open heat pump, water kept moving through a welded one,
    no heat pump without its pump."""
    wish_of: dict[Actuator, Command] = {command.actuator: command for command in wishes}
    heat = wish_of.get("heat_pump")
    changed: dict[Actuator, Value] = {}
    if heat is not None and heat.value and failed.get("heat_pump") == "open" and "boost" in actuators:
        changed["boost"] = True
    if failed.get("heat_pump") == "welded" and "primary_pump" in actuators:
        changed["primary_pump"] = True
    if failed.get("primary_pump") in ("failed pump", "no flow") and heat is not None:
        changed["heat_pump"] = False
    if not changed:
        return tuple(wishes)
    signed = wishes[0] if wishes else None
    if signed is None:
        return ()
    made = {name: Command(name, value, signed.commander, signed.command_id) for name, value in changed.items()}
    return (*(command for command in wishes if command.actuator not in made), *made.values())
