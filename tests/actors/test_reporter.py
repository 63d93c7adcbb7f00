"""Readings through journal, outbox and gateway in virtual time: none lost or twice, in order, thinned with age."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from actors.base import Context, Shell
from actors.events import Readings, Tick
from actors.gateway import Gateway, OpenLink
from actors.post import Post
from actors.reporter import AWAY_REPORTS, Reporter
from actors.runtime import VirtualRuntime
from commands.site import load_site
from gw_spaceheat.decisions.tiers import DAY_S, Bucket, Reading, Tiers, thin
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.envelope import decode
from gw_spaceheat.messages.telemetry import Report
from gw_spaceheat.simulation.broker import SimulatedBroker
from gw_spaceheat.storage.journal import Journal
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.storage.outbox import Outbox
from gw_spaceheat.wires.mqtt_protocol import Link, OnMessage, OnState

START_S = 1_481_518_800 // 3600 * 3600.0
LINK_TYPES = frozenset({"gridworks.ping", "gridworks.ack"})
ATN_TYPES = LINK_TYPES | {"report", "glitch", "snapshot.spaceheat", "power.watts"}


class Source(Shell):
    """Tells a slow channel's reading each `period_s`: the number of the reading."""

    def __init__(self, context: Context, reporter: object, channel: str, period_s: float) -> None:
        super().__init__(context)
        self.reporter, self.channel, self.period_s, self.number = reporter, channel, period_s, 0

    def begin(self) -> None:
        self.context.after(self.period_s / 2, Tick("read"))

    def handle(self, message: object) -> None:
        self.context.after(self.period_s, Tick("read"))
        value = float((self.number * 7919) % 60_001) / 1000.0
        self.number += 1
        self.reporter.tell(Readings("n", ((self.channel, value),), self.context.now()))  # type: ignore[attr-defined]


@dataclass
class Bench:
    """Reporter and gateway of a SCADA, an AtomicTNode's gateway with its store, a broker."""

    folder: Path | None = None
    period_s: float = 60.0
    lines: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        house = load_site("d1.isone.me.versant.keene.beech").house
        self.house: House = house.model_copy(update={"rates": house.rates.model_copy(update={"snapshot_s": 7200.0})})
        self.channel = next(c for c in self.house.channels if c.telemetry == "WaterTempCTimes1000")
        self.runtime = VirtualRuntime(
            START_S, 7, sink=lambda at, who, kind, text: self.lines.append((at, f"{who} {kind} {text}"))
        )
        self.broker = SimulatedBroker(self.runtime.schedule, random.Random(3))
        self.broker.faults.delay_s = 0.02
        self.store = MessageStore(None)
        scada, atn = self.house.scada_alias, self.house.atn_alias
        dashed = [alias.replace(".", "-") for alias in (scada, atn)]
        self.open_stores()
        cloud, reporter = self.runtime.address("cloud"), self.runtime.address("reporter")
        scada_post = Post("cloud", scada, {"ltn": atn}, (f"gw/{dashed[1]}/to/s/#",), LINK_TYPES, watched="ltn")
        atn_post = Post("cloud", atn, {"s": scada}, (f"gw/{dashed[0]}/to/ltn/#",), ATN_TYPES, watched="s")
        instance_id = self.runtime.new_id()
        self.runtime.add(
            "cloud", lambda c: Gateway(c, scada_post, self.opener("scada"), [reporter], outbox=self.outbox)
        )
        self.runtime.add("atn", lambda c: Gateway(c, atn_post, self.opener("atn"), [], store=self.store))
        self.runtime.add("reporter", lambda c: Reporter(c, self.house, instance_id, "ltn", cloud, journal=self.journal))
        self.runtime.add("source", lambda c: Source(c, reporter, self.channel.name, self.period_s))
        for name in ("reporter", "cloud", "atn", "source"):
            self.runtime.start(name)

    def open_stores(self) -> None:
        path = self.folder
        self.journal = Journal(path / "journal" if path else None, int(self.house.rates.report_s))
        self.outbox = Outbox(path / "outbox" if path else None)

    def opener(self, client_id: str) -> OpenLink:
        def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
            return self.broker.client(client_id, on_message, on_state, subscriptions)

        return open_link

    def run(self, seconds: float) -> None:
        self.runtime.run_until(self.runtime.now() + seconds)

    def reports(self) -> list[Report]:
        payloads = (decode(row.payload).payload for row in self.store.rows(0, 100_000, "report"))
        return [payload for payload in payloads if isinstance(payload, Report)]

    def received(self) -> list[tuple[int, int]]:
        """Every reading of the channel that is no mean: epoch ms and wire value, in order of arrival."""
        return [
            (at_ms, value)
            for report in self.reports()
            if not any(c.channel_name.endswith("-min") for c in report.channel_reading_list)
            for channel in report.channel_reading_list
            if channel.channel_name == self.channel.name
            for value, at_ms in zip(channel.value_list, channel.scada_read_time_unix_ms_list, strict=True)
        ]

    def expected(self, until_s: float) -> list[tuple[int, int]]:
        count = int((until_s - START_S - self.period_s / 2) // self.period_s) + 1
        return [
            (int((START_S + self.period_s / 2 + n * self.period_s) * 1000), (n * 7919) % 60_001) for n in range(count)
        ]


def test_each_reading_arrives_once_over_cuts_and_crashes() -> None:
    bench = Bench()
    for hour in range(6):
        bench.run(1000.0)
        bench.broker.stop() if hour % 2 else bench.runtime.replace("cloud")
        bench.run(1000.0)
        bench.runtime.replace("reporter")
        bench.run(1000.0)
        bench.broker.start()
        bench.run(600.0)
    bench.run(900.0)
    bench.run(2.0)
    assert bench.received() == bench.expected(START_S + 6 * 3600.0 + 900.0)
    starts = [report.slot_start_unix_s for report in bench.reports()]
    assert starts == sorted(starts)
    assert not [text for _, text in bench.lines if " crash " in text]


def test_a_process_that_dies_loses_ten_seconds_at_most(tmp_path: Path) -> None:
    bench = Bench(tmp_path, period_s=3.0)
    for _ in range(3):
        bench.run(777.0)
        for name in ("reporter", "cloud"):
            bench.runtime.stop(name)
        bench.journal._pending.clear()  # what a dead process had in memory is gone
        bench.journal.close()
        bench.outbox.close()
        bench.open_stores()
        for name in ("reporter", "cloud"):
            bench.runtime.start(name)
    bench.run(900.0)
    got = bench.received()
    assert len(got) == len(set(got))
    missing = set(bench.expected(START_S + 3 * 777.0)) - set(got)
    assert len(missing) <= 3 * 4, "at most ten seconds of readings per death"


@pytest.mark.timeout(280)
@pytest.mark.parametrize("days", [8, pytest.param(29, marks=pytest.mark.slow)])
def test_weeks_without_internet_then_back(days: int) -> None:
    bench = Bench(period_s=600.0)
    bench.run(3600.0)
    bench.broker.stop()
    away_s = bench.runtime.now()
    bench.run(days * DAY_S)
    assert bench.outbox.count() <= AWAY_REPORTS + 3, "reports wait in the journal, not in the outbox"
    bench.broker.start()
    back_s = bench.runtime.now()
    before = bench.store.count()
    bench.run(60.0)
    drained_s = max(row.received_s for row in bench.store.rows(before, 10**6, "report")) - back_s
    count = len(bench.store.rows(before, 10**6, "report"))
    assert count > (1500 if days > 28 else 900)
    assert count / drained_s >= 200.0, f"{count} reports in {drained_s:.1f} s"
    bench.run(600.0)
    check_tiers(bench, away_s, back_s)
    rows = bench.store.rows(0, 10**6)
    numbers = [(row.boot, row.seq) for row in rows if row.seq is not None]
    assert numbers == sorted(set(numbers)), "in order, nothing twice"


@pytest.mark.parametrize("delay_s", [0.05, 0.2, 0.45])
def test_a_receiver_that_is_slow_is_waited_for_and_never_forgotten(delay_s: float) -> None:
    """The drain once stood still until the next report when the receiver had not caught up."""
    bench = Bench(period_s=300.0)
    bench.run(3600.0)
    bench.broker.stop()
    bench.run(DAY_S)
    bench.broker.faults.delay_s = delay_s
    bench.broker.start()
    before = bench.store.count()
    bench.run(50.0)
    assert len(bench.store.rows(before, 10**6, "report")) >= 280


def check_tiers(bench: Bench, away_s: float, back_s: float) -> None:
    """Every reading is there in full, in exactly one mean, or in the gap that was told."""
    readings = [Reading(1, at_ms, value) for at_ms, value in bench.expected(back_s)]
    in_outbox_s = away_s + AWAY_REPORTS * 300.0 + 900.0
    thinned = thin([r for r in readings if r.at_ms >= in_outbox_s * 1000], (), back_s, Tiers())
    got = set(bench.received())
    assert got >= {(r.at_ms, r.value) for r in thinned.readings}, "the last day in full"
    means: dict[tuple[int, int], tuple[int, int, int]] = {}
    ends = []  # of the slots: the first hour may begin before the last report from before the outage
    for report in bench.reports():
        by_name = {c.channel_name: c.value_list[0] for c in report.channel_reading_list}
        name = bench.channel.name
        if f"{name}-min" in by_name:
            key = (report.slot_duration_s, report.slot_start_unix_s)
            assert key not in means
            means[key] = (by_name[name], by_name[f"{name}-min"], by_name[f"{name}-max"])
        ends.append(report.slot_start_unix_s + report.slot_duration_s)
    assert ends == sorted(ends), "oldest first"

    def said(bucket: Bucket) -> tuple[int, int, int]:
        return bucket.mean, bucket.low, bucket.high

    border_s = in_outbox_s + 7200.0
    expected = {
        (b.period_s, b.start_s): said(b)
        for b in thinned.buckets
        if b.start_s > border_s and b.start_s < back_s - DAY_S - 7200
    }
    wrong = {key: value for key, value in expected.items() if means.get(key) != value}
    # Thinned once an hour: what became old in the last hour is still in the finer tier.
    late = {key for key in wrong if key[0] == 3600 and back_s - 7 * DAY_S - key[1] < 3 * 3600}
    assert set(wrong) <= late
    assert {period for period, _ in means} == {300, 3600}
    if back_s - away_s < 28 * DAY_S:
        return
    glitches = [decode(row.payload).payload for row in bench.store.rows(0, 10**6, "glitch")]
    assert any("older than the last tier" in str(glitch) for glitch in glitches)
