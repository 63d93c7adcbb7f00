"""What actors of one process tell each other. Frozen; times are epoch seconds of the runtime's clock.

What is told every second is a `NamedTuple`: as immutable as a frozen dataclass, and made in a third of the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from actors.base import Address
from gw_spaceheat.decisions.command import Command, Commander
from gw_spaceheat.decisions.safety import SafeCommand
from gw_spaceheat.decisions.slot import SlotView
from gw_spaceheat.messages.base import WireModel
from gw_spaceheat.messages.envelope import Header


@dataclass(frozen=True, slots=True)
class Tick:
    """A timer fired; `what` says which."""

    what: str


@dataclass(frozen=True, slots=True)
class ReadDevice:
    """To a bus owner: read this device and answer."""

    component_id: str
    reply_to: Address


class DeviceRead(NamedTuple):
    """From a bus owner: what the device said, by terminal; None = answered, but no usable value."""

    component_id: str
    values: dict[str, float | None]
    at_s: float


@dataclass(frozen=True, slots=True)
class DeviceSilent:
    """From a bus owner: the device did not answer."""

    component_id: str
    reason: str
    at_s: float


class Readings(NamedTuple):
    """To the SCADA: channel values in the channel's unit; None = missing, with the reason in the log."""

    node: str
    values: tuple[tuple[str, float | None], ...]
    at_s: float


class EnergyUsed(NamedTuple):
    """From the power meter: what the heat sources took since the last one."""

    watt_hours: float
    power_w: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Actuate:
    """To a relay and on to its bus owner: only the safety filter makes what is inside."""

    safe: SafeCommand


@dataclass(frozen=True, slots=True)
class Reassert:
    """To a relay: write the last command once more, its effect was not seen."""


@dataclass(frozen=True, slots=True)
class WriteDevice:
    """To a bus owner: write, read back, answer."""

    component_id: str
    terminal: str
    safe: SafeCommand
    reply_to: Address


@dataclass(frozen=True, slots=True)
class DeviceWritten:
    """From a bus owner: what was written and what was read back; None and a reason when the bus failed."""

    component_id: str
    terminal: str
    written: bool | float
    read_back: bool | float | None
    reason: str
    at_s: float


@dataclass(frozen=True, slots=True)
class ActuatorState:
    """To the SCADA: what an actuator is known to be doing."""

    actuator: str
    node: str
    value: bool | float | None
    reason: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Send:
    """To a gateway: publish this payload. `destination` is the short name of the peer (`ltn`, `s`, `broadcast`)."""

    destination: str
    payload: WireModel
    expires_s: float | None = None
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """From a gateway: one valid message of a permitted sender."""

    link: str
    source: str
    header: Header
    payload: WireModel
    retained: bool
    at_s: float


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """From a gateway: the peer answers (True) or not (False), by application round trip."""

    link: str
    peer_active: bool
    at_s: float


@dataclass(frozen=True, slots=True)
class AskLink:
    """To a gateway, from an actor that begins: does the peer answer? A `LinkChanged` comes back."""

    reply_to: Address


class Look(NamedTuple):
    """From the SCADA to the local controller, every control period: fresh values by quantity, None = not known."""

    quantities: Mapping[str, float | None]
    house_cold: bool
    commander: Commander
    clock_trusted: bool = True


@dataclass(frozen=True, slots=True)
class Wish:
    """From the local controller: what it wants of every actuator; the safety filter decides."""

    commands: tuple[Command, ...]
    reason: str
    mode: str


class SlotNow(NamedTuple):
    """From the contract keeper: the running slot with its energy so far; None = no slot runs."""

    slot: SlotView | None


@dataclass(frozen=True, slots=True)
class ContractNow:
    """From the contract keeper: is there a contract for remote authority, and when was the AtomicTNode last heard.

    `buys_heat`: a slot runs and has energy left. `their_key`: who signs the other side's heartbeats; empty: nobody.
    """

    live: bool
    heard_s: float
    buys_heat: bool = False
    their_key: str = ""


@dataclass(frozen=True, slots=True)
class HeldByDispatch:
    """To the contract keeper: the AtomicTNode's own dispatch holds a heat source otherwise than the slot would."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """To the contract keeper: slots may not run, and why; empty: they may again. Repeated every few seconds."""

    cause: str


@dataclass(frozen=True, slots=True)
class DrawableNow:
    """To the contract keeper, every minute: mean power (W) the heat source can draw now; None = not known."""

    drawable_w: float | None


@dataclass(frozen=True, slots=True)
class ClockNow:
    """To the contract keeper: whether the time of day may be trusted. Repeated every few seconds."""

    trusted: bool


@dataclass(frozen=True, slots=True)
class CommanderNow:
    """From the SCADA: who commands the house since now."""

    commander: Commander
    reason: str


@dataclass(frozen=True, slots=True)
class Suspicion:
    """To the watchman: something was refused that nobody honest says. `cause` is short and countable."""

    cause: str
    details: str


@dataclass(frozen=True, slots=True)
class Said:
    """An event to be committed. Not `fresh`: of a backlog, nobody but the durable receiver need hear it."""

    payload: WireModel
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Offer:
    """To a gateway: put these reports into the outbox, all or none, if `mark` is new; answered with `Committed`."""

    destination: str
    reports: tuple[Said, ...]
    mark: int
    reply_to: Address


@dataclass(frozen=True, slots=True)
class AskMark:
    """To a gateway: which reports does the outbox know? Answered with `Committed`."""

    reply_to: Address


@dataclass(frozen=True, slots=True)
class Committed:
    """From a gateway: reports up to `mark` are in the outbox, where `waiting` events wait; None: the disk refuses."""

    mark: int | None
    waiting: int
    peer_active: bool
