"""What went wrong, and what happened to a process and its links."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from gw_spaceheat.messages.base import LeftRightDot, SpaceheatName, UtcMilliseconds, Uuid4, WireModel
from gw_spaceheat.messages.units import milliseconds

LONGEST_SUMMARY, LONGEST_DETAILS = 1000, 20_000
Summary = Annotated[str, Field(max_length=LONGEST_SUMMARY)]
Details = Annotated[str, Field(max_length=LONGEST_DETAILS)]


class LogLevel(StrEnum):
    """Published `log.level` 000."""

    CRITICAL = "Critical"
    ERROR = "Error"
    WARNING = "Warning"
    INFO = "Info"
    DEBUG = "Debug"
    TRACE = "Trace"


class Glitch(WireModel):
    """A sensor broken, a command refused or without effect, a safety trip."""

    from_g_node_alias: LeftRightDot
    node: SpaceheatName
    type: LogLevel
    summary: Summary
    details: Details
    created_ms: UtcMilliseconds
    type_name: Literal["glitch"] = "glitch"
    version: Literal["000"] = "000"


class Event(WireModel):
    """What all `gridworks.event` types share; `src` is the alias of the process it happened in."""

    message_id: Uuid4
    time_created_ms: UtcMilliseconds
    src: Annotated[str, Field(max_length=255)] = ""


class StartupEvent(Event):
    type_name: Literal["gridworks.event.startup"] = "gridworks.event.startup"


class ShutdownEvent(Event):
    reason: Summary
    type_name: Literal["gridworks.event.shutdown"] = "gridworks.event.shutdown"
    version: Literal["001"] = "001"


class ProblemEvent(Event):
    problem_type: Literal["error", "warning"]
    summary: Summary
    details: Details = ""
    type_name: Literal["gridworks.event.problem"] = "gridworks.event.problem"
    version: Literal["001"] = "001"


class CommunicationEvent(Event):
    """Something happened to the link named `peer_name`."""

    peer_name: Annotated[str, Field(max_length=255)]
    version: Literal["001"] = "001"


class MqttConnectEvent(CommunicationEvent):
    type_name: Literal["gridworks.event.comm.mqtt.connect"] = "gridworks.event.comm.mqtt.connect"


class MqttConnectFailedEvent(CommunicationEvent):
    type_name: Literal["gridworks.event.comm.mqtt.connect.failed"] = "gridworks.event.comm.mqtt.connect.failed"


class MqttDisconnectEvent(CommunicationEvent):
    type_name: Literal["gridworks.event.comm.mqtt.disconnect"] = "gridworks.event.comm.mqtt.disconnect"


class MqttFullySubscribedEvent(CommunicationEvent):
    type_name: Literal["gridworks.event.comm.mqtt.fully.subscribed"] = "gridworks.event.comm.mqtt.fully.subscribed"


class ResponseTimeoutEvent(CommunicationEvent):
    type_name: Literal["gridworks.event.comm.response.timeout"] = "gridworks.event.comm.response.timeout"


class PeerActiveEvent(CommunicationEvent):
    type_name: Literal["gridworks.event.comm.peer.active"] = "gridworks.event.comm.peer.active"


def glitch_from(*, alias: str, node: str, level: LogLevel, summary: str, details: str, now_s: float) -> Glitch:
    """A glitch; texts longer than the limits are cut, for a long text must not silence a warning."""
    return Glitch(
        from_g_node_alias=alias,
        node=node,
        type=level,
        summary=summary[:LONGEST_SUMMARY],
        details=details[:LONGEST_DETAILS],
        created_ms=milliseconds(now_s),
    )


def startup_from(*, alias: str, message_id: str, now_s: float) -> StartupEvent:
    return StartupEvent(message_id=message_id, time_created_ms=milliseconds(now_s), src=alias)


def shutdown_from(*, alias: str, message_id: str, now_s: float, reason: str) -> ShutdownEvent:
    return ShutdownEvent(
        message_id=message_id, time_created_ms=milliseconds(now_s), src=alias, reason=reason[:LONGEST_SUMMARY]
    )


def problem_from(
    *,
    alias: str,
    message_id: str,
    now_s: float,
    problem_type: Literal["error", "warning"],
    summary: str,
    details: str = "",
) -> ProblemEvent:
    return ProblemEvent(
        message_id=message_id,
        time_created_ms=milliseconds(now_s),
        src=alias,
        problem_type=problem_type,
        summary=summary[:LONGEST_SUMMARY],
        details=details[:LONGEST_DETAILS],
    )
