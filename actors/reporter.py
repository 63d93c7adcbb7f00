"""Says what the house measures: aligned reports, snapshots, power on change. Decides nothing about the house."""

from actors.base import Address, Context, Shell
from actors.events import ActuatorState, CommanderNow, LinkChanged, Readings, Send, Tick
from gw_spaceheat.decisions.command import Commander
from gw_spaceheat.decisions.reporting import PowerReportState, decide_power, report_slot
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.telemetry import power_watts_from, report_from, snapshot_from

SNAPSHOT = Tick("snapshot")
REPORT = Tick("report")
FAST_CHANNEL_MS = 60_000  # between two readings of a fast channel in a report
HEAT_SOURCE_QUANTITIES = ("heat_pump_w", "boost_w")


class Reporter(Shell):
    """Fast channels enter a report once a minute and on change of 2 % of nameplate; slow ones with every reading."""

    def __init__(self, context: Context, house: House, instance_id: str, atn: str, gateway: Address) -> None:
        super().__init__(context)
        self._house = house
        self._instance_id = instance_id
        self._atn = atn
        self._gateway = gateway
        plumbing = house.plumbing
        self._nameplate_w = (plumbing.heat_pump.nameplate_w if plumbing.heat_pump else 0.0) + (
            plumbing.boost.rated_w if plumbing.boost else 0.0
        )
        self._worth_telling_w = house.rates.power_report_share * self._nameplate_w
        self._telemetries = {channel.name: channel.telemetry for channel in house.channels}
        self._power_channels = frozenset(c.name for c in house.channels if c.quantity in HEAT_SOURCE_QUANTITIES)
        self._fast = frozenset(c.name for c in house.channels if c.unit == "w")
        self._latest: dict[str, tuple[float, int]] = {}
        self._slot: dict[str, list[tuple[float, int]]] = {}
        self._power = PowerReportState()
        self._commander = Commander.LOCAL

    def begin(self) -> None:
        rates = self._house.rates
        now_s = self.context.now()
        self.context.after(rates.snapshot_s, SNAPSHOT)
        self.context.after(report_slot(now_s, rates.report_s)[1] - now_s, REPORT)

    def handle(self, message: object) -> None:
        if type(message) is Readings:
            self._take(message)
            return
        match message:
            case Tick("snapshot"):
                self.context.after(self._house.rates.snapshot_s, SNAPSHOT)
                self._say_snapshot()
            case Tick("report"):
                self._say_report()
            case CommanderNow(commander, reason):
                self._commander = commander
                self.context.log("commander", f"{commander}: {reason}")
            case LinkChanged(_, True):
                self._say_snapshot()
            case ActuatorState(_, node, value, _, at_s):
                if isinstance(value, bool) and node in self._telemetries:
                    self._keep(node, float(value), at_s)

    def _take(self, readings: Readings) -> None:
        at_s = readings.at_s
        at_ms = int(at_s * 1000.0)
        latest, slot, fast, power_channels = self._latest, self._slot, self._fast, self._power_channels
        power_w, has_power = 0.0, False
        for name, value in readings.values:
            if value is None:
                latest.pop(name, None)
                continue
            latest[name] = reading = (value, at_ms)
            if name in power_channels:
                power_w += value
                has_power = True
            said = slot.get(name)
            if said is None:
                slot[name] = [reading]
            elif name in fast:
                last_value, last_ms = said[-1]
                if at_ms - last_ms >= FAST_CHANNEL_MS or abs(value - last_value) > self._worth_telling_w:
                    said.append(reading)
            else:
                said.append(reading)
        if has_power:
            rates = self._house.rates
            repeat_s = rates.power_repeat_s if self._commander is Commander.REMOTE else None
            share = rates.power_report_share
            self._power, due = decide_power(self._power, power_w, self._nameplate_w, at_s, share, repeat_s)
            if due:
                self._gateway.tell(Send(self._atn, power_watts_from(power_w)))

    def _keep(self, name: str, value: float, at_s: float) -> None:
        reading = (value, int(at_s * 1000.0))
        self._latest[name] = reading
        self._slot.setdefault(name, []).append(reading)

    def _say_snapshot(self) -> None:
        if self._latest:
            snapshot = snapshot_from(
                alias=self._house.scada_alias,
                instance_id=self._instance_id,
                now_s=self.context.now(),
                latest=self._latest,
                telemetries=self._telemetries,
            )
            self._gateway.tell(Send(self._atn, snapshot))

    def _say_report(self) -> None:
        now_s, period_s = self.context.now(), self._house.rates.report_s
        start_s, end_s = report_slot(now_s - period_s / 2, period_s)
        self.context.after(end_s + period_s - now_s, REPORT)
        readings, self._slot = self._slot, {}
        report = report_from(
            alias=self._house.scada_alias,
            instance_id=self._instance_id,
            about_alias=f"{self._house.alias}.ta",
            slot_start_s=int(start_s),
            slot_duration_s=int(period_s),
            readings=readings,
            telemetries=self._telemetries,
            message_id=self.context.new_id(),
            created_s=now_s,
        )
        self._gateway.tell(Send(self._atn, report))
