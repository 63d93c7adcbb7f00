"""Life of a link: ping, acknowledgement; and the clock of a simulated plant."""

from typing import Annotated, Literal

from pydantic import Field

from gw_spaceheat.messages.base import UtcMilliseconds, WireModel


class Ping(WireModel):
    """Asks the peer's application for an ack; its header carries the id, as with every message."""

    message_id: Annotated[str, Field(max_length=64)] | None = None
    type_name: Literal["gridworks.ping"] = "gridworks.ping"


class Ack(WireModel):
    """The receiver has handled (an event: has committed) the message with this header id."""

    ack_message_id: Annotated[str, Field(alias="AckMessageID", max_length=64)]
    type_name: Literal["gridworks.ack"] = "gridworks.ack"


class PlantClock(WireModel):
    """The simulated plant's time, so that several processes share one virtual clock; on a loopback broker only.

    At the moment of receipt it is `epoch_ms`; it runs `speed` times as fast as real time (0 = it stands).
    """

    epoch_ms: UtcMilliseconds
    speed: Annotated[float, Field(ge=0, le=100_000)]
    type_name: Literal["gw.spaceheat.clock"] = "gw.spaceheat.clock"
    version: Literal["000"] = "000"


def clock_from(now_s: float, speed: float) -> PlantClock:
    return PlantClock(epoch_ms=round(now_s * 1000.0), speed=speed)
