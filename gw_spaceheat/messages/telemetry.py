"""What a SCADA tells of its house: aligned reports, snapshots, power. All values are integers of a telemetry name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gw_spaceheat.messages.base import (
    HandleName,
    LeftRightDot,
    SpaceheatName,
    UtcMilliseconds,
    UtcSeconds,
    Uuid4,
    WireInt,
    WireModel,
)
from gw_spaceheat.messages.units import all_to_wire, from_wire, milliseconds, to_wire


class SingleReading(WireModel):
    """The latest value of a channel."""

    channel_name: SpaceheatName
    value: WireInt
    scada_read_time_unix_ms: UtcMilliseconds
    type_name: Literal["single.reading"] = "single.reading"
    version: Literal["000"] = "000"


class SingleMachineState(WireModel):
    """The state of one state machine, since `unix_ms`."""

    machine_handle: HandleName
    state_enum: LeftRightDot
    state: str
    unix_ms: UtcMilliseconds
    cause: str | None = None
    type_name: Literal["single.machine.state"] = "single.machine.state"
    version: Literal["000"] = "000"


class ChannelReadings(WireModel):
    """All readings of a channel within a report's slot."""

    channel_name: SpaceheatName
    value_list: tuple[WireInt, ...]
    scada_read_time_unix_ms_list: tuple[UtcMilliseconds, ...]
    type_name: Literal["channel.readings"] = "channel.readings"
    version: Literal["002"] = "002"

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if len(self.value_list) != len(self.scada_read_time_unix_ms_list):
            raise ValueError(f"channel {self.channel_name}: ValueList and ScadaReadTimeUnixMsList differ in length")
        return self


class MachineStates(WireModel):
    """All states a state machine entered within a report's slot."""

    machine_handle: HandleName
    state_enum: LeftRightDot
    state_list: tuple[str, ...]
    unix_ms_list: tuple[UtcMilliseconds, ...]
    type_name: Literal["machine.states"] = "machine.states"
    version: Literal["000"] = "000"

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if len(self.state_list) != len(self.unix_ms_list):
            raise ValueError(f"machine {self.machine_handle}: StateList and UnixMsList differ in length")
        return self


class FsmAtomicReport(WireModel):
    """One event, or one action (a relay set), of a chain of cause and effect."""

    machine_handle: HandleName
    state_enum: str
    report_type: Literal["Other", "Event", "Action"]
    action_type: Literal["RelayPinSet", "Analog010VSignalSet", "Analog420maSignalSet"] | None = None
    action: WireInt | None = None
    event_enum: LeftRightDot | None = None
    event: str | None = None
    from_state: str | None = None
    to_state: str | None = None
    unix_time_ms: UtcMilliseconds
    trigger_id: Uuid4
    type_name: Literal["fsm.atomic.report"] = "fsm.atomic.report"
    version: Literal["000"] = "000"


class FsmFullReport(WireModel):
    """All that one trigger caused."""

    from_name: SpaceheatName
    trigger_id: Uuid4
    atomic_list: tuple[FsmAtomicReport, ...]
    type_name: Literal["fsm.full.report"] = "fsm.full.report"
    version: Literal["000"] = "000"


class Report(WireModel):
    """Everything read within one slot, aligned to the clock."""

    from_g_node_alias: LeftRightDot
    from_g_node_instance_id: Uuid4
    about_g_node_alias: LeftRightDot
    slot_start_unix_s: UtcSeconds
    slot_duration_s: Annotated[int, Field(gt=0)]
    channel_reading_list: tuple[ChannelReadings, ...]
    state_list: tuple[MachineStates, ...] = ()
    fsm_report_list: tuple[FsmFullReport, ...] = ()
    message_created_ms: UtcMilliseconds
    id: Uuid4
    type_name: Literal["report"] = "report"
    version: Literal["002"] = "002"


class ReportEvent(WireModel):
    """A report in the form GridWorks' own SCADA sends it; we read it, and send `report`."""

    message_id: Uuid4
    time_created_ms: UtcMilliseconds
    src: str = ""
    report: Report
    type_name: Literal["report.event"] = "report.event"
    version: Literal["002"] = "002"


class SnapshotSpaceheat(WireModel):
    """The latest value of every channel (or of those changed since the last one) and the latest states."""

    from_g_node_alias: LeftRightDot
    from_g_node_instance_id: Uuid4
    snapshot_time_unix_ms: UtcMilliseconds
    latest_reading_list: tuple[SingleReading, ...]
    latest_state_list: tuple[SingleMachineState, ...] = ()
    type_name: Literal["snapshot.spaceheat"] = "snapshot.spaceheat"
    version: Literal["003"] = "003"


class PowerWatts(WireModel):
    """Electric power of the house's metered heat sources together, W."""

    watts: WireInt
    type_name: Literal["power.watts"] = "power.watts"
    version: Literal["000"] = "000"


class SendSnap(WireModel):
    """Asks a SCADA for a snapshot."""

    from_g_node_alias: LeftRightDot
    type_name: Literal["send.snap"] = "send.snap"
    version: Literal["000"] = "000"


class RemainingElec(WireModel):
    """Electric energy left of the running slot's contract, Wh."""

    from_g_node_alias: LeftRightDot
    remaining_watt_hours: WireInt
    message_id: Uuid4
    type_name: Literal["remaining.elec"] = "remaining.elec"
    version: Literal["000"] = "000"


def report_from(
    *,
    alias: str,
    instance_id: str,
    about_alias: str,
    slot_start_s: int,
    slot_duration_s: int,
    readings: Mapping[str, Sequence[tuple[float, int]]],
    telemetries: Mapping[str, str],
    message_id: str,
    created_s: float,
    states: Iterable[MachineStates] = (),
    fsm_reports: Iterable[FsmFullReport] = (),
) -> Report:
    """A report of channel name -> [(value in C, W, l/min or 0/1, epoch ms), ...]; empty channels are left out.

    `telemetries` is channel name -> telemetry name. OurError for NaN: a missing value is not sent.
    """
    channels = tuple(
        ChannelReadings(
            channel_name=name,
            value_list=all_to_wire(telemetries[name], [value for value, _ in values]),
            scada_read_time_unix_ms_list=tuple([at_ms for _, at_ms in values]),
        )
        for name, values in readings.items()
        if values
    )
    return Report(
        from_g_node_alias=alias,
        from_g_node_instance_id=instance_id,
        about_g_node_alias=about_alias,
        slot_start_unix_s=slot_start_s,
        slot_duration_s=slot_duration_s,
        channel_reading_list=channels,
        state_list=tuple(states),
        fsm_report_list=tuple(fsm_reports),
        message_created_ms=milliseconds(created_s),
        id=message_id,
    )


def readings_of(report: Report, telemetries: Mapping[str, str]) -> dict[str, list[tuple[float, int]]]:
    """The inverse of `report_from`; channels not in `telemetries` are left out."""
    return {
        channel.channel_name: [
            (from_wire(telemetries[channel.channel_name], value), at_ms)
            for value, at_ms in zip(channel.value_list, channel.scada_read_time_unix_ms_list, strict=True)
        ]
        for channel in report.channel_reading_list
        if channel.channel_name in telemetries
    }


def snapshot_from(
    *,
    alias: str,
    instance_id: str,
    now_s: float,
    latest: Mapping[str, tuple[float, int]],
    telemetries: Mapping[str, str],
    states: Iterable[SingleMachineState] = (),
) -> SnapshotSpaceheat:
    """A snapshot of channel name -> (value in C, W, l/min or 0/1, epoch ms). OurError for NaN."""
    return SnapshotSpaceheat(
        from_g_node_alias=alias,
        from_g_node_instance_id=instance_id,
        snapshot_time_unix_ms=milliseconds(now_s),
        latest_reading_list=tuple(
            SingleReading(channel_name=name, value=to_wire(telemetries[name], value), scada_read_time_unix_ms=at_ms)
            for name, (value, at_ms) in latest.items()
        ),
        latest_state_list=tuple(states),
    )


def latest_of(snapshot: SnapshotSpaceheat, telemetries: Mapping[str, str]) -> dict[str, tuple[float, int]]:
    """The inverse of `snapshot_from`; channels not in `telemetries` are left out."""
    return {
        reading.channel_name: (
            from_wire(telemetries[reading.channel_name], reading.value),
            reading.scada_read_time_unix_ms,
        )
        for reading in snapshot.latest_reading_list
        if reading.channel_name in telemetries
    }


def power_watts_from(power_w: float) -> PowerWatts:
    """Electric power, W, rounded to whole watts. OurError for NaN."""
    return PowerWatts(watts=to_wire("PowerW", power_w))
