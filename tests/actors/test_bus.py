"""Bus owners: only safe commands, a silent device is None, a hung driver stays alone."""

import queue
import threading
from dataclasses import dataclass

from actors.base import Context, Shell
from actors.bus import Bus
from actors.events import DeviceRead, DeviceSilent, DeviceWritten, ReadDevice, Readings, WriteDevice
from actors.runtime import ThreadedRuntime, VirtualRuntime
from actors.sensor import Sensor
from gw_spaceheat.decisions import safety
from gw_spaceheat.decisions.command import Command, Commander
from gw_spaceheat.errors import WireError
from gw_spaceheat.house.model import Channel

LIMITS = safety.SafetyLimits(frozenset({"heat_pump"}))


@dataclass
class FakeSensor:
    values: dict[str, float | None]
    problem: str = ""

    def read(self) -> dict[str, float | None]:
        if self.problem:
            raise WireError(self.problem)
        return self.values


class FakeRelay:
    def __init__(self) -> None:
        self.written: list[tuple[str, bool | float]] = []
        self.problem = ""

    def write(self, terminal: str, value: bool | float) -> None:
        if self.problem:
            raise WireError(self.problem)
        self.written.append((terminal, value))

    def read_back(self, terminal: str) -> bool | float:
        return self.written[-1][1]


class Listener(Shell):
    def __init__(self, context: Context, heard: "list[object] | queue.Queue[object]") -> None:
        super().__init__(context)
        self._heard = heard

    def handle(self, message: object) -> None:
        if isinstance(self._heard, list):
            self._heard.append(message)
        else:
            self._heard.put(message)


class Bench:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []
        self.runtime = VirtualRuntime(0.0, sink=lambda _, who, kind, text: self.lines.append((who, kind, text)))
        self.heard: list[object] = []
        self.sensor, self.relay = FakeSensor({"1": 21.5, "2": None}), FakeRelay()
        self.listener = self.runtime.add("listener", lambda context: Listener(context, self.heard))
        self.bus = self.runtime.add(
            "bus", lambda context: Bus(context, {"thermometer": self.sensor}, {"relays": self.relay})
        )
        self.runtime.start("listener")
        self.runtime.start("bus")

    def run(self) -> list[object]:
        self.runtime.run_until(self.runtime.now() + 1.0)
        heard = list(self.heard)
        self.heard.clear()
        return heard


def test_bus_reads_writes_and_reads_back() -> None:
    bench = Bench()
    bench.bus.tell(ReadDevice("thermometer", bench.listener))
    assert bench.run() == [DeviceRead("thermometer", {"1": 21.5, "2": None}, 0.0)]
    (safe,) = safety.safe_pattern(LIMITS, Commander.LOCAL, 0.0)
    bench.bus.tell(WriteDevice("relays", "3", safe, bench.listener))
    assert bench.run() == [DeviceWritten("relays", "3", False, False, "", 1.0)]
    assert bench.relay.written == [("3", False)]
    bench.relay.problem = "no answer"
    bench.bus.tell(WriteDevice("relays", "3", safe, bench.listener))
    assert bench.run() == [DeviceWritten("relays", "3", False, None, "no answer", 2.0)]


def test_bus_refuses_what_no_safety_filter_passed() -> None:
    bench = Bench()
    unsafe = Command("heat_pump", True, Commander.REMOTE)
    bench.bus.tell(WriteDevice("relays", "3", unsafe, bench.listener))  # type: ignore[arg-type]
    assert bench.run() == []
    assert bench.relay.written == []
    assert bench.lines == [
        ("bus", "crash", "OurError: bus bus: refused a command that no safety filter passed"),
    ]


def test_silent_device_becomes_none_and_is_said_once() -> None:
    bench = Bench()
    bench.sensor.problem = "thermometer: no answer"
    channels = [
        Channel(name="water", quantity="tank1_1_c", node="n", terminal="1", unit="c", telemetry="WaterTempCTimes1000"),
        Channel(name="air", quantity="zone_a_c", node="n", terminal="2", unit="c", telemetry="AirTempCTimes1000"),
    ]
    bench.runtime.add(
        "sensor", lambda context: Sensor(context, "thermometer", channels, 60.0, bench.bus, [bench.listener])
    )
    bench.runtime.start("sensor")
    bench.bus.tell(ReadDevice("thermometer", bench.listener))
    silent, readings = bench.run()
    assert silent == DeviceSilent("thermometer", "thermometer: no answer", 0.0)
    assert readings == Readings("sensor", (("water", None), ("air", None)), 0.0)
    bench.runtime.run_until(150.0)
    assert bench.heard == [Readings("sensor", (("water", None), ("air", None)), at) for at in (60.0, 120.0)]
    bench.sensor.problem = ""
    bench.heard.clear()
    bench.runtime.run_until(190.0)
    assert bench.heard == [Readings("sensor", (("water", 21.5), ("air", None)), 180.0)]
    assert [line[2] for line in bench.lines] == ["thermometer: no answer", "thermometer answers again"]


def test_a_hung_driver_stops_no_other_actor() -> None:
    entered, release = threading.Event(), threading.Event()

    class HungSensor:
        def read(self) -> dict[str, float | None]:
            entered.set()
            release.wait(60.0)
            return {}

    heard: queue.Queue[object] = queue.Queue()
    runtime = ThreadedRuntime()
    listener = runtime.add("listener", lambda context: Listener(context, heard))
    hung = runtime.add("bus-hung", lambda context: Bus(context, {"meter": HungSensor()}, {}))
    well = runtime.add("bus-well", lambda context: Bus(context, {"thermometer": FakeSensor({"1": 20.0})}, {}))
    names = ["listener", "bus-hung", "bus-well"]
    for name in names:
        runtime.start(name)
    try:
        hung.tell(ReadDevice("meter", listener))
        assert entered.wait(10.0)
        for _ in range(20):
            well.tell(ReadDevice("thermometer", listener))
            answer = heard.get(timeout=5.0)
            assert isinstance(answer, DeviceRead)
            assert answer.component_id == "thermometer"
        started_s = runtime.now()
        runtime.stop_all(names)
        assert runtime.now() - started_s < 5.0
    finally:
        release.set()
