"""Runs the house: from measured temperatures, tariff, forecast and the running slot to a wish for every actuator."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan

from pydantic import ValidationError

from actors.base import Address, Context, Shell
from actors.events import DrawableNow, Look, Received, SlotNow, Wish
from gw_spaceheat.decisions import local_control as rule
from gw_spaceheat.decisions.command import Commander
from gw_spaceheat.decisions.drawable import drawable_w
from gw_spaceheat.decisions.energy import required_energy_kwh, usable_energy_kwh
from gw_spaceheat.decisions.local_facts import LocalFacts, PolicyWish, capabilities_of
from gw_spaceheat.decisions.policy_control import wish_of
from gw_spaceheat.decisions.slot import SlotView
from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.house.model import House
from gw_spaceheat.markets.tariff import Tariff
from gw_spaceheat.messages.forecast import WeatherForecast
from gw_spaceheat.messages.policy import HousePolicy
from gw_spaceheat.physics.heat_load import heat_load_w, recovery_heat_w, required_source_water_c, return_drop_k
from gw_spaceheat.physics.heat_pump import capacity_w
from gw_spaceheat.physics.thermometers import filled, top_first
from gw_spaceheat.planning.case import StateNow
from gw_spaceheat.planning.policy import Policy, advise, policy_from
from gw_spaceheat.storage.state_file import StateFile

OUTLOOK_S = 60.0
POLICY_S = 300.0  # so often the policy is asked
POLICY_SAVE_S = 1800.0  # so seldom it is written: memory cards wear
LONGEST_REASON = 300  # of what is wrong with a policy: whoever wrote it may have much to say
SLOT_HANDOVER_S = 5.0
DAY_H = 24
HOUR_S = 3600.0  # how long the slot is that the water warms in
STANDBY_MARGIN_K = 1.0  # so much warmer outdoors before everything rests: standby is no matter of minutes
SETPOINT_MARGIN_K = 0.5  # the thermostats' band: what is needed to come back to the top of it


@dataclass(frozen=True, slots=True)
class Outlook:
    """What changes slowly: worked out once a minute."""

    at_s: float
    rswt_c: float | None
    required_kwh: float | None
    usable_kwh: float | None
    missing_k: float = 0.0
    no_heat: bool = False


class _NotInForce(BadInput):
    """A policy in order, but not for this house or not for this time."""


class LocalController(Shell):
    """`decisions/local_control.py` decides; here its facts are gathered."""

    def __init__(
        self,
        context: Context,
        house: House,
        tariff: Tariff,
        actuators: frozenset[str],
        scada: Address,
        keeper: Address,
        policy_file: StateFile,
    ) -> None:
        super().__init__(context)
        self._house = house
        self._tariff = tariff
        self._actuators = actuators
        self._scada = scada
        self._keeper = keeper
        self._capabilities = capabilities_of(house.plumbing, actuators)
        quantities = {channel.quantity for channel in house.channels}
        self._store = top_first(quantities, "tank")
        self._buffer = top_first(quantities, "buffer_")
        self._indoor_c = sum(z.setpoint_c * z.share for z in house.plumbing.zones) / sum(
            z.share for z in house.plumbing.zones
        )
        self._state = rule.LocalState()
        self._slot: SlotView | None = None
        self._trusted = True  # the time of day
        self._forecast: tuple[float, tuple[float, ...]] | None = None
        self._outlook = Outlook(-inf, None, None, None)
        self._peak: tuple[float, float, bool] = (-inf, -inf, False)  # valid from, to, on peak
        self._next_peak_s = inf
        self._tariff_said = ""
        self._policy: Policy | None = None
        self._policy_file = policy_file
        self._policy_ms, self._policy_saved_s, self._advised_s = 0, -inf, -inf
        self._policy_wish: PolicyWish | None = None
        self._switched: tuple[bool, float] = (False, -inf)  # the heat source as wished, and since when

    def begin(self) -> None:
        try:
            saved = self._policy_file.load()
        except StorageError as error:
            self.context.log("storage", str(error))
            saved = None
        if saved is None:
            return
        try:
            self._take_policy(HousePolicy.model_validate(saved))
        except _NotInForce as error:
            self.context.log("policy", f"saved one not used: {error}")
        except (ValidationError, BadInput) as error:
            self._put_policy_away(f"saved one not used: {_one_line(error)}")

    def handle(self, message: object) -> None:
        if type(message) is Look:
            self._look(message)
        elif type(message) is SlotNow:
            self._slot = message.slot
        elif type(message) is Received and isinstance(message.payload, WeatherForecast):
            payload = message.payload
            self._forecast = (float(payload.time[0]), payload.outdoor_c) if payload.time else None
        elif type(message) is Received and isinstance(message.payload, HousePolicy):
            try:
                self._take_policy(message.payload)
            except BadInput as error:
                self.context.log("policy", f"refused: {_one_line(error)}")

    def _take_policy(self, message: HousePolicy) -> None:
        """The newest that is for this house, still valid and of use: only such a one is kept. Raises BadInput."""
        now_s = self.context.now()
        if message.scada_alias != self._house.scada_alias:
            raise _NotInForce(f"policy for {message.scada_alias}, this is {self._house.scada_alias}")
        if message.created_ms <= self._policy_ms or message.valid_until_s <= now_s:
            raise _NotInForce(f"policy of {message.created_ms} ms is older than the one in force, or over")
        self._policy, self._policy_ms = policy_from(message), message.created_ms
        self._advised_s = -inf
        if now_s - self._policy_saved_s >= POLICY_SAVE_S:
            self._policy_saved_s = now_s
            try:
                self._policy_file.save(message.model_dump(mode="json", by_alias=True))
            except StorageError as error:
                self.context.log("storage", f"{error}; the policy holds until a restart")

    def _put_policy_away(self, why: str) -> None:
        """Without it: after a restart it would fail again, and with it the heating. Its file stays for a person."""
        self._policy = self._policy_wish = None
        self._policy_saved_s = -inf
        try:
            aside = self._policy_file.put_away()
        except StorageError as error:
            aside = str(error)
        self.context.log("policy", f"{why}; set aside as {aside}" if aside else why)

    def _ask_policy(self, value_of: Callable[[str], float | None], now_s: float) -> PolicyWish | None:
        """What the policy makes of the measured state, asked every 5 min; None without a valid one."""
        policy = self._policy
        if policy is None or not policy.covers(now_s):
            return None
        if now_s - self._advised_s < POLICY_S:
            return self._policy_wish
        self._advised_s = now_s
        buffer_c = [layer_c for name in self._buffer if (layer_c := value_of(name)) is not None]
        zones = [(zone.share, value_of(f"zone_{zone.name}_c")) for zone in self._house.plumbing.zones]
        known = [(share, zone_c) for share, zone_c in zones if zone_c is not None]
        measured = StateNow(
            store_c=tuple(nan if (layer_c := value_of(name)) is None else layer_c for name in self._store),
            buffer_c=sum(buffer_c) / len(buffer_c) if buffer_c else None,
            zone_c=sum(share * zone_c for share, zone_c in known) / sum(s for s, _ in known) if known else None,
            heat_pump_on=self._switched[0],
            heat_pump_since_s=self._switched[1],
        )
        try:
            advice = advise(policy, measured, now_s, value_of("outdoor_c"))
        except BadInput as error:
            self._put_policy_away(f"dropped: {_one_line(error)}")
            return None
        if advice is None:
            self._policy_wish = None
        else:
            self._policy_wish = wish_of(advice.run, advice.charge, advice.discharge, advice.better_usd)
        return self._policy_wish

    def _look(self, look: Look) -> None:
        now_s = self.context.now()
        trusted = look.clock_trusted
        slot = self._slot if trusted else None
        if slot is not None and 0.0 <= now_s - slot.end_s < SLOT_HANDOVER_S:
            return  # the keeper's word about the next slot is a message away: no switching in between
        value_of = look.quantities.get
        if now_s - self._outlook.at_s >= OUTLOOK_S or trusted is not self._trusted:
            self._trusted = trusted
            self._outlook = self._work_out(look.quantities, now_s)
            self._keeper.tell(DrawableNow(drawable_w(self._house.plumbing, look.quantities, HOUR_S)))
        # Without a trusted time of day nobody knows what is on peak: the house is heated by need alone.
        on_peak = trusted and self._on_peak(now_s)
        outlook = self._outlook
        store_top_c, store_bottom_c = _ends(self._store, value_of)
        buffer_top_c, buffer_bottom_c = _ends(self._buffer, value_of)
        facts = LocalFacts(
            capabilities=self._capabilities,
            on_peak=on_peak,
            minutes_to_on_peak=(self._next_peak_s - now_s) / 60.0 if trusted else inf,
            buffer_top_c=buffer_top_c,
            buffer_bottom_c=buffer_bottom_c,
            store_top_c=store_top_c,
            store_bottom_c=store_bottom_c,
            rswt_c=outlook.rswt_c,
            required_kwh=outlook.required_kwh,
            usable_kwh=outlook.usable_kwh,
            house_cold=look.house_cold,
            house_below=outlook.missing_k > 0.0,
            no_heat=outlook.no_heat,
            slot=slot,
            policy=self._ask_policy(value_of, now_s) if slot is None and trusted else None,
            source_w=(value_of("heat_pump_w") or 0.0) + (value_of("boost_w") or 0.0),
        )
        state, effects = rule.decide(self._state, facts, now_s)
        for effect in effects:
            self.context.log("local", f"{effect.previous} -> {effect.body} ({effect.mode}): {effect.reason}")
        if state.wanted is not self._state.wanted:
            commands = rule.commands_of(state.wanted, self._actuators, Commander.LOCAL)
            self._scada.tell(Wish(commands, state.wanted.reason, state.mode))
            if self._switched[0] != (state.wanted.heat_pump or state.wanted.boost):
                self._switched = (not self._switched[0], now_s)
        self._state = state

    def _on_peak(self, now_s: float) -> bool:
        valid_from_s, valid_to_s, on_peak = self._peak
        if valid_from_s <= now_s < valid_to_s:
            return on_peak
        why = self._tariff.why_not_valid(now_s)
        if why and not self._tariff_said:
            self.context.log("tariff", f"{why}; used all the same, put the new file in its place")
        self._tariff_said = why
        on_peak = self._tariff.is_on_peak(now_s)
        windows = self._tariff.on_peak_windows(now_s, now_s + 4 * 86400.0)
        ahead = [start_s for start_s, _ in windows if start_s > now_s]
        self._next_peak_s = min(ahead) if ahead else inf
        minute_s = now_s // 60.0 * 60.0
        self._peak = (minute_s, minute_s + 60.0, on_peak)
        return on_peak

    def _work_out(self, values: Mapping[str, float | None], now_s: float) -> Outlook:
        plumbing = self._house.plumbing
        outdoor = self._outdoor(values.get("outdoor_c"), now_s)
        if outdoor is None:
            return Outlook(now_s, None, None, None)
        load_start_s, outdoor_c = outdoor
        indoor_c = self._indoor_c + SETPOINT_MARGIN_K
        loads_w = [heat_load_w(plumbing.building, outdoor_now_c, indoor_c) for outdoor_now_c in outdoor_c]
        soon_w = max(loads_w[:3])
        rswt_c = required_source_water_c(plumbing.emitters, soon_w)
        # Water that only carries the load keeps a cold house cold; the store's worth is still that of the load.
        missing_k = self._missing_k(values)
        recovery_w = recovery_heat_w(plumbing.building, missing_k)
        warming_c = required_source_water_c(plumbing.emitters, soon_w + recovery_w)
        layers_c = filled([values.get(name) for name in self._store])
        usable_kwh = None
        if plumbing.store is not None and layers_c is not None:
            usable_kwh = usable_energy_kwh(plumbing, layers_c, rswt_c, return_drop_k(plumbing.emitters, soon_w))
        required_kwh = required_energy_kwh(
            now_s,
            self._tariff.on_peak_windows(now_s, now_s + DAY_H * 3600.0) if self._trusted else (),
            load_start_s,
            loads_w,
            self._source_heat_w(min(outdoor_c)),
            self._full_kwh(rswt_c, return_drop_k(plumbing.emitters, soon_w)),
        )
        rest_k = 0.0 if self._outlook.no_heat else STANDBY_MARGIN_K
        unheated_c = min(outdoor_c) - rest_k
        no_heat = missing_k <= 0.0 and heat_load_w(plumbing.building, unheated_c, indoor_c) <= 0.0
        return Outlook(now_s, warming_c, required_kwh, usable_kwh, missing_k, no_heat)

    def _missing_k(self, values: Mapping[str, float | None]) -> float:
        """How far the zones are, on average, below the band of their thermostats."""
        zones = self._house.plumbing.zones
        missing = [
            zone.share * max(0.0, zone.setpoint_c - zone.differential_k - zone_c)
            for zone in zones
            if (zone_c := values.get(f"zone_{zone.name}_c")) is not None
        ]
        return sum(missing) / sum(zone.share for zone in zones)

    def _outdoor(self, measured_c: float | None, now_s: float) -> tuple[float, Sequence[float]] | None:
        """(start, hourly outdoor C) for a day: the forecast while it lasts, else the measured value held."""
        hour_s = now_s // 3600.0 * 3600.0
        if self._forecast is not None and self._trusted:
            start_s, hourly_c = self._forecast
            # A forecast begins with the hour after it was made: for the hour before, its first value holds.
            first = max(0, int((hour_s - start_s) // 3600))
            if hour_s >= start_s - 3600.0 and first < len(hourly_c):
                ahead = hourly_c[first : first + DAY_H]
                return hour_s, [*ahead, *([ahead[-1]] * (DAY_H - len(ahead)))]
        return None if measured_c is None else (hour_s, [measured_c] * DAY_H)

    def _source_heat_w(self, outdoor_c: float) -> float:
        pump, boost = self._house.plumbing.heat_pump, self._house.plumbing.boost
        if pump is not None:
            return capacity_w(pump, outdoor_c, pump.rated_leaving_c)
        return boost.rated_w if boost is not None else 0.0

    def _full_kwh(self, rswt_c: float, drop_k: float) -> float:
        store = self._house.plumbing.store
        if store is None:
            return 0.0
        full = [self._capabilities.store_maximum_c] * (store.tanks * store.layers_per_tank)
        return usable_energy_kwh(self._house.plumbing, full, rswt_c, drop_k)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}..."


def _ends(names: tuple[str, ...], value_of: Callable[[str], float | None]) -> tuple[float | None, float | None]:
    """(top, bottom) of a row of thermometers; where one of the two is dead, the row is filled from its neighbours."""
    if not names:
        return None, None
    top_c, bottom_c = value_of(names[0]), value_of(names[-1])
    if top_c is not None and bottom_c is not None:
        return top_c, bottom_c
    layers_c = filled([value_of(name) for name in names])
    return (None, None) if layers_c is None else (layers_c[0], layers_c[-1])
