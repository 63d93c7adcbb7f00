"""Reads one device at its own rate and tells the SCADA what its channels say."""

from collections.abc import Sequence

from actors.base import Address, Context, Shell
from actors.events import DeviceRead, DeviceSilent, ReadDevice, Readings, Tick
from gw_spaceheat.house.model import Channel

READ = Tick("read")


class Sensor(Shell):
    """One component's channels. A silent or senseless device gives None, never an old value."""

    def __init__(
        self,
        context: Context,
        component_id: str,
        channels: Sequence[Channel],
        period_s: float,
        bus: Address,
        listeners: Sequence[Address],
    ) -> None:
        super().__init__(context)
        self._component_id = component_id
        self._channels = [(channel.name, channel.terminal) for channel in channels]
        self._period_s = period_s
        self._bus = bus
        self._listeners = tuple(listeners)
        self._request = ReadDevice(component_id, context.me)
        self._silent_because = ""

    def begin(self) -> None:
        self.context.after(0.0, READ)

    def handle(self, message: object) -> None:
        if message is READ:
            self.context.after(self._period_s, READ)
            self._bus.tell(self._request)
        elif type(message) is DeviceRead:
            value_at = message.values.get
            if self._silent_because:
                self._note("")
            self.measured(tuple([(name, value_at(terminal)) for name, terminal in self._channels]), message.at_s)
        elif type(message) is DeviceSilent:
            self._note(message.reason)
            self.measured(tuple((name, None) for name, _ in self._channels), message.at_s)

    def measured(self, values: tuple[tuple[str, float | None], ...], at_s: float) -> None:
        readings = Readings(self.context.name, values, at_s)
        for listener in self._listeners:
            listener.tell(readings)

    def _note(self, reason: str) -> None:
        if reason != self._silent_because:
            self._silent_because = reason
            self.context.log("sensor", reason or f"{self._component_id} answers again")
