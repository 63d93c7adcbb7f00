"""The house's own controller: tables of five states, driven by the tariff, the forecast and measured temperatures.

Order of obligations: (safety filter, under everything), cold, blind, accepted slot, valid policy, tariff rule. Where
nothing has to be heated for a day and no slot or policy says otherwise, everything rests: standby, also when blind.
What a house lacks (store, buffer, heat pump) is seen in `Capabilities`; a smaller house uses a smaller table, not
another class.
Temperatures C, energies kWh of heat, times s of one steady clock.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from gw_spaceheat.decisions import slot as slot_rule
from gw_spaceheat.decisions.command import Actuator, Command, Commander
from gw_spaceheat.decisions.local_facts import (
    Capabilities,
    LocalFacts,
    PolicyWish,
    buffer_empty,
    buffer_full,
    capabilities_of,
    missing,
    must_fill,
    store_colder,
    store_full,
    store_useful,
)
from gw_spaceheat.decisions.local_tables import (
    SINGLE_TANK_TABLE,
    SLOT_TABLE,
    TARIFF_TABLE,
    Body,
    Event,
    Mode,
    next_body,
)
from gw_spaceheat.decisions.policy_control import charge_event, off_event, policy_step
from gw_spaceheat.decisions.slot import SlotView

__all__ = ["Body", "Capabilities", "LocalFacts", "LocalState", "Mode", "Wanted", "capabilities_of", "decide"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The wish for every actuator. `distribution_pump` off: thermostats decide by wiring, and may run it."""

    heat_pump: bool
    boost: bool
    store_pump: bool
    store_valve_charge: bool
    distribution_pump: bool
    primary_pump: bool
    leaving_setpoint_c: float | None
    reason: str


SAFE = Wanted(False, False, False, False, False, False, None, "safe pattern")


@dataclass(frozen=True, slots=True)
class LocalState:
    body: Body = Body.INITIALIZING
    mode: Mode = Mode.NORMAL
    since_s: float = float("-inf")
    missing_since_s: float | None = None
    store_was_ready: bool = False
    wanted: Wanted = SAFE


@dataclass(frozen=True, slots=True)
class BodyChanged:
    """For the log and the state machine report."""

    previous: Body
    body: Body
    mode: Mode
    reason: str


def decide(state: LocalState, facts: LocalFacts, now_s: float) -> tuple[LocalState, tuple[BodyChanged, ...]]:
    """One look at the house; the wish is `state.wanted`. The same object comes back if nothing changed."""
    if facts.house_cold:
        return _settle(state, facts, Body.HP_ON_STORE_OFF, Mode.COLD, "house cold: heat whatever the price", now_s)
    resting = facts.no_heat and facts.slot is None and facts.policy is None
    if missing(facts) and not resting:
        return _blind(state, facts, now_s)
    if state.missing_since_s is not None:
        state = replace(state, missing_since_s=None)
    if resting:
        return _settle(state, facts, Body.HP_OFF_STORE_OFF, Mode.STANDBY, "standby: no heat is needed for a day", now_s)
    if facts.slot is not None:
        return _by_slot(state, facts, facts.slot, now_s)
    if facts.policy is not None:
        return _by_policy(state, facts, facts.policy, now_s)
    body = Body.INITIALIZING if state.mode in (Mode.COLD, Mode.BLIND) else state.body
    state, ready = _latch_ready(state, facts)
    if facts.capabilities.two_tanks:
        event = _tariff_event(body, facts, ready, now_s - state.since_s)
        table = TARIFF_TABLE
    else:
        body = _small(body)
        event = _single_event(body, facts, ready)
        table = SINGLE_TANK_TABLE
    if event is None:
        return _settle(state, facts, body, Mode.NORMAL, state.wanted.reason, now_s)
    return _settle(state, facts, next_body(table, body, event), Mode.NORMAL, event.value, now_s)


@lru_cache(maxsize=256)  # asked every second, and the wish seldom changes
def commands_of(wanted: Wanted, actuators: frozenset[str], commander: Commander) -> tuple[Command, ...]:
    """The wish as commands for the actuators the house has."""
    pairs: tuple[tuple[Actuator, bool | float | None], ...] = (
        ("heat_pump", wanted.heat_pump),
        ("boost", wanted.boost),
        ("store_pump", wanted.store_pump),
        ("store_valve", wanted.store_valve_charge),
        ("distribution_pump", wanted.distribution_pump),
        ("primary_pump", wanted.primary_pump),
        ("leaving_setpoint", wanted.leaving_setpoint_c),
    )
    return tuple(Command(name, value, commander) for name, value in pairs if value is not None and name in actuators)


def _latch_ready(state: LocalState, facts: LocalFacts) -> tuple[LocalState, bool]:
    """Ready at the required energy; no longer ready only under 90 % of it and more than 3 kWh short."""
    usable_kwh, required_kwh = facts.usable_kwh or 0.0, facts.required_kwh or 0.0
    if store_full(facts) or usable_kwh >= required_kwh:
        ready = True
    elif state.store_was_ready:
        ready = not (usable_kwh < 0.9 * required_kwh and required_kwh - usable_kwh > 3.0)
    else:
        ready = False
    if ready != state.store_was_ready:
        state = replace(state, store_was_ready=ready)
    return state, ready


def _peak(facts: LocalFacts) -> bool:
    """A little before the boundary counts as on-peak: the compressor must be off when it comes."""
    return facts.on_peak or facts.minutes_to_on_peak <= facts.capabilities.look_ahead_minutes


# ---------------------------------------------------------------- events


def _tariff_event(body: Body, facts: LocalFacts, ready: bool, held_s: float) -> Event | None:
    if _peak(facts):
        return _on_peak_event(body, facts)
    if body is Body.HP_OFF_STORE_DISCHARGE:
        return Event.OFF_PEAK_START
    if body is Body.HP_ON_STORE_CHARGE:
        if facts.defrost:
            return Event.DEFROST
        if must_fill(facts, held_s):
            return Event.OFF_PEAK_BUFFER_EMPTY
        return Event.OFF_PEAK_READY if ready else None
    if body is Body.HP_ON_STORE_OFF:
        if facts.defrost or not buffer_full(facts):
            return None
        return Event.OFF_PEAK_FULL_READY if ready else Event.OFF_PEAK_FULL_NOT_READY
    if buffer_empty(facts):
        return Event.OFF_PEAK_BUFFER_EMPTY
    if body is Body.HP_OFF_STORE_OFF:
        return None if ready else Event.OFF_PEAK_NOT_READY
    return Event.OFF_PEAK_FULL_READY if ready else Event.OFF_PEAK_FULL_NOT_READY


def _on_peak_event(body: Body, facts: LocalFacts) -> Event | None:
    if body in (Body.HP_ON_STORE_OFF, Body.HP_ON_STORE_CHARGE):
        return Event.ON_PEAK_START
    if body is Body.HP_OFF_STORE_DISCHARGE:
        if buffer_full(facts):
            return Event.ON_PEAK_BUFFER_FULL
        return Event.ON_PEAK_STORAGE_COLDER if store_colder(facts) else None
    if buffer_empty(facts) and store_useful(facts):
        return Event.ON_PEAK_BUFFER_EMPTY
    return Event.ON_PEAK_BUFFER_FULL if body is Body.INITIALIZING else None


def _single_event(body: Body, facts: LocalFacts, ready: bool) -> Event | None:
    is_on = body is Body.HP_ON_STORE_OFF
    if _peak(facts):
        return Event.ON_PEAK_START if is_on or body is Body.INITIALIZING else None
    full, low = _tank(facts, ready)
    if is_on:
        return Event.TANK_FULL if full else None
    if low:
        return Event.OFF_PEAK_TANK_LOW
    return Event.TANK_FULL if body is Body.INITIALIZING else None


def _tank(facts: LocalFacts, ready: bool) -> tuple[bool, bool]:
    """(full, low) of the house's only tank. Without any tank the emitters are the store: never full, always low."""
    rswt_c = facts.rswt_c or 0.0
    if facts.capabilities.store:
        top_c = facts.store_top_c if facts.store_top_c is not None else rswt_c
        short = top_c < rswt_c - facts.capabilities.empty_margin_k
        warm = top_c > rswt_c + 2.0
        return store_full(facts) or (ready and warm), short or not ready
    if facts.capabilities.buffer:
        filling = facts.minutes_to_on_peak <= 60.0 and not buffer_full(facts)
        return buffer_full(facts), buffer_empty(facts) or filling
    return False, True


def _small(body: Body) -> Body:
    if body is Body.HP_ON_STORE_CHARGE:
        return Body.HP_ON_STORE_OFF
    return Body.HP_OFF_STORE_OFF if body is Body.HP_OFF_STORE_DISCHARGE else body


# ---------------------------------------------------------------- the other modes


def _by_slot(
    state: LocalState, facts: LocalFacts, slot: SlotView, now_s: float
) -> tuple[LocalState, tuple[BodyChanged, ...]]:
    capabilities = facts.capabilities
    was_on = state.wanted.heat_pump or (not capabilities.heat_pump and state.wanted.boost)
    decision = slot_rule.decide(slot, capabilities.source, was_on, facts.source_w, now_s)
    run, reason = decision.run, decision.reason
    if run and (store_full(facts) if capabilities.store else buffer_full(facts)) and buffer_full(facts):
        run, reason = False, "slot: every tank is full"
    body = state.body if state.mode is Mode.SLOT else _keep(state.body, run)
    if capabilities.two_tanks:
        event, table = _slot_event(body, run, facts, now_s - state.since_s), SLOT_TABLE
    else:
        body, table = _small(body), SINGLE_TANK_TABLE
        is_on = body is Body.HP_ON_STORE_OFF
        event = None
        if run and not is_on:
            event = Event.ELEC_BUFFER_EMPTY
        elif not run and (is_on or body is Body.INITIALIZING):
            event = Event.NO_MORE_ELEC
    following = body if event is None else next_body(table, body, event)
    return _settle(state, facts, following, Mode.SLOT, reason, now_s)


def _by_policy(
    state: LocalState, facts: LocalFacts, wish: PolicyWish, now_s: float
) -> tuple[LocalState, tuple[BodyChanged, ...]]:
    body = state.body if state.mode is Mode.POLICY else _keep(state.body, wish.run)
    if not facts.capabilities.two_tanks:
        body = _small(body)
    event, table = policy_step(body, facts, wish, now_s - state.since_s)
    following = body if event is None else next_body(table, body, event)
    return _settle(state, facts, following, Mode.POLICY, wish.reason, now_s)


def _keep(body: Body, run: bool) -> Body:
    """Coming into a slot from another mode: a body that agrees with the slot goes on, others start anew."""
    is_on = body in (Body.HP_ON_STORE_OFF, Body.HP_ON_STORE_CHARGE)
    return body if is_on == run else Body.INITIALIZING


def _slot_event(body: Body, run: bool, facts: LocalFacts, held_s: float) -> Event | None:
    return charge_event(body, facts, held_s) if run else off_event(body, facts)


def _blind(state: LocalState, facts: LocalFacts, now_s: float) -> tuple[LocalState, tuple[BodyChanged, ...]]:
    """Data missing: hold the last wish for a while, then hand over to the machine's own controls."""
    if state.missing_since_s is None:
        state = replace(state, missing_since_s=now_s)
    since_s = state.missing_since_s if state.missing_since_s is not None else now_s
    if now_s - since_s < facts.capabilities.blind_after_s:
        return state, ()
    reason = "blind: store off, heat source on its own controls"
    return _settle(state, facts, Body.HP_ON_STORE_OFF, Mode.BLIND, reason, now_s)


# ---------------------------------------------------------------- the wish


def _settle(
    state: LocalState, facts: LocalFacts, body: Body, mode: Mode, reason: str, now_s: float
) -> tuple[LocalState, tuple[BodyChanged, ...]]:
    capabilities = facts.capabilities
    heat = body in (Body.HP_ON_STORE_OFF, Body.HP_ON_STORE_CHARGE)
    setpoint_c = _setpoint_c(body, mode, facts) if capabilities.leaving_choice and heat else None
    if body is state.body and mode is state.mode:
        wanted = state.wanted
        if wanted is not SAFE and wanted.leaving_setpoint_c == setpoint_c and wanted.reason == reason:
            return state, ()
    wanted = Wanted(
        heat_pump=heat and capabilities.heat_pump,
        boost=heat and capabilities.boost and (mode is Mode.COLD or not capabilities.heat_pump),
        store_pump=body in (Body.HP_ON_STORE_CHARGE, Body.HP_OFF_STORE_DISCHARGE),
        store_valve_charge=body is Body.HP_ON_STORE_CHARGE,
        distribution_pump=mode is Mode.COLD,
        primary_pump=heat and capabilities.heat_pump,
        leaving_setpoint_c=setpoint_c,
        reason=reason,
    )
    since_s = state.since_s if body is state.body else now_s
    changed = replace(state, body=body, mode=mode, since_s=since_s, wanted=wanted)
    if body is state.body and mode is state.mode:
        return changed, ()
    return changed, (BodyChanged(state.body, body, mode, reason),)


def _setpoint_c(body: Body, mode: Mode, facts: LocalFacts) -> float | None:
    """Charging as hot as allowed; else what the house needs, with the lift on top, in steps of 0.5 K."""
    limits = facts.capabilities
    if body is Body.HP_ON_STORE_CHARGE or mode is Mode.COLD:
        return limits.maximum_leaving_c
    if facts.rswt_c is None:
        return None
    return min(limits.maximum_leaving_c, round(2 * (facts.rswt_c + limits.lift_k / 2)) / 2)
