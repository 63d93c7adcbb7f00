"""A plan as JSON: written by `gws plan`, and read back as the previous plan of the next case."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
from pydantic import AwareDatetime, Field, ValidationError

from gw_spaceheat.errors import BadCase
from gw_spaceheat.planning.documents.json_problems import problems_of
from gw_spaceheat.planning.documents.parameters_json import Finite, JsonPart
from gw_spaceheat.planning.plan import Plan, PlanStep
from gw_spaceheat.planning.scenarios import ScenarioPlan, first_actions

DECIMALS = 6


class StepJson(JsonPart):
    """One step. Energies are of the whole step; store values are at its end."""

    start_utc: AwareDatetime
    minutes: Annotated[int, Field(gt=0)]
    hp_electric_kwh: Finite
    hp_heat_kwh: Finite = 0.0
    store_heat_kwh: Finite = 0.0
    store_energy_kwh: Finite = 0.0
    store_top_c: Finite = 0.0
    price_usd_per_mwh: Finite = 0.0
    cost_usd: Finite = 0.0
    reason: str = ""
    unmet: tuple[str, ...] = ()
    house_heat_kwh: Finite = 0.0
    unserved_kwh: Finite = 0.0
    store_loss_kwh: Finite = 0.0
    boiler_heat_kwh: Finite = 0.0
    house_k: Finite = 0.0
    """Room temperature at the step's end, above the one the load line was made for."""
    below_setpoint_k_h: Finite = 0.0
    started: bool = False
    action: int = 0
    leaving_c: Finite | None = None
    """Hottest water the heat pump is asked for, where that can be chosen; null: it is off, or nobody can choose."""

    def built(self) -> PlanStep:
        values = self.model_dump(exclude={"start_utc"})
        return PlanStep(start_s=self.start_utc.timestamp(), **values)


class BidPointJson(JsonPart):
    """At this price and above (up to the next point) the house buys so much, on average over the slot."""

    price_usd_per_mwh: Finite
    average_kw: Finite


class UncertaintyJson(JsonPart):
    """What the case's scenarios made of the market slot, which is decided before it is known which comes true."""

    first_action: str
    """The cheapest in expectation."""
    certain_action: str
    """What the case's own series alone would have made of it."""
    changed: bool
    """Whether anything in the slot is done otherwise, be it after the first action."""
    worth_usd: Finite
    """What looking at the scenarios saves on average, against acting on the case's own series."""
    expected_usd: dict[str, Finite]
    """Expected cost to the end, by first action and the best rest of the slot."""


class PlanJson(JsonPart):
    """What to buy when, what it costs, why, and which goals cannot be met."""

    steps: Annotated[tuple[StepJson, ...], Field(min_length=1)]
    total_cost_usd: Finite = 0.0
    terminal_value_usd: Finite = 0.0
    lower_bound_usd: Finite | None = None
    """No plan with the same comfort, starts and terminal value can be cheaper; null: not computed."""
    marginal_heat_usd_per_kwh: Finite = 0.0
    bid: tuple[BidPointJson, ...] = ()
    unmet: tuple[str, ...] = ()
    objective_usd: Finite = 0.0
    start_store_energy_kwh: Finite = 0.0
    start_store_top_c: Finite | None = None
    start_house_k: Finite = 0.0
    starts: int = 0
    demand_charge_usd: Finite = 0.0
    parameters_version: str = ""
    solve_seconds: Finite | None = None
    uncertainty: UncertaintyJson | None = None
    """null: the case has no scenarios."""

    def built(self) -> Plan:
        """As the planner keeps it."""
        values = self.model_dump(exclude={"steps", "lower_bound_usd", "bid", "solve_seconds", "uncertainty"})
        return Plan(steps=tuple(step.built() for step in self.steps), **values)


def plan_json(
    plan: Plan,
    *,
    lower_bound_usd: float | None = None,
    bid: tuple[BidPointJson, ...] = (),
    solve_seconds: float | None = None,
    scenarios: ScenarioPlan | None = None,
) -> PlanJson:
    """The plan as JSON, energies and money to the millionth.

    Raises BadCase where a number is too large to be said: an absurd case, such as a slot of a billion kWh.
    """
    try:
        values = _plain(plan, PlanJson) | {
            "steps": tuple(_step(step) for step in plan.steps),
            "lower_bound_usd": None if lower_bound_usd is None else round(lower_bound_usd, DECIMALS),
            "bid": bid,
            "solve_seconds": solve_seconds,
            "uncertainty": None if scenarios is None else _uncertainty(scenarios),
        }
        return PlanJson.model_validate(values)
    except ValidationError as error:
        raise BadCase([f"plan: {problem}" for problem in problems_of(error)]) from error


def _uncertainty(scenarios: ScenarioPlan) -> UncertaintyJson:
    names = first_actions(scenarios.solution.case)
    return UncertaintyJson(
        first_action=names[scenarios.first_action],
        certain_action=names[scenarios.certain_action],
        changed=scenarios.changed,
        worth_usd=round(scenarios.worth_usd, DECIMALS),
        expected_usd={name: round(usd, DECIMALS) for name, usd in zip(names, scenarios.expected_usd, strict=True)},
    )


def _step(step: PlanStep) -> StepJson:
    return StepJson.model_validate(_plain(step, StepJson) | {"start_utc": datetime.fromtimestamp(step.start_s, UTC)})


def _plain(part: Plan | PlanStep, model: type[JsonPart]) -> dict[str, object]:
    """The fields `model` has, by name: NumPy's numbers as Python's, floats rounded."""
    values = {field.name: getattr(part, field.name) for field in fields(part) if field.name in model.model_fields}
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}
    return {name: round(value, DECIMALS) if isinstance(value, float) else value for name, value in plain.items()}
