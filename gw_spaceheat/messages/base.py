"""What every message payload has in common: frozen, PascalCase on the wire, finite numbers, a name and a version.

Python names are snake_case with the unit; the alias generator makes the published PascalCase of them
(`from_g_node_alias` is `FromGNodeAlias`). Unknown fields are ignored: a peer of the same version may say more.
Reading from the wire is strict (`"5"` is no integer); see `envelope.decode`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

EARLIEST_S, LATEST_S = 946_684_800, 32_503_680_000
"""Years 2000 and 3000: the limits GridWorks publishes for a time in a message."""

UtcSeconds = Annotated[int, Field(ge=EARLIEST_S, le=LATEST_S)]
UtcMilliseconds = Annotated[int, Field(ge=EARLIEST_S * 1000, le=LATEST_S * 1000)]
WireInt = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""A measured integer; 64 bits, so that every store and every peer can hold it."""

# Formats as published; lengths are ours, so that no name can be as long as a message.
LeftRightDot = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(\.[a-z0-9]+)*$", max_length=255)]
SpaceheatName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
HandleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*$", max_length=255)]
Uuid4 = Annotated[
    str,
    Field(pattern=r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"),
]
MarketSlotName = Annotated[
    str, Field(pattern=r"^[erd]\.(rt5gate5|rt15gate5|rt30gate5|rt60gate5|rt60gate30b?|da60)(\.[a-z0-9]+)+\.[0-9]{10}$")
]
MarketPriceUnit = Literal["USDPerMWh"]
MarketQuantityUnit = Literal["AvgMW", "AvgkW"]


class WirePart(BaseModel):
    """A nameless part of one of our own payloads. (Published parts have a name and version: they are WireModels.)"""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_pascal,
        populate_by_name=True,
        allow_inf_nan=False,
    )


class WireModel(WirePart):
    """A payload; its class narrows `type_name` (and mostly adds `version`) with a Literal and a default."""

    type_name: str


def type_name_of(model: type[WireModel]) -> str:
    """The published name of a payload type: the default of its `type_name`."""
    return str(model.model_fields["type_name"].default)


def version_of(model: type[WireModel]) -> str | None:
    """The published version of a payload type; None for the few published without one."""
    field = model.model_fields.get("version")
    return None if field is None else str(field.default)
