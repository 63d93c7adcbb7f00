"""How long a plan takes and how much memory: one JSON line per figure. Run: python -m benchmarks.planning

Seconds are processor seconds of one thread, the best of `n`: what the work costs on this machine when nobody else
asks for it. `peak_mb` is the most that NumPy and Python held for one plan.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"

import json
import math
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gw_spaceheat.house.model import Buffer, Building, Emitters, HeatPump, Plumbing, Store, Zone
from gw_spaceheat.planning.batch import plan_many
from gw_spaceheat.planning.case import PlanningCase, StateNow
from gw_spaceheat.planning.options import DEFAULT_OPTIONS
from gw_spaceheat.planning.parameters import parameters_of
from gw_spaceheat.planning.problem import problem_of
from gw_spaceheat.planning.solve import make_plan

GRIDS: dict[str, tuple[int, ...]] = {
    "plan_60min_seconds": (60,) * 48,
    "plan_15min_seconds": (15,) * 192,
    "plan_5min_seconds": (5,) * 576,
    # Two hours at 5, the rest of the day at 15, tomorrow at 60 min.
    "plan_mixed_seconds": (5,) * 24 + (15,) * 88 + (60,) * 24,
}
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
    # A forecast has one temperature an hour, on any grid.
    outdoor_c = np.array([-8.0 + 5.0 * math.sin((math.floor(hour) - 9.0) * math.pi / 12.0) for hour in hours])
    dear = [(7 <= hour % 24 < 12) or (16 <= hour % 24 < 20) for hour in hours]
    price = np.where(dear, 320.0, 110.0)
    state = StateNow((52.0, 50.0, 47.0, 45.0, 44.0, 42.0), 48.0, 20.0, False, -1e6)
    return PlanningCase(0.0, step_minutes, outdoor_c, price, parameters_of(plumbing), state)


def best_seconds(case: PlanningCase, repeats: int) -> float:
    """Processor seconds of the quickest of so many plans."""
    make_plan(case)
    took: list[float] = []
    for _ in range(repeats):
        began = time.process_time()
        make_plan(case)
        took.append(time.process_time() - began)
    return min(took)


def peak_mb(case: PlanningCase) -> float:
    """Most memory (MB) that one plan holds at a time, beyond what was there before."""
    tracemalloc.start()
    make_plan(case)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def say(name: str, value: float, unit: str, n: int, case: PlanningCase, peak: float) -> None:
    """One figure."""
    problem = problem_of(case, DEFAULT_OPTIONS)
    row = {
        "name": name,
        "value": round(value, 5),
        "unit": unit,
        "n": n,
        "states": 2 * problem.grid.size,
        "actions": len(problem.actions),
        "steps": len(case.step_minutes),
        "peak_mb": round(peak, 2),
    }
    print(json.dumps(row), flush=True)


def main(repeats: int = 15) -> None:
    for name, step_minutes in GRIDS.items():
        case = winter_case(step_minutes)
        say(name, best_seconds(case, repeats), "s", repeats, case, peak_mb(case))
    quarter = winter_case(GRIDS["plan_15min_seconds"])
    say("plan_peak_mb", peak_mb(quarter), "MB", 1, quarter, peak_mb(quarter))
    hourly = [winter_case(GRIDS["plan_60min_seconds"], house) for house in range(60)]
    with ProcessPoolExecutor(2) as pool:
        plan_many(hourly[:4], over=pool.map)
        began = time.perf_counter()
        plan_many(hourly, over=partial(pool.map, chunksize=5))
        per_second = len(hourly) / (time.perf_counter() - began)
    say("plans_per_second", per_second, "1/s", len(hourly), hourly[0], peak_mb(hourly[0]))
    root = Path(__file__).resolve().parents[1]
    took = [
        float(subprocess.run([sys.executable, "-c", IMPORT], cwd=root, capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    say("import_seconds", min(took), "s", len(took), quarter, 0.0)


if __name__ == "__main__":
    main()
