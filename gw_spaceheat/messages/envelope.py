"""Bytes and topics of the GridWorks envelope: `{"Header": {...}, "Payload": {...}, "TypeName": "gw"}`.

Topic: `gw/<source alias>/to/<short name of the destination>/<type name>`, dots written as dashes.
Our additions ride in the header, which GridWorks' own decoder ignores: Boot, Seq, ExpiresAtMs, KeyId, Signature.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Generic, Literal, NoReturn, TypeVar

from pydantic import Field, ValidationError

from gw_spaceheat.errors import BadMessage
from gw_spaceheat.messages.base import UtcMilliseconds, WireModel, WirePart
from gw_spaceheat.messages.catalogue import CATALOGUE

LONGEST_MESSAGE_BYTES = 256 * 1024
DEEPEST = 32
LONGEST_TOPIC = 512
_DETAIL_LENGTH = 200

PayloadT = TypeVar("PayloadT", bound=WireModel)


@dataclass(frozen=True, slots=True)
class Header:
    """Who says what to whom. `dst` is a short name (`ltn`, `s`); `src` a full alias; boot and seq number events."""

    src: str
    dst: str
    message_type: str
    message_id: str = ""
    ack_required: bool = False
    boot: int | None = None
    seq: int | None = None
    expires_at_ms: int | None = None
    key_id: str | None = None
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    header: Header
    payload: WireModel


@dataclass(frozen=True, slots=True)
class Topic:
    """`source` with dots; `destination` as written (a short name); `type_name` with dots."""

    source: str
    destination: str
    type_name: str


Count = Annotated[int, Field(ge=0, le=2**63 - 1)]


class _HeaderOnWire(WirePart):
    src: Annotated[str, Field(pattern=r"^[a-z][a-z0-9.-]*$", max_length=255)]
    dst: Annotated[str, Field(max_length=255)] = ""
    message_type: Annotated[str, Field(max_length=255)]
    message_id: Annotated[str, Field(max_length=64)] = ""
    ack_required: bool = False
    boot: Count | None = None
    seq: Count | None = None
    expires_at_ms: UtcMilliseconds | None = None
    key_id: Annotated[str, Field(max_length=255)] | None = None
    signature: Annotated[str, Field(max_length=1024)] | None = None
    type_name: Literal["gridworks.header"] = "gridworks.header"
    version: str = "001"


class _EnvelopeOnWire(WirePart, Generic[PayloadT]):
    header: _HeaderOnWire
    payload: PayloadT
    type_name: Literal["gw"]


@dataclass(frozen=True, slots=True)
class _Known:
    version: str | None
    wire: type[_EnvelopeOnWire[WireModel]]


# A parametrised class per type lets pydantic read the bytes themselves: strict as JSON is, and in one pass.
_KNOWN: Mapping[str, _Known] = {
    entry.type_name: _Known(entry.version, _EnvelopeOnWire[entry.model])  # type: ignore[name-defined]
    for entry in CATALOGUE
}


def encode(envelope: Envelope) -> bytes:
    """The bytes to publish. Absent options are left out, not said as null."""
    header = envelope.header
    said: dict[str, str | int | bool] = {
        "Src": header.src,
        "Dst": header.dst,
        "MessageType": header.message_type,
        "MessageId": header.message_id,
        "AckRequired": header.ack_required,
    }
    options = (
        ("Boot", header.boot),
        ("Seq", header.seq),
        ("ExpiresAtMs", header.expires_at_ms),
        ("KeyId", header.key_id),
        ("Signature", header.signature),
    )
    said.update((name, value) for name, value in options if value is not None)
    said["TypeName"] = "gridworks.header"
    said["Version"] = "001"
    payload = envelope.payload.model_dump_json(by_alias=True, exclude_none=True)
    return f'{{"Header":{json.dumps(said)},"Payload":{payload},"TypeName":"gw"}}'.encode()


def decode(data: bytes) -> Envelope:
    """The message in `data`, checked against everything but its sender. BadMessage otherwise, and nothing else."""
    if len(data) > LONGEST_MESSAGE_BYTES:
        raise BadMessage("too long", f"{len(data)} bytes, at most {LONGEST_MESSAGE_BYTES}")
    known = _known_type(parse_object(data))
    try:
        wire = known.wire.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise BadMessage("not valid", _first_problem(error)) from error
    header = wire.header
    return Envelope(
        Header(
            src=header.src,
            dst=header.dst,
            message_type=header.message_type,
            message_id=header.message_id,
            ack_required=header.ack_required,
            boot=header.boot,
            seq=header.seq,
            expires_at_ms=header.expires_at_ms,
            key_id=header.key_id,
            signature=header.signature,
        ),
        wire.payload,
    )


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:_DETAIL_LENGTH]


def _refuse_constant(name: str) -> NoReturn:
    raise BadMessage("not finite", name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BadMessage("not finite", text[:_DETAIL_LENGTH])
    return value


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadMessage("duplicate key", twice[:_DETAIL_LENGTH])
    return members


def parse_object(data: bytes) -> dict[str, object]:
    """A JSON object as bytes: UTF-8, no key twice, no NaN or Infinity, not too deep. BadMessage otherwise."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadMessage("not utf-8", f"at byte {error.start}") from error
    try:
        parsed: object = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant, parse_float=_finite
        )
    except RecursionError as error:
        raise BadMessage("too deep", f"at most {DEEPEST} levels") from error
    except ValueError as error:
        raise BadMessage("not json", str(error)[:_DETAIL_LENGTH]) from error
    if not isinstance(parsed, dict):
        raise BadMessage("no envelope", "not an object")
    if not _surely_shallow(data):
        _check_depth(parsed)
    return parsed


_AS_SQUARE = bytes.maketrans(b"{}", b"[]")
_NEITHER_BRACKET_NOR_QUOTE = bytes(sorted(set(range(256)) - set(b'[]{}"')))


def _surely_shallow(data: bytes) -> bool:
    """True if valid JSON is within the depth limit; False if it is not or texts hold brackets or escapes: then walk.

    What is left of a text without them is a pair of quotes; each pass then takes away the innermost brackets. Walking
    a long report member by member takes as long as validating it.
    """
    if b"\\" in data:
        return False
    brackets = data.translate(_AS_SQUARE, _NEITHER_BRACKET_NOR_QUOTE).replace(b'""', b"")
    for _ in range(DEEPEST):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return True
    return False


def _check_depth(parsed: dict[str, object]) -> None:
    level: list[object] = [parsed]
    for _ in range(DEEPEST):
        below: list[object] = []
        for node in level:
            members = node.values() if type(node) is dict else node if type(node) is list else ()
            below.extend(member for member in members if type(member) is dict or type(member) is list)
        if not below:
            return
        level = below
    raise BadMessage("too deep", f"at most {DEEPEST} levels")


def _known_type(parsed: Mapping[str, object]) -> _Known:
    header, payload = parsed.get("Header"), parsed.get("Payload")
    if parsed.get("TypeName") != "gw" or not isinstance(header, dict) or not isinstance(payload, dict):
        raise BadMessage("no envelope", "Header, Payload and TypeName gw are needed")
    type_name = header.get("MessageType")
    if payload.get("TypeName") != type_name:
        raise BadMessage("type differs", f"header {type_name}, payload {payload.get('TypeName')}"[:_DETAIL_LENGTH])
    known = _KNOWN.get(type_name) if isinstance(type_name, str) else None
    if known is None:
        raise BadMessage("unknown type", str(type_name)[:_DETAIL_LENGTH])
    version = payload.get("Version", known.version)
    if known.version is not None and version != known.version:
        newer = isinstance(version, str) and version > known.version
        detail = f"{type_name} {version}, known is {known.version}"[:_DETAIL_LENGTH]
        raise BadMessage("newer version" if newer else "other version", detail)
    return known


_TOPIC = re.compile(r"gw/([a-z][a-z0-9-]*)/to/([a-z][a-z0-9-]*)/([a-z][a-z0-9-]*)")


def topic_of(src: str, dst_short: str, type_name: str) -> str:
    """`gw/d1-isone-me-beech-scada/to/ltn/power-watts`."""
    return f"gw/{src}/to/{dst_short}/{type_name}".replace(".", "-")


def parse_topic(topic: str) -> Topic:
    """The inverse of `topic_of`. BadMessage for any other topic."""
    match = _TOPIC.fullmatch(topic) if len(topic) <= LONGEST_TOPIC else None
    if match is None:
        raise BadMessage("not our topic", topic[:_DETAIL_LENGTH])
    source, destination, type_name = match.groups()
    return Topic(source.replace("-", "."), destination, type_name.replace("-", "."))
