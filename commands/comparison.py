"""`gws compare`: the same winter weeks under four ways to run a house and two tariffs. Its table is docs/results.md.

The planner believes in a load 10 % too high and a COP 8 % too low; perfect foresight knows both, and looks a day ahead
in quarter hours. Control every 5 s and plans every 15 min: a week so takes a minute, and the figures hardly move.
"""

import csv
import json
import random
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from commands.in_order import require_workers
from commands.site import Site, load_site
from commands.study import DAY_S, Figures, accountant_of, run_thermostat_only
from commands.virtual import VirtualHouse
from gw_spaceheat.errors import BadInput
from gw_spaceheat.planning.live_case import Outlook
from gw_spaceheat.planning.model.parameters import parameters_of

WAYS = ("thermostat", "rule", "planner", "foresight")
TARIFFS = ("time-of-use", "hourly")
WEEKS = ("2020-01-06", "2020-01-20", "2020-02-10", "2020-03-09", "2020-12-07")
WRONG_LOAD, WRONG_COP = 1.10, 0.92
LMP_FACTOR, LMP_ADDED = 2.5, 60.0
RATES = {"power_s": 5.0, "control_s": 5.0, "plan_s": 900.0}
LOCAL_MIDNIGHT = "T05:00:00+00:00"  # weeks begin at midnight, Eastern Standard Time, in summer time too


@dataclass(frozen=True, slots=True)
class Run:
    """One line of the table."""

    house: str
    series: Path
    tariff: str
    week: str
    way: str
    days: float
    seed: int


@dataclass(frozen=True, slots=True)
class Result:
    run: Run
    figures: Figures


def hourly_series(series: Path, folder: Path) -> Path:
    """The series with all of the price hourly: LMP times 2.5 plus 60 USD/MWh, no distribution tariff."""
    path = folder / "hourly.csv"
    with series.open(newline="") as source, path.open("w", newline="") as target:
        rows = csv.DictReader(source)
        if rows.fieldnames is None or "lmp_usd_per_mwh" not in rows.fieldnames:
            raise BadInput(f"series {series}: no column lmp_usd_per_mwh")
        names = ("time_utc", "outdoor_temp_c", "lmp_usd_per_mwh", "distribution_usd_per_mwh")
        writer = csv.DictWriter(target, names)
        writer.writeheader()
        for row in rows:
            try:
                price = LMP_FACTOR * float(row["lmp_usd_per_mwh"]) + LMP_ADDED
            except (TypeError, ValueError):
                value = row["lmp_usd_per_mwh"]
                raise BadInput(
                    f"series {series}:{rows.line_num}: lmp_usd_per_mwh is {value!r}, must be a number"
                ) from None
            writer.writerow(
                {
                    "time_utc": row["time_utc"],
                    "outdoor_temp_c": row["outdoor_temp_c"],
                    "lmp_usd_per_mwh": f"{price:.3f}",
                    "distribution_usd_per_mwh": "0",
                }
            )
    return path


def begin_s(week: str) -> float:
    """Epoch s at which a week begins. Raises BadInput."""
    try:
        return datetime.fromisoformat(week + LOCAL_MIDNIGHT).timestamp()
    except ValueError:
        raise BadInput(f"week {week!r}: must be a day such as {WEEKS[0]}") from None


def run_one(run: Run) -> Result:
    """One house, one week, one way. Raises BadInput when the series do not reach."""
    site = load_site(run.house, run.series)
    start_s = begin_s(run.week)
    end_s = start_s + run.days * DAY_S
    site.require(start_s, end_s)
    if run.way == "thermostat":
        return Result(run, run_thermostat_only(site, start_s, end_s, run.seed))
    rates = site.house.rates.model_copy(update=RATES)
    site = replace(site, house=site.house.model_copy(update={"rates": rates}))
    house = VirtualHouse(site, start_s, run.seed, run.way != "rule", outlook=_outlook(site, run.way))
    accountant = accountant_of(house, start_s)
    house.run_until(end_s)
    return Result(run, accountant.figures())


def _outlook(site: Site, way: str) -> Outlook:
    true = parameters_of(site.house.plumbing)
    if way == "foresight":
        return Outlook(site.outdoor_c, true, quarters_h=24, forecaster=site.weather.name)
    return Outlook(site.outdoor_c, true.scaled(load=WRONG_LOAD, cop=WRONG_COP), forecaster=site.weather.name)


def compare(
    house: str, series: Path, weeks: Sequence[str], days: float, ways: Sequence[str], seed: int, workers: int
) -> list[Result]:
    """All runs, in order, on so many processes."""
    for way in ways:
        if way not in WAYS:
            raise BadInput(f"way {way!r}: must be one of {', '.join(WAYS)}")
    for week in weeks:
        begin_s(week)
    if not 0.0 < days <= 366.0:
        raise BadInput(f"days {days}: must be above 0 and at most 366")
    require_workers(workers)
    with TemporaryDirectory() as folder:
        files = {"time-of-use": series, "hourly": hourly_series(series, Path(folder))}
        runs = [Run(house, files[t], t, week, way, days, seed) for t in TARIFFS for way in ways for week in weeks]
        random.Random(seed).shuffle(runs)  # long and short ones mixed over the processes
        with ProcessPoolExecutor(workers) as pool:
            results = list(pool.map(run_one, runs))
    place = {
        (t, way, week): n for n, (t, way, week) in enumerate((t, w, k) for t in TARIFFS for w in ways for k in weeks)
    }
    return sorted(results, key=lambda result: place[result.run.tariff, result.run.way, result.run.week])


def table_of(results: Iterable[Result]) -> str:
    """Markdown: one line per tariff and way, summed (cost, kWh, degree-hours) or averaged (starts) over the weeks."""
    groups: dict[tuple[str, str], list[Figures]] = {}
    for result in results:
        groups.setdefault((result.run.tariff, result.run.way), []).append(result.figures)
    lines = [
        "| Tariff | Way | Cost, USD | Electricity, kWh | On-peak, kWh | Degree-hours | Starts/day | Stored, kWh |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (tariff, way), weeks in groups.items():
        starts = sum(week.starts_per_day for week in weeks) / len(weeks)
        sums = [
            sum(getattr(week, name) for week in weeks)
            for name in ("cost_usd", "electric_kwh", "on_peak_kwh", "degree_hours_below_setpoint")
        ]
        stored = sum(week.stored_heat_change_kwh for week in weeks)
        lines.append(
            f"| {tariff} | {way} | {sums[0]:.2f} | {sums[1]:.0f} | {sums[2]:.1f} | {sums[3]:.2f} "
            f"| {starts:.1f} | {stored:+.0f} |"
        )
    return "\n".join(lines)


def comparison_text(
    house: str, series: Path, weeks: str, days: float, ways: str, seed: int, workers: int, as_json: bool
) -> str:
    """What `gws compare` prints."""
    results = compare(house, series, weeks.split(","), days, ways.split(","), seed, workers)
    if as_json:
        rows = [{"tariff": r.run.tariff, "week": r.run.week, "way": r.run.way, **asdict(r.figures)} for r in results]
        return "\n".join(json.dumps(row) for row in rows)
    return table_of(results)
