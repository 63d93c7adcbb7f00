"""Our payloads and envelopes read by the published GridWorks packages, and theirs by us."""

import json

import pytest
from gwproto import message as gwproto_message
from gwproto.messages import misc as gwproto_misc
from gwproto.topic import MQTTTopic
from gwsproto import named_types as gwsproto_types
from pydantic import BaseModel

from gw_spaceheat.messages import CATALOGUE, CatalogueEntry
from gw_spaceheat.messages.base import WireModel, type_name_of, version_of
from gw_spaceheat.messages.contract import ContractStatus, SlowContractHeartbeat
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode, parse_topic, topic_of
from gw_spaceheat.messages.forecast import FloParamsHouse0, WeatherForecast
from gw_spaceheat.messages.telemetry import Report, SnapshotSpaceheat, readings_of
from tests.interop.published import THEIRS
from tests.messages import examples as EX

PAYLOADS: list[WireModel] = EX.published_examples()


def _header(payload: WireModel) -> Header:
    return Header(
        src=EX.SCADA,
        dst="ltn",
        message_type=payload.type_name,
        message_id=EX.IDS[19],
        ack_required=True,
        boot=3,
        seq=1_000_001,
        expires_at_ms=EX.NOW_MS + 30_000,
        key_id="key-1",
        signature="c2lnbmVk",
    )


def test_an_example_of_every_published_type() -> None:
    wanted = {entry.type_name for entry in CATALOGUE if not entry.ours}
    assert {payload.type_name for payload in PAYLOADS} == wanted
    assert wanted <= set(THEIRS), "a type we call published is not in their packages"


@pytest.mark.parametrize("entry", [entry for entry in CATALOGUE if not entry.ours], ids=lambda entry: entry.type_name)
def test_fields_and_version_are_theirs(entry: CatalogueEntry) -> None:
    model = entry.model
    theirs = THEIRS[type_name_of(model)]
    ours = {field.alias for field in model.model_fields.values()}
    assert ours == set(theirs.model_fields)
    if "Version" in theirs.model_fields:
        assert version_of(model) == theirs.model_fields["Version"].default


def _as_sent(payload: WireModel) -> dict[str, object]:
    said: dict[str, object] = json.loads(payload.model_dump_json(by_alias=True, exclude_none=True))
    return said


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.type_name)
def test_theirs_reads_ours(payload: WireModel) -> None:
    their_model = THEIRS[payload.type_name]
    their_payload = their_model.model_validate_json(payload.model_dump_json(by_alias=True, exclude_none=True))
    read_by_them = json.loads(their_payload.model_dump_json(exclude_none=True))
    assert read_by_them == _as_sent(payload)


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.type_name)
def test_theirs_reads_our_envelope(payload: WireModel) -> None:
    message_type = gwproto_message.Message[THEIRS[payload.type_name]]
    message = message_type.model_validate_json(encode(Envelope(_header(payload), payload)))
    assert isinstance(message.Payload, THEIRS[payload.type_name])
    assert (message.src(), message.dst(), message.message_type()) == (EX.SCADA, "ltn", payload.type_name)
    assert message.Header.AckRequired is True
    assert message.mqtt_topic() == topic_of(EX.SCADA, "ltn", payload.type_name)
    assert json.loads(message.Payload.model_dump_json(exclude_none=True)) == _as_sent(payload)


@pytest.mark.parametrize("nulls", [True, False], ids=["with nulls", "without nulls"])
@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.type_name)
def test_ours_reads_their_envelope(payload: WireModel, nulls: bool) -> None:
    their_payload = THEIRS[payload.type_name].model_validate_json(
        payload.model_dump_json(by_alias=True, exclude_none=True)
    )
    message = gwproto_message.Message(
        Src=EX.ATN, Dst="s", MessageId=EX.IDS[19], AckRequired=True, Payload=their_payload
    )
    envelope = decode(message.model_dump_json(exclude_none=not nulls).encode())
    assert envelope.payload == payload
    assert (envelope.header.src, envelope.header.dst, envelope.header.ack_required) == (EX.ATN, "s", True)
    assert envelope.header.boot is None
    topic = parse_topic(message.mqtt_topic())
    assert (topic.source, topic.destination, topic.type_name) == (EX.ATN, "s", payload.type_name)


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.type_name)
def test_topics_are_theirs(payload: WireModel) -> None:
    assert topic_of(EX.ATN, "s", payload.type_name) == MQTTTopic.encode("gw", EX.ATN, "s", payload.type_name)


def _read(their_payload: BaseModel) -> WireModel:
    message = gwproto_message.Message(Src=EX.SCADA, Dst="ltn", MessageId=EX.IDS[19], Payload=their_payload)
    return decode(message.model_dump_json().encode()).payload


def test_a_report_made_by_them_has_the_right_values() -> None:
    readings = gwsproto_types.ChannelReadings(
        ChannelName="hp-lwt", ValueList=[47_123, 47_500], ScadaReadTimeUnixMsList=[EX.NOW_MS - 60_000, EX.NOW_MS]
    )
    report = _read(
        gwsproto_types.Report(
            FromGNodeAlias=EX.SCADA,
            FromGNodeInstanceId=EX.IDS[3],
            AboutGNodeAlias=f"{EX.ATN}.ta",
            SlotStartUnixS=EX.HOUR_S,
            SlotDurationS=300,
            ChannelReadingList=[readings],
            StateList=[],
            FsmReportList=[],
            MessageCreatedMs=EX.NOW_MS,
            Id=EX.IDS[4],
        )
    )
    assert isinstance(report, Report)
    assert readings_of(report, EX.TELEMETRIES) == {"hp-lwt": [(47.123, EX.NOW_MS - 60_000), (47.5, EX.NOW_MS)]}


def test_a_snapshot_a_forecast_and_planner_input_made_by_them() -> None:
    snapshot = _read(
        gwsproto_types.SnapshotSpaceheat(
            FromGNodeAlias=EX.SCADA,
            FromGNodeInstanceId=EX.IDS[3],
            SnapshotTimeUnixMs=EX.NOW_MS,
            LatestReadingList=[
                gwsproto_types.SingleReading(ChannelName="oat", Value=-12_500, ScadaReadTimeUnixMs=EX.NOW_MS)
            ],
            LatestStateList=[],
        )
    )
    assert isinstance(snapshot, SnapshotSpaceheat) and snapshot.latest_reading_list[0].value == -12_500
    weather = _read(
        THEIRS["weather.forecast"](
            FromGNodeAlias=EX.ATN,
            WeatherChannelName="weather.gov.kmlt",
            Time=[EX.HOUR_S + 3600],
            OatF=[14],
            WindSpeedMph=[10.0],
            ForecastCreatedS=EX.HOUR_S,
        )
    )
    assert isinstance(weather, WeatherForecast)
    assert weather.outdoor_c == pytest.approx((-10.0,)) and weather.wind_m_per_s == pytest.approx((4.4704,))
    integers = ("AlphaTimes10", "BetaTimes100", "GammaEx6", "IntermediateRswtF", "DdRswtF", "DdDeltaTF", "MaxEwtF")
    temperatures = ("InitialTopTempF", "InitialMiddleTempF", "InitialBottomTempF")
    floats = ("IntermediatePowerKw", "DdPowerKw", "CopIntercept", "CopOatCoeff", "CopLwtCoeff", "CopMin", "CopMinOatF")
    params = _read(
        THEIRS["flo.params.house0"](
            GNodeAlias=EX.ATN,
            StartUnixS=EX.HOUR_S,
            InitialThermocline1=8,
            InitialThermocline2=16,
            **dict.fromkeys(integers, 20),
            **dict.fromkeys(temperatures, 150),
            **dict.fromkeys(floats, 2.5),
        )
    )
    assert isinstance(params, FloParamsHouse0)
    assert (params.initial_thermocline_2, params.horizon_hours, params.oat_forecast_f) == (16, 48, None)


def test_a_heartbeat_made_by_them() -> None:
    heartbeat = _read(
        THEIRS["slow.contract.heartbeat"](
            FromNode="s",
            Contract=THEIRS["slow.dispatch.contract"](
                ScadaAlias=EX.SCADA,
                StartS=EX.HOUR_S,
                DurationMinutes=60,
                AvgPowerWatts=4500,
                OilBoilerOn=False,
                ContractId=EX.IDS[5],
            ),
            PreviousStatus="Created",
            Status="Received",
            MessageCreatedMs=EX.NOW_MS,
            WattHoursUsed=0,
            MyDigit=7,
            YourLastDigit=0,
        )
    )
    assert isinstance(heartbeat, SlowContractHeartbeat)
    assert heartbeat.status is ContractStatus.RECEIVED and heartbeat.contract.avg_power_watts == 4500


def test_their_pings_and_acks_without_version_are_read() -> None:
    ping = decode(gwproto_misc.PingMessage(Src=EX.SCADA, Dst="ltn").model_dump_json().encode())
    assert ping.header.ack_required and ping.header.message_id
    ack = _read(gwproto_misc.Ack(AckMessageID=ping.header.message_id))
    assert _as_sent(ack) == {"AckMessageID": ping.header.message_id, "TypeName": "gridworks.ack"}


def test_relay_event_names_are_theirs() -> None:
    from gwsproto.enums.change_relay_state import ChangeRelayState

    event = EX.a_fsm_event()
    assert event.event_type == ChangeRelayState.enum_name()
    assert event.event_name in ChangeRelayState.values()
