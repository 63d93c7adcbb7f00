"""Many cases: the same plans whoever does the work."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from gw_spaceheat.planning.batch import plan_many
from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.solve import make_plan
from tests.planning.houses import case_at, dear_by_day

COARSE = PlannerOptions(level_nodes=30)


def some_cases(count: int) -> list[PlanningCase]:
    return [case_at((60,) * 24, dear_by_day(24, 200.0 + 10.0 * number)) for number in range(count)]


def test_a_loop_and_two_processes_plan_alike() -> None:
    cases = some_cases(6)
    alone = [make_plan(case, COARSE) for case in cases]
    assert plan_many(cases, COARSE) == alone
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert plan_many(cases, COARSE, over=pool.map) == alone


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_cluster_plans_alike() -> None:
    ray = pytest.importorskip(
        "ray",
        reason="NOT TESTED: the cluster needs ray, in no lock of the tests: pip install -r requirements/fleet.txt",
    )
    from gw_spaceheat.planning.ray_batch import plan_many_on_ray

    cases = some_cases(6)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        assert plan_many_on_ray(cases, COARSE, cases_per_task=2) == plan_many(cases, COARSE)
    finally:
        ray.shutdown()
