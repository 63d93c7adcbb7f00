"""Proof of effect as the SCADA uses it: gathers the facts, holds what the pump doctor holds off, knows what failed."""

from collections.abc import Mapping, Sequence
from math import inf

from gw_spaceheat.decisions import proof_of_effect as rule
from gw_spaceheat.decisions.command import Actuator, Command
from gw_spaceheat.decisions.proof_tables import AWAKE_OVER_STANDBY_W, VALVE_SIGN, owed_by
from gw_spaceheat.decisions.safety import Switch
from gw_spaceheat.house.model import House

PROOF_S = 2.0
VALVE_QUANTITIES = ("store_hot_pipe_c", "hp_lwt_c", "tank1_1_c")


class EffectWatch:
    """`look` every control period; `wishes` are then what may still be asked for."""

    def __init__(self, house: House, actuators: Sequence[str]) -> None:
        plumbing = house.plumbing
        quantities = [channel.quantity for channel in house.channels]
        self._actuators = frozenset(actuators)
        self._owed = owed_by(plumbing, actuators, quantities, house.rates.temperature_s)
        self._has_valve = any(entry.quantity == VALVE_SIGN for entry in self._owed)
        self._tanks = tuple(name for name in quantities if name.startswith("tank"))
        self._maximum_tank_c = plumbing.boost.maximum_c if plumbing.boost is not None else inf
        self._rests_w = plumbing.heat_pump.standby_w + AWAKE_OVER_STANDBY_W if plumbing.heat_pump is not None else 0.0
        self._zones = tuple((f"zone_{zone.name}_c", zone.setpoint_c) for zone in plumbing.zones)
        self._state = rule.ProofState()
        self._looked_s = -inf
        self._held_off: dict[Actuator, float] = {}

    def look(
        self,
        values: Mapping[str, float | None],
        read_s: Mapping[str, float],
        switches: Mapping[str, Switch],
        now_s: float,
    ) -> tuple[rule.Effect, ...]:
        if now_s - self._looked_s < PROOF_S:
            return ()
        self._looked_s = now_s
        if self._held_off:
            self._held_off = {name: until_s for name, until_s in self._held_off.items() if until_s > now_s}
        hottest_c = None
        if self._maximum_tank_c < inf:
            known = [value for value in map(values.get, self._tanks) if value is not None]
            hottest_c = max(known) if known else None
        if self._has_valve and switches.get("store_pump", Switch()).value:
            values = {**values, VALVE_SIGN: rule.valve_sign(values)}
            read_s = {**read_s, VALVE_SIGN: min(read_s.get(name, -inf) for name in VALVE_QUANTITIES)}
        over_k = [zone_c - setpoint_c for name, setpoint_c in self._zones if (zone_c := values.get(name)) is not None]
        coolest_k = min(over_k) if len(over_k) == len(self._zones) and over_k else None
        facts = rule.ProofFacts(values, read_s, switches, hottest_c, self._maximum_tank_c, self._rests_w, coolest_k)
        self._state, effects = rule.decide(self._state, self._owed, facts, now_s)
        for effect in effects:
            if isinstance(effect, rule.TryAgain) and effect.owed.cycle:
                self._held_off[effect.owed.actuator] = now_s + rule.CYCLE_OFF_S
        return effects

    def wishes(self, wishes: Sequence[Command]) -> Sequence[Command]:
        """The wishes, but off where the pump doctor holds off, and by the other path around what failed."""
        if not self._held_off and not self._state.failed:
            return wishes
        changed = rule.alternative(wishes, self._state.failed, self._actuators)
        return tuple(
            Command(wish.actuator, False, wish.commander, wish.command_id)
            if wish.actuator in self._held_off and wish.value
            else wish
            for wish in changed
        )
