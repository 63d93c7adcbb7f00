"""Parameters from outside in the planner's own form, as `gws fit` writes them and a policy carries them: one parser.

Its limits are those of `parameters_json`. What has another form there is here: people give a tank by its litres, a
curve by three points and a COP by its kind.
"""

from pydantic import TypeAdapter, ValidationError

from gw_spaceheat.errors import BadInput
from gw_spaceheat.planning.documents.json_problems import problems_of
from gw_spaceheat.planning.documents.parameters_json import (
    BoilerJson,
    BoostJson,
    Finite,
    HeatPumpNumbers,
    HouseJson,
    JsonPart,
    LoadJson,
    MeltingJson,
    NotNegative,
    Positive,
    Water,
)
from gw_spaceheat.planning.model.parameters import (
    BoilerParameters,
    BoostParameters,
    BufferParameters,
    CarnotCop,
    EmitterCurve,
    HeatPumpParameters,
    LinearCop,
    MeltingParameters,
    PlannerParameters,
    StoreParameters,
)

_PARAMETERS: TypeAdapter[PlannerParameters] = TypeAdapter(PlannerParameters)


class _Emitters(JsonPart):
    heat_kw: tuple[NotNegative, ...]
    water_c: tuple[Finite, ...]
    """At twice the design heat it may be hotter than any water is."""
    drop_k_per_kw: Positive
    return_c: Water | None = None


class _Carnot(JsonPart):
    scale: Positive


class _Linear(JsonPart):
    intercept: Finite
    per_k_outdoor: Finite
    per_k_leaving: Finite
    minimum: Positive
    minimum_outdoor_c: Finite


class _HeatPump(HeatPumpNumbers):
    cop: _Carnot | _Linear

    def built(self) -> HeatPumpParameters:
        given = self.cop.model_dump()
        cop = CarnotCop(**given) if isinstance(self.cop, _Carnot) else LinearCop(**given)
        return HeatPumpParameters(cop=cop, **self.model_dump(exclude={"cop"}))


class _Store(JsonPart):
    kwh_per_k: Positive
    loss_kw_per_k: NotNegative
    maximum_c: Water = 75.0
    ambient_c: Water = 20.0
    melting: MeltingJson | None = None

    def built(self) -> StoreParameters:
        melting = None if self.melting is None else MeltingParameters(**self.melting.model_dump())
        return StoreParameters(melting=melting, **self.model_dump(exclude={"melting"}))


class _Buffer(JsonPart):
    kwh_per_k: Positive
    loss_kw_per_k: NotNegative
    ambient_c: Water = 20.0


class ParametersDocument(JsonPart):
    """All of `PlannerParameters`, under its own names."""

    load: LoadJson
    emitters: _Emitters
    house: HouseJson
    heat_pump: _HeatPump | None = None
    store: _Store | None = None
    buffer: _Buffer | None = None
    boost: BoostJson | None = None
    boiler: BoilerJson | None = None
    version: str = "1"
    source: str = "given"

    def built(self) -> PlannerParameters:
        return PlannerParameters(
            load=self.load.built(),
            emitters=EmitterCurve(**self.emitters.model_dump()),
            house=self.house.built(),
            heat_pump=self.heat_pump.built() if self.heat_pump else None,
            store=self.store.built() if self.store else None,
            buffer=BufferParameters(**self.buffer.model_dump()) if self.buffer else None,
            boost=BoostParameters(**self.boost.model_dump()) if self.boost else None,
            boiler=BoilerParameters(**self.boiler.model_dump()) if self.boiler else None,
            version=self.version,
            source=self.source,
        )


def parameters_text(parameters: PlannerParameters) -> str:
    """All of them as JSON that `parameters_of_text` reads."""
    return _PARAMETERS.dump_json(parameters).decode()


def parameters_of_text(text: str | bytes) -> PlannerParameters:
    """What `parameters_text` wrote, or somebody else. Raises BadInput with every problem: path, value, rule."""
    try:
        return ParametersDocument.model_validate_json(text).built()
    except ValidationError as error:
        raise BadInput(f"parameters: {'; '.join(problems_of(error))}") from error
