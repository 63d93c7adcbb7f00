"""A planning case as a person or another program writes it: strict JSON in, one `PlanningCase` out.

Whatever is wrong is said at once, each problem with its path, its value and the rule. A physical state, however odd,
is right: null is a reading or a forecast value that is missing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import numpy as np
from pydantic import AwareDatetime, Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from gw_spaceheat.errors import BadCase, BadHouse, BadInput, BadMessage
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.base import EARLIEST_S, LATEST_S
from gw_spaceheat.messages.envelope import parse_object
from gw_spaceheat.planning.case import Commitment, DemandCharge, Floats, PlanningCase, Scenario, StateNow
from gw_spaceheat.planning.documents.flo import case_of_flo, flo_object, read_flo
from gw_spaceheat.planning.documents.json_problems import problems_of
from gw_spaceheat.planning.documents.parameters_json import Finite, JsonPart, NotNegative, ParametersJson, ZoneName
from gw_spaceheat.planning.documents.plan_json import PlanJson
from gw_spaceheat.planning.inputs import FORECAST_C, SETPOINT_C, WIND_M_PER_S
from gw_spaceheat.planning.model.parameters import PlannerParameters, parameters_of

MOST_STEPS = 2016
"""A week of 5-minute steps."""
UTC = "UTC"
ALIAS = re.compile(r"[a-z][a-z0-9]*([.-][a-z0-9]+)*")

Minutes = Annotated[int, Field(gt=0, le=1440)]
Series = tuple[Finite | None, ...]
"""One value per step; null: not known."""
Outdoor = tuple[Annotated[float, Field(ge=FORECAST_C[0], le=FORECAST_C[1], allow_inf_nan=False)] | None, ...]
"""A forecast is no reading: beyond what weather can be, the unit is wrong. So with wind and setpoint."""
Wind = tuple[Annotated[float, Field(ge=WIND_M_PER_S[0], le=WIND_M_PER_S[1], allow_inf_nan=False)] | None, ...]
Setpoint = tuple[Annotated[float, Field(ge=SETPOINT_C[0], le=SETPOINT_C[1], allow_inf_nan=False)] | None, ...]
HouseOf = Callable[[str], House]
BelievedOf = Callable[[House, bool], PlannerParameters]
"""What is believed of a house, and whether its thermostats are movable."""
OWN_PARAMETERS = "the case has its own; fitted ones are for a case that names its house"


def _moment(value: datetime) -> datetime:
    if not EARLIEST_S <= value.timestamp() <= LATEST_S:
        raise ValueError("must be between the years 2000 and 3000")
    return value


class EvenSteps(JsonPart):
    """So many steps of equal length."""

    minutes: Minutes
    steps: Annotated[int, Field(gt=0, le=MOST_STEPS)]


def _kind_of_steps(value: object) -> str:
    return "<even>" if isinstance(value, dict | EvenSteps) else "<list>"


StepList = Annotated[tuple[Minutes, ...], Field(min_length=1, max_length=MOST_STEPS)]
StepMinutes = Annotated[
    Annotated[StepList, Tag("<list>")] | Annotated[EvenSteps, Tag("<even>")], Discriminator(_kind_of_steps)
]


class StateJson(JsonPart):
    """What is measured now. Store layers top to bottom; null: that probe does not answer."""

    store_c: Series = ()
    buffer_c: Finite | None = None
    zone_c: Finite | None = None
    heat_pump_on: bool = False
    heat_pump_since_utc: AwareDatetime | None = None

    def built(self) -> StateNow:
        since = self.heat_pump_since_utc
        return StateNow(
            store_c=tuple(_floats(self.store_c).tolist()),
            buffer_c=self.buffer_c,
            zone_c=self.zone_c,
            heat_pump_on=self.heat_pump_on,
            heat_pump_since_s=0.0 if since is None else since.timestamp(),
        )


class CommitmentJson(JsonPart):
    """An accepted slot: this much electricity is to be bought in it."""

    start_utc: AwareDatetime
    end_utc: AwareDatetime
    energy_kwh: NotNegative

    @model_validator(mode="after")
    def _lasts(self) -> "CommitmentJson":
        if self.end_utc <= self.start_utc:
            raise ValueError(f"end_utc {self.end_utc.isoformat()} must be after start_utc")
        return self

    def built(self) -> Commitment:
        return Commitment(self.start_utc.timestamp(), self.end_utc.timestamp(), self.energy_kwh)


class DemandChargeJson(JsonPart):
    """Price of the greatest average power of any step, as far as it exceeds the month's peak so far."""

    usd_per_kw: NotNegative
    peak_so_far_kw: NotNegative = 0.0


class ScenarioJson(JsonPart):
    """One way the future may go; a series that is left out is that of the case."""

    probability: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    price_usd_per_mwh: Series | None = None
    outdoor_temp_c: Outdoor | None = None
    wind_m_per_s: Wind | None = None

    def built(self) -> Scenario:
        return Scenario(
            self.probability,
            _perhaps_floats(self.price_usd_per_mwh),
            _perhaps_floats(self.outdoor_temp_c),
            _perhaps_floats(self.wind_m_per_s),
        )


class CaseJson(JsonPart):
    """One planning problem. Every series has one value per step; null is a gap.

    Price: `price_usd_per_mwh`, or `energy_`, `distribution_` and `regulation_usd_per_mwh`, which are added up.
    House: `house` (alias of a house file) or `parameters`.
    """

    name: str = ""
    timezone: ZoneName | None = None
    start_utc: AwareDatetime
    step_minutes: StepMinutes
    outdoor_temp_c: Outdoor
    price_usd_per_mwh: Series | None = None
    energy_usd_per_mwh: Series | None = None
    distribution_usd_per_mwh: Series | None = None
    regulation_usd_per_mwh: Series | None = None
    house: str | None = None
    thermostats_movable: bool = False
    parameters: ParametersJson | None = None
    state: StateJson
    wind_m_per_s: Wind | None = None
    setpoint_c: Setpoint | None = None
    commitments: tuple[CommitmentJson, ...] = ()
    demand_charge: DemandChargeJson | None = None
    scenarios: tuple[ScenarioJson, ...] = ()
    previous_plan: PlanJson | None = None

    @field_validator("start_utc")
    @classmethod
    def _in_our_time(cls, value: datetime) -> datetime:
        return _moment(value)

    @field_validator("house")
    @classmethod
    def _alias_and_no_path(cls, value: str | None) -> str | None:
        """A case may come from elsewhere: it names a house we have, and no file."""
        if value is not None and (value.endswith(".json") or not ALIAS.fullmatch(value)):
            raise ValueError("must be the alias of a house file, such as beech")
        return value

    @property
    def minutes(self) -> tuple[int, ...]:
        """Length of each step."""
        steps = self.step_minutes
        return (steps.minutes,) * steps.steps if isinstance(steps, EvenSteps) else steps

    @property
    def total_price_usd_per_mwh(self) -> Floats:
        """All that a kWh costs; a gap in one component is a gap in the sum."""
        if self.price_usd_per_mwh is not None:
            return _floats(self.price_usd_per_mwh)
        components = (self.energy_usd_per_mwh, self.distribution_usd_per_mwh, self.regulation_usd_per_mwh)
        total: Floats = np.sum([_floats(series) for series in components if series is not None], axis=0)
        return total


@dataclass(frozen=True, slots=True)
class ReadCase:
    """A case with what only people need of it."""

    case: PlanningCase
    timezone: str
    """Of the clock on the house's wall."""
    name: str = ""


def read_case(data: bytes, house_of: HouseOf, believed_of: BelievedOf | None = None) -> ReadCase:
    """The case in `data`: ours, or a published `flo.params.house0`, bare or under the key `params`.

    `house_of` loads the house file of an alias; `believed_of` None: what that file says is believed.
    Raises BadCase with every problem.
    """
    try:
        document = parse_object(data)
    except BadMessage as error:
        text = str(error).removeprefix("message refused: ").replace("no envelope (not an object)", "must be an object")
        raise BadCase([f"JSON: {text}"]) from error
    flo = flo_object(document)
    if flo is not None:
        if believed_of is not None:
            raise BadCase([f"params: {OWN_PARAMETERS}"])
        params, minutes = read_flo(flo, document)
        return ReadCase(case_of_flo(params, minutes), params.timezone_str, params.g_node_alias)
    problems = _cross_problems(document)
    try:
        model = CaseJson.model_validate_json(data)
    except ValidationError as error:
        raise BadCase([*problems_of(error), *problems]) from error
    if problems:
        raise BadCase(problems)
    return _built(model, house_of, believed_of)


def _built(model: CaseJson, house_of: HouseOf, believed_of: BelievedOf | None) -> ReadCase:
    parameters, timezone = _parameters(model, house_of, believed_of)
    try:
        case = _case(model, parameters)
    except BadInput as error:
        raise BadCase([str(error)]) from error
    return ReadCase(case, model.timezone or timezone, model.name)


def _case(model: CaseJson, parameters: PlannerParameters) -> PlanningCase:
    return PlanningCase(
        start_s=model.start_utc.timestamp(),
        step_minutes=model.minutes,
        outdoor_c=_floats(model.outdoor_temp_c),
        price_usd_per_mwh=model.total_price_usd_per_mwh,
        parameters=parameters,
        state=model.state.built(),
        wind_m_per_s=_perhaps_floats(model.wind_m_per_s),
        setpoint_c=_perhaps_floats(model.setpoint_c),
        commitments=tuple(slot.built() for slot in model.commitments),
        previous=None if model.previous_plan is None else model.previous_plan.built(),
        demand_charge=None if model.demand_charge is None else DemandCharge(**model.demand_charge.model_dump()),
        scenarios=tuple(scenario.built() for scenario in model.scenarios),
    )


def _parameters(model: CaseJson, house_of: HouseOf, believed_of: BelievedOf | None) -> tuple[PlannerParameters, str]:
    """What is believed of the house, and the time zone it is in."""
    if model.parameters is not None:
        if believed_of is not None:
            raise BadCase([f"parameters: {OWN_PARAMETERS}"])
        return model.parameters.built(), UTC
    try:
        house = house_of(model.house or "")
        if believed_of is not None:
            return believed_of(house, model.thermostats_movable), house.timezone
    except (BadInput, BadHouse) as error:
        raise BadCase([f"house: {' '.join(str(error).split())}"]) from error
    return parameters_of(house.plumbing, model.thermostats_movable), house.timezone


def _floats(series: Series) -> Floats:
    return np.array([np.nan if value is None else value for value in series], dtype=np.float64)


def _perhaps_floats(series: Series | None) -> Floats | None:
    return None if series is None else _floats(series)


_PRICES = ("energy_usd_per_mwh", "distribution_usd_per_mwh", "regulation_usd_per_mwh")
_SERIES = ("outdoor_temp_c", "price_usd_per_mwh", *_PRICES, "wind_m_per_s", "setpoint_c")


def _cross_problems(document: dict[str, object]) -> list[str]:
    """What no single field can know. Fields of a wrong type are left to the model."""
    problems: list[str] = []
    if ("house" in document) == ("parameters" in document):
        problems.append("house: exactly one of house (an alias) and parameters must be given")
    components = [name for name in _PRICES if document.get(name) is not None]
    if document.get("price_usd_per_mwh") is None and not components:
        problems.append("price_usd_per_mwh: missing (or energy_, distribution_, regulation_usd_per_mwh)")
    elif document.get("price_usd_per_mwh") is not None and components:
        problems.append(f"{components[0]}: give price_usd_per_mwh or its components, not both")
    steps = _steps(document.get("step_minutes"))
    if steps is not None:
        problems += _length_problems(document, "", steps)
    scenarios = document.get("scenarios")
    if scenarios and document.get("demand_charge") is not None:
        problems.append("demand_charge: the case has scenarios and a demand charge, must have at most one of the two")
    members = [each for each in scenarios if isinstance(each, dict)] if isinstance(scenarios, list) else []
    for index, scenario in enumerate(members):
        problems += _length_problems(scenario, f"scenarios[{index}].", steps) if steps is not None else []
    shares = [share for each in members if isinstance(share := each.get("probability"), int | float) and 0 < share <= 1]
    if shares and len(shares) == len(members) and not abs(sum(shares) - 1.0) < 1e-6:
        problems.append(f"scenarios: their probabilities add up to {sum(shares):g}, must be 1")
    return problems


def _steps(step_minutes: object) -> int | None:
    """How many steps a case has; None where that cannot be known."""
    if isinstance(step_minutes, list):
        return len(step_minutes)
    count = step_minutes.get("steps") if isinstance(step_minutes, dict) else None
    return count if isinstance(count, int) and count > 0 else None


def _length_problems(holder: dict[str, object], path: str, steps: int) -> list[str]:
    lengths = [(name, len(series)) for name in _SERIES if isinstance(series := holder.get(name), list)]
    return [
        f"{path}{name}: {length} values, must be {steps} (one for each step)"
        for name, length in lengths
        if length != steps
    ]
