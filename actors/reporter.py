"""Says what the house measures: aligned reports, snapshots, power on change. Decides nothing about the house.

Readings go to the journal, and reports are made of it, oldest first: one per slot while the AtomicTNode answers,
and after an outage `TAKE_AT_ONCE` with each commit, at most `DRAIN_PER_TICK` each `DRAIN_TICK_S`. While it is away only
the first `AWAY_REPORTS` become events; the rest stays in the journal and is thinned there with age.

A thinned bucket is said in the published report type with the bucket's period as `SlotDurationS`: one value per
channel, the mean, at the middle of the slot, and two channels `<channel>-min` and `<channel>-max` beside it at the
same time. Only a mean has these two, so a reader that knows them can tell; one that does not ignores unknown names.
"""

from actors.base import Address, Context, Shell
from actors.events import (
    ActuatorState,
    AskMark,
    CommanderNow,
    Committed,
    LinkChanged,
    Offer,
    Readings,
    Said,
    Send,
    Tick,
)
from gw_spaceheat.decisions.command import Commander
from gw_spaceheat.decisions.reporting import PowerReportState, decide_power, report_slot
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.alerts import Glitch, LogLevel, glitch_from
from gw_spaceheat.messages.telemetry import ChannelReadings, Report, power_watts_from, snapshot_from
from gw_spaceheat.messages.units import milliseconds, to_wire
from gw_spaceheat.storage.journal import Journal
from gw_spaceheat.storage.journal_tables import JournalGap, Taken

SNAPSHOT = Tick("snapshot")
REPORT = Tick("report")
FLUSH = Tick("flush")
DRAIN = Tick("drain")
FLUSH_S = 8.0  # with the commit itself less than the 10 s that may be lost when the process is killed
THIN_S = 3600.0
DRAIN_TICK_S = 0.1
DRAIN_PER_TICK = 40  # 400 reports a second
TAKE_AT_ONCE = 10  # about 250 kB; more gain little, and would hold up what is said meanwhile
DRAIN_WAITING = 120  # events in the outbox, above which the receiver is to catch up first
AWAY_REPORTS = 12  # that wait in the outbox while the AtomicTNode is away
FRESH_SLOTS = 3  # a report older than this many of its slots is of the backlog
FAST_CHANNEL_MS = 60_000  # between two readings of a fast channel in a report
HEAT_SOURCE_QUANTITIES = ("heat_pump_w", "boost_w")


class Reporter(Shell):
    """Fast channels enter a report once a minute and on change of 2 % of nameplate; slow ones with every reading."""

    def __init__(
        self,
        context: Context,
        house: House,
        instance_id: str,
        atn: str,
        gateway: Address,
        journal: Journal | None = None,
    ) -> None:
        """`journal` None keeps the readings in memory."""
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
        self._said: dict[str, tuple[float, int]] = {}  # of each fast channel, what entered the journal last
        self._journal = journal or Journal(None, int(house.rates.report_s))
        self._budget, self._drain_armed = DRAIN_PER_TICK, False
        self._thin_s = context.now() + THIN_S
        self._problem = ""
        self._power = PowerReportState()
        self._commander = Commander.LOCAL

    def begin(self) -> None:
        rates = self._house.rates
        now_s = self.context.now()
        self.context.after(rates.snapshot_s, SNAPSHOT)
        self.context.after(report_slot(now_s, rates.report_s)[1] - now_s, REPORT)
        if self._journal.durable:
            self.context.after(FLUSH_S, FLUSH)
        if self._journal.set_aside is not None:
            self.context.log("storage", f"journal damaged: kept as {self._journal.set_aside.name}, salvaged")
        self._gateway.tell(AskMark(self.context.me))

    def end(self) -> None:
        self._journal.close()

    def release(self) -> None:
        self._journal.flush()

    def handle(self, message: object) -> None:
        if type(message) is Readings:
            self._take(message)
            return
        match message:
            case Tick("snapshot"):
                self.context.after(self._house.rates.snapshot_s, SNAPSHOT)
                self._say_snapshot()
            case Tick("report"):
                self._close_slot()
            case Tick("flush"):
                self.context.after(FLUSH_S, FLUSH)
                self._flush()
            case Tick("drain"):
                self._budget, self._drain_armed = DRAIN_PER_TICK, False
                self._gateway.tell(AskMark(self.context.me))
            case Committed():
                self._committed(message)
            case CommanderNow(commander, reason):
                self._commander = commander
                self.context.log("commander", f"{commander}: {reason}")
            case LinkChanged(_, True):
                self._say_snapshot()
                self._gateway.tell(AskMark(self.context.me))
            case ActuatorState(_, node, value, _, at_s):
                if isinstance(value, bool) and node in self._telemetries:
                    self._keep(node, float(value), at_s)

    def _take(self, readings: Readings) -> None:
        at_s = readings.at_s
        at_ms = int(at_s * 1000.0)
        latest, said, fast, power_channels = self._latest, self._said, self._fast, self._power_channels
        power_w, has_power = 0.0, False
        for name, value in readings.values:
            if value is None:
                latest.pop(name, None)
                continue
            latest[name] = reading = (value, at_ms)
            if name in power_channels:
                power_w += value
                has_power = True
            if name in fast:
                last = said.get(name)
                if (
                    last is not None
                    and at_ms - last[1] < FAST_CHANNEL_MS
                    and abs(value - last[0]) <= self._worth_telling_w
                ):
                    continue
                said[name] = reading
            self._journal.add(name, at_ms, to_wire(self._telemetries[name], value))
        if has_power:
            rates = self._house.rates
            repeat_s = rates.power_repeat_s if self._commander is Commander.REMOTE else None
            share = rates.power_report_share
            self._power, due = decide_power(self._power, power_w, self._nameplate_w, at_s, share, repeat_s)
            if due:
                self._gateway.tell(Send(self._atn, power_watts_from(power_w)))

    def _keep(self, name: str, value: float, at_s: float) -> None:
        at_ms = int(at_s * 1000.0)
        self._latest[name] = (value, at_ms)
        self._journal.add(name, at_ms, to_wire(self._telemetries[name], value))

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

    def _close_slot(self) -> None:
        now_s, period_s = self.context.now(), self._house.rates.report_s
        _, end_s = report_slot(now_s - period_s / 2, period_s)
        self.context.after(end_s + period_s - now_s, REPORT)
        self._said.clear()  # each slot has a value of every channel
        self._journal.flush()
        if now_s >= self._thin_s:
            self._thin_s = now_s + THIN_S
            self._journal.thin(now_s)
        self._budget = DRAIN_PER_TICK
        # Asked and not just offered: the gateway may have crashed with the last offer in its mailbox.
        self._gateway.tell(AskMark(self.context.me))

    def _flush(self) -> None:
        self._journal.flush()
        problem = self._journal.problem
        if problem != self._problem:
            self._problem = problem
            self.context.log("storage", problem or "the journal can be written again")

    def _committed(self, answer: Committed) -> None:
        """The outbox says what it has: forget it here, and offer the next report if there is room for it."""
        mark = answer.mark
        if mark is None:
            return  # its disk refuses: asked again at the end of the slot
        room = (DRAIN_WAITING if answer.peer_active else AWAY_REPORTS) - answer.waiting
        if room <= 0 and answer.peer_active:
            self._wait_to_drain()
        most = min(room, self._budget, TAKE_AT_ONCE)
        if most <= 0:
            self._journal.settle(mark)
            return
        taken = self._journal.take(self.context.now(), above=mark, most=most)
        if not taken:
            return
        self._budget -= len(taken)
        if self._budget <= 0:
            self._wait_to_drain()
        reports = tuple([self._event(report) for report in taken])
        self._gateway.tell(Offer(self._atn, reports, taken[0].number, self.context.me))

    def _event(self, taken: Taken) -> Said:
        payload = self._gaps(taken) if taken.gaps else self._report(taken)
        return Said(payload, taken.start_s + FRESH_SLOTS * taken.period_s >= self.context.now())

    def _wait_to_drain(self) -> None:
        self._budget = 0
        if not self._drain_armed:
            self._drain_armed = True
            self.context.after(DRAIN_TICK_S, DRAIN)

    def _report(self, taken: Taken) -> Report:
        channels: list[ChannelReadings] = []

        def add(name: str, values: tuple[int, ...], times_ms: tuple[int, ...]) -> None:
            channels.append(
                ChannelReadings(channel_name=name, value_list=values, scada_read_time_unix_ms_list=times_ms)
            )

        for name, said in taken.readings.items():
            values, times_ms = zip(*said, strict=True)
            add(name, values, times_ms)
        middle_ms = (taken.start_s * 1000 + taken.period_s * 500,)
        for name, bucket in taken.buckets.items():
            add(name, (bucket.mean,), middle_ms)
            add(f"{name}-min", (bucket.low,), middle_ms)
            add(f"{name}-max", (bucket.high,), middle_ms)
        return Report(
            from_g_node_alias=self._house.scada_alias,
            from_g_node_instance_id=self._instance_id,
            about_g_node_alias=f"{self._house.alias}.ta",
            slot_start_unix_s=taken.start_s,
            slot_duration_s=taken.period_s,
            channel_reading_list=tuple(channels),
            message_created_ms=milliseconds(self.context.now()),
            id=self.context.new_id(),
        )

    def _gaps(self, taken: Taken) -> Glitch:
        def text(gap: JournalGap) -> str:
            return f"{gap.count or 'unknown'} readings from {gap.first_ms} to {gap.last_ms} ms: {gap.reason}"

        return glitch_from(
            alias=self._house.scada_alias,
            node="journal",
            level=LogLevel.WARNING,
            summary=f"{len(taken.gaps)} gap(s) in the readings",
            details="; ".join(text(gap) for gap in taken.gaps),
            now_s=self.context.now(),
        )
