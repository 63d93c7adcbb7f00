"""What is expected and what is planned: weather, heat demand, the planner's input and its answer.

The published types speak Fahrenheit, mph and kW; properties and constructors speak C, m/s and W.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol, Self

from pydantic import Field, model_validator

from gw_spaceheat.messages.base import (
    LeftRightDot,
    MarketPriceUnit,
    UtcMilliseconds,
    UtcSeconds,
    Uuid4,
    WireInt,
    WireModel,
    WirePart,
)
from gw_spaceheat.messages.units import c_from_f, f_from_c, m_per_s_from_mph, milliseconds, mph_from_m_per_s

LONGEST_LIST = 2016
"""A week of 5-minute steps."""

Numbers = Annotated[tuple[float, ...], Field(max_length=LONGEST_LIST)]
Times = Annotated[tuple[UtcSeconds, ...], Field(max_length=LONGEST_LIST)]


def _check_forecast(time: Sequence[int], created_s: int, **series: Sequence[float]) -> None:
    for name, values in series.items():
        if len(values) != len(time):
            raise ValueError(f"{name} has {len(values)} values, Time has {len(time)}")
    if time and created_s > time[0]:
        raise ValueError(f"ForecastCreatedS {created_s} is after the first Time {time[0]}")


class WeatherForecast(WireModel):
    """Outdoor temperature and wind ahead."""

    from_g_node_alias: LeftRightDot
    weather_channel_name: LeftRightDot
    time: Times
    oat_f: Numbers
    wind_speed_mph: Numbers
    weather_uid: Uuid4
    forecast_created_s: UtcSeconds
    type_name: Literal["weather.forecast"] = "weather.forecast"
    version: Literal["000"] = "000"

    @model_validator(mode="after")
    def _published_axioms(self) -> Self:
        _check_forecast(self.time, self.forecast_created_s, OatF=self.oat_f, WindSpeedMph=self.wind_speed_mph)
        return self

    @property
    def outdoor_c(self) -> tuple[float, ...]:
        return tuple(map(c_from_f, self.oat_f))

    @property
    def wind_m_per_s(self) -> tuple[float, ...]:
        return tuple(map(m_per_s_from_mph, self.wind_speed_mph))


class HeatingForecast(WireModel):
    """Heat the house will need, and the source water temperature and drop it needs it at."""

    from_g_node_alias: LeftRightDot
    time: Times
    avg_power_kw: Numbers
    rswt_f: Numbers
    rswt_delta_t_f: Numbers
    weather_uid: Uuid4
    forecast_created_s: UtcSeconds
    type_name: Literal["heating.forecast"] = "heating.forecast"
    version: Literal["000"] = "000"

    @model_validator(mode="after")
    def _published_axioms(self) -> Self:
        _check_forecast(
            self.time,
            self.forecast_created_s,
            AvgPowerKw=self.avg_power_kw,
            RswtF=self.rswt_f,
            RswtDeltaTF=self.rswt_delta_t_f,
        )
        return self

    @property
    def heat_w(self) -> tuple[float, ...]:
        return tuple(1000.0 * power_kw for power_kw in self.avg_power_kw)

    @property
    def source_water_c(self) -> tuple[float, ...]:
        return tuple(map(c_from_f, self.rswt_f))


class FloParamsHouse0(WireModel):
    """What GridWorks' own AtomicTNode gave its planner; we read it, and do not send it."""

    g_node_alias: LeftRightDot
    flo_params_uid: Uuid4
    timezone_str: str
    start_unix_s: UtcSeconds
    horizon_hours: Annotated[int, Field(gt=0)]
    num_layers: Annotated[int, Field(gt=0)]
    storage_volume_gallons: Annotated[int, Field(gt=0)]
    storage_losses_percent: float
    hp_min_elec_kw: float
    hp_max_elec_kw: float
    hp_turn_on_minutes: int
    initial_top_temp_f: WireInt
    initial_middle_temp_f: WireInt
    initial_bottom_temp_f: WireInt
    initial_thermocline_1: WireInt
    initial_thermocline_2: WireInt
    hp_is_off: bool
    buffer_available_kwh: float
    house_available_kwh: float
    lmp_forecast: Numbers | None = None
    dist_price_forecast: Numbers | None = None
    reg_price_forecast: Numbers | None = None
    price_forecast_uid: Uuid4
    oat_forecast_f: Numbers | None = None
    wind_speed_forecast_mph: Numbers | None = None
    weather_uid: Uuid4
    alpha_times_10: WireInt
    beta_times_100: WireInt
    gamma_ex6: WireInt
    intermediate_power_kw: float
    intermediate_rswt_f: WireInt
    dd_power_kw: float
    dd_rswt_f: WireInt
    dd_delta_t_f: WireInt
    max_ewt_f: WireInt
    cop_intercept: float
    cop_oat_coeff: float
    cop_lwt_coeff: float
    cop_min: float
    cop_min_oat_f: float
    price_unit: MarketPriceUnit = "USDPerMWh"
    params_generated_s: UtcSeconds
    constant_delta_t: WireInt
    type_name: Literal["flo.params.house0"] = "flo.params.house0"
    version: Literal["004"] = "004"


class PlannedStep(WirePart):
    """One step of a plan; energies are of the whole step, store values at its end."""

    start_s: UtcSeconds
    minutes: Annotated[int, Field(gt=0)]
    hp_electric_kwh: float
    hp_heat_kwh: float
    store_heat_kwh: float
    store_energy_kwh: float
    store_top_c: float
    price_usd_per_mwh: float
    cost_usd: float
    reason: str
    unmet: tuple[str, ...] = ()


class HousePlan(WireModel):
    """What the planner wants, what it costs, why, and which goals cannot be met."""

    from_g_node_alias: LeftRightDot
    message_id: Uuid4
    created_ms: UtcMilliseconds
    steps: Annotated[tuple[PlannedStep, ...], Field(min_length=1, max_length=LONGEST_LIST)]
    total_cost_usd: float
    terminal_value_usd: float
    marginal_heat_usd_per_kwh: float
    unmet: tuple[str, ...] = ()
    type_name: Literal["gw.spaceheat.plan"] = "gw.spaceheat.plan"
    version: Literal["000"] = "000"


class StepLike(Protocol):
    """A step as the planner has it."""

    @property
    def start_s(self) -> float: ...
    @property
    def minutes(self) -> int: ...
    @property
    def hp_electric_kwh(self) -> float: ...
    @property
    def hp_heat_kwh(self) -> float: ...
    @property
    def store_heat_kwh(self) -> float: ...
    @property
    def store_energy_kwh(self) -> float: ...
    @property
    def store_top_c(self) -> float: ...
    @property
    def price_usd_per_mwh(self) -> float: ...
    @property
    def cost_usd(self) -> float: ...
    @property
    def reason(self) -> str: ...
    @property
    def unmet(self) -> tuple[str, ...]: ...


class PlanLike(Protocol):
    """A plan as the planner has it; messages do not know the planner."""

    @property
    def steps(self) -> Sequence[StepLike]: ...
    @property
    def total_cost_usd(self) -> float: ...
    @property
    def terminal_value_usd(self) -> float: ...
    @property
    def marginal_heat_usd_per_kwh(self) -> float: ...
    @property
    def unmet(self) -> tuple[str, ...]: ...


def plan_from(plan: PlanLike, *, alias: str, message_id: str, now_s: float) -> HousePlan:
    return HousePlan(
        from_g_node_alias=alias,
        message_id=message_id,
        created_ms=milliseconds(now_s),
        steps=tuple(
            PlannedStep(
                start_s=round(step.start_s),
                minutes=int(step.minutes),
                hp_electric_kwh=float(step.hp_electric_kwh),
                hp_heat_kwh=float(step.hp_heat_kwh),
                store_heat_kwh=float(step.store_heat_kwh),
                store_energy_kwh=float(step.store_energy_kwh),
                store_top_c=float(step.store_top_c),
                price_usd_per_mwh=float(step.price_usd_per_mwh),
                cost_usd=float(step.cost_usd),
                reason=step.reason,
                unmet=tuple(step.unmet),
            )
            for step in plan.steps
        ),
        total_cost_usd=float(plan.total_cost_usd),
        terminal_value_usd=float(plan.terminal_value_usd),
        marginal_heat_usd_per_kwh=float(plan.marginal_heat_usd_per_kwh),
        unmet=tuple(plan.unmet),
    )


def weather_forecast_from(
    *,
    alias: str,
    weather_channel: str,
    times_s: Sequence[int],
    outdoor_c: Sequence[float],
    wind_m_per_s: Sequence[float] | None = None,
    weather_id: str,
    created_s: float,
) -> WeatherForecast:
    """Hourly (or other) outdoor temperatures, C; without wind: calm. ValidationError when created after the first."""
    wind = [0.0] * len(times_s) if wind_m_per_s is None else wind_m_per_s
    return WeatherForecast(
        from_g_node_alias=alias,
        weather_channel_name=weather_channel,
        time=tuple(times_s),
        oat_f=tuple(round(f_from_c(float(value)), 3) for value in outdoor_c),
        wind_speed_mph=tuple(round(mph_from_m_per_s(float(value)), 3) for value in wind),
        weather_uid=weather_id,
        forecast_created_s=int(created_s),
    )


def heating_forecast_from(
    *,
    alias: str,
    times_s: Sequence[int],
    heat_w: Sequence[float],
    source_water_c: Sequence[float],
    drop_k: Sequence[float],
    weather_id: str,
    created_s: float,
) -> HeatingForecast:
    """Heat, W, the required source water, C, and its drop, K. ValidationError when created after the first time."""
    return HeatingForecast(
        from_g_node_alias=alias,
        time=tuple(times_s),
        avg_power_kw=tuple(round(float(value) / 1000.0, 6) for value in heat_w),
        rswt_f=tuple(round(f_from_c(float(value)), 3) for value in source_water_c),
        rswt_delta_t_f=tuple(round(1.8 * float(value), 3) for value in drop_k),
        weather_uid=weather_id,
        forecast_created_s=int(created_s),
    )
