"""`plan_many` over a Ray cluster (extra `fleet`): for more houses than one machine can plan in time."""

from collections.abc import Sequence

import ray

from gw_spaceheat.planning.batch import plan_many
from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.plan import Plan

CASES_PER_TASK = 20
"""A task costs Ray a millisecond or two and a plan twenty or more: a few plans hide it, many would idle a worker."""


def plan_many_on_ray(
    cases: Sequence[PlanningCase], options: PlannerOptions = DEFAULT_OPTIONS, cases_per_task: int = CASES_PER_TASK
) -> list[Plan]:
    """As `plan_many`, on the cluster that `ray.init` has joined. A worker that is lost has its cases planned again."""
    remote_plan = ray.remote(plan_many)
    tasks = [
        remote_plan.remote(cases[first : first + cases_per_task], options)
        for first in range(0, len(cases), cases_per_task)
    ]
    return [plan for part in ray.get(tasks) for plan in part]
