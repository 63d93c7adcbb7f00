"""Plans and bids as an AtomicTNode remembers them, made once more from what they rested on, and compared."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from gw_spaceheat.errors import BadCase
from gw_spaceheat.planning.bid import Bid, with_bid
from gw_spaceheat.planning.documents.case_document import bid_document, case_document, case_of_document
from gw_spaceheat.planning.documents.plan_json import plan_json
from gw_spaceheat.planning.options import DEFAULT_OPTIONS, PlannerOptions
from gw_spaceheat.planning.plan import Plan
from gw_spaceheat.planning.solve import Solution, solve

Document = dict[str, object]


def plan_document(plan: Plan) -> Document:
    """The plan as `gws plan --json` prints it, without how long it took."""
    return plan_json(plan).model_dump(mode="json", exclude={"solve_seconds"})


def plan_record(solution: Solution, options: PlannerOptions = DEFAULT_OPTIONS) -> Document:
    """A plan with all that it rests on but the house's parameters (`case_document.parameters_document`)."""
    return {
        "case": case_document(solution.case),
        "options": asdict(options),
        "plan": plan_document(solution.plan),
        "made_with": made_with(),
    }


def made_with() -> Document:
    """What the last digits of a plan may depend on."""
    return {"numpy": np.__version__}


def bid_record(bid: Bid, solution: Solution) -> Document:
    """A bid, and the plan with the bid's slot as it will be executed."""
    return {"bid": bid_document(bid), "plan": plan_document(solution.plan)}


def solved_again(record: Mapping[str, object], parameters: Mapping[str, object]) -> Solution:
    """The plan of a record, made once more. Raises BadCase."""
    options, case = record.get("options"), record.get("case")
    if not isinstance(options, dict) or not isinstance(case, dict):
        raise BadCase(["remembered plan: must have a case and options"])
    try:
        chosen = PlannerOptions(**options)
    except TypeError as error:
        raise BadCase([f"remembered plan: options: {error}"]) from error
    return solve(case_of_document(case, parameters), chosen)


def bid_again(solution: Solution, slot: tuple[float, float]) -> tuple[Bid, Solution]:
    """The bid for a slot (epoch s), made once more."""
    bought, bid = with_bid(solution, slot)
    return bid, bought


def differences(before: object, after: object, where: str = "") -> list[str]:
    """Every value in which two documents differ, as `steps[3].cost_usd: 1.2, now 1.3`."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        return [
            text
            for name in names
            for text in differences(before.get(name), after.get(name), f"{where}.{name}" if where else str(name))
        ]
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        if len(before) != len(after):
            return [f"{where}: {len(before)} values, now {len(after)}"]
        pairs = enumerate(zip(before, after, strict=True))
        return [text for index, (one, other) in pairs for text in differences(one, other, f"{where}[{index}]")]
    return [] if before == after else [f"{where}: {before!r}, now {after!r}"]
