"""The power meter: a sensor that also integrates the heat sources' energy, so that a slot can't be overrun."""

from collections.abc import Sequence

from actors.base import Address, Context
from actors.events import EnergyUsed
from actors.sensor import Sensor
from gw_spaceheat.house.model import Channel

HEAT_SOURCE_QUANTITIES = ("heat_pump_w", "boost_w")


class PowerMeter(Sensor):
    """Tells the contract keeper the heat sources' energy at every reading (rectangle of the last value)."""

    def __init__(
        self,
        context: Context,
        component_id: str,
        channels: Sequence[Channel],
        period_s: float,
        bus: Address,
        listeners: Sequence[Address],
        keeper: Address,
    ) -> None:
        super().__init__(context, component_id, channels, period_s, bus, listeners)
        self._keeper = keeper
        self._heat_places = tuple(
            place for place, channel in enumerate(channels) if channel.quantity in HEAT_SOURCE_QUANTITIES
        )
        self._last_s: float | None = None
        self._last_power_w = 0.0

    def measured(self, values: tuple[tuple[str, float | None], ...], at_s: float) -> None:
        super().measured(values, at_s)
        power_w = 0.0
        for place in self._heat_places:
            value = values[place][1]
            if value is None:
                return  # the gap is filled with the last power when the meter answers again
            power_w += value
        elapsed_s = 0.0 if self._last_s is None else at_s - self._last_s
        watt_hours = self._last_power_w * elapsed_s / 3600.0
        self._last_s, self._last_power_w = at_s, power_w
        self._keeper.tell(EnergyUsed(watt_hours, power_w, at_s))
