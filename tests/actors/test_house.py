"""A whole house in virtual time: contract, silence of the AtomicTNode, return, repeatability, orderly end."""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime

import pytest

from actors.events import Readings
from commands.site import Site, load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.markets.series import HourlySeries
from gw_spaceheat.markets.tariff import Tariff

BEECH = "d1.isone.me.versant.keene.beech"
MIDNIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()  # local standard time
MINUTE_S = 60.0
Line = tuple[float, str, str, str]


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(BEECH)


class Run:
    """A house from `start_s` on, with its lines in seconds since then."""

    def __init__(self, site: Site, start_s: float, seed: int = 1, planning: bool = True) -> None:
        self.start_s = start_s
        self.lines: list[Line] = []
        self.house = VirtualHouse(site, start_s, seed, planning=planning, sink=self._keep)
        self.coldest_k = 99.0

    def _keep(self, at_s: float, actor: str, kind: str, text: str) -> None:
        self.lines.append((at_s - self.start_s, actor, kind, text))

    def to(self, minutes: float) -> None:
        """Pump minute by minute and watch the zones."""
        plant = self.house.plant
        while (now_s := self.house.runtime.now()) < self.start_s + minutes * MINUTE_S:
            self.house.run_until(min(now_s + MINUTE_S, self.start_s + minutes * MINUTE_S))
            for zone in self.house.site.house.plumbing.zones:
                self.coldest_k = min(self.coldest_k, plant.quantity(f"zone_{zone.name}_c") - zone.setpoint_c)

    def to_heat_pump_on(self) -> None:
        """Pump on to when the heat pump is called, at most three hours."""
        end_s = self.house.runtime.now() + 180 * MINUTE_S
        while self.house.plant.actuator("heat_pump") is not True and self.house.runtime.now() < end_s:
            self.to((self.house.runtime.now() - self.start_s) / MINUTE_S + 1.0)
        assert self.house.plant.actuator("heat_pump") is True

    def of(self, kind: str) -> list[tuple[float, str]]:
        return [(at_s, text) for at_s, _, what, text in self.lines if what == kind]


def test_a_slot_becomes_active_within_ten_minutes(site: Site) -> None:
    run = Run(site, MIDNIGHT_S)
    run.to(10.0)
    assert any(text.endswith("Active") for _, text in run.of("contract"))
    assert next(text for _, text in run.of("slot")).startswith("started ")
    assert [text.split(":")[0] for _, text in run.of("authority")] == ["local -> remote"]
    assert not run.of("crash")


@dataclass(frozen=True)
class Silence:
    """What came of a run in which the AtomicTNode was stopped for twenty minutes of a running slot."""

    run: Run
    stopped_s: float
    ended: str
    used_wh: float
    energy_wh: float


@pytest.fixture(scope="module")
def silence(site: Site) -> Silence:
    """Stopped in the slot of 12:00 to 13:00, after the morning peak."""
    run = Run(site, MIDNIGHT_S + 10.5 * 3600.0)
    run.to(100.0)
    stopped_s = 100.0 * MINUTE_S
    started = [text for at_s, text in run.of("slot") if at_s <= stopped_s and text.startswith("started ")]
    run.house.stop_atomic_tnode()
    run.to(120.0)
    run.house.start_atomic_tnode()
    run.to(165.0)
    running = started[-1].split()[1].rstrip(":")
    (ended,) = [text for _, text in run.of("slot") if text.startswith(f"ended {running}")]
    found = re.search(r": (\d+) of (\d+) Wh", ended)
    assert found is not None, ended
    return Silence(run, stopped_s, ended, float(found.group(1)), float(found.group(2)))


def test_a_silent_atomic_tnode_loses_its_authority_and_gets_it_back(silence: Silence) -> None:
    changes = silence.run.of("authority")
    assert [text.split(":")[0] for _, text in changes] == ["local -> remote", "remote -> local", "local -> remote"]
    (_, _), (lost_s, why), (back_s, _) = changes
    assert 0.0 < lost_s - silence.stopped_s <= 200.0
    assert "no heartbeat" in why
    assert back_s - silence.stopped_s >= 20.0 * MINUTE_S
    assert not silence.run.of("crash")


def test_the_house_is_warm_while_the_atomic_tnode_is_silent(silence: Silence) -> None:
    assert silence.run.coldest_k >= -1.0


def test_the_running_slot_goes_on_without_the_atomic_tnode(silence: Silence) -> None:
    """Never more than was bought, and short of it by less than the shortest run of the heat pump."""
    pump = silence.run.house.site.house.plumbing.heat_pump
    assert pump is not None
    minimum_run_wh = pump.nameplate_w * (pump.minimum_on_s) / 3600.0
    assert silence.energy_wh > 2.0 * minimum_run_wh, "a slot with something to do"
    assert -minimum_run_wh < silence.used_wh - silence.energy_wh <= 0.02 * silence.energy_wh, silence.ended


def test_the_same_seed_gives_the_same_log_and_another_does_not(site: Site) -> None:
    def sha256(seed: int) -> str:
        house = VirtualHouse(site, MIDNIGHT_S, seed)
        house.run_until(MIDNIGHT_S + 20.0 * MINUTE_S)
        return house.runtime.log.sha256()

    assert sha256(1) == sha256(1) != sha256(2)


def test_an_orderly_end_leaves_the_relays_in_the_safe_pattern(site: Site) -> None:
    run = Run(site, MIDNIGHT_S)
    run.to_heat_pump_on()
    plant = run.house.plant
    switches = ("heat_pump", "store_pump", "primary_pump", "distribution_pump", "store_valve")
    scada = run.house.runtime._addresses["scada"].actor
    assert scada is not None
    scada.end()
    run.house.runtime.stop("scada")
    # Relays say their last command again each minute: it has to be the safe one.
    run.to((run.house.runtime.now() - run.start_s) / MINUTE_S + 5.0)
    assert {name: plant.actuator(name) for name in switches} == dict.fromkeys(switches, False)


def test_in_summer_everything_rests_until_it_is_cool_again(site: Site) -> None:
    """A lukewarm buffer is no reason to heat. Without a forecast, what is measured counts for a day."""
    weather = HourlySeries(MIDNIGHT_S, (24.0, 19.5, 19.5, 10.0) + (10.0,) * 48)
    run = Run(replace(site, weather=weather), MIDNIGHT_S, planning=False)
    run.house.stop_atomic_tnode()
    run.house.plant.preset(hub_c=22.0, store_c=22.0, zone_c=23.0)
    run.to(115.0)
    assert [text for _, text in run.of("local")] == [
        "Initializing -> HpOffStoreOff (standby): standby: no heat is needed for a day"
    ], "between the two limits it stays as it is"
    assert not run.of("release")
    run.to_heat_pump_on()
    assert "(normal): OffPeakBufferEmpty" in run.of("local")[1][1]


def test_a_tariff_out_of_its_days_is_said_once_and_used(site: Site) -> None:
    file = site.tariff.file.model_copy(update={"valid_to": date(2016, 12, 11)})
    run = Run(replace(site, tariff=Tariff(file)), MIDNIGHT_S, planning=False)
    run.to(10.0)
    ((_, said),) = run.of("tariff")
    assert "was valid to 2016-12-11, today is 2016-12-12; used all the same" in said
    assert not run.of("crash")


def test_a_crashed_scada_actor_comes_back_alone_and_the_house_runs_on(site: Site) -> None:
    run = Run(site, MIDNIGHT_S)
    run.to(15.0)
    run.house.runtime.address("scada").tell(Readings("x", (("no-such-channel", 1.0),), 0.0))
    run.to(40.0)
    assert [text for _, text in run.of("restart")] == ["scada"]
    assert len(run.of("crash")) == 1
    run.to_heat_pump_on()
    assert run.coldest_k >= -1.0
