"""`gws plan`: one case or a stream of them in, plans out: a table to read, JSON, a picture."""

import importlib.util
import json
import math
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from gw_spaceheat.errors import BadCase, BadInput, SpaceheatError
from gw_spaceheat.house.load import load_house
from gw_spaceheat.house.model import House
from gw_spaceheat.planning.bound import lower_bound
from gw_spaceheat.planning.case_json import CaseJson, ReadCase, read_case
from gw_spaceheat.planning.flo import FloParams
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.plan_json import BidPointJson, PlanJson, plan_json
from gw_spaceheat.planning.whole_case import Planned, plan_and_bid, plan_case
from gw_spaceheat.views.plan_figure import plan_png
from gw_spaceheat.views.plan_text import plan_text, uncertainty_lines

GOOD, BAD = 0, 2
LARGEST_CASE_BYTES = 16 * 1024 * 1024


def schema_text() -> str:
    """JSON Schemas of what `gws plan` reads (a case, or published flo parameters) and writes."""
    schemas = {
        "case": CaseJson.model_json_schema(),
        "flo.params.house0": FloParams.model_json_schema(),
        "plan": PlanJson.model_json_schema(mode="serialization"),
    }
    return json.dumps(schemas, indent=2)


def plan_file(path: Path, as_json: bool, plot: Path | None, bound: bool = True) -> str:
    """What `gws plan CASE.json` prints; with `plot` it also writes the picture. Raises BadInput."""
    read = _read(_bytes_of(path), _houses(), str(path))
    plan, bid, seconds, planned = _timed(read)
    bound_usd = _bound_usd(read, plan) if bound else None
    title = read.name or path.stem
    if plot is not None:
        _write(plot, plan_png(plan, read.timezone, title))
    if as_json:
        return _json(plan, bid, seconds, planned, bound_usd).model_dump_json(indent=2)
    text = "\n".join([plan_text(plan, read.timezone, title, bound_usd), *uncertainty_lines(planned.scenarios)])
    return f"{text}\nsolved in           {1000.0 * seconds:.0f} ms"


def plan_stream(lines: Iterable[bytes], write: Callable[[str], None], bound: bool = True) -> int:
    """One case a line in, one plan a line out, at once; a bad line is answered by its error. The exit code."""
    houses, code = _houses(), GOOD
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            read = _read(line, houses, f"line {number}")
            plan, bid, seconds, planned = _timed(read)
            bound_usd = _bound_usd(read, plan) if bound else None
            answer = _json(plan, bid, seconds, planned, bound_usd).model_dump_json()
        except SpaceheatError as error:
            problems = error.problems if isinstance(error, BadCase) else [str(error)]
            answer = json.dumps({"error": str(error), "line": number, "problems": problems})
            code = BAD
        write(answer)
    return code


def run_stream(bound: bool) -> int:
    """`gws plan -`: standard input to standard output."""

    def write(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    return plan_stream(iter(sys.stdin.buffer.readline, b""), write, bound)


def _read(data: bytes, house_of: Callable[[str], House], where: str) -> ReadCase:
    """The case; every problem is told with where it stands."""
    if len(data) > LARGEST_CASE_BYTES:
        raise BadCase([f"{where}: {len(data)} bytes, must be {LARGEST_CASE_BYTES} or less"])
    try:
        return read_case(data, house_of)
    except BadCase as error:
        raise BadCase([f"{where}: {problem}" for problem in error.problems]) from error


def _timed(read: ReadCase) -> tuple[Plan, tuple[BidPointJson, ...], float, Planned]:
    """The plan with its first slot as the bid buys it, the bid, the seconds the plan took, what it was made from."""
    began_s = time.perf_counter()
    planned = plan_case(read.case)
    seconds = round(time.perf_counter() - began_s, 6)
    plan, bid = plan_and_bid(planned)
    points = tuple(
        BidPointJson(price_usd_per_mwh=point.price_usd_per_mwh, average_kw=point.average_kw)
        for point in (() if bid is None else bid.points)
    )
    return plan, points, seconds, planned


def _json(
    plan: Plan, bid: tuple[BidPointJson, ...], seconds: float, planned: Planned, bound_usd: float | None
) -> PlanJson:
    return plan_json(plan, lower_bound_usd=bound_usd, bid=bid, solve_seconds=seconds, scenarios=planned.scenarios)


def _bound_usd(read: ReadCase, plan: Plan) -> float | None:
    """What no plan of this comfort and terminal value can cost less than; None where HiGHS is not installed."""
    if importlib.util.find_spec("highspy") is None:
        return None
    bound_usd = lower_bound(read.case).cost_usd(plan)
    return bound_usd if math.isfinite(bound_usd) else None


def _houses() -> Callable[[str], House]:
    """House files, each read once."""
    known: dict[str, House] = {}

    def house_of(alias: str) -> House:
        if alias not in known:
            known[alias] = load_house(alias)
        return known[alias]

    return house_of


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"case {path}: cannot be read ({error.strerror or error})") from error


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise BadInput(f"plot {path}: cannot be written ({error.strerror or error})") from error
