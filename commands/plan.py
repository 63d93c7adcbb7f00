"""`gws plan`: one case or a stream of them in, plans out: a table to read, JSON, a picture."""

import importlib.util
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import BinaryIO

from commands.in_order import in_order, require_workers
from commands.site import load_fitted
from gw_spaceheat.errors import BadCase, BadInput, SpaceheatError
from gw_spaceheat.house.load import load_house
from gw_spaceheat.house.model import House
from gw_spaceheat.planning.bound.lower_bound import lower_bound
from gw_spaceheat.planning.documents.case_json import CaseJson, ReadCase, read_case
from gw_spaceheat.planning.documents.flo import FloParams
from gw_spaceheat.planning.documents.plan_json import BidPointJson, PlanJson, plan_json
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.plan_case import Planned, plan_and_bid, plan_case
from gw_spaceheat.planning.solve import require_numba
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


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked of every case. `parameters`: what `gws fit` wrote, for the cases that name its house."""

    bound: bool = True
    compiled: bool = False
    parameters: Path | None = None
    workers: int = 1


USUAL = Wishes()


class Planner:
    """Reads cases and plans them. House files and parameters are read once."""

    def __init__(self, wishes: Wishes) -> None:
        """Raises BadInput for parameters that cannot be used, and where Numba is asked for and not there."""
        self._options = PlannerOptions(compiled=wishes.compiled)
        require_numba(self._options)
        self._bound = wishes.bound
        self._houses = _houses()
        self._fitted = None if wishes.parameters is None else load_fitted(wishes.parameters)

    def read(self, data: bytes, where: str) -> ReadCase:
        """The case; every problem is told with where it stands."""
        if len(data) > LARGEST_CASE_BYTES:
            raise BadCase([f"{where}: more than {LARGEST_CASE_BYTES} bytes, must be so many or less"])
        try:
            return read_case(data, self._houses, None if self._fitted is None else self._fitted.of)
        except BadCase as error:
            raise BadCase([f"{where}: {problem}" for problem in error.problems]) from error

    def plan(self, read: ReadCase) -> "Answer":
        """The plan, its first slot as the bid buys it, and all that is said beside it."""
        began_s = time.perf_counter()
        planned = plan_case(read.case, self._options)
        seconds = round(time.perf_counter() - began_s, 6)
        plan, bid = plan_and_bid(planned)
        points = tuple(
            BidPointJson(price_usd_per_mwh=point.price_usd_per_mwh, average_kw=point.average_kw)
            for point in (() if bid is None else bid.points)
        )
        return Answer(plan, points, seconds, planned, _bound_usd(read, plan) if self._bound else None)

    def line(self, numbered: tuple[int, bytes]) -> tuple[str, bool]:
        """What answers a line of a stream, and whether it is a plan."""
        number, line = numbered
        try:
            return self.plan(self.read(line, f"line {number}")).json().model_dump_json(), True
        except SpaceheatError as error:
            found, where = error.problems if isinstance(error, BadCase) else [str(error)], f"line {number}: "
            problems = [problem if problem.startswith(where) else where + problem for problem in found]
            return json.dumps({"error": str(BadCase(problems)), "line": number, "problems": problems}), False


@dataclass(frozen=True, slots=True)
class Answer:
    """A plan with what is said beside it."""

    plan: Plan
    bid: tuple[BidPointJson, ...]
    seconds: float
    planned: Planned
    bound_usd: float | None

    def json(self) -> PlanJson:
        return plan_json(
            self.plan,
            lower_bound_usd=self.bound_usd,
            bid=self.bid,
            solve_seconds=self.seconds,
            scenarios=self.planned.scenarios,
        )


def plan_file(path: Path, as_json: bool, plot: Path | None, wishes: Wishes = USUAL) -> str:
    """What `gws plan CASE.json` prints; with `plot` it also writes the picture. Raises BadInput."""
    planner = Planner(wishes)
    read = planner.read(_bytes_of(path), str(path))
    answer = planner.plan(read)
    plan, bound_usd = answer.plan, answer.bound_usd
    title = read.name or path.stem
    if plot is not None:
        _write(plot, plan_png(plan, read.timezone, title))
    if as_json:
        return answer.json().model_dump_json(indent=2)
    text = "\n".join([plan_text(plan, read.timezone, title, bound_usd), *uncertainty_lines(answer.planned.scenarios)])
    return f"{text}\nsolved in           {1000.0 * answer.seconds:.0f} ms"


def plan_stream(lines: Iterable[bytes], write: Callable[[str], None], wishes: Wishes = USUAL) -> int:
    """One case a line in, one plan a line out, at once; a bad line is answered by its error. The exit code.

    Answers come in the order of the lines, however many processes make them.
    """
    require_workers(wishes.workers)
    planner, code = Planner(wishes), GOOD
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    many = wishes.workers > 1
    answers = in_order(partial(_line_of, wishes), numbered, wishes.workers) if many else map(planner.line, numbered)
    for answer, good in answers:
        write(answer)
        code = code if good else BAD
    return code


def _line_of(wishes: Wishes, numbered: tuple[int, bytes]) -> tuple[str, bool]:
    return _planner_of(wishes).line(numbered)


@lru_cache(maxsize=1)
def _planner_of(wishes: Wishes) -> Planner:
    """That of a worker process: it lives as long as its stream."""
    return Planner(wishes)


def run_stream(wishes: Wishes) -> int:
    """`gws plan -`: standard input to standard output."""

    def write(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    return plan_stream(lines_of(sys.stdin.buffer), write, wishes)


def lines_of(file: BinaryIO, most_bytes: int = LARGEST_CASE_BYTES) -> Iterator[bytes]:
    """Lines as they come; of one that is longer only so much that it is known to be too long, the rest is skipped."""
    while line := file.readline(most_bytes + 1):
        yield line
        while len(line) > most_bytes and not line.endswith(b"\n"):
            line = file.readline(most_bytes + 1)


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
