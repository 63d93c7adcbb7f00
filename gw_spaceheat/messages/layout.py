"""The house as its SCADA knows it: asked for, and said when a link comes up and it has changed."""

from typing import Literal

from gw_spaceheat.house.model import House
from gw_spaceheat.messages.base import LeftRightDot, UtcMilliseconds, Uuid4, WireModel
from gw_spaceheat.messages.units import milliseconds


class SendLayout(WireModel):
    """Asks a SCADA for its layout."""

    from_g_node_alias: LeftRightDot
    message_created_ms: UtcMilliseconds
    type_name: Literal["send.layout"] = "send.layout"
    version: Literal["001"] = "001"


class Layout(WireModel):
    """The whole validated house. Inside `House` the names are those of the house file.

    The published `layout.lite` is bound to one relay board and one make of tank module, which not every house has.
    """

    from_g_node_alias: LeftRightDot
    message_id: Uuid4
    message_created_ms: UtcMilliseconds
    house: House
    type_name: Literal["gw.spaceheat.layout"] = "gw.spaceheat.layout"
    version: Literal["000"] = "000"

    @property
    def telemetries(self) -> dict[str, str]:
        """Channel name -> telemetry name, as the readers of reports and snapshots want it."""
        return telemetries_of(self.house)


def telemetries_of(house: House) -> dict[str, str]:
    """Channel name -> telemetry name of a house."""
    return {channel.name: channel.telemetry for channel in house.channels}


def layout_from(house: House, *, message_id: str, now_s: float) -> Layout:
    return Layout(
        from_g_node_alias=house.scada_alias,
        message_id=message_id,
        message_created_ms=milliseconds(now_s),
        house=house,
    )
