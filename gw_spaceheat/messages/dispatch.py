"""Commands to actuators, the admin's lease, and what became of a command."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gw_spaceheat.messages.base import (
    HandleName,
    LeftRightDot,
    SpaceheatName,
    UtcMilliseconds,
    Uuid4,
    WireInt,
    WireModel,
)
from gw_spaceheat.messages.units import milliseconds

SETPOINT_STEPS_PER_K = 1000
"""A leaving temperature travels in an analog dispatch as 1/1000 C."""

Outcome = Literal["done", "refused", "no_effect", "expired"]

RELAY_EVENT_TYPE = "change.relay.state"
CLOSE_RELAY, OPEN_RELAY = "CloseRelay", "OpenRelay"


def boss_of(handle: str) -> str:
    """The handle of the immediate boss: `auto.h.relay1` -> `auto.h`."""
    return handle.rpartition(".")[0]


class FsmEvent(WireModel):
    """A trigger for the state machine of the immediate subordinate, for instance a relay."""

    from_handle: HandleName
    to_handle: HandleName
    event_type: LeftRightDot
    event_name: Annotated[str, Field(max_length=64)]
    trigger_id: Uuid4
    send_time_unix_ms: UtcMilliseconds
    type_name: Literal["fsm.event"] = "fsm.event"
    version: Literal["000"] = "000"

    @model_validator(mode="after")
    def _from_the_boss(self) -> Self:
        _check_boss(self.from_handle, self.to_handle)
        return self


class AnalogDispatch(WireModel):
    """A number for the immediate subordinate; for `about_name` a leaving setpoint: 1/1000 C."""

    from_g_node_alias: LeftRightDot | None = None
    from_handle: HandleName
    to_handle: HandleName
    about_name: SpaceheatName
    value: WireInt
    trigger_id: Uuid4
    unix_time_ms: UtcMilliseconds
    type_name: Literal["analog.dispatch"] = "analog.dispatch"
    version: Literal["000"] = "000"

    @model_validator(mode="after")
    def _from_the_boss(self) -> Self:
        _check_boss(self.from_handle, self.to_handle)
        return self


def _check_boss(from_handle: str, to_handle: str) -> None:
    # As published: the multiplexer is the one node that takes orders from others than its boss.
    if "multiplexer" not in to_handle and boss_of(to_handle) != from_handle:
        raise ValueError(f"FromHandle {from_handle} is not the immediate boss of ToHandle {to_handle}")


class AdminDispatch(WireModel):
    """A person switches something; the lease is `timeout_seconds` long."""

    dispatch_trigger: FsmEvent
    timeout_seconds: Annotated[int, Field(gt=0)]
    type_name: Literal["admin.dispatch"] = "admin.dispatch"
    version: Literal["000"] = "000"


class AdminAnalogDispatch(WireModel):
    """A person sets a number; the lease is `timeout_seconds` long."""

    dispatch: AnalogDispatch
    timeout_seconds: Annotated[int, Field(gt=0)]
    type_name: Literal["admin.analog.dispatch"] = "admin.analog.dispatch"
    version: Literal["000"] = "000"


class AdminKeepAlive(WireModel):
    """A person takes the house, or renews the lease."""

    admin_timeout_seconds: Annotated[int, Field(gt=0)] | None = None
    type_name: Literal["admin.keep.alive"] = "admin.keep.alive"
    version: Literal["000"] = "000"


class AdminReleaseControl(WireModel):
    """A person gives the house back."""

    type_name: Literal["admin.release.control"] = "admin.release.control"
    version: Literal["000"] = "000"


class HomeownerOptOut(WireModel):
    """The homeowner takes part no more, or again; on the local link only."""

    opted_out: bool
    by: Annotated[str, Field(max_length=100)] = ""
    type_name: Literal["gw.spaceheat.opt.out"] = "gw.spaceheat.opt.out"
    version: Literal["000"] = "000"


class DispatchContractGoLive(WireModel):
    """The AtomicTNode asks for remote control."""

    from_g_node_alias: LeftRightDot
    blockchain_sig: str = "none"
    type_name: Literal["dispatch.contract.go.live"] = "dispatch.contract.go.live"
    version: Literal["000"] = "000"


class DispatchContractGoDormant(WireModel):
    """Either side gives remote control back."""

    from_g_node_alias: LeftRightDot
    blockchain_sig: str = "none"
    type_name: Literal["dispatch.contract.go.dormant"] = "dispatch.contract.go.dormant"
    version: Literal["000"] = "000"


class CommandResult(WireModel):
    """What became of a command: done as read back, refused by a rule, without effect, or come too late."""

    from_g_node_alias: LeftRightDot
    command_id: Uuid4
    node: SpaceheatName
    outcome: Outcome
    value: float | None = None
    rule: Annotated[str, Field(max_length=100)] | None = None
    reason: Annotated[str, Field(max_length=1000)] = ""
    wait_s: Annotated[float, Field(ge=0)] | None = None
    created_ms: UtcMilliseconds
    type_name: Literal["gw.spaceheat.command.result"] = "gw.spaceheat.command.result"
    version: Literal["000"] = "000"


def relay_event_from(*, from_handle: str, to_handle: str, closed: bool, trigger_id: str, now_s: float) -> FsmEvent:
    """Close or open a relay."""
    return FsmEvent(
        from_handle=from_handle,
        to_handle=to_handle,
        event_type=RELAY_EVENT_TYPE,
        event_name=CLOSE_RELAY if closed else OPEN_RELAY,
        trigger_id=trigger_id,
        send_time_unix_ms=milliseconds(now_s),
    )


def setpoint_dispatch_from(
    *, alias: str, from_handle: str, to_handle: str, about_name: str, setpoint_c: float, trigger_id: str, now_s: float
) -> AnalogDispatch:
    """A leaving temperature, C."""
    return AnalogDispatch(
        from_g_node_alias=alias,
        from_handle=from_handle,
        to_handle=to_handle,
        about_name=about_name,
        value=round(setpoint_c * SETPOINT_STEPS_PER_K),
        trigger_id=trigger_id,
        unix_time_ms=milliseconds(now_s),
    )
