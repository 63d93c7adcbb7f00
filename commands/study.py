"""`gws study`: house, SCADA, AtomicTNode and market in virtual time, beside a house run by its thermostats alone."""

import json
import random
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from commands.site import DEFAULT_START, Site, load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.decisions.cold import ZoneNow, degree_hours
from gw_spaceheat.errors import BadInput
from gw_spaceheat.markets.series import utc_text
from gw_spaceheat.simulation.house import SimulatedHouse
from gw_spaceheat.storage.atn_memory import AtnMemory

STEP_S = 60.0
DAY_S = 86400.0
HORIZON_S = 49 * 3600.0
RUNNING_W = 500.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run of one house came to. `energy_imbalance_share` is of all energy that went in."""

    cost_usd: float
    electric_kwh: float
    on_peak_kwh: float
    degree_hours_below_setpoint: float
    starts_per_day: float
    stored_heat_change_kwh: float
    energy_imbalance_share: float


class Accountant:
    """Looks at a simulated house every minute: cost at the price of the minute, comfort, starts."""

    def __init__(self, site: Site, plant: SimulatedHouse, start_s: float) -> None:
        self._site, self._plant = site, plant
        self._start_s = self._last_s = start_s
        self._electric_kwh = plant.electric_kwh
        self._running = False
        self.cost_usd = self.on_peak_kwh = self.electric_kwh = self.degree_hours = 0.0
        self.starts = 0

    def look(self, now_s: float) -> None:
        """Account for the time since the last look, all of it at the price when it began."""
        plant, last_s = self._plant, self._last_s
        electric_kwh = plant.electric_kwh
        used_kwh = electric_kwh - self._electric_kwh
        self._electric_kwh, self._last_s = electric_kwh, now_s
        self.electric_kwh += used_kwh
        self.cost_usd += used_kwh * self._site.prices.price_usd_per_mwh(last_s) / 1000.0
        if self._site.tariff.is_on_peak(last_s):
            self.on_peak_kwh += used_kwh
        zones = tuple(
            ZoneNow(z.name, plant.quantity(f"zone_{z.name}_c"), z.setpoint_c, z.differential_k, z.critical)
            for z in self._site.house.plumbing.zones
        )
        self.degree_hours += degree_hours(zones, now_s - last_s)
        running = plant.quantity("heat_pump_w") + plant.quantity("boost_w") > RUNNING_W
        self.starts += running and not self._running
        self._running = running

    def figures(self) -> Figures:
        days = (self._last_s - self._start_s) / DAY_S
        energy = self._plant.energy
        return Figures(
            cost_usd=round(self.cost_usd, 4),
            electric_kwh=round(self.electric_kwh, 3),
            on_peak_kwh=round(self.on_peak_kwh, 3),
            degree_hours_below_setpoint=round(self.degree_hours, 3),
            starts_per_day=round(self.starts / days, 2),
            stored_heat_change_kwh=round(energy.stored_kwh - energy.stored_start_kwh, 3),
            energy_imbalance_share=energy.imbalance_share,
        )


def run_thermostat_only(site: Site, start_s: float, end_s: float, seed: int) -> Figures:
    """The same house with its thermostats and aquastat alone: no SCADA, no plan, no tariff."""
    rng = random.Random(f"{seed}/thermostat")
    plant = SimulatedHouse(site.house, site.outdoor_c, start_s, rng, thermostat_only=True)
    accountant = Accountant(site, plant, start_s)
    now_s = start_s
    while now_s < end_s:
        now_s = min(now_s + STEP_S, end_s)
        plant.advance(now_s)
        accountant.look(now_s)
    return accountant.figures()


def accountant_of(house: VirtualHouse, start_s: float) -> Accountant:
    """One that looks at the house every minute of its virtual time, from `start_s` on."""
    accountant = Accountant(house.site, house.plant, start_s)

    def look() -> None:
        house.plant.advance(house.runtime.now())
        accountant.look(house.runtime.now())
        house.runtime.schedule(STEP_S, look)

    house.runtime.schedule(STEP_S, look)
    return accountant


def run_study(
    site: Site, start_s: float, days: float, seed: int, planning: bool = True, memory: AtnMemory | None = None
) -> dict[str, object]:
    """One study as a plain object, ready for JSON. Raises BadInput when the series do not reach."""
    end_s = start_s + days * DAY_S
    site.require(start_s, end_s)
    house = VirtualHouse(site, start_s, seed, planning, memory=memory)
    accountant = accountant_of(house, start_s)
    began_s = time.perf_counter()
    house.run_until(end_s)
    took_s = time.perf_counter() - began_s
    return {
        "house": site.house.alias,
        "start_utc": utc_text(start_s),
        "days": days,
        "seed": seed,
        "planning": planning,
        **asdict(accountant.figures()),
        "reports_stored": house.atn_store.count(),
        "speed_vs_real_time": round(days * DAY_S / took_s, 1),
        "events_per_sim_second": round(house.runtime.handled / (days * DAY_S), 3),
        "event_log_sha256": house.runtime.log.sha256(),
        "thermostat_only": asdict(run_thermostat_only(site, start_s, end_s, seed)),
    }


def parse_start(text: str) -> float:
    """Epoch seconds of an ISO time with its offset. Raises BadInput."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise BadInput(f"start {text!r}: must be an ISO time such as {DEFAULT_START}") from None
    if moment.tzinfo is None:
        raise BadInput(f"start {text!r}: must name its offset, such as {DEFAULT_START}")
    return moment.timestamp()


def study_text(
    house: str, days: float, series: Path | None, seed: int, start: str | None, planning: bool, memory: Path | None,
    as_json: bool, parameters: Path | None = None,
) -> str:  # fmt: skip
    """What `gws study` prints. `memory`: the file for what the AtomicTNode knew and decided."""
    if not 0 < days <= 366:
        raise BadInput(f"days {days}: must be above 0 and at most 366")
    site = load_site(house, series, parameters=parameters)
    first_s = site.weather.start_s
    start_s = parse_start(start) if start else parse_start(DEFAULT_START) if series is None else first_s
    if memory is not None and memory.exists():
        raise BadInput(f"memory {memory}: exists already; a study begins with a new file")
    kept = None if memory is None else AtnMemory(memory, keep_days=days + 1.0)
    try:
        result = run_study(site, start_s, days, seed, planning, kept)
    finally:
        if kept is not None:
            kept.close()
    if as_json:
        return json.dumps(result, indent=2)
    alone = result["thermostat_only"]
    lines = [f"{name:30s} {value}" for name, value in result.items() if name != "thermostat_only"]
    if isinstance(alone, dict):
        lines += [f"{'thermostat only: ' + name:48s} {value}" for name, value in alone.items()]
    return "\n".join(lines)
