"""How long a plan takes: one JSON line per case. Run: python -m benchmarks.planning"""

import json
import math
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gw_spaceheat.house.model import Buffer, Building, Emitters, HeatPump, Plumbing, Store, Zone
from gw_spaceheat.planning.case import PlanningCase, StateNow
from gw_spaceheat.planning.options import DEFAULT_OPTIONS
from gw_spaceheat.planning.solve import make_plan

GRIDS: dict[str, tuple[int, ...]] = {
    "48 h at 60 min": (60,) * 48,
    "48 h mixed: 2 h at 5, 22 h at 15, 24 h at 60 min": (5,) * 24 + (15,) * 88 + (60,) * 24,
    "48 h at 15 min": (15,) * 192,
}


def winter_case(step_minutes: tuple[int, ...]) -> PlanningCase:
    """A cold two days, three water tanks, a price with two dear windows a day."""
    building = Building(
        loss_w_per_k=220.0, air_capacity_kwh_per_k=1.5, mass_capacity_kwh_per_k=8.0, air_mass_conductance_w_per_k=900.0
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
    return PlanningCase(0.0, step_minutes, outdoor_c, price, plumbing, state)


def main(repeats: int = 15) -> None:
    """Print median and worst milliseconds of each grid."""
    for name, step_minutes in GRIDS.items():
        case = winter_case(step_minutes)
        make_plan(case)
        took_ms: list[float] = []
        for _ in range(repeats):
            began_s = time.perf_counter()
            plan = make_plan(case)
            took_ms.append(1000.0 * (time.perf_counter() - began_s))
        took_ms.sort()
        row = {
            "case": name,
            "steps": len(step_minutes),
            "states": DEFAULT_OPTIONS.level_nodes * DEFAULT_OPTIONS.spread_nodes * 2,
            "actions": 6,
            "median_ms": round(took_ms[len(took_ms) // 2], 1),
            "worst_ms": round(took_ms[-1], 1),
            "cost_usd": round(plan.total_cost_usd, 3),
            "objective_usd": round(plan.objective_usd, 3),
        }
        print(json.dumps(row))


if __name__ == "__main__":
    main()
