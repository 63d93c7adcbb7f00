"""Where the AtomicTNode's direct commands are heard: on the cloud link, from who keeps the contract."""

from actors.base import Address, Context
from actors.command_desk import CommandDesk, asked_of
from actors.events import Received
from gw_spaceheat.decisions import dispatch as gate
from gw_spaceheat.decisions.command import Actuator, Command, Commander
from gw_spaceheat.decisions.ledger import CheckSignature
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.dispatch import AnalogDispatch, FsmEvent

DirectCommand = FsmEvent | AnalogDispatch


class RemoteDesk:
    """Its commands hold for a lease each; a heat source besides only while a slot has energy left for it."""

    def __init__(
        self, context: Context, house: House, gateway: Address, check: CheckSignature, atn: str, watchman: Address
    ) -> None:
        self._context = context
        self._house = house
        self._check = check
        self.commands = CommandDesk(
            context, house, gateway, atn, "cloud", Commander.REMOTE, watchman, gate.REMOTE_LEASE_S
        )

    def hear(self, received: Received, facts: gate.RemoteFacts, clock_trusted: bool, their_key: str) -> bool:
        """Take a dispatch, or answer with the rule that it breaks. Whether something has to be remembered first.

        `their_key`: whose heartbeats keep the contract; empty while that party has signed nothing.
        """
        payload = received.payload
        if not isinstance(payload, DirectCommand) or self.commands.flooded():
            return False
        asked = asked_of(payload)
        if their_key and not self._signed(received, payload, their_key):
            # Not even its id is remembered: whoever this is may not use up another's.
            why = "not signed by the AtomicTNode that keeps the contract with this house"
            self.commands.reject(asked, gate.Rejected("signature", why))
            return False
        before = self.commands.dispatches
        if self.commands.admitted(asked, received, clock_trusted):
            actuator = self.commands.actuator(asked)
            if actuator is not None and asked.value is not None:
                rejected = gate.why_not_remote(asked.boss, actuator, asked.value, facts)
                if rejected is None:
                    self.commands.take(asked)
                else:
                    self.commands.reject(asked, rejected)
        return self.commands.dispatches is not before

    def _signed(self, received: Received, payload: DirectCommand, their_key: str) -> bool:
        signature = received.header.signature
        return signature is not None and self._check(
            their_key, signature, gate.signed_bytes(self._house.scada_alias, payload)
        )

    def wishes(self, buys_heat: bool) -> tuple[Command, ...]:
        """What the AtomicTNode wants now; what may hold no longer is let go."""
        commands = self.commands
        commands.lapse(self._context.now())
        for wish in commands.wishes():
            over = gate.why_no_heat(wish.actuator, wish.value, buys_heat)
            if over is not None:
                commands.drop(wish.actuator, over.rule, over.reason)
        return commands.wishes()

    def against(self, wishes: tuple[Command, ...]) -> tuple[Actuator, ...]:
        """The heat sources that it holds otherwise than Local, which executes the slot, would."""
        local = {wish.actuator: wish.value for wish in wishes}
        return tuple(
            wish.actuator
            for wish in self.commands.wishes()
            if wish.actuator in gate.HEAT_SOURCES and local.get(wish.actuator) != wish.value
        )
