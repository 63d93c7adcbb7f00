"""How long a plan takes and how much memory, what bid and policy cost: one JSON line per figure.

Run: python -m benchmarks.planning

`_compiled` is the same with Numba, where it is installed; `compile_seconds` is what its first call on a machine takes.

Seconds are processor seconds of one thread, the best of `n`: what the work costs on this machine when nobody else
asks for it. `peak_mb` is the most that NumPy and Python held for one plan.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import itertools
import json
import math
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gw_spaceheat.house.model import Buffer, Building, Emitters, HeatPump, Plumbing, Store, Zone
from gw_spaceheat.messages.policy import HousePolicy
from gw_spaceheat.planning.batch import plan_many
from gw_spaceheat.planning.bid import bid_of, market_slot
from gw_spaceheat.planning.case import PlanningCase, StateNow
from gw_spaceheat.planning.model.parameters import parameters_of
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.policy import Policy, advise, message_of, policy_from, policy_of
from gw_spaceheat.planning.problem import problem_of
from gw_spaceheat.planning.solve import Solution, make_plan, solve, terminal_usd

GRIDS: dict[str, tuple[int, ...]] = {
    "plan_60min_seconds": (60,) * 48,
    "plan_15min_seconds": (15,) * 192,
    "plan_5min_seconds": (5,) * 576,
    # Two hours at 5, the rest of the day at 15, tomorrow at 60 min.
    "plan_mixed_seconds": (5,) * 24 + (15,) * 88 + (60,) * 24,
}
COARSER = ((96, 4), (48, 3), (24, 3), (12, 3))
BATCH = 40
START_S, MESSAGE_ID = 1_768_478_400.0, "c3cd6c8d-e8d8-4875-8f7b-d3ea13c28601"
IMPORT = (
    "import time; began = time.process_time(); import gw_spaceheat.planning.solve; print(time.process_time() - began)"
)


def winter_case(step_minutes: tuple[int, ...], house: int = 0) -> PlanningCase:
    """A cold two days, three water tanks, a price with two dear windows a day; every `house` is a little different."""
    building = Building(
        loss_w_per_k=220.0 + 3.0 * house,
        air_capacity_kwh_per_k=1.5,
        mass_capacity_kwh_per_k=8.0,
        air_mass_conductance_w_per_k=900.0,
    )
    plumbing = Plumbing(
        building=building,
        emitters=Emitters(zero_load_water_c=25.0, design_water_c=60.0, design_heat_w=9000.0, design_drop_k=8.0),
        zones=(Zone(name="down", share=1.0),),
        heat_pump=HeatPump(nameplate_w=6000.0, rated_heat_w=11000.0),
        store=Store(tanks=3, litres_per_tank=450.0),
        buffer=Buffer(litres=200.0),
    )
    hours = np.cumsum([0, *step_minutes[:-1]]) / 60.0
    # A forecast has one temperature an hour, on any grid, and no two days are alike.
    noise_k = np.random.default_rng(2020).normal(0.0, 0.7, 24 * math.ceil((hours[-1] + 1.0) / 24.0))
    whole = np.floor(hours)
    outdoor_c = -6.0 - 0.1 * whole + 5.0 * np.sin((whole - 9.0) * math.pi / 12.0) + noise_k[whole.astype(int)]
    dear = [(7 <= hour % 24 < 12) or (16 <= hour % 24 < 20) for hour in hours]
    price = np.where(dear, 320.0, 110.0)
    state = StateNow((52.0, 50.0, 47.0, 45.0, 44.0, 42.0), 48.0, 20.0, False, -1e6)
    return PlanningCase(0.0, step_minutes, outdoor_c, price, parameters_of(plumbing), state)


def best_seconds(work: Callable[[], object], repeats: int) -> float:
    """Processor seconds of the quickest of so many runs."""
    work()
    took: list[float] = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def peak_mb(work: Callable[[], object]) -> float:
    """Most memory (MB) that the work holds at a time, beyond what was there before."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def say(
    name: str,
    value: float,
    unit: str,
    n: int,
    case: PlanningCase,
    peak: float,
    options: PlannerOptions = DEFAULT_OPTIONS,
    **more: float,
) -> None:
    """One figure."""
    problem = problem_of(case, options)
    row = {
        "name": name,
        "value": round(value, 5),
        "unit": unit,
        "n": n,
        "states": 2 * problem.grid.size,
        "actions": len(problem.actions),
        "steps": len(case.step_minutes),
        "peak_mb": round(peak, 2),
        **more,
    }
    print(json.dumps(row), flush=True)


def batches(pool: ProcessPoolExecutor, ways: dict[str, PlannerOptions]) -> None:
    """Plans per second on two cores, on grids of time and of states, and what the coarse ones cost more (per cent).

    The gap is that of what was minimised, over all houses, each plan's own end valued by the finest grid's tables.
    """
    for steps in ("60min", "mixed"):
        cases = [winter_case(GRIDS[f"plan_{steps}_seconds"], house) for house in range(BATCH)]
        fine = [solve(case) for case in cases]
        for (levels, spreads), (way, options) in itertools.product(COARSER, ways.items()):
            chosen = replace(options, level_nodes=levels, spread_nodes=spreads)
            work = partial(plan_many, options=chosen, over=partial(pool.map, chunksize=5))
            work(cases[:10])
            took: list[float] = []
            for _ in range(3):
                began = time.perf_counter()
                work(cases)
                took.append(time.perf_counter() - began)
            own, best = sum(executed_usd(one, chosen) for one in fine), sum(one.plan.objective_usd for one in fine)
            plainest = steps == "60min" and (levels, spreads) == COARSER[0]
            name = ("plans_per_second" if plainest else f"plans_per_second_{steps}_{levels}x{spreads}") + way
            gap = round(100.0 * (own / best - 1.0), 3)
            say(
                name,
                BATCH / min(took),
                "1/s",
                BATCH,
                cases[0],
                peak_mb(partial(make_plan, cases[0], chosen)),
                chosen,
                gap_percent=gap,
            )


def sent(policy: Policy) -> HousePolicy:
    return message_of(policy, alias="d1.beech", scada_alias="d1.beech.scada", message_id=MESSAGE_ID, now_s=START_S)


def bid_and_policy(repeats: int) -> None:
    """What the bid costs, how large the policy is (JSON as it is sent) and what the house spends on it."""
    for name, minutes in (("", GRIDS["plan_60min_seconds"]), ("_15min", GRIDS["plan_15min_seconds"])):
        solution = solve(replace(winter_case(minutes), start_s=START_S))
        case = solution.case

        def told(name: str, work: Callable[[], object], case: PlanningCase = case) -> None:
            say(name, best_seconds(work, repeats), "s", repeats, case, peak_mb(work))

        slot = market_slot(case)
        assert slot is not None, "nothing of it is committed"
        told(f"bid{name}_seconds", partial(bid_of, solution, *slot))
        policy = policy_of(solution)
        text = sent(policy).model_dump_json(by_alias=True)
        peak = peak_mb(partial(policy_of, solution))
        say(f"policy{name}_bytes", len(text.encode()), "B", 1, case, peak)
    told("policy_make_seconds", lambda: sent(policy_of(solution)))
    told("policy_read_seconds", lambda: policy_from(HousePolicy.model_validate_json(text)))
    told("policy_advise_seconds", lambda: advise(policy, case.state, START_S + 900.0))


def many_houses() -> None:
    """Memory of many plans in one process: each house adds its plan, none its tables."""
    for houses in (5, 10, 20):
        cases = [winter_case(GRIDS["plan_60min_seconds"]) for _ in range(houses)]
        peak = peak_mb(partial(plan_many, cases))
        say(f"plan_many_{houses}_houses_peak_mb", peak, "MB", houses, cases[0], peak)


def executed_usd(fine: Solution, options: PlannerOptions) -> float:
    """What was minimised, of the plan on another grid, with its end valued by the fine grid's tables."""
    coarse = solve(fine.case, options)
    plan = coarse.plan
    return plan.objective_usd + plan.terminal_value_usd - terminal_usd(fine.problem, fine.tables, coarse.taken[-1])


def main(repeats: int = 15) -> None:
    ways = {"": DEFAULT_OPTIONS}
    if find_spec("numba") is not None:
        ways["_compiled"] = replace(DEFAULT_OPTIONS, compiled=True)
        case, began = winter_case(GRIDS["plan_60min_seconds"]), time.process_time()
        make_plan(case, ways["_compiled"])
        say("compile_seconds", time.process_time() - began, "s", 1, case, 0.0)
    for (name, step_minutes), (way, options) in itertools.product(GRIDS.items(), ways.items()):
        case = winter_case(step_minutes)
        work = partial(make_plan, case, options)
        say(name + way, best_seconds(work, repeats), "s", repeats, case, peak_mb(work), options)
    quarter = winter_case(GRIDS["plan_15min_seconds"])
    peak = peak_mb(partial(make_plan, quarter))
    say("plan_peak_mb", peak, "MB", 1, quarter, peak)
    bid_and_policy(repeats)
    many_houses()
    with ProcessPoolExecutor(2) as pool:
        batches(pool, ways)
    root = Path(__file__).resolve().parents[1]
    took = [
        float(subprocess.run([sys.executable, "-c", IMPORT], cwd=root, capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    say("import_seconds", min(took), "s", len(took), quarter, 0.0)


if __name__ == "__main__":
    main()
