"""Houses and cases that the planner's tests share."""

from dataclasses import replace

import numpy as np

from gw_spaceheat.house.model import Buffer, Building, Emitters, HeatPump, Plumbing, Store, Zone
from gw_spaceheat.planning.case import PlanningCase, StateNow
from gw_spaceheat.planning.model.parameters import HeatPumpParameters, PlannerParameters, parameters_of

WATER = Plumbing(
    building=Building(
        loss_w_per_k=200.0, air_capacity_kwh_per_k=1.5, mass_capacity_kwh_per_k=8.0, air_mass_conductance_w_per_k=900.0
    ),
    emitters=Emitters(zero_load_water_c=25.0, design_water_c=58.0, design_heat_w=9000.0, design_drop_k=8.0),
    zones=(Zone(name="down", share=1.0),),
    heat_pump=HeatPump(nameplate_w=6000.0, rated_heat_w=11000.0),
    store=Store(tanks=3, litres_per_tank=450.0),
    buffer=Buffer(litres=200.0),
)
COLD = StateNow((35.0,) * 6, 35.0, 20.0, False, -1e6)
WARM = StateNow((55.0, 53.0, 51.0, 50.0, 49.0, 48.0), 53.0, 20.0, False, -1e6)


def pump_of(parameters: PlannerParameters) -> HeatPumpParameters:
    assert parameters.heat_pump is not None
    return parameters.heat_pump


def with_pump(parameters: PlannerParameters, **changes: float | bool) -> PlannerParameters:
    return replace(parameters, heat_pump=replace(pump_of(parameters), **changes))


def case_at(
    minutes: tuple[int, ...],
    price: list[float] | float = 100.0,
    outdoor_c: float = -5.0,
    state: StateNow = WARM,
    parameters: PlannerParameters | None = None,
) -> PlanningCase:
    steps = len(minutes)
    prices = np.full(steps, price) if isinstance(price, float) else np.array(price)
    known = parameters_of(WATER) if parameters is None else parameters
    return PlanningCase(0.0, minutes, np.full(steps, outdoor_c), prices, known, state)


def dear_by_day(hours: int, dear: float = 350.0, cheap: float = 90.0) -> list[float]:
    return [dear if 7 <= hour % 24 < 12 or 16 <= hour % 24 < 20 else cheap for hour in range(hours)]


def random_winter(rng: np.random.Generator, hours: int = 48, minutes: int = 60) -> PlanningCase:
    """Any winter days: a trend, a daily swing and persistent noise; a tariff of two prices or a noisy market.

    A shorter case from an equal `rng` is the beginning of a longer one.
    """
    mean_c, swing_k, trend_k_per_h = rng.uniform(-15.0, 6.0), rng.uniform(1.0, 6.0), rng.uniform(-0.17, 0.17)
    tariff, top_c = rng.random() < 0.5, rng.uniform(35.0, 60.0)
    started_h, since_s = int(rng.integers(24)), rng.uniform(0.0, 7200.0)
    running, zone_c = bool(rng.random() < 0.5), rng.uniform(19.0, 21.0)
    outdoor_c, price, noise_k = np.empty(hours), np.empty(hours), 0.0
    for hour in range(hours):
        day_h = (hour + started_h) % 24
        noise_k = 0.8 * noise_k + rng.normal(0.0, 0.8)
        outdoor_c[hour] = mean_c + trend_k_per_h * hour + swing_k * np.sin((day_h - 9) * np.pi / 12.0) + noise_k
        dear, noise_usd = 7 <= day_h < 12 or 16 <= day_h < 20, rng.normal(0.0, 25.0)
        price[hour] = (350.0 if dear else 90.0) if tariff else max(-50.0, (140.0 if dear else 80.0) + noise_usd)
    store_c = tuple(top_c - 2.0 * layer for layer in range(4))
    state = StateNow(store_c, top_c, zone_c, running, -since_s)
    per_hour = 60 // minutes
    steps = (minutes,) * (hours * per_hour)
    return PlanningCase(
        0.0, steps, np.repeat(outdoor_c, per_hour), np.repeat(price, per_hour), parameters_of(WATER), state
    )
