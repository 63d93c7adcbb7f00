"""At -30 C with cloud, prices, brokers and disk all dead and one heat source left, nothing freezes.

The SCADA starts in a sound world; a minute later its folder is gone and no file can be made, and there never is a
broker, an AtomicTNode, a market or a forecast.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from actors.gateway import OpenLink
from actors.runtime import VirtualRuntime
from actors.wiring import ScadaParts, add_plant, add_scada, add_supervisor, simulated_wires
from commands.site import Site, load_site
from gw_spaceheat.markets.series import HourlySeries
from gw_spaceheat.simulation.broker import SimulatedBroker
from gw_spaceheat.simulation.house import SimulatedHouse
from gw_spaceheat.wires.mqtt_protocol import Link, OnMessage, OnState
from gw_spaceheat.wires.protocols import Wire

START_S = datetime.fromisoformat("2017-01-30T05:00:00+00:00").timestamp()
OUTDOOR_C, LEAST_C = -30.0, 5.0
HOUR_S = 3600.0


def cold_site(house: str) -> Site:
    """The house at -30 C. Every 5 s instead of every second: the same control, a fifth of the work."""
    site = load_site(house)
    rates = site.house.rates.model_copy(update={"power_s": 5.0, "control_s": 5.0})
    weather = HourlySeries(START_S, (OUTDOOR_C,) * 200)
    return replace(site, house=site.house.model_copy(update={"rates": rates}), weather=weather)


@dataclass
class DeadWorld:
    """A SCADA, its house and nothing else that lives."""

    site: Site
    folder: Path
    lines: list[tuple[float, str, str, str]] = field(default_factory=list)
    hottest_c: float = 0.0
    """The top of the first tank, at most, over the hours last lived through."""

    def __post_init__(self) -> None:
        house = self.site.house
        self.runtime = runtime = VirtualRuntime(START_S, 1, self._keep)
        self.plant = SimulatedHouse(house, self.site.outdoor_c, START_S, runtime.chance("plant"))
        brokers = [SimulatedBroker(runtime.schedule, runtime.chance(name)) for name in ("cloud", "local")]
        for broker in brokers:
            broker.stop()
        self.wires = simulated_wires(house, self.plant)
        wires: dict[str, Wire] = dict(self.wires)
        parts = ScadaParts(
            house, self.site.tariff, wires, opener(brokers[0]), opener(brokers[1]), self.folder, runtime.new_id()
        )
        names = add_scada(runtime, parts)
        for name in [*add_supervisor(runtime, names, lambda: None), *add_plant(runtime, self.plant), *names]:
            runtime.start(name)

    def _keep(self, at_s: float, actor: str, kind: str, text: str) -> None:
        self.lines.append((at_s - START_S, actor, kind, text))

    def kill_the_disk(self) -> None:
        shutil.rmtree(self.folder)
        self.folder.write_text("no folder any more")

    def coldest_c(self, hours: float) -> tuple[float, float]:
        """(coldest zone, coldest pipe) on the way to `hours` after the start."""
        zone_c = pipe_c = 99.0
        self.hottest_c = 0.0
        zones = [f"zone_{zone.name}_c" for zone in self.site.house.plumbing.zones]
        while (now_s := self.runtime.now()) < START_S + hours * HOUR_S:
            self.runtime.run_until(now_s + 60.0)
            self.plant.advance(self.runtime.now())
            zone_c = min(zone_c, *(self.plant.quantity(name) for name in zones))
            pipe_c = min(pipe_c, self.plant.quantity("pipe_c"))
            self.hottest_c = max(self.hottest_c, self.plant.quantity("tank1_1_c"))
        return zone_c, pipe_c

    def of(self, kind: str) -> Sequence[str]:
        return [f"{at_s:.0f} {actor} {text}" for at_s, actor, what, text in self.lines if what == kind]


def opener(broker: SimulatedBroker) -> OpenLink:
    def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
        return broker.client("scada", on_message, on_state, subscriptions)

    return open_link


def survive(house: str, folder: Path, hours: float) -> None:
    folder.mkdir()
    world = DeadWorld(cold_site(house), folder)
    world.coldest_c(1.0 / 60.0)
    world.kill_the_disk()
    world.coldest_c(2.0)
    world.runtime.replace("scada")  # a restart may not depend on the disk either
    zone_c, pipe_c = world.coldest_c(hours)
    assert zone_c > LEAST_C and pipe_c > LEAST_C, f"{house}: zone {zone_c:.1f} C, pipe {pipe_c:.1f} C"
    assert not world.of("crash"), world.of("crash")[:3]
    assert world.of("storage"), "the dead disk is told"
    assert len(world.of("storage")) < 20, "and told once, not every second"


def test_twelve_hours(tmp_path: Path) -> None:
    """beech: its heat pump alone cannot hold the setpoint at -30 C."""
    survive("beech", tmp_path / "data", 12.0)


def test_the_tank_is_heated_on_with_its_top_thermometer_dead(tmp_path: Path) -> None:
    """orange: the element's limit is at that thermometer, and four more are alive."""
    world = DeadWorld(cold_site("orange"), tmp_path)
    world.wires["one-wire"].fail("thermometer-tank1-depth1", "silent")
    zone_c, _ = world.coldest_c(12.0)
    assert zone_c > 17.0, f"zone {zone_c:.1f} C"
    assert world.hottest_c < 85.0, f"tank {world.hottest_c:.1f} C"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("house", ["beech", "fir", "orange"])
def test_seventy_two_hours(house: str, tmp_path: Path) -> None:
    survive(house, tmp_path / "data", 72.0)
