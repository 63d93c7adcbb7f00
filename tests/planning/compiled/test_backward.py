"""The compiled backward pass: the same tables as NumPy's, for every kind of house and step."""

import ast
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.planning import cost_to_go
from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.compiled.cache import PLANNING, SOURCES, cache_folder, sources_hash
from gw_spaceheat.planning.model.parameters import parameters_of
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.problem import problem_of
from gw_spaceheat.planning.solve import make_plan
from tests.planning.houses import WATER, case_at, dear_by_day, with_pump
from tests.planning.test_always_a_plan import odd_case

pytestmark = pytest.mark.timeout(300)

COARSE = PlannerOptions(level_nodes=24)
SINGLE = 1e-5
"""What single precision leaves over hundreds of steps; the plans agree more closely."""


def worst_difference(case: PlanningCase, options: PlannerOptions) -> float:
    """Of the tables, and of what the actions cost that both call best, relative to the greatest value of a table."""
    from gw_spaceheat.planning.compiled import backward as compiled

    problem = problem_of(case, options)
    ours, theirs = list[cost_to_go.Candidates](), list[cost_to_go.Candidates]()
    tables = cost_to_go.backward(problem, kept=ours)
    worst = 0.0
    for one, other in zip(tables, compiled.backward(problem, kept=theirs), strict=True):
        worst = max(worst, float(np.abs(one - other).max() / (1.0 + np.abs(one).max())))
    idle = problem.idle
    for step, other in zip(ours, theirs, strict=True):
        assert isinstance(step, cost_to_go.CostsAtNodes) and isinstance(other, compiled.BestAtNodes)
        groups = (step.costs[:idle], step.costs[idle:], step.costs)
        for costs, best, first in zip(groups, other.best.astype(int), (0, idle, 0), strict=True):
            regret = np.take_along_axis(costs, best[np.newaxis] - first, axis=0)[0] - costs.min(axis=0)
            worst = max(worst, float(regret.max() / (1.0 + np.abs(costs.min(axis=0)).max())))
    return worst


@pytest.mark.parametrize("minutes", [(60,) * 48, (15,) * 96, (5,) * 60, (5,) * 12 + (15,) * 8 + (60,) * 24])
def test_tables_agree(minutes: tuple[int, ...]) -> None:
    edges = np.cumsum([0, *minutes[:-1]]) // 60
    case = case_at(minutes, [dear_by_day(48)[hour] for hour in edges.tolist()])
    assert worst_difference(case, PlannerOptions()) < SINGLE


def test_tables_agree_for_odd_cases() -> None:
    rng = random.Random(20261121)
    worst = [worst_difference(odd_case(rng), COARSE) for _ in range(60)]
    assert max(worst) < 2e-5


def test_sharp_thermocline_and_rests_agree() -> None:
    parameters = with_pump(parameters_of(WATER, movable=True), leaving_choice=True, minimum_off_s=900.0)
    sharp = replace(parameters, emitters=replace(parameters.emitters, return_c=29.0))
    assert worst_difference(case_at((5,) * 24, parameters=sharp), COARSE) < SINGLE


def test_without_numba_it_is_an_error_and_not_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(BadInput, match="compiled: needs Numba"):
        make_plan(case_at((60,) * 4), PlannerOptions(compiled=True))


def test_kernels_are_kept_by_their_sources() -> None:
    from gw_spaceheat.planning.compiled import step

    kept = Path(step.prepare.stats.cache_path)  # type: ignore[attr-defined]
    assert f"compiled-{sources_hash()}" in kept.parts


def test_every_source_counts(tmp_path: Path) -> None:
    for name in SOURCES:
        copy = tmp_path / f"{name}.py"
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(PLANNING / f"{name}.py", copy)
    known = {sources_hash(tmp_path)}
    assert known == {sources_hash()}
    for name in SOURCES:
        with (tmp_path / f"{name}.py").open("a") as file:
            file.write("# changed\n")
        assert sources_hash(tmp_path) not in known
        known.add(sources_hash(tmp_path))


def test_no_source_is_forgotten() -> None:
    used = {"compiled/backward", "compiled/step", "compiled/numbers"}
    for name in list(used):
        for node in ast.walk(ast.parse((PLANNING / f"{name}.py").read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gw_spaceheat.planning."):
                used.add(str(node.module).removeprefix("gw_spaceheat.planning.").replace(".", "/"))
    assert used - {"compiled/cache"} == set(SOURCES)


def test_a_place_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert cache_folder([tmp_path / "file", tmp_path / "home"]) == tmp_path / "home" / f"compiled-{sources_hash()}"
    assert cache_folder([tmp_path / "file"]) is None


def test_plans_agree() -> None:
    case = case_at((15,) * 96, [price for price in dear_by_day(24) for _ in range(4)])
    usual, quick = make_plan(case), make_plan(case, PlannerOptions(compiled=True))
    assert quick.objective_usd == pytest.approx(usual.objective_usd, rel=1e-6)
    assert [step.action for step in quick.steps] == [step.action for step in usual.steps]
