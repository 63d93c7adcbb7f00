"""Broken actuators of the simulated house are found in time and told to the AtomicTNode; sound ones never."""

from dataclasses import dataclass
from datetime import datetime

import pytest

from commands.site import load_site
from commands.virtual import VirtualHouse

MIDNIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()  # local standard time
PEAK_S = 7.0 * 3600.0


class Run:
    """A house without a planner, its lines in seconds since the start."""

    def __init__(
        self, name: str, after_s: float = 0.0, hub_c: float | None = None, store_c: float | None = None
    ) -> None:
        self.start_s = MIDNIGHT_S + after_s
        self.lines: list[tuple[float, str, str]] = []
        self.house = VirtualHouse(load_site(name), self.start_s, 1, planning=False, sink=self._keep)
        self.house.plant.preset(hub_c=hub_c, store_c=store_c)

    def _keep(self, at_s: float, actor: str, kind: str, text: str) -> None:
        self.lines.append((at_s - self.start_s, kind, text))

    def to(self, seconds: float) -> "Run":
        self.house.run_until(self.start_s + seconds)
        return self

    def of(self, kind: str, text: str = "") -> list[tuple[float, str]]:
        return [(at_s, said) for at_s, what, said in self.lines if what == kind and said.startswith(text)]


@dataclass(frozen=True)
class Fault:
    house: str
    part: str
    released: str
    alarm: str
    deadline_s: float
    hub_c: float
    store_c: float


FAULTS = [
    Fault("beech", "heat_pump", "heat_pump = True", "heat-pump open: commanded ON", 275.0, 25.0, 45.0),
    Fault("beech", "primary_pump", "primary_pump = True", "primary-pump failed pump", 10.0, 25.0, 45.0),
    Fault("beech", "store_pump", "store_pump = True", "store-pump failed pump", 10.0, 45.0, 35.0),
    Fault("beech", "store_valve", "store_valve = True", "store-valve stuck valve: commanded CHARGE", 180.0, 45.0, 35.0),
    Fault("orange", "boost", "boost = True", "boost open: commanded ON", 6.0, 40.0, 40.0),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.part)
def test_a_fault_is_found_within_its_deadline_and_a_minute(fault: Fault) -> None:
    run = Run(fault.house, hub_c=fault.hub_c, store_c=fault.store_c)
    run.house.plant.fail(fault.part)
    run.to(900.0)
    released_s = run.of("release", fault.released)[0][0]
    assert [text for _, text in run.of("alarm")] == [run.of("alarm", fault.alarm)[0][1]]
    assert run.of("alarm")[0][0] <= released_s + fault.deadline_s + 60.0
    assert any(text.startswith("glitch") for _, text in run.of("event"))
    assert not run.of("crash")


def weld(run: Run, wire: str = "relay-bus") -> None:
    """The whole relay board keeps what it has: its relays no longer move."""
    run.house.wires[wire].fail("relay-board", "stuck")


def test_a_weld_is_found_when_the_heat_pump_should_stop() -> None:
    run = Run("beech", PEAK_S - 1500.0, hub_c=25.0)
    run.to(1300.0)
    assert run.of("release", "heat_pump = True")
    weld(run)
    run.to(1800.0)
    off_s = next(at_s for at_s, _ in run.of("release", "heat_pump = False"))
    ((found_s, text),) = run.of("alarm", "heat-pump welded: commanded OFF, heat pump ")
    assert found_s <= off_s + 60.0 + 60.0 and "at most 720 is owed" in text
    # Water goes on through a heat pump that cannot be stopped.
    assert run.house.plant.actuator("primary_pump") is True


def test_a_welded_element_is_found_within_its_deadline_and_a_minute() -> None:
    run = Run("orange", PEAK_S - 1500.0, hub_c=40.0, store_c=40.0)
    run.to(1300.0)
    assert run.of("release", "boost = True")
    weld(run, "pins")
    run.to(1700.0)
    off_s = next(at_s for at_s, _ in run.of("release", "boost = False"))
    assert run.house.plant.boost_w() > 0.0
    ((found_s, text),) = run.of("alarm", "boost welded: commanded OFF, boost ")
    assert found_s <= off_s + 6.0 + 60.0, text


def test_what_heals_is_told_too() -> None:
    run = Run("beech", hub_c=25.0)
    run.house.plant.fail("heat_pump")
    run.to(900.0)
    run.house.plant.fail()
    run.to(1000.0)
    assert run.of("effect", "heat-pump: works again")


def clean(name: str, days: float) -> None:
    run = Run(name)
    run.to(days * 86400.0)
    assert run.of("alarm") == [] and run.of("crash") == []
    assert len(run.of("release")) > days * 3


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["beech", "fir", "orange"])
def test_eight_winter_hours_with_defrosts_raise_no_alarm(name: str) -> None:
    clean(name, 1.0 / 3.0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["beech", "fir", "orange"])
def test_three_winter_days_raise_no_alarm(name: str) -> None:
    clean(name, 3.0)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_whole_winter_raises_no_alarm() -> None:
    clean("beech", 90.0)
