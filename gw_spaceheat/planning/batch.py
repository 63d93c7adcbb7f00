"""Many houses at once: the same function over many cases, in a loop or over whatever map the caller brings.

Houses do not share a table, so memory grows by one plan per case and nothing else (`make bench ONLY=planning` tells the
most that 5, 10 and 20 houses take). The planner itself knows neither processes nor clusters:
`concurrent.futures.ProcessPoolExecutor(2).map` makes it two cores, `ray_batch` a cluster.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.plan_case import plan_case

CaseMap = Callable[[Callable[[PlanningCase], Plan], Iterable[PlanningCase]], Iterable[Plan]]
"""As the built-in `map`: plans in the order of the cases."""


def plan_one(case: PlanningCase, options: PlannerOptions = DEFAULT_OPTIONS) -> Plan:
    """What every worker runs."""
    return plan_case(case, options).solution.plan


def plan_many(
    cases: Sequence[PlanningCase], options: PlannerOptions = DEFAULT_OPTIONS, over: CaseMap | None = None
) -> list[Plan]:
    """The cases' plans, in their order. `over`: a parallel `map`; the plans are the same with any."""
    work = partial(plan_one, options=options)
    return [work(case) for case in cases] if over is None else list(over(work, cases))
