"""Keeps the DispatchContract with the AtomicTNode: hears and says heartbeats, counts energy, remembers on disk."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from actors.base import Address, Context, Shell
from actors.events import (
    ClockNow,
    ContractNow,
    DrawableNow,
    EnergyUsed,
    HeldByDispatch,
    Received,
    Revoked,
    Send,
    SlotNow,
    Suspicion,
    Tick,
)
from actors.ledger_book import LedgerBook
from gw_spaceheat.decisions import contract as rule
from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.messages.alerts import LogLevel, glitch_from
from gw_spaceheat.messages.contract import SlowContractHeartbeat
from gw_spaceheat.storage.state_file import StateFile

WATCH = Tick("watch")
WATCH_S = 5.0
ALARM = Tick("alarm")
ALARM_AFTER_S, ALARM_EVERY_S = 60.0, 3600.0


@dataclass(frozen=True, slots=True)
class KeeperAddresses:
    scada: Address
    local_controller: Address
    gateway: Address
    watchman: Address


class ContractKeeper(Shell):
    """`decisions/contract.py` decides; this actor carries out, state first on disk and then the word."""

    def __init__(
        self,
        context: Context,
        facts: rule.ContractFacts,
        to: KeeperAddresses,
        file: StateFile,
        book: LedgerBook,
        atn: str = "ltn",
    ) -> None:
        super().__init__(context)
        self._facts = facts
        self._to = to
        self._file = file
        self._book = book
        self._atn = atn
        self._state = rule.ContractState()
        self._metered_s = float("-inf")
        self._told: ContractNow | None = None
        self._slot_told = False
        self._clock_trusted: bool | None = None  # nobody has said yet
        self._storage_problem = ""

    def begin(self) -> None:
        self._book.open(self.context)
        if self._book.problem:
            # Later: what is said before the link is up waits in the outbox, which may be as dead.
            self.context.after(ALARM_AFTER_S, ALARM)
        try:
            saved = self._file.load()
        except StorageError as error:
            self._say_storage(error)
            saved = None
        if saved is not None:
            try:
                self._state = rule.from_json(saved)
            except BadInput as error:
                self.context.log("contract", f"saved state not used: {error}")
        self.context.after(WATCH_S, WATCH)

    def handle(self, message: object) -> None:
        match message:
            case EnergyUsed(watt_hours, _, at_s):
                self._metered_s = at_s
                self._decide(rule.Tick(watt_hours))
            case Received(payload=SlowContractHeartbeat() as heartbeat, retained=retained):
                if self._clock_trusted is None:
                    return  # nor is it known yet whether slots are revoked; what matters is said again in seconds
                if retained:
                    self.context.log("contract", "refused: a heartbeat retained by the broker is no word of anyone")
                    self._to.watchman.tell(Suspicion("heartbeat: retained by the broker", ""))
                elif why := self._book.hear(heartbeat, self.context):
                    about = heartbeat.contract.contract_id[:8]
                    self.context.log("ledger", f"refused {about}: {why}")
                    self._to.watchman.tell(Suspicion("heartbeat: not of this ledger", f"{about}: {why}"))
                else:
                    self._decide(rule.HeartbeatReceived(heartbeat))
            case Revoked(cause):
                if cause != self._facts.revoked_by:
                    self._facts = replace(self._facts, revoked_by=cause)
                if cause:
                    self._decide(rule.Revoke(cause))
            case ClockNow(trusted):
                self._take_clock(trusted)
            case DrawableNow(drawable_w):
                self._facts = replace(self._facts, drawable_w=drawable_w)
            case HeldByDispatch():
                self._decide(rule.Dispatched())
            case Tick("alarm"):
                self.context.after(ALARM_EVERY_S, ALARM)
                self._alarm(self._book.problem)
            case Tick("watch"):
                self.context.after(WATCH_S, WATCH)
                if self.context.now() - self._metered_s > WATCH_S:
                    self._decide(rule.Tick(None))

    def _alarm(self, text: str) -> None:
        glitch = glitch_from(
            alias=self._facts.scada_alias,
            node="contract-keeper",
            level=LogLevel.ERROR,
            summary=text,
            details="",
            now_s=self.context.now(),
        )
        self._to.gateway.tell(Send(self._atn, glitch))

    def _take_clock(self, trusted: bool) -> None:
        """Slots are times of day: until these are trusted nothing of a slot begins, runs, is counted or ends."""
        if trusted is self._clock_trusted:
            return
        first, self._clock_trusted = self._clock_trusted is not True, trusted
        self._facts = replace(self._facts, clock_trusted=trusted)
        if trusted and first:
            self._decide(rule.Restarted())
        self._tell(self.context.now())

    def _decide(self, event: rule.Input) -> None:
        if not self._clock_trusted and not isinstance(event, rule.HeartbeatReceived | rule.Revoke):
            return
        now_s = self.context.now()
        before = self._state
        self._state, effects = rule.decide(before, event, self._facts, now_s)
        if not self._persisted(effects) and _takes_on(before, self._state):
            # What is not on disk would be forgotten by a power cut: it is not promised.
            self._state = before
            return
        for effect in effects:
            match effect:
                case rule.Persist():
                    pass
                case rule.SendHeartbeat(heartbeat):
                    sealed = self._book.say(heartbeat, self.context)
                    if sealed is not None:
                        self._to.gateway.tell(Send(self._atn, sealed))
                    if heartbeat.status is not heartbeat.previous_status:
                        self.context.log("contract", f"{heartbeat.contract.contract_id[:8]} {heartbeat.status}")
                case rule.SlotStarted(contract):
                    watts, minutes = contract.avg_power_watts, contract.duration_minutes
                    self.context.log("slot", f"started {contract.contract_id[:8]}: {watts} W for {minutes} min")
                case rule.SlotEnded(contract, status, used_wh, cause):
                    said = f"ended {contract.contract_id[:8]} {status}: {used_wh:.0f} of {contract.energy_wh:.0f} Wh"
                    self.context.log("slot", f"{said} {cause}".rstrip())
                case rule.Refuse(contract, reason):
                    self.context.log("contract", f"refused {contract.contract_id[:8]}: {reason}")
        self._tell(now_s)

    def _persisted(self, effects: Sequence[rule.Effect]) -> bool:
        """Everything there is to remember is on disk; False: the disk fails, said once."""
        try:
            for effect in effects:
                if isinstance(effect, rule.Persist):
                    self._file.save(effect.state.to_json())
                    self._storage_problem = ""
        except StorageError as error:
            self._say_storage(error)
            return False
        return True

    def _say_storage(self, error: StorageError) -> None:
        if str(error) != self._storage_problem:
            self._storage_problem = str(error)
            self.context.log("storage", f"{error}; no new slot is accepted")

    def _tell(self, now_s: float) -> None:
        slot = rule.slot_view(self._state, now_s) if self._clock_trusted else None
        if slot is not None or self._slot_told:
            self._slot_told = slot is not None
            self._to.local_controller.tell(SlotNow(slot))
        buys_heat = slot is not None and slot.used_wh < slot.energy_wh
        live = bool(self._clock_trusted) and rule.is_live(self._state, now_s)
        told = ContractNow(live, self._state.heard_s, buys_heat, self._book.their_key)
        if told != self._told:
            self._told = told
            self._to.scada.tell(told)


def _takes_on(before: rule.ContractState, after: rule.ContractState) -> bool:
    """Whether a slot was accepted that was not held before."""
    held = {o.contract.contract_id for o in (before.current, before.upcoming) if o is not None}
    return any(o is not None and o.contract.contract_id not in held for o in (after.current, after.upcoming))
