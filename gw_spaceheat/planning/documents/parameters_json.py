"""A house's parameters as JSON: what `parameters.py` holds, with every limit a person can break named.

A test holds names and defaults equal to those of the dataclasses.
"""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.model import LONGEST_START_DELAY_S
from gw_spaceheat.physics.heat_pump import DEFROST_BELOW_C, LEAST_CAPACITY_SHARE
from gw_spaceheat.planning.model.parameters import (
    DEFROST_SHARE,
    ELEMENT_HOTTEST_C,
    START_USD,
    BoilerParameters,
    BoostParameters,
    BufferParameters,
    CarnotCop,
    EmitterCurve,
    HeatPumpParameters,
    HouseSlack,
    LinearCop,
    LoadLine,
    MeltingParameters,
    PlannerParameters,
    StoreParameters,
    quadratic_curve,
    tank_kwh_per_k,
)

LARGEST = 1e9
"""No quantity of a house comes near; beyond it sums and squares leave the floats."""
Finite = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=LARGEST, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
NotPositive = Annotated[float, Field(ge=-LARGEST, le=0, allow_inf_nan=False)]
MOST_KW = 1000.0
"""Of a house: beyond it, somebody wrote watts."""
Kilowatts = Annotated[float, Field(gt=0, le=MOST_KW, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Water = Annotated[float, Field(gt=-50, lt=150, allow_inf_nan=False)]
"""A limit of water or of what is around it, C."""
StartDelay = Annotated[float, Field(ge=0, le=LONGEST_START_DELAY_S, allow_inf_nan=False)]


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as America/New_York") from None
    return value


ZoneName = Annotated[str, AfterValidator(_known_zone)]
"""The clock on the house's wall."""


class JsonPart(BaseModel):
    """Strict: no unknown field, no text where a number belongs."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        # All fields are written always: the schema of what is written promises them.
        json_schema_serialization_defaults_required=True,
    )


class LoadJson(JsonPart):
    """Heat (kW) that holds `indoor_c`: at_zero_kw + per_k_kw * outdoor (C) + wind term, never below 0."""

    at_zero_kw: Annotated[float, Field(ge=-MOST_KW, le=MOST_KW, allow_inf_nan=False)]
    per_k_kw: Annotated[float, Field(ge=-MOST_KW / 10.0, le=0, allow_inf_nan=False)]
    wind_kw_per_k_m_s: NotNegative = 0.0
    wind_base_c: Finite = 18.3
    indoor_c: Finite = 20.0

    def built(self) -> LoadLine:
        return LoadLine(**self.model_dump())


class EmitterPoint(JsonPart):
    """Source water (C) and the heat (kW) the emitters give with it."""

    water_c: Water
    heat_kw: Positive


class EmittersJson(JsonPart):
    """Either three points (`zero_c`, `middle`, `design`, `design_drop_k`: the quadratic through them) or a table."""

    zero_c: Water | None = None
    middle: EmitterPoint | None = None
    design: EmitterPoint | None = None
    design_drop_k: Positive | None = None
    heat_kw: tuple[NotNegative, ...] | None = None
    water_c: tuple[Water, ...] | None = None
    drop_k_per_kw: Positive | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "EmittersJson":
        try:
            self.built()
        except BadInput as error:
            raise ValueError(str(error)) from error
        return self

    def built(self) -> EmitterCurve:
        """Raises BadInput when neither form is complete, or both are begun, or the curve does not rise."""
        points = (self.zero_c, self.middle, self.design, self.design_drop_k)
        table = (self.heat_kw, self.water_c, self.drop_k_per_kw)
        if self.heat_kw is not None and self.water_c is not None and self.drop_k_per_kw is not None:
            if any(part is not None for part in points):
                raise BadInput("emitters: give the table or the three points, not both")
            return EmitterCurve(self.heat_kw, self.water_c, self.drop_k_per_kw)
        if self.zero_c is None or self.middle is None or self.design is None or self.design_drop_k is None:
            raise BadInput("emitters: need zero_c, middle, design, design_drop_k, or heat_kw, water_c, drop_k_per_kw")
        if any(part is not None for part in table):
            raise BadInput("emitters: give the table or the three points, not both")
        middle, design = self.middle, self.design
        return quadratic_curve(
            self.zero_c, (middle.water_c, middle.heat_kw), (design.water_c, design.heat_kw), self.design_drop_k
        )


class CopJson(JsonPart):
    """COP: `carnot` (a share of the ideal, times `scale`) or `linear` in outdoor and leaving temperature (C)."""

    kind: Literal["carnot", "linear"] = "carnot"
    scale: Positive | None = None
    intercept: Finite | None = None
    per_k_outdoor: Finite | None = None
    per_k_leaving: Finite | None = None
    minimum: Positive | None = None
    minimum_outdoor_c: Finite | None = None

    @model_validator(mode="after")
    def _fields_of_its_kind(self) -> "CopJson":
        given = set(self.model_dump(exclude_none=True)) - {"kind"}
        own = {"scale"} if self.kind == "carnot" else set(type(self).model_fields) - {"kind", "scale"}
        if given - own:
            raise ValueError(
                f"kind {self.kind} has no {', '.join(sorted(given - own))}; it has {', '.join(sorted(own))}"
            )
        if self.kind == "linear" and (self.intercept is None or self.per_k_outdoor is None):
            raise ValueError("kind linear needs intercept and per_k_outdoor")
        return self

    def built(self) -> CarnotCop | LinearCop:
        given = self.model_dump(exclude_none=True, exclude={"kind"})
        return CarnotCop(**given) if self.kind == "carnot" else LinearCop(**given)


class HeatPumpNumbers(JsonPart):
    """A heat pump without its COP, whose form depends on who wrote it."""

    rated_heat_kw: Kilowatts
    greatest_electric_kw: Kilowatts
    per_k_outdoor: Finite = 0.012
    per_k_leaving: Finite = 0.003
    rated_outdoor_c: Finite = -7.0
    rated_leaving_c: Finite = 50.0
    least_share: Share = LEAST_CAPACITY_SHARE
    defrost_below_c: Finite | None = DEFROST_BELOW_C
    defrost_share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = DEFROST_SHARE
    minimum_modulation: Share = 0.4
    lift_k: Positive = 8.0
    maximum_leaving_c: Water = 75.0
    maximum_entering_c: Water = 68.0
    start_delay_s: StartDelay = 215.0
    start_usd: NotNegative = START_USD
    minimum_on_s: NotNegative = 600.0
    minimum_off_s: NotNegative = 300.0
    leaving_choice: bool = False
    serving_margin_k: NotNegative = 3.0


class HeatPumpJson(HeatPumpNumbers):
    """Capacity falls linearly with outdoor and leaving temperature, and never asks for more than the electric limit."""

    cop: CopJson = CopJson()

    def built(self) -> HeatPumpParameters:
        return HeatPumpParameters(cop=self.cop.built(), **self.model_dump(exclude={"cop"}))


class MeltingJson(JsonPart):
    """Phase change: latent heat (kWh, of the whole store) over the melting range (C)."""

    start_c: Water
    end_c: Water
    latent_kwh: Positive

    @model_validator(mode="after")
    def _rising(self) -> "MeltingJson":
        if self.end_c < self.start_c:
            raise ValueError(f"end_c {self.end_c:g} must be start_c {self.start_c:g} or more")
        return self


class TankJson(JsonPart):
    """Tanks in series. Litres and loss (kW per kelvin above `ambient_c`) are of one tank."""

    litres: Positive
    tanks: Annotated[int, Field(ge=1, le=100)] = 1
    loss_kw_per_k: NotNegative = 0.004
    ambient_c: Water = 20.0

    @property
    def kwh_per_k(self) -> float:
        return tank_kwh_per_k(self.tanks * self.litres)


class StoreJson(TankJson):
    """The store: water, or something that melts."""

    maximum_c: Water = 75.0
    melting: MeltingJson | None = None

    def built(self) -> StoreParameters:
        melting = None if self.melting is None else MeltingParameters(**self.melting.model_dump())
        loss_kw_per_k = self.tanks * self.loss_kw_per_k
        return StoreParameters(self.kwh_per_k, loss_kw_per_k, self.maximum_c, self.ambient_c, melting)


class BufferJson(TankJson):
    """Small tank between source and emitters."""

    loss_kw_per_k: NotNegative = 0.002

    def built(self) -> BufferParameters:
        return BufferParameters(self.kwh_per_k, self.tanks * self.loss_kw_per_k, self.ambient_c)


class HouseJson(JsonPart):
    """The house as a store: kWh per kelvin of room temperature, and how far (K) it may leave the setpoint."""

    capacity_kwh_per_k: Positive
    lowest_k: NotPositive = -0.8
    highest_k: NotNegative = 1.0
    movable: bool = False

    def built(self) -> HouseSlack:
        return HouseSlack(**self.model_dump())


class BoostJson(JsonPart):
    """Resistive element in the store; alone, it is the heat source."""

    rated_kw: Kilowatts
    maximum_c: Water = ELEMENT_HOTTEST_C


class BoilerJson(JsonPart):
    """Gives what source and store do not, for fuel money."""

    rated_kw: Kilowatts
    efficiency: Positive
    fuel_usd_per_kwh: Finite


class ParametersJson(JsonPart):
    """All the planner knows of a house; a part that is left out is one the house does not have."""

    load: LoadJson
    emitters: EmittersJson
    house: HouseJson
    heat_pump: HeatPumpJson | None = None
    store: StoreJson | None = None
    buffer: BufferJson | None = None
    boost: BoostJson | None = None
    boiler: BoilerJson | None = None
    version: str = "1"
    source: str = "given"

    def built(self) -> PlannerParameters:
        """As the planner takes them."""
        return PlannerParameters(
            load=self.load.built(),
            emitters=self.emitters.built(),
            house=self.house.built(),
            heat_pump=self.heat_pump.built() if self.heat_pump else None,
            store=self.store.built() if self.store else None,
            buffer=self.buffer.built() if self.buffer else None,
            boost=BoostParameters(**self.boost.model_dump()) if self.boost else None,
            boiler=BoilerParameters(**self.boiler.model_dump()) if self.boiler else None,
            version=self.version,
            source=self.source,
        )
