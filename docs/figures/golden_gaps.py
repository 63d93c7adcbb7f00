"""The table of docs/planning_bound.md: golden cases, how far each plan is from the bound and from a finer grid's plan.

Run it with python: it writes the table into the document. A test holds that no case is missing there.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gw_spaceheat.planning.bound.lower_bound import lower_bound
from gw_spaceheat.planning.case import PlanningCase
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.solve import solve, terminal_usd
from tests.planning.golden import EASY, GAP_EASY, HARD

DOCUMENT = Path(__file__).resolve().parents[1] / "planning_bound.md"
BEGIN, END = "<!-- golden cases: docs/figures/golden_gaps.py -->", "<!-- end of golden cases -->"
FINE = PlannerOptions(level_nodes=300, spread_nodes=10, alike_k=0.0)
"""Eight times the states, and every step's own weather."""


def row(name: str, case: PlanningCase) -> str:
    """A line of the table."""
    usual, fine, bound = solve(case), solve(case, FINE), lower_bound(case)
    gap = bound.gap_share(usual.plan)
    # The end of both plans is valued by the same, the finer tables.
    end_usd = terminal_usd(fine.problem, fine.tables, usual.taken[-1])
    own_usd = usual.plan.objective_usd + usual.plan.terminal_value_usd - end_usd
    dearer = (own_usd - fine.plan.objective_usd) / abs(fine.plan.objective_usd)
    met = "yes" if gap <= GAP_EASY else "**no**"
    numbers = f"{usual.plan.objective_usd:.3f} | {bound.objective_usd:.3f} | {100.0 * gap:.1f} % | {met}"
    return f"| {name} | {numbers} | {100.0 * dearer:+.2f} % |"


def main() -> None:
    """Work all cases out and put their table between the marks."""
    lines = [
        "| Golden case | Plan, USD | Bound, USD | Gap | Within 2 % | Dearer than the finer grid's plan |",
        "|---|---|---|---|---|---|",
    ]
    for name, case in (EASY | HARD).items():
        lines.append(row(name, case))
        print(lines[-1], flush=True)
    text = DOCUMENT.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    DOCUMENT.write_text("\n".join([f"{head}{BEGIN}", "", *lines, "", f"{END}{tail}"]), encoding="utf-8")


if __name__ == "__main__":
    main()
