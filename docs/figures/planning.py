"""The figures of docs/planning.md: a plan for beech, and what stored heat is worth. Run it with python."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import matplotlib as mpl
import numpy as np

from commands.site import DEFAULT_START, load_site
from commands.study import parse_start
from gw_spaceheat.planning.case import PlanningCase, StateNow
from gw_spaceheat.planning.model.parameters import parameters_of
from gw_spaceheat.planning.solve import Solution, solve
from gw_spaceheat.views.plan_figure import plan_png

FOLDER = Path(__file__).parent
HOURS = 48
LINES_AT_H = (0, 7, 12, 20)


def solution() -> Solution:
    """Beech on an ordinary winter midnight, its store lukewarm."""
    site, start_s = load_site("beech"), parse_start(DEFAULT_START)
    middles_s = [start_s + 3600.0 * (hour + 0.5) for hour in range(HOURS)]
    return solve(
        PlanningCase(
            start_s=start_s,
            step_minutes=(60,) * HOURS,
            outdoor_c=np.array([site.outdoor_c(time_s) for time_s in middles_s]),
            price_usd_per_mwh=np.array([site.prices.price_usd_per_mwh(time_s) for time_s in middles_s]),
            parameters=parameters_of(site.house.plumbing),
            state=StateNow((50.0, 46.0, 42.0), 48.0, 20.2, False, start_s - 7200.0),
        )
    )


def value_of_heat(found: Solution) -> None:
    """Cost-to-go over stored heat at four hours of the day, source off, house at its setpoint."""
    mpl.use("Agg")
    from matplotlib import pyplot

    grid, store = found.problem.grid, found.problem.house.store
    levels = np.linspace(grid.coldest_level, grid.coldest_level + (grid.levels - 1) * grid.level_step, 80)
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for hour in LINES_AT_H:
        row = memoryview(found.tables[hour][0])
        costs = [grid.value(row, level, 4.0, 0.0) for level in levels.tolist()]
        heat_kwh = [store.energy_kwh(level) for level in levels.tolist()]
        axes.plot(heat_kwh, costs, label=f"at {hour:02d}:00")
    axes.set_xlabel("heat in the store, kWh above 20 °C")
    axes.set_ylabel("cost to go, USD")
    axes.set_title("What stored heat is worth: most before the dear hours, little after them")
    axes.legend()
    figure.tight_layout()
    figure.savefig(FOLDER / "planning_value.png", dpi=110)


def main() -> None:
    """Write both pictures beside this file."""
    found = solution()
    (FOLDER / "planning_plan.png").write_bytes(plan_png(found.plan, "America/New_York", "Beech, 30 January"))
    value_of_heat(found)


if __name__ == "__main__":
    main()
