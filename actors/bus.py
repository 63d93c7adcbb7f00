"""The owner of one bus: the only actor that touches its wire. It acts on nothing but a `SafeCommand`."""

from collections.abc import Mapping

from actors.base import Address, Context, Shell
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
        if type(message) is ReadDevice:
            self._read(message.component_id, message.reply_to)
        elif type(message) is WriteDevice:
            self._write(message)

    def _read(self, component_id: str, reply_to: Address) -> None:
        now_s = self.context.now()
        try:
            values = self._sensors[component_id].read()
        except WireError as error:
            reply_to.tell(DeviceSilent(component_id, str(error), now_s))
        else:
            reply_to.tell(DeviceRead(component_id, values, now_s))

    def _write(self, order: WriteDevice) -> None:
        if not isinstance(order.safe, SafeCommand):
            raise OurError(f"bus {self.context.name}: refused a command that no safety filter passed")
        driver, value = self._actuators[order.component_id], order.safe.command.value
        reason = ""
        read_back: bool | float | None = None
        try:
            driver.write(order.terminal, value)
            read_back = driver.read_back(order.terminal)
        except WireError as error:
            reason = str(error)
        now_s = self.context.now()
        order.reply_to.tell(DeviceWritten(order.component_id, order.terminal, value, read_back, reason, now_s))
