"""A published `flo.params.house0` (what GridWorks' own planner was given) as a planning case of ours.

Kept: load from alpha, beta, gamma (at HEAD of GridWorks: the wind term is gamma * wind * (65 F - outdoor), while the
last public planner used gamma * wind); RSWT quadratic with its larger root; water that comes back to the store at
100 F whatever it gave (so it was in the last public planner; `DdDeltaTF` shapes nothing there: see `return_f`); COP of
outdoor (and, where given, leaving) temperature with its floor; `HpMaxElecKw` as the electric limit; price = LMP +
distribution + regulation; losses as a share per hour of the heat above the coldest state (60 F); top of the store and
entering water at most `MaxEwtF`; 24 layers in three zones between the two thermoclines.

Different, and why:
* Reference: three flat zones and thermoclines that stay sharp, rounded to the nearest of 6,372 states, which makes and
  loses heat (up to 1 kWh an hour may be drawn for nothing). Ours: mean and top, interpolated, energy conserved. Water
  comes back at `return_f`, so the thermocline stays sharp: the top is as hot as it was until the mean is at `return_f`.
  With `return_f=None` the drop is `DdDeltaTF` at `DdPowerKw`, as in the field: then far less of the store is usable.
* The reference lifts by 20 F per pass (`ConstantDeltaT` where it is given), but its top does not cool while colder
  water enters it: charged heat lies below the thermocline, as hot as the top. So ours may choose the leaving water.
* Reference: an hour is off, full, or (first hour, when running) exactly the load. Ours runs any share of a step.
* Reference: `HpTurnOnMinutes` costs heat in hour 0 alone. Ours: at every start the time gives no heat and takes no
  electricity. Neither has a start cost, minimum times or defrosting here.
* Reference: heat in buffer and house is taken off the first hours' load. Ours: the house starts that much warmer and
  may coast down to its setpoint; otherwise it is no store. Its thermostats are nobody's to move.
* Reference: load is cut to what the heat pump can give. Ours is not: store and heat pump may serve it together.
* Reference: RSWT is a wall (1e5 USD an hour). Ours: heat colder water cannot give is unserved, priced and named.
* Reference: the store is worth nothing at the horizon. Ours has a terminal value, so total costs compare only after
  the store's final heat is made equal.
* `HpMinElecKw` (published as -0.5) is no least power of anything and is not used.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from gw_spaceheat.errors import BadCase, BadInput
from gw_spaceheat.house.model import LONGEST_START_DELAY_S
from gw_spaceheat.messages.base import UtcSeconds
from gw_spaceheat.messages.units import LITRES_PER_US_GALLON, c_from_f, m_per_s_from_mph
from gw_spaceheat.planning.case import Floats, PlanningCase, StateNow
from gw_spaceheat.planning.documents.json_problems import problems_of
from gw_spaceheat.planning.documents.parameters_json import LARGEST, Finite, NotNegative, Positive, ZoneName
from gw_spaceheat.planning.model.parameters import (
    EmitterCurve,
    HeatPumpParameters,
    HouseSlack,
    LinearCop,
    LoadLine,
    PlannerParameters,
    StoreParameters,
    quadratic_curve,
    tank_kwh_per_k,
)

TYPE_NAME = "flo.params.house0"
SIGNS = frozenset({"AlphaTimes10", "BetaTimes100", "DdPowerKw", "OatForecastF"})
"""Fields by which the object is known where it does not name its type."""
K_PER_F = 1.0 / 1.8
COLDEST_STATE_F = 60.0
WIND_BASE_F = 65.0
RETURN_F = 100.0
LIFT_F = 20.0
HOUSE_KWH_PER_K = 1.0
"""Least capacity of the house: it holds nothing but `HouseAvailableKwh` and `BufferAvailableKwh`, within a kelvin."""
HOUSE_LOWEST_K = -0.01
HOUR_MINUTES = 60

Forecast = tuple[Finite | None, ...] | None


class FloParams(BaseModel):
    """The published fields the planner uses, of any version; others are ignored. F, mph, kW, gallons."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, alias_generator=to_pascal)

    g_node_alias: str = ""
    timezone_str: ZoneName = "UTC"
    start_unix_s: UtcSeconds
    horizon_hours: Annotated[int, Field(gt=0, le=336)]
    num_layers: Annotated[int, Field(gt=0, le=1000)] = 24
    storage_volume_gallons: Positive
    storage_losses_percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.5
    hp_max_elec_kw: Positive
    cop_intercept: Finite
    cop_oat_coeff: Finite
    cop_lwt_coeff: Finite = 0.0
    cop_min: Positive
    cop_min_oat_f: Finite
    hp_turn_on_minutes: Annotated[float, Field(ge=0, le=LONGEST_START_DELAY_S / 60.0, allow_inf_nan=False)] = 0.0
    initial_top_temp_f: Finite
    initial_middle_temp_f: Finite
    initial_bottom_temp_f: Finite
    initial_thermocline1: Annotated[int, Field(ge=0)]
    initial_thermocline2: Annotated[int, Field(ge=0)]
    hp_is_off: bool
    buffer_available_kwh: NotNegative = 0.0
    house_available_kwh: NotNegative = 0.0
    lmp_forecast: Forecast = None
    dist_price_forecast: Forecast = None
    reg_price_forecast: Forecast = None
    oat_forecast_f: Forecast = None
    wind_speed_forecast_mph: Forecast = None
    alpha_times10: Finite
    beta_times100: Annotated[float, Field(lt=0, ge=-LARGEST, allow_inf_nan=False)]
    gamma_ex6: Finite = 0.0
    intermediate_power_kw: Positive
    intermediate_rswt_f: Finite
    dd_power_kw: Positive
    dd_rswt_f: Finite
    dd_delta_t_f: Positive
    max_ewt_f: Finite
    constant_delta_t: Positive | None = None


def flo_object(document: Mapping[str, object]) -> dict[str, object] | None:
    """The flo parameters in a JSON object, bare or under `params`; None where it is something else."""
    for candidate in (document, document.get("params")):
        if isinstance(candidate, dict) and (candidate.get("TypeName") == TYPE_NAME or candidate.keys() >= SIGNS):
            return candidate
    return None


def read_flo(params: Mapping[str, object], wrapper: Mapping[str, object]) -> tuple[FloParams, int]:
    """The checked parameters, and the step's length: `step_minutes` beside `params`, else an hour.

    Raises BadCase with every problem.
    """
    minutes = HOUR_MINUTES if wrapper is params else wrapper.get("step_minutes", HOUR_MINUTES)
    problems: list[str] = []
    if not isinstance(minutes, int) or isinstance(minutes, bool) or minutes <= 0 or HOUR_MINUTES % minutes != 0:
        problems.append(f"step_minutes: {minutes!r} must divide {HOUR_MINUTES}")
        minutes = HOUR_MINUTES
    checked: FloParams | None = None
    try:
        # The object came out of JSON, where a list is what a tuple is here: lists are read by position.
        checked = FloParams.model_validate({name: _tuple(value) for name, value in params.items()})
    except ValidationError as error:
        problems = problems_of(error) + problems
    if checked is not None:
        problems = _cross_problems(checked) + problems
    if checked is None or problems:
        raise BadCase(problems)
    return checked, minutes


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _cross_problems(params: FloParams) -> list[str]:
    hours = params.horizon_hours
    named = {
        "LmpForecast": params.lmp_forecast,
        "DistPriceForecast": params.dist_price_forecast,
        "RegPriceForecast": params.reg_price_forecast,
        "OatForecastF": params.oat_forecast_f,
        "WindSpeedForecastMph": params.wind_speed_forecast_mph,
    }
    problems = [
        f"{name}: {len(series)} values, must be HorizonHours {hours} or more"
        for name, series in named.items()
        if series is not None and len(series) < hours
    ]
    first, second, layers = params.initial_thermocline1, params.initial_thermocline2, params.num_layers
    if not first <= second <= layers:
        problems.append(f"InitialThermocline1: {first} <= InitialThermocline2 {second} <= NumLayers {layers} must hold")
    try:
        quadratic_curve(*_emitters_points(params), params.dd_delta_t_f * K_PER_F)
    except BadInput as error:
        problems.append(f"DdRswtF, IntermediateRswtF, AlphaTimes10, BetaTimes100: {error}")
    return problems


def case_of_flo(params: FloParams, step_minutes: int = HOUR_MINUTES, return_f: float | None = RETURN_F) -> PlanningCase:
    """The case; `step_minutes` (a divisor of 60) cuts the published hours into equal parts. `return_f`: see above."""
    parts, hours = HOUR_MINUTES // step_minutes, params.horizon_hours

    def series(values: Forecast) -> Floats:
        hourly = [None] * hours if values is None else values[:hours]
        return np.repeat(np.array([np.nan if value is None else value for value in hourly], dtype=np.float64), parts)

    prices = (params.lmp_forecast, params.dist_price_forecast, params.reg_price_forecast)
    given = [series(price) for price in prices if price is not None]
    unknown = np.full(hours * parts, np.nan)
    wind = params.wind_speed_forecast_mph
    return PlanningCase(
        start_s=float(params.start_unix_s),
        step_minutes=(step_minutes,) * (hours * parts),
        outdoor_c=(series(params.oat_forecast_f) - 32.0) * K_PER_F,
        price_usd_per_mwh=np.sum(given, axis=0, dtype=np.float64) if given else unknown,
        parameters=parameters_of_flo(params, return_f),
        state=_state(params),
        wind_m_per_s=None if wind is None else series(wind) * m_per_s_from_mph(1.0),
    )


def parameters_of_flo(params: FloParams, return_f: float | None = RETURN_F) -> PlannerParameters:
    """What the published object says of the house."""
    alpha_kw, beta_kw_per_f = params.alpha_times10 / 10.0, params.beta_times100 / 100.0
    load = LoadLine(
        at_zero_kw=alpha_kw + 32.0 * beta_kw_per_f,
        per_k_kw=beta_kw_per_f / K_PER_F,
        wind_kw_per_k_m_s=params.gamma_ex6 / 1e6 / K_PER_F / m_per_s_from_mph(1.0),
        wind_base_c=c_from_f(WIND_BASE_F),
    )
    kwh_per_k = tank_kwh_per_k(params.storage_volume_gallons * LITRES_PER_US_GALLON)
    return PlannerParameters(
        load=load,
        emitters=_emitters(params, load, return_f),
        house=HouseSlack(max(HOUSE_KWH_PER_K, _free_heat_kwh(params)), lowest_k=HOUSE_LOWEST_K),
        heat_pump=_heat_pump(params),
        store=StoreParameters(
            kwh_per_k=kwh_per_k,
            loss_kw_per_k=kwh_per_k * params.storage_losses_percent / 100.0,
            maximum_c=c_from_f(params.max_ewt_f),
            ambient_c=c_from_f(COLDEST_STATE_F),
        ),
        source=TYPE_NAME,
    )


def _emitters_points(params: FloParams) -> tuple[float, tuple[float, float], tuple[float, float]]:
    """Water (C) without heat, and the intermediate and design points (C, kW)."""
    zero_f = -10.0 * params.alpha_times10 / params.beta_times100
    middle = (c_from_f(params.intermediate_rswt_f), params.intermediate_power_kw)
    return c_from_f(zero_f), middle, (c_from_f(params.dd_rswt_f), params.dd_power_kw)


def _emitters(params: FloParams, load: LoadLine, return_f: float | None) -> EmitterCurve:
    """By `DdDeltaTF`, or with the drop that brings water from RSWT to `return_f` at the forecast's mean load, calm."""
    curve = quadratic_curve(*_emitters_points(params), params.dd_delta_t_f * K_PER_F)
    known_f = [value for value in (params.oat_forecast_f or ())[: params.horizon_hours] if value is not None]
    if return_f is None or not known_f:
        return curve
    mean_kw = float(np.mean(load.heat_kw((np.array(known_f) - 32.0) * K_PER_F)))
    if mean_kw <= 0.0:
        return curve
    drop_k = float(curve.required_c(np.array([mean_kw]))[0]) - c_from_f(return_f)
    return replace(curve, drop_k_per_kw=max(curve.drop_k_per_kw, drop_k / mean_kw), return_c=c_from_f(return_f))


def _heat_pump(params: FloParams) -> HeatPumpParameters:
    """Electric limit everywhere: the rated heat is the most that limit gives at any hour of the forecast."""
    cop = LinearCop(
        intercept=params.cop_intercept + 32.0 * (params.cop_oat_coeff + params.cop_lwt_coeff),
        per_k_outdoor=params.cop_oat_coeff / K_PER_F,
        per_k_leaving=params.cop_lwt_coeff / K_PER_F,
        minimum=params.cop_min,
        minimum_outdoor_c=c_from_f(params.cop_min_oat_f),
    )
    known_f = [value for value in params.oat_forecast_f or () if value is not None]
    best = max([params.cop_min, *(params.cop_intercept + params.cop_oat_coeff * value for value in known_f)])
    hottest_c = c_from_f(params.max_ewt_f)
    return HeatPumpParameters(
        rated_heat_kw=params.hp_max_elec_kw * best,
        greatest_electric_kw=params.hp_max_elec_kw,
        cop=cop,
        per_k_outdoor=0.0,
        per_k_leaving=0.0,
        least_share=1.0,
        defrost_below_c=None,
        minimum_modulation=0.0,
        lift_k=(params.constant_delta_t or LIFT_F) * K_PER_F,
        maximum_leaving_c=hottest_c,
        maximum_entering_c=hottest_c,
        start_delay_s=60.0 * params.hp_turn_on_minutes,
        start_usd=0.0,
        minimum_on_s=0.0,
        minimum_off_s=0.0,
        serving_margin_k=0.0,
        leaving_choice=True,
    )


def _free_heat_kwh(params: FloParams) -> float:
    return params.buffer_available_kwh + params.house_available_kwh


def _state(params: FloParams) -> StateNow:
    layers_f = (
        [params.initial_top_temp_f] * params.initial_thermocline1
        + [params.initial_middle_temp_f] * (params.initial_thermocline2 - params.initial_thermocline1)
        + [params.initial_bottom_temp_f] * (params.num_layers - params.initial_thermocline2)
    )
    free_kwh = _free_heat_kwh(params)
    indoor_c = LoadLine(0.0, 0.0).indoor_c
    return StateNow(
        store_c=tuple(c_from_f(layer) for layer in layers_f),
        zone_c=indoor_c + free_kwh / max(HOUSE_KWH_PER_K, free_kwh),
        heat_pump_on=not params.hp_is_off,
    )
