"""The policy a house carries: the AtomicTNode's cost-to-go for the coming hours, for when the line is cut."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gw_spaceheat.messages.base import LeftRightDot, UtcMilliseconds, UtcSeconds, Uuid4, WireModel

MOST_STEPS = 96
LONGEST_S = 49 * 3600
LONGEST_STEP_S = 7200
LARGEST_TABLES = 100_000
LARGEST_PARAMETERS = 20_000

Positive = Annotated[float, Field(gt=0.0)]
Nodes = Annotated[int, Field(ge=2, le=64)]
StepS = Annotated[int, Field(gt=0, le=LONGEST_STEP_S)]


class HousePolicy(WireModel):
    """Series have one value per step. Tables, one per step's end: source off and on x room x top x spread of the store.

    `tables` is base64 of zlib of unsigned 16-bit numbers, low bytes first, then high bytes; along the tops they are
    differences of differences. USD = offset + scale * number. `parameters` is the planner's belief as JSON.
    """

    from_g_node_alias: LeftRightDot
    scada_alias: LeftRightDot
    message_id: Uuid4
    created_ms: UtcMilliseconds
    valid_from_s: UtcSeconds
    step_s: Annotated[tuple[StepS, ...], Field(min_length=1, max_length=MOST_STEPS)]
    price_usd_per_mwh: tuple[float, ...]
    outdoor_c: tuple[float, ...]
    setpoint_c: tuple[float, ...]
    lowest_k: float
    highest_k: float
    coldest_top: float
    top_step: Positive
    tops: Nodes
    spread_step: Positive
    spreads: Nodes
    offset_usd: tuple[float, ...]
    scale_usd: tuple[float, ...]
    tables: Annotated[str, Field(max_length=LARGEST_TABLES)]
    parameters_version: Annotated[str, Field(max_length=100)]
    parameters: Annotated[str, Field(max_length=LARGEST_PARAMETERS)]
    type_name: Literal["gw.spaceheat.policy"] = "gw.spaceheat.policy"
    version: Literal["000"] = "000"

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        steps = len(self.step_s)
        for name in ("price_usd_per_mwh", "outdoor_c", "setpoint_c", "offset_usd", "scale_usd"):
            if len(getattr(self, name)) != steps:
                raise ValueError(f"{name} has {len(getattr(self, name))} values, StepS has {steps}")
        if sum(self.step_s) > LONGEST_S:
            raise ValueError(f"StepS reach over {sum(self.step_s)} s, limit is {LONGEST_S} s")
        return self

    @property
    def valid_until_s(self) -> int:
        return self.valid_from_s + sum(self.step_s)
