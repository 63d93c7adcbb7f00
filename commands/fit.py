"""`gws fit`: history in, the planner's parameters with error bars out."""

import json
import time
from pathlib import Path

from commands.history_files import history_of_csv, history_of_file
from commands.simulated_history import simulated_history
from commands.site import DEFAULT_START, load_site
from commands.study import parse_start
from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import load_house
from gw_spaceheat.house.model import House
from gw_spaceheat.planning.fitting.document import to_document
from gw_spaceheat.planning.fitting.estimate import Estimate
from gw_spaceheat.planning.fitting.fit import FitResult, fit_house_parameters
from gw_spaceheat.planning.fitting.history import History
from gw_spaceheat.planning.fitting.instruments import Instruments


def fit_text(
    house: str,
    history: Path | None,
    csv: Path | None,
    simulated_days: float | None,
    start: str | None,
    seed: int,
    as_json: bool,
    out: Path | None,
) -> str:
    """What `gws fit` prints; `out` also gets the JSON document. Raises BadInput unless there is exactly one source."""
    if sum(source is not None for source in (history, csv, simulated_days)) != 1:
        raise BadInput("fit: from what? Give exactly one of --history, --csv and --simulated-days")
    loaded, readings = _read(house, history, csv, simulated_days, start, seed)
    result = fit_house_parameters(loaded, readings)
    document = json.dumps(to_document(result, time.time()), indent=2)
    if out is not None:
        try:
            out.write_text(document + "\n", encoding="utf-8")
        except OSError as error:
            raise BadInput(f"out {out}: cannot be written ({error.strerror or error})") from error
    return document if as_json else table(result)


def _read(
    house: str, history: Path | None, csv: Path | None, simulated_days: float | None, start: str | None, seed: int
) -> tuple[House, History]:
    if simulated_days is not None:
        if not 0 < simulated_days <= 200:
            raise BadInput(f"simulated days {simulated_days}: must be above 0 and at most 200")
        site = load_site(house)
        start_s = parse_start(start or DEFAULT_START)
        return site.house, simulated_history(site, start_s, simulated_days, seed, Instruments())
    loaded = load_house(house)
    return loaded, history_of_file(history, loaded) if history is not None else history_of_csv(csv or Path(), loaded)


def table(result: FitResult) -> str:
    """For people: a line for each parameter."""
    lines = [
        f"{result.house}, {result.days:.1f} days",
        f"{'parameter':33s} {'value':>9s} {'95 % interval':>21s} {'days':>4s}  rests on",
    ]
    return "\n".join([*lines, *(_line(one) for one in result.estimates)])


def _line(one: Estimate) -> str:
    name = f"{one.name} [{one.unit}]"
    if one.low is None or one.high is None:
        return f"{name:33s} {one.value:9.4g} {'house file':>21s}       {one.reason}"
    return f"{name:33s} {one.value:9.4g} {one.low:10.4g} {one.high:10.4g} {one.days:4d}  {one.rests_on}"
