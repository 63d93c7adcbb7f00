"""What the bid costs, how large the policy is and what the house spends on it. Run: python -m benchmarks.policy

Seconds are processor seconds, the best of `n`; bytes are of the payload's JSON as it is sent.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.planning import winter_case
from gw_spaceheat.messages.policy import HousePolicy
from gw_spaceheat.planning.bid import bid_of, market_slot
from gw_spaceheat.planning.options import DEFAULT_OPTIONS
from gw_spaceheat.planning.policy import Policy, advise, message_of, policy_from, policy_of
from gw_spaceheat.planning.problem import problem_of
from gw_spaceheat.planning.solve import Solution, solve

START_S = 1_768_478_400.0
ID = "c3cd6c8d-e8d8-4875-8f7b-d3ea13c28601"
REPEATS = 20


def best_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Processor seconds of the quickest of so many runs."""
    work()
    took: list[float] = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


def sent(policy: Policy) -> HousePolicy:
    return message_of(policy, alias="d1.beech", scada_alias="d1.beech.scada", message_id=ID, now_s=START_S)


def say(name: str, value: float, unit: str, n: int, solution: Solution) -> None:
    """One figure."""
    problem = problem_of(solution.case, DEFAULT_OPTIONS)
    row = {
        "name": name,
        "value": round(value, 5),
        "unit": unit,
        "n": n,
        "states": 2 * problem.grid.size,
        "actions": len(problem.actions),
        "steps": len(solution.case.step_minutes),
    }
    print(json.dumps(row), flush=True)


def main() -> None:
    for name, minutes in (("", (60,) * 48), ("_15min", (15,) * 192)):
        solution = solve(replace(winter_case(minutes), start_s=START_S))
        slot = market_slot(solution.case)
        say(f"bid{name}_seconds", best_seconds(partial(bid_of, solution, *slot)), "s", REPEATS, solution)
        policy = policy_of(solution)
        text = sent(policy).model_dump_json(by_alias=True)
        say(f"policy{name}_bytes", len(text.encode()), "B", 1, solution)
    say("policy_make_seconds", best_seconds(lambda: sent(policy_of(solution))), "s", REPEATS, solution)
    read = best_seconds(lambda: policy_from(HousePolicy.model_validate_json(text)))
    say("policy_read_seconds", read, "s", REPEATS, solution)
    state = solution.case.state
    say("policy_advise_seconds", best_seconds(lambda: advise(policy, state, START_S + 900.0)), "s", REPEATS, solution)


if __name__ == "__main__":
    main()
