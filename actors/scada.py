"""The SCADA: knows the latest value of everything, decides who commands, and alone runs the safety filter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from actors.base import Address, Context, Shell
from actors.command_desk import CommandDesk
from actors.effect_watch import EffectWatch
from actors.events import (
    Actuate,
    ActuatorState,
    AskLink,
    ClockNow,
    CommanderNow,
    ContractNow,
    HeldByDispatch,
    LinkChanged,
    Look,
    Readings,
    Reassert,
    Received,
    Revoked,
    Send,
    Tick,
    Wish,
)
from actors.local_desk import LocalDesk
from actors.remote_desk import RemoteDesk
from gw_spaceheat.decisions import authority, clock, cold, dispatch, proof_of_effect, safety
from gw_spaceheat.decisions.command import Command, Commander
from gw_spaceheat.errors import StorageError
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.alerts import LogLevel, glitch_from
from gw_spaceheat.physics.thermometers import limiting_c
from gw_spaceheat.storage.ledger_file import check_signature
from gw_spaceheat.storage.state_file import StateFile
from gw_spaceheat.wires.protocols import ClockWire

CONTROL = Tick("control")
STALE_PERIODS = 2.5
SWEEP_S = 5.0
JUDGE_S = 10.0  # cold is a matter of minutes


@dataclass(frozen=True, slots=True)
class ScadaAddresses:
    relays: Mapping[str, Address]  # by actuator
    local_controller: Address
    keeper: Address
    reporter: Address
    gateway: Address
    local_gateway: Address
    watchman: Address
    atn: str = "ltn"


class Scada(Shell):
    """Every control period: fresh values, cold or not, who commands, what safety releases."""

    def __init__(
        self,
        context: Context,
        house: House,
        to: ScadaAddresses,
        file: StateFile,
        opt_out: StateFile,
        wall: ClockWire,
        begin_anew: Callable[[str], None],
    ) -> None:
        super().__init__(context)
        self._wall = wall
        self._begin_anew = begin_anew
        self._clock = clock.ClockState()
        self._house = house
        self._to = to
        self._file = file
        self._control_s = house.rates.control_s
        self._quantity_of = {channel.name: channel.quantity for channel in house.channels}
        meters = {node.name for node in house.nodes if node.role == "power_meter"}
        self._stale_after_s = {
            c.quantity: STALE_PERIODS * (house.rates.power_s if c.node in meters else house.rates.temperature_s)
            for c in house.channels
        }
        self._values: dict[str, float | None] = {}
        self._read_s: dict[str, float] = {}
        self._swept_s = self._judged_s = float("-inf")
        self._zone_quantities = tuple(f"zone_{zone.name}_c" for zone in house.plumbing.zones)
        self._limits = safety.limits_of(house.plumbing, tuple(to.relays), tuple(self._quantity_of.values()))
        self._boost_tank = safety.boost_tank_quantities(house.plumbing, tuple(self._quantity_of.values()))
        self._safety = safety.SafetyState()
        self._authority = authority.AuthorityState()
        self._cold = cold.ColdState()
        self._contract = ContractNow(False, float("-inf"))
        self._link_proven = False
        self._wishes: tuple[Command, ...] = ()
        self._signed_by = Commander.LOCAL
        self._refusals: dict[str, str] = {}
        self._revoked: str | None = None
        self._storage_problem = ""
        self._desk = LocalDesk(context, house, opt_out, to.local_gateway, to.watchman)
        self._remote = RemoteDesk(context, house, to.gateway, check_signature, to.atn, to.watchman)
        self._held: tuple[str, ...] = ()  # heat sources that a dispatch holds otherwise than the slot would
        self._node_of: dict[str, str] = {node.actuator: node.name for node in house.nodes if node.actuator is not None}
        self._effects = EffectWatch(house, tuple(to.relays))

    def begin(self) -> None:
        now_s = self.context.now()
        # First the safe pattern, whatever the boards or a disk remember.
        self._write_safe_pattern(now_s)
        try:
            saved = self._file.load() or {}
        except StorageError as error:
            self._say_storage(error)
            saved = {}
        records = {name: record for name, record in saved.items() if isinstance(record, dict)}
        self._safety = safety.start(self._limits, now_s, records)
        self._authority = authority.restored(saved.get("authority"), now_s)
        self._desk.commands.dispatches = dispatch.restored(saved.get("dispatch"))
        self._remote.commands.dispatches = dispatch.restored(saved.get("remote_dispatch"))
        self._desk.watch(now_s)
        self._say_revoked()
        self._judge_clock(now_s)
        self._to.gateway.tell(AskLink(self.context.me))
        self.context.after(self._control_s, CONTROL)

    def end(self) -> None:
        self._write_safe_pattern(self.context.now())

    def handle(self, message: object) -> None:
        if type(message) is Readings:
            at_s, values, read_s, quantity_of = message.at_s, self._values, self._read_s, self._quantity_of
            for name, value in message.values:
                quantity = quantity_of[name]
                values[quantity] = value
                read_s[quantity] = at_s
            return
        match message:
            case Tick("control"):
                self.context.after(self._control_s, CONTROL)
                self._control()
            case Wish(commands):
                self._wishes = commands
                self._sign_wishes(self._authority.commander)
            case Received():
                self._hear(message)
            case ContractNow():
                self._contract = message
            case LinkChanged("cloud", peer_active):
                self._link_proven = peer_active
            case ActuatorState(actuator, _, value, reason, _):
                for desk in (self._desk, self._remote):
                    desk.commands.read_back(actuator, value, reason)
                if reason:
                    self.context.log("actuator", f"{actuator}: {reason}")
                    self._alarm(actuator, LogLevel.ERROR, f"{actuator}: {reason}")
                self._to.reporter.tell(message)

    def _hear(self, received: Received) -> None:
        """What was heard is remembered before it acts."""
        now_s = self.context.now()
        if received.link == "local":
            self._decide_authority(now_s)  # a lease that is over takes its commands with it before another begins
        before = self._desk.commands.dispatches
        request = self._desk.hear(received, self._clock.trusted)
        if self._desk.commands.dispatches is not before:
            self._save()
        if request is not None:
            self._decide_authority(now_s, request)
            return
        if received.link != "cloud":
            return
        contract, state = self._contract, self._authority
        facts = dispatch.RemoteFacts(state.commander, authority.wait_s(state, now_s), contract.buys_heat)
        if self._remote.hear(received, facts, self._clock.trusted, contract.their_key):
            self._save()

    def _commands_of(self, commander: Commander) -> CommandDesk | None:
        match commander:
            case Commander.ADMIN:
                return self._desk.commands
            case Commander.REMOTE:
                return self._remote.commands
            case Commander.LOCAL:
                return None

    def _control(self) -> None:
        now_s = self.context.now()
        fresh = self._fresh(now_s)
        if now_s - self._judged_s >= JUDGE_S:
            self._judged_s = now_s
            self._judge_cold(fresh, now_s)
            # Both are said again, this first: a keeper that was restarted hears offers as soon as it has the clock.
            self._revoked = None
            self._say_revoked()
            self._judge_clock(now_s)
            self._held = ()
        if self._desk.watch(now_s):
            self._alarm("scada", LogLevel.INFO, f"homeowner {self._desk.opt_out.choice}")
        self._decide_authority(now_s)
        self._to.local_controller.tell(Look(fresh, self._cold.cold, self._authority.commander, self._clock.trusted))
        self._prove_effects(fresh, now_s)
        self._filter(fresh, now_s)

    def _prove_effects(self, fresh: Mapping[str, float | None], now_s: float) -> None:
        for effect in self._effects.look(fresh, self._read_s, self._safety.switches, now_s):
            match effect:
                case proof_of_effect.TryAgain(owed, number):
                    self.context.log("effect", f"{owed.name}: not seen, try {number} of {owed.tries}")
                    self._to.relays[owed.actuator].tell(Reassert())
                case proof_of_effect.Alarm(owed, text):
                    level = LogLevel.CRITICAL if owed.kind == "welded" else LogLevel.ERROR
                    self.context.log("alarm", text)
                    for desk in (self._desk, self._remote):
                        desk.commands.no_effect(owed.actuator, text)
                    self._alarm(owed.actuator, level, text)
                case proof_of_effect.Restored(actuator, text):
                    self.context.log("effect", text)
                    self._alarm(actuator, LogLevel.INFO, text)

    def _alarm(self, actuator: str, level: LogLevel, text: str) -> None:
        glitch = glitch_from(
            alias=self._house.scada_alias,
            node=self._node_of.get(actuator, "scada"),
            level=level,
            summary=text,
            details="",
            now_s=self.context.now(),
        )
        self._to.gateway.tell(Send(self._to.atn, glitch))

    def _fresh(self, now_s: float) -> dict[str, float | None]:
        """A copy of what is known. A sensor that fails says None at once; this sweep is for one that is dead."""
        if now_s - self._swept_s >= SWEEP_S:
            self._swept_s = now_s
            stale_after_s = self._stale_after_s
            for quantity, at_s in self._read_s.items():
                if now_s - at_s > stale_after_s[quantity]:
                    self._values[quantity] = None
        return dict(self._values)

    def _judge_clock(self, now_s: float) -> None:
        seen = self._wall.read()
        earliest_s = clock.BUILT_S if seen.earliest_s is None else seen.earliest_s
        facts = clock.ClockFacts(seen.wall_s, seen.synchronised, earliest_s)
        self._clock, effects = clock.decide(self._clock, facts, now_s)
        for effect in effects:
            match effect:
                case clock.TrustChanged(trust, reason):
                    self.context.log("clock", f"{trust}: {reason}")
                    level = LogLevel.INFO if self._clock.trusted else LogLevel.WARNING
                    self._alarm("scada", level, f"clock {trust}: {reason}")
                case clock.BeginAnew(reason):
                    self.context.log("clock", f"beginning anew: {reason}")
                    self._begin_anew(f"clock: {reason}; the program must begin anew to take it")
        self._to.keeper.tell(ClockNow(self._clock.trusted))

    def _judge_cold(self, fresh: Mapping[str, float | None], now_s: float) -> None:
        zones = tuple(
            cold.ZoneNow(zone.name, fresh.get(quantity), zone.setpoint_c, zone.differential_k, zone.critical)
            for zone, quantity in zip(self._house.plumbing.zones, self._zone_quantities, strict=True)
        )
        at_maximum = bool(self._safety.value("heat_pump") or self._safety.value("boost"))
        before = self._cold.cold
        self._cold = cold.decide(self._cold, zones, at_maximum, now_s)
        if self._cold.cold != before:
            self.context.log("cold", "house is cold" if self._cold.cold else "house is warm again")

    def _say_revoked(self) -> None:
        """To the keeper, when it changes: why no slot may run now."""
        revoked = "homeowner opted out" if self._desk.opt_out.opted_out else "house cold" if self._cold.cold else ""
        if revoked != self._revoked:
            self._revoked = revoked
            self._to.keeper.tell(Revoked(revoked))

    def _decide_authority(self, now_s: float, request: authority.AdminRequest | None = None) -> None:
        facts = authority.AuthorityFacts(
            contract_live=self._contract.live,
            heartbeat_age_s=now_s - self._contract.heard_s,
            link_proven=self._link_proven,
            clock_trusted=self._clock.trusted,
            house_cold=self._cold.cold,
            opted_out=self._desk.opt_out.opted_out,
        )
        self._say_revoked()
        self._authority, effects = authority.decide(self._authority, facts, now_s, request)
        for effect in effects:
            match effect:
                case authority.CommanderChanged(previous, commander, reason):
                    self.context.log("authority", f"{previous} -> {commander}: {reason}")
                    self._to.reporter.tell(CommanderNow(commander, reason))
                    self._save()
                    if (commands := self._commands_of(previous)) is not None:
                        commands.forget(f"{previous} commands no longer: {reason}")
                case authority.RequestGranted(asked, until_s):
                    self.context.log("admin", f"{asked.admin} {asked.kind}: {until_s - now_s:.0f} s")
                case authority.RequestRefused():
                    self._desk.request_refused(effect)

    def _filter(self, fresh: Mapping[str, float | None], now_s: float) -> None:
        commander = self._authority.commander
        if commander is not self._signed_by:
            self._sign_wishes(commander)
        facts = safety.SafetyFacts(
            limits=self._limits,
            commander=commander,
            leaving_c=fresh.get("hp_lwt_c"),
            entering_c=fresh.get("hp_ewt_c"),
            primary_flow_l_per_min=fresh.get("primary_flow_l_per_min"),
            coldest_zone_c=self._coldest_zone_c(fresh),
            pipe_c=fresh.get("pipe_c"),
            boost_tank_c=limiting_c([fresh.get(name) for name in self._boost_tank]),
            house_cold=self._cold.cold,
        )
        wishes, commands = self._wishes_of(commander), self._commands_of(commander)
        self._safety, released, refused = safety.apply(self._safety, wishes, facts, now_s)
        if released:
            self._save()  # first: a start that is forgotten would be one too many
        for safe in released:
            because = f" by {safe.forced_by}" if safe.forced_by else ""
            self.context.log("release", f"{safe.command.actuator} = {safe.command.value}{because}")
            self._to.relays[safe.command.actuator].tell(Actuate(safe))
            if safe.forced_by and commands is not None:
                # Else the same command would act once more when the danger is over.
                commands.drop(safe.command.actuator, safe.forced_by, f"taken back by safety: {safe.forced_by}")
        for refusal in refused:
            actuator = refusal.command.actuator
            if commands is not None:
                commands.refused(actuator, refusal.rule, refusal.text, refusal.wait_s)
            if self._refusals.get(actuator) != refusal.rule:
                self._refusals[actuator] = refusal.rule
                self.context.log("refusal", refusal.text)
        if commands is not None:
            commands.settle()
        if not refused and self._refusals:
            self._refusals = {}

    def _wishes_of(self, commander: Commander) -> Sequence[Command]:
        if commander is Commander.ADMIN:
            return self._desk.commands.wishes()
        if commander is Commander.LOCAL or not (dispatched := self._remote.wishes(self._contract.buys_heat)):
            return self._effects.wishes(self._wishes)
        held = self._remote.against(self._wishes)
        if held and held != self._held:
            self._to.keeper.tell(HeldByDispatch())
        self._held = held
        return self._effects.wishes(dispatch.overlaid(self._wishes, dispatched))

    def _save(self) -> None:
        """A disk that fails is said once; the house heats on."""
        parts = {
            "authority": self._authority.to_json(),
            "dispatch": self._desk.commands.dispatches.to_json(),
            "remote_dispatch": self._remote.commands.dispatches.to_json(),
        }
        try:
            self._file.save({**self._safety.to_json(), **parts})
        except StorageError as error:
            self._say_storage(error)
        else:
            self._storage_problem = ""

    def _say_storage(self, error: StorageError) -> None:
        if str(error) != self._storage_problem:
            self._storage_problem = str(error)
            self.context.log("storage", f"{error}; run times are not remembered over a restart")
            self._alarm("scada", LogLevel.ERROR, str(error))

    def _sign_wishes(self, commander: Commander) -> None:
        """The local controller executes what an accepted slot demands also in remote control: it acts for the
        commander, whose name is put on its wishes when either changes."""
        self._wishes = tuple(Command(c.actuator, c.value, commander, c.command_id) for c in self._wishes)
        self._signed_by = commander

    def _coldest_zone_c(self, fresh: Mapping[str, float | None]) -> float | None:
        known = [value for value in map(fresh.get, self._zone_quantities) if value is not None]
        return min(known) if known else None

    def _write_safe_pattern(self, now_s: float) -> None:
        for safe in safety.safe_pattern(self._limits, Commander.LOCAL, now_s):
            self._to.relays[safe.command.actuator].tell(Actuate(safe))
