"""A house whose clock may not be trusted heats by need alone, and takes no part until it may."""

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from actors.atomic_tnode import AtomicTNode
from commands.site import Site, load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.decisions import atn_contract
from gw_spaceheat.simulation.clock import SimulatedClock

MIDNIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()
PEAK_S = 7.0 * 3600.0 + 300.0
ID = "00000000-0000-4000-8000-{:012d}"


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site("beech")


class Run:
    """A house with a clock that the test sets; its lines without their times."""

    def __init__(self, site: Site, after_s: float, folder: Path | None = None, synchronised: bool = True) -> None:
        self.lines: list[tuple[str, str, str]] = []
        self.site, self.start_s, self.made = site, MIDNIGHT_S + after_s, False
        # Read for the first time while the house is being made, at its start.
        self.clock = SimulatedClock(lambda: self.house.runtime.now() if self.made else self.start_s)
        self.clock.synchronised = synchronised
        self.house = VirtualHouse(
            site, self.start_s, 1, planning=False, sink=self._keep, folder=folder, clock=self.clock
        )
        self.made = True

    def _keep(self, at_s: float, actor: str, kind: str, text: str) -> None:
        self.lines.append((actor, kind, text))

    def on(self, seconds: float) -> "Run":
        self.house.run_until(self.house.runtime.now() + seconds)
        return self

    def offer(self, number: int, watts: float = 3000.0) -> "Run":
        atn = self.house.runtime._addresses["atn"].actor
        assert isinstance(atn, AtomicTNode)
        start_s, minutes = atn_contract.next_slot(self.house.runtime.now())
        alias = self.site.house.scada_alias
        terms = atn_contract.make_contract(alias, ID.format(number), watts, start_s, minutes)
        atn._decide(atn_contract.MakeOffer(terms))
        return self.on(10.0)

    def of(self, actor: str, kind: str) -> list[str]:
        return [text for who, what, text in self.lines if (who, what) == (actor, kind)]


def test_without_network_time_no_slot_no_tariff_and_a_warm_house(site: Site) -> None:
    run = Run(site, PEAK_S, synchronised=False)
    run.house.plant.preset(hub_c=25.0, store_c=70.0)
    run.on(5.0).offer(1)
    assert any("the SCADA's clock is not trusted" in text for text in run.of("contract-keeper", "contract"))
    run.on(600.0)
    assert run.house.plant.actuator("heat_pump") is True, "on peak, but nobody knows that: heated by need"
    assert not run.of("scada", "authority") and not run.of("contract-keeper", "slot")
    run.clock.synchronised = True
    run.on(400.0)
    assert run.of("scada", "clock") == ["proven: set by the network"]
    assert run.house.plant.actuator("heat_pump") is False, "now it is known to be on peak"
    run.offer(2).on(310.0)
    assert run.of("contract-keeper", "slot") and not run.of("scada", "crash")


def test_a_clock_that_jumps_in_a_slot_ends_what_depends_on_it_and_the_program(site: Site) -> None:
    run = Run(site, 0.0).on(5.0).offer(1).on(60.0)
    assert run.of("scada", "authority")[-1].startswith("local -> remote")
    run.clock.off_s = 3600.0
    run.on(30.0)
    assert run.of("scada", "clock")[:2] == [
        "proven: set by the network", "wrong: the system's clock is +3600 s from ours"
    ]  # fmt: skip
    assert run.of("scada", "authority")[-1] == "remote -> local: no live contract"
    assert "must begin anew" in run.of("house", "ends")[0]


def test_a_jump_that_is_taken_back_harms_nothing(site: Site) -> None:
    run = Run(site, 0.0).on(5.0).offer(1).on(60.0)
    run.clock.synchronised, run.clock.off_s = False, -86_400.0
    run.on(30.0)
    assert not run.of("house", "ends"), "nobody knows which of the two is right"
    run.clock.synchronised, run.clock.off_s = True, 0.0
    run.on(3700.0)
    ended = [text for text in run.of("contract-keeper", "slot") if text.startswith("ended")]
    assert len(ended) == 1 and not run.of("scada", "crash")


def test_a_pi_boots_in_a_slot_with_the_clock_of_its_last_shutdown(site: Site, tmp_path: Path) -> None:
    Run(site, 0.0, tmp_path / "a").on(5.0).offer(1).on(600.0)
    for name in ("b", "c"):
        (tmp_path / name).mkdir()
        shutil.copy(tmp_path / "a" / "contract.json", tmp_path / name / "contract.json")
    # It was off for two hours, and its clock for longer: it believes to be in the slot still.
    again = Run(site, 700.0, tmp_path / "b", synchronised=False)
    again.on(300.0)
    assert not again.of("contract-keeper", "slot") and not again.of("scada", "authority")
    assert not any("(slot)" in text for text in again.of("local-controller", "local"))
    again.clock.off_s, again.clock.synchronised = 7200.0, True
    again.on(30.0)
    assert "must begin anew" in again.of("house", "ends")[0] and not again.of("contract-keeper", "slot")
    shutil.copy(tmp_path / "b" / "contract.json", tmp_path / "c" / "contract.json")
    right = Run(site, 8200.0, tmp_path / "c").on(10.0)
    (ended,) = right.of("contract-keeper", "slot")
    assert "CompletedUnknownOutcome" in ended and "was down at the end of the slot" in ended
