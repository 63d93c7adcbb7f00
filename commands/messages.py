"""`python -m commands.messages` writes docs/messages.md from the catalogue."""

import sys
import typing
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gw_spaceheat.messages import CATALOGUE, CatalogueEntry
from gw_spaceheat.messages.base import WirePart

PAGE = Path(__file__).resolve().parent.parent / "docs" / "messages.md"

_HEAD = """\
# Messages

Made by `python -m commands.messages` from `gw_spaceheat/messages`; a test holds it current. Do not edit.

* Envelope: `{"Header": {...}, "Payload": {...}, "TypeName": "gw"}`; at most 256 KiB of UTF-8 JSON, 32 levels deep,
  no key twice, no NaN or Infinity. An unknown type or another version is refused, counted and never acted upon.
* Topic: `gw/<source alias>/to/<short name of the destination>/<type name>`, dots written as dashes.
  Short names: `s` SCADA, `ltn` AtomicTNode, `ear` the ear.
* Header: `Src`, `Dst`, `MessageType`, `MessageId`, `AckRequired`, `TypeName` `gridworks.header`, `Version` `001`; ours,
  which other decoders ignore: `Boot` and `Seq` (number events), `ExpiresAtMs` (commands), `KeyId`, `Signature`.
* Types named `gw.spaceheat.*` are ours; all others are as GridWorks publishes them.
* Manners: *event* is stored once (outbox, sequence, ack after the receiver's commit); *state*: the latest wins, any may
  be lost; *command* acts at most once and expires; *link* is the life of the link itself.
* Units on the wire: the field's name says them. A channel's integers have the unit of its telemetry name:
  `WaterTempCTimes1000` and `AirTempCTimes1000` 1/1000 C, `PowerW` W, `GpmTimes100` 1/100 US gallon per minute,
  `RelayState` 0 open, 1 closed. Times: `S` epoch seconds, `Ms` epoch milliseconds, UTC.
"""


def _type_text(annotation: object) -> str:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Annotated:
        return _type_text(arguments[0])
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    if typing.get_origin(annotation) is tuple:
        return f"list of {_type_text(arguments[0])}"
    return " or ".join("none" if argument is type(None) else _type_text(argument) for argument in arguments)


def _field_line(name: str, field: FieldInfo) -> str:
    need = "" if field.is_required() or name in ("type_name", "version") else ", optional"
    return f"| `{field.alias or name}` | {_type_text(field.annotation)}{need} |"


def _fields(model: type[BaseModel]) -> list[str]:
    names = [name for name in model.model_fields if name != "type_name"]
    lines = [_field_line(name, model.model_fields[name]) for name in names]
    return ["| Field | Type |", "|---|---|", *lines] if lines else ["No fields."]


def _parts_of(annotation: object) -> list[type[WirePart]]:
    if isinstance(annotation, type) and issubclass(annotation, WirePart):
        return [annotation]
    return [part for argument in typing.get_args(annotation) for part in _parts_of(argument)]


def _all_parts() -> list[type[WirePart]]:
    """Models inside payloads that are no payloads themselves, in the order met."""
    waiting: list[type[WirePart]] = [entry.model for entry in CATALOGUE]
    payloads, met = set(waiting), []
    for model in waiting:
        for field in model.model_fields.values():
            for part in _parts_of(field.annotation):
                if part not in payloads and part not in met:
                    met.append(part)
                    waiting.append(part)
    return met


def _summary(model: type[BaseModel]) -> str:
    """The docstring, if the class has one of its own."""
    return " ".join((model.__dict__.get("__doc__") or "").split())


def _entry_lines(entry: CatalogueEntry) -> list[str]:
    receivers = ", ".join(entry.receivers)
    version = f"version {entry.version}" if entry.version else "no version"
    summary = _summary(entry.model)
    return [
        f"### `{entry.type_name}`",
        "",
        *([summary, ""] if summary else []),
        f"{version}; {entry.manner}; {entry.sender} -> {receivers}; {entry.when}.",
        "",
        *_fields(entry.model),
        "",
    ]


def page() -> str:
    """The whole of docs/messages.md."""
    lines = [_HEAD, "| Type | Version | Manner | From | To | When |", "|---|---|---|---|---|---|"]
    for entry in CATALOGUE:
        row = (f"`{entry.type_name}`", entry.version or "-", entry.manner, entry.sender, ", ".join(entry.receivers))
        lines.append(f"| {' | '.join(row)} | {entry.when} |")
    lines += ["", "## Payloads", ""]
    for entry in CATALOGUE:
        lines += _entry_lines(entry)
    lines += ["## Parts", ""]
    for part in _all_parts():
        title = str(part.model_fields["type_name"].default) if "type_name" in part.model_fields else part.__name__
        lines += [f"### `{title}`", "", _summary(part), "", *_fields(part), ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
