"""Encoding, decoding and refusing."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gw_spaceheat.errors import BadMessage
from gw_spaceheat.messages import BY_NAME, CATALOGUE
from gw_spaceheat.messages.base import WireModel
from gw_spaceheat.messages.envelope import (
    LONGEST_MESSAGE_BYTES,
    Envelope,
    Header,
    Topic,
    decode,
    encode,
    parse_topic,
    topic_of,
)
from gw_spaceheat.messages.link import Ping
from gw_spaceheat.messages.telemetry import PowerWatts
from tests.messages import examples as EX

EVERYTHING: list[WireModel] = [*EX.published_examples(), *EX.own_examples()]


def _header(payload: WireModel, **more: object) -> Header:
    return Header(src=EX.SCADA, dst="ltn", message_type=payload.type_name, message_id=EX.IDS[0], **more)  # type: ignore[arg-type]


def _power(**changes: object) -> dict[str, dict[str, object]]:
    payload = PowerWatts(watts=1200)
    said: dict[str, dict[str, object]] = json.loads(encode(Envelope(_header(payload), payload)))
    said["Payload"].update(changes)
    return said


def _reason(data: bytes | str | object) -> str:
    if not isinstance(data, bytes):
        data = (data if isinstance(data, str) else json.dumps(data)).encode()
    with pytest.raises(BadMessage) as caught:
        decode(data)
    assert len(str(caught.value)) < 400
    return caught.value.reason


@pytest.mark.parametrize("payload", EVERYTHING, ids=lambda payload: payload.type_name)
def test_round_trip(payload: WireModel) -> None:
    envelope = Envelope(
        _header(payload, ack_required=True, boot=2, seq=7, expires_at_ms=EX.NOW_MS, key_id="k", signature="s"), payload
    )
    assert decode(encode(envelope)) == envelope
    plain = Envelope(_header(payload), payload)
    assert decode(encode(plain)) == plain
    assert b"null" not in encode(plain)


def test_the_wire_form_of_power() -> None:
    assert json.loads(encode(Envelope(_header(PowerWatts(watts=5)), PowerWatts(watts=5)))) == {
        "Header": {
            "Src": "d1.isone.me.versant.beech.scada",
            "Dst": "ltn",
            "MessageType": "power.watts",
            "MessageId": EX.IDS[0],
            "AckRequired": False,
            "TypeName": "gridworks.header",
            "Version": "001",
        },
        "Payload": {"TypeName": "power.watts", "Watts": 5, "Version": "000"},
        "TypeName": "gw",
    }


def test_unknown_fields_are_ignored() -> None:
    assert decode(json.dumps(_power(Later=[1, {"a": None}])).encode()).payload == PowerWatts(watts=1200)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Watts": "5"}, "not valid"),
        ({"Watts": True}, "not valid"),
        ({"Watts": 5.5}, "not valid"),
        ({"Watts": None}, "not valid"),
        ({"Watts": 2**63}, "not valid"),
        ({"Watts": 10**400}, "not valid"),
        ({"Version": "001"}, "newer version"),
        ({"Version": 1}, "other version"),
        ({"TypeName": "report"}, "type differs"),
    ],
)
def test_bad_payloads(changes: dict[str, object], reason: str) -> None:
    assert _reason(_power(**changes)) == reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not json"),
        (b"\xff\xfe", "not utf-8"),
        (b"\xef\xbb\xbf{}", "not json"),
        (b"[]", "no envelope"),
        (b"{}", "no envelope"),
        (b'{"Header": {}, "Payload": {}, "TypeName": "gw"}', "unknown type"),
        (b'{"Header": {"MessageType": []}, "Payload": {"TypeName": []}, "TypeName": "gw"}', "unknown type"),
        (b'{"a": {"b": 1, "b": 2}}', "duplicate key"),
        (b'{"a": NaN}', "not finite"),
        (b'{"a": [-Infinity]}', "not finite"),
        (b'{"a": 1e999}', "not finite"),
        (b'{"a": ' + b"1" * 5000 + b"}", "not json"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too deep"),
        (b"[" * 100_000, "too deep"),
        (b" " * (LONGEST_MESSAGE_BYTES + 1), "too long"),
    ],
)
def test_bad_bytes(data: bytes, reason: str) -> None:
    assert _reason(data) == reason


def test_depth_counts_nesting_and_not_brackets_in_texts() -> None:
    deep: object = 1
    for _ in range(30):
        deep = [deep]
    assert decode(json.dumps(_power(Later=deep)).encode()).payload == PowerWatts(watts=1200)
    assert _reason(_power(Later=[deep])) == "too deep"
    for text in ("[", "]", "[]", '"', '"[', "\\", ""):  # none of these may hide or feign a level
        for texts in ([text], [text, text], ["", text, ""], [text, "]", "["]):
            assert _reason(_power(Later=[deep], Said=texts)) == "too deep"
            assert _reason(_power(Said=texts, Later=[deep])) == "too deep"
            assert decode(json.dumps(_power(Said=texts, Later=deep)).encode()).payload == PowerWatts(watts=1200)
    assert decode(json.dumps(_power(Later="[" * 100)).encode()).payload == PowerWatts(watts=1200)


def _hidden(levels: int) -> object:
    """Lists in lists, each level with texts that, read as brackets, would close it at once."""
    inner: object = 1
    for _ in range(levels):
        inner = ["]", inner, "["]
    return inner


def test_texts_cannot_hide_depth() -> None:
    assert _reason(_power(Later=_hidden(31))) == "too deep"
    assert decode(json.dumps(_power(Later=_hidden(30))).encode()).payload == PowerWatts(watts=1200)


def test_header_is_checked() -> None:
    for name, value in (("Src", ""), ("Src", "A b"), ("Seq", -1), ("AckRequired", "yes"), ("ExpiresAtMs", 5)):
        said = _power()
        said["Header"][name] = value
        assert _reason(said) == "not valid", name


def test_a_lone_surrogate_is_refused() -> None:
    assert _reason(json.dumps(_power()).replace(EX.IDS[0], "\\ud800")) == "not valid"


def test_lists_of_unequal_length_are_refused() -> None:
    payload = EX.a_report()
    said = json.loads(encode(Envelope(_header(payload), payload)))
    said["Payload"]["ChannelReadingList"][0]["ValueList"].append(1)
    assert _reason(said) == "not valid"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(which=st.integers(0, len(EVERYTHING) - 1), field=st.integers(0, 40), value=_JSON)
def test_any_value_in_any_field_gives_a_message_or_bad_message(which: int, field: int, value: object) -> None:
    payload = EVERYTHING[which]
    said = json.loads(encode(Envelope(_header(payload), payload)))
    target = said["Payload"] if field % 4 else said["Header"]
    target[list(target)[field % len(target)]] = value
    try:
        decode(json.dumps(said).encode("utf-8"))
    except BadMessage as error:
        assert error.reason


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 400), junk=st.binary(max_size=6))
def test_any_bytes_give_a_message_or_bad_message(at: int, junk: bytes) -> None:
    good = encode(Envelope(_header(Ping()), Ping()))
    try:
        decode(good[:at] + junk + good[at + len(junk) :])
    except BadMessage as error:
        assert error.reason


def test_topics() -> None:
    topic = topic_of(EX.SCADA, "ltn", "gridworks.event.startup")
    assert topic == "gw/d1-isone-me-versant-beech-scada/to/ltn/gridworks-event-startup"
    assert parse_topic(topic) == Topic(EX.SCADA, "ltn", "gridworks.event.startup")
    for entry in CATALOGUE:
        assert parse_topic(topic_of("d1.house", "s", entry.type_name)).type_name in BY_NAME


@pytest.mark.parametrize(
    "topic",
    [
        *("", "gw", "gw/a/to/b", "gw/a/to/b/c/d", "xx/a/to/b/c", "gw/a/for/b/c", "gw/A/to/b/c"),
        *("gw/a/to/b/+", "gw/a/to/b/c\n"),
    ],
)
def test_other_topics_are_refused(topic: str) -> None:
    with pytest.raises(BadMessage) as caught:
        parse_topic(topic)
    assert caught.value.reason == "not our topic"
