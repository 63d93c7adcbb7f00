"""Where people of the house are heard: the homeowner's opt-out and the admin's lease. On the local link only."""

from actors.base import Address, Context
from actors.command_desk import CommandDesk, asked_of
from actors.events import Received, Suspicion
from gw_spaceheat.decisions import opt_out
from gw_spaceheat.decisions.authority import AdminRequest, Event, RequestRefused
from gw_spaceheat.decisions.command import Commander
from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.dispatch import (
    AdminAnalogDispatch,
    AdminDispatch,
    AdminKeepAlive,
    AdminReleaseControl,
    HomeownerOptOut,
)
from gw_spaceheat.storage.state_file import StateFile

WATCH_S = 5.0
LONGEST_ADMIN_LEASE_S = 3600.0
PEOPLE = HomeownerOptOut | AdminKeepAlive | AdminReleaseControl | AdminDispatch | AdminAnalogDispatch


class LocalDesk:
    """Holds the opt-out and, in `commands`, the admin's wishes and the answers owed. The SCADA decides."""

    def __init__(
        self, context: Context, house: House, file: StateFile, gateway: Address, watchman: Address
    ) -> None:  # fmt: skip
        self._context = context
        self._watchman = watchman
        self._file = file
        self._watched_s = float("-inf")
        self._problem = ""
        self._known: dict[str, object] | None = None  # what the file said last, or was told to say
        self._unsaved = False
        self.commands = CommandDesk(context, house, gateway, "admin", "local", Commander.ADMIN, watchman)
        self.opt_out = opt_out.OptOut()

    # -- opt-out

    def watch(self, now_s: float) -> bool:
        """Look at the file now and then. True if the homeowner's choice changed."""
        if now_s - self._watched_s < WATCH_S:
            return False
        self._watched_s = now_s
        try:
            data = self._file.load()
            if data is None:
                # A lost file takes nothing back.
                if self.opt_out.opted_out:
                    self._file.save(self.opt_out.to_json())
                return False
            if data == self._known:
                # No new word. What a message has said since may not be on disk yet: the file does not undo it.
                if self._unsaved:
                    self._save_choice()
                return False
            found = opt_out.from_json(data)
        except (BadInput, StorageError) as error:
            self._say_problem(str(error))
            return False
        self._problem, self._known, self._unsaved = "", data, False
        event = opt_out.Event.OPTS_OUT if found.opted_out else opt_out.Event.TAKES_BACK
        return self._choose(event, found.by or "the opt-out file", found.since_s or now_s)

    def _choose(self, event: opt_out.Event, by: str, now_s: float) -> bool:
        self.opt_out, changed = opt_out.decide(self.opt_out, event, by, now_s)
        if changed:
            self._context.log("opt-out", f"homeowner {self.opt_out.choice} (by {by})")
        return changed

    def _say_problem(self, text: str) -> None:
        if text != self._problem:
            self._problem = text
            self._context.log("opt-out", f"{text}; still: homeowner {self.opt_out.choice}")

    # -- messages

    def hear(self, received: Received, clock_trusted: bool) -> AdminRequest | None:
        """A person's message. What comes on another link or was retained by the broker is refused."""
        payload = received.payload
        if not isinstance(payload, PEOPLE):
            return None
        what = payload.type_name
        if received.link != "local" or received.retained:
            why = "retained by the broker" if received.retained else f"came on the {received.link} link"
            self._context.log("refused", f"{what}: {why}; only a fresh one on the local link counts")
            self._watchman.tell(Suspicion("word of a person: not fresh or not local", f"{what}: {why}"))
            return None
        if self.commands.flooded():
            return None
        admin = received.source
        about = "opt-out" if isinstance(payload, HomeownerOptOut) else "lease"
        if not isinstance(payload, AdminDispatch | AdminAnalogDispatch) and not self.commands.fresh(
            received, about, clock_trusted
        ):
            return None
        match payload:
            case HomeownerOptOut(opted_out=opted_out, by=by):
                event = opt_out.Event.OPTS_OUT if opted_out else opt_out.Event.TAKES_BACK
                if self._choose(event, by or admin, received.at_s):
                    self._save_choice()
                return None
            case AdminKeepAlive(admin_timeout_seconds=lease_s):
                return AdminRequest(Event.ADMIN_TAKES, admin, float(lease_s or LONGEST_ADMIN_LEASE_S))
            case AdminReleaseControl():
                return AdminRequest(Event.ADMIN_RELEASES, admin)
            case AdminDispatch(dispatch_trigger=trigger, timeout_seconds=lease_s):
                asked = asked_of(trigger)
            case AdminAnalogDispatch(dispatch=analog, timeout_seconds=lease_s):
                asked = asked_of(analog)
        if not self.commands.admitted(asked, received, clock_trusted):
            return None
        self.commands.take(asked)
        return AdminRequest(Event.ADMIN_TAKES, admin, float(lease_s))

    def _save_choice(self) -> None:
        said = self.opt_out.to_json()
        try:
            self._file.save(said)
        except StorageError as error:
            self._unsaved = True
            self._say_problem(str(error))  # it holds as long as this process lives
        else:
            self._problem, self._known, self._unsaved = "", said, False

    def request_refused(self, refused: RequestRefused) -> None:
        """The lease was not granted: neither is what came with it."""
        self._context.log("admin", refused.reason)
        self.commands.refuse_waiting("lease", refused.reason)
