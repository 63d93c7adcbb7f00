"""`gws outage`: the AtomicTNode is away for 1 to 48 hours in winter, over many seeds and four ways to get through it.

A seed draws the day, the hour and the length. Every run is appended to a file when it is done: what is in it is not
run again. Control every 5 s and plans every 15 min, as in `gws compare`.
"""

import json
import random
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import cast, get_args

from commands.comparison import RATES, TARIFFS, hourly_series
from commands.in_order import require_workers
from commands.outage import WAYS, Outage, OutageFigures, Way, run_outage
from commands.site import Site, load_site
from commands.study import DAY_S
from gw_spaceheat.errors import BadInput
from gw_spaceheat.markets.series import utc_text

AWAY_H = (1.0, 48.0)
BEFORE_H, AFTER_H = (3.0, 24.0), 24.0
LOCAL = timezone(timedelta(hours=-5))  # runs begin at midnight, Eastern Standard Time
WINTER_MONTHS = (12, 1, 2, 3)


@dataclass(frozen=True, slots=True)
class OutageRun:
    """One line of the file: what was drawn, and under which conditions."""

    house: str
    series: str
    tariff: str
    seed: int
    way: Way
    start_s: float
    from_h: float
    away_h: float


@dataclass(frozen=True, slots=True)
class OutageResult:
    run: OutageRun
    figures: OutageFigures

    def line(self) -> str:
        return json.dumps(
            {**asdict(self.run), "start_utc": utc_text(self.run.start_s), "figures": asdict(self.figures)}
        )


def drawn(site: Site, house: str, series: str, tariff: str, seed: int, way: Way) -> OutageRun:
    """The same day, hour and length for every way. Raises BadInput when the series have no winter day long enough."""
    rng = random.Random(f"outage {seed}")
    from_h, away_h = round(rng.uniform(*BEFORE_H), 2), round(rng.uniform(*AWAY_H), 2)
    longest_s = 3600.0 * (BEFORE_H[1] + AWAY_H[1] + AFTER_H)
    first = datetime.fromtimestamp(site.weather.start_s, LOCAL).replace(hour=0, minute=0, second=0)
    count = int((site.weather.end_s - site.weather.start_s) / DAY_S) + 1
    days = [first + timedelta(days=number) for number in range(count)]
    starts = [
        day.timestamp()
        for day in days
        if day.month in WINTER_MONTHS
        and site.weather.covers(day.timestamp(), day.timestamp() + longest_s)
        and site.prices.covers(day.timestamp(), day.timestamp() + longest_s)
    ]
    if not starts:
        raise BadInput(
            f"{site.weather.name}: holds no winter day with {longest_s / 3600.0:.0f} hours of series after it"
        )
    return OutageRun(house, series, tariff, seed, way, rng.choice(starts), from_h, away_h)


def run_drawn(run: OutageRun, series: Path | None) -> OutageResult:
    """One house through one outage, in virtual time."""
    site = load_site(run.house, series)
    rates = site.house.rates.model_copy(update=RATES)
    site = replace(site, house=site.house.model_copy(update={"rates": rates}))
    outage = Outage(run.from_h, run.away_h, run.from_h + run.away_h + AFTER_H)
    return OutageResult(run, run_outage(site, run.start_s, run.way, outage, run.seed))


def known_results(path: Path) -> list[OutageResult]:
    """What a file holds. Raises BadInput."""
    results: list[OutageResult] = []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], start=1):
        try:
            row = json.loads(line)
            figures = OutageFigures(**row.pop("figures"))
            row.pop("start_utc")
            results.append(OutageResult(OutageRun(**row), figures))
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"outages {path} line {number}: is not a result of this command ({error})") from error
    return results


def mend(path: Path) -> None:
    """Cuts off a last line that a power failure left unfinished, so that the next one begins on its own."""
    if path.exists():
        data = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(data.rfind(b"\n") + 1)


def study_outages(
    house: str,
    series: Path | None,
    tariff: str,
    seeds: int,
    ways: Sequence[str],
    workers: int,
    out: Path,
) -> list[OutageResult]:
    """All runs; those that `out` holds are taken from there."""
    for way in ways:
        if way not in WAYS:
            raise BadInput(f"way {way!r}: must be one of {', '.join(get_args(Way))}")
    if tariff not in TARIFFS:
        raise BadInput(f"tariff {tariff!r}: must be one of {', '.join(TARIFFS)}")
    if tariff == "hourly" and series is None:
        raise BadInput("tariff hourly: needs a series with LMPs (--series)")
    require_workers(workers)
    try:
        out.open("a").close()
    except OSError as error:
        raise BadInput(f"out {out}: cannot be written ({error.strerror or error})") from error
    with TemporaryDirectory() as folder:
        source = hourly_series(series, Path(folder)) if tariff == "hourly" and series is not None else series
        site, name = load_site(house, source), series.name if series else "input data"
        wanted = [
            drawn(site, site.house.alias, name, tariff, seed, cast("Way", way)) for seed in range(seeds) for way in ways
        ]
        mend(out)
        done = {result.run: result for result in known_results(out)}
        left = [run for run in wanted if run not in done]
        with out.open("a") as file, ProcessPoolExecutor(workers) as pool:
            futures: list[Future[OutageResult]] = [pool.submit(run_drawn, run, source) for run in left]
            for future in as_completed(futures):
                result = future.result()
                done[result.run] = result
                file.write(result.line() + "\n")
                file.flush()
    return [done[run] for run in wanted]


def table_of(results: Iterable[OutageResult]) -> str:
    """Markdown, a line per way. Gaps are against the same seed's `online`, with the store's final heat paid for."""
    by_way: dict[str, dict[int, OutageResult]] = {}
    for result in results:
        by_way.setdefault(result.run.way, {})[result.run.seed] = result
    online = by_way.get("online", {})
    lines = [
        "| Way | Runs | Cost, USD | Gap, USD: mean (sd; worst) | Gap, % | Degree-hours: mean (worst) "
        "| Starts/day | On policy |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for way, seeds in by_way.items():
        figures = [result.figures for result in seeds.values()]
        costs = [one.even_usd for one in figures]
        gaps = [
            result.figures.even_usd - online[seed].figures.even_usd for seed, result in seeds.items() if seed in online
        ]
        base = sum(online[seed].figures.even_usd for seed in seeds if seed in online)
        gap = f"{mean(gaps):+.2f} ({stdev(gaps) if len(gaps) > 1 else 0.0:.2f}; {max(gaps):+.2f})" if gaps else "-"
        share = f"{100.0 * sum(gaps) / base:+.1f}" if base else "-"
        cold = [one.degree_hours for one in figures]
        days = sum((result.run.from_h + result.run.away_h + AFTER_H) / 24.0 for result in seeds.values())
        lines.append(
            f"| {way} | {len(figures)} | {mean(costs):.2f} | {gap} | {share} | {mean(cold):.2f} ({max(cold):.2f}) "
            f"| {sum(one.starts for one in figures) / days:.1f} | {mean(one.on_policy_share for one in figures):.2f} |"
        )
    return "\n".join(lines)


def outage_text(
    house: str, series: Path | None, tariff: str, seeds: int, ways: str, workers: int, out: Path, as_json: bool
) -> str:
    """What `gws outage` prints."""
    if not 1 <= seeds <= 1000:
        raise BadInput(f"seeds {seeds}: must be 1 to 1000")
    results = study_outages(house, series, tariff, seeds, ways.split(","), workers, out)
    return "\n".join(result.line() for result in results) if as_json else table_of(results)
