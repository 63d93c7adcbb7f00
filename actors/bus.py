"""The owner of one bus: the only actor that touches its wire. It acts on nothing but a `SafeCommand`."""

from collections.abc import Mapping

from actors.base import Context, Shell
from actors.events import DeviceRead, DeviceSilent, DeviceWritten, ReadDevice, WriteDevice
from gw_spaceheat.decisions.safety import SafeCommand
from gw_spaceheat.drivers.base import ActuatorDriver, SensorDriver
from gw_spaceheat.errors import OurError, WireError


class Bus(Shell):
    """Reads and writes the devices of one wire, one after the other."""

    def __init__(
        self, context: Context, sensors: Mapping[str, SensorDriver], actuators: Mapping[str, ActuatorDriver]
    ) -> None:
        super().__init__(context)
        self._sensors = sensors
        self._actuators = actuators

    def handle(self, message: object) -> None:
        match message:
            case ReadDevice(component_id, reply_to):
                now_s = self.context.now()
                try:
                    values = self._sensors[component_id].read()
                except WireError as error:
                    reply_to.tell(DeviceSilent(component_id, str(error), now_s))
                else:
                    reply_to.tell(DeviceRead(component_id, values, now_s))
            case WriteDevice():
                self._write(message)

    def _write(self, order: WriteDevice) -> None:
        if not isinstance(order.safe, SafeCommand):
            raise OurError(f"bus {self.context.name}: refused a command that no safety filter passed")
        driver = self._actuators[order.component_id]
        reason = ""
        read_back: bool | float | None = None
        try:
            driver.write(order.terminal, order.safe.command.value)
            read_back = driver.read_back(order.terminal)
        except WireError as error:
            reason = str(error)
        order.reply_to.tell(DeviceWritten(order.component_id, order.terminal, read_back, reason, self.context.now()))
