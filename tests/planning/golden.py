"""Golden cases of the planner, named after what they are. `EASY`: within 2 % of the bound. `HARD`: gap is reported."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gw_spaceheat.planning.case import PlanningCase, StateNow
from gw_spaceheat.planning.model.parameters import (
    BoostParameters,
    BufferParameters,
    CarnotCop,
    HeatPumpParameters,
    HouseSlack,
    LinearCop,
    LoadLine,
    PlannerParameters,
    StoreParameters,
    quadratic_curve,
    tank_kwh_per_k,
)

Price = Callable[[float], float]
GAP_EASY = 0.02
"""Greatest gap to the bound of an easy case, as a share of the money the plan moves."""

PUMP = HeatPumpParameters(
    rated_heat_kw=11.0,
    greatest_electric_kw=7.0,
    start_delay_s=0.0,
    start_usd=0.0,
    minimum_on_s=0.0,
    minimum_off_s=0.0,
)
"""Ideal: it starts for nothing and at once. COP falls with the leaving temperature."""
LINEAR_PUMP = replace(PUMP, cop=LinearCop(intercept=2.4, per_k_outdoor=0.04, minimum=1.2))
"""The field's form: COP of the outdoor temperature alone."""
HOUSE = PlannerParameters(
    load=LoadLine(at_zero_kw=3.7, per_k_kw=-0.2),
    emitters=quadratic_curve(25.0, (45.0, 4.0), (60.0, 9.0), 8.0),
    house=HouseSlack(4.0),
    heat_pump=LINEAR_PUMP,
    store=StoreParameters(tank_kwh_per_k(1362.0), 0.012),
    buffer=BufferParameters(tank_kwh_per_k(189.0), 0.002),
)


def time_of_use(hour: float) -> float:
    """Dear from 7 to 12 and from 16 to 20."""
    return 350.0 if 7.0 <= hour % 24.0 < 12.0 or 16.0 <= hour % 24.0 < 20.0 else 90.0


def night_rate(hour: float) -> float:
    return 80.0 if hour % 24.0 < 6.0 or hour % 24.0 >= 22.0 else 220.0


def case_of(
    parameters: PlannerParameters = HOUSE,
    price: Price = time_of_use,
    outdoor_c: float = 5.0,
    swing_k: float = 4.0,
    hours: int = 48,
    minutes: int = 60,
    store_c: tuple[float, ...] = (48.0, 47.0, 46.0, 45.0),
) -> PlanningCase:
    """A sunny day after another: coldest at 3, warmest at 15."""
    count = hours * 60 // minutes
    hour = np.arange(count) * (minutes / 60.0)
    outdoor = outdoor_c + swing_k * np.sin((hour - 9.0) / 12.0 * np.pi)
    prices = np.array([price(one) for one in hour.tolist()])
    layers = store_c if parameters.store is not None else ()
    state = StateNow(layers, store_c[0] if parameters.buffer is not None else None, 20.0, False, 0.0)
    return PlanningCase(1.6e9, (minutes,) * count, outdoor, prices, parameters, state)


ELEMENT = replace(
    HOUSE,
    heat_pump=None,
    boost=BoostParameters(9.0),
    store=StoreParameters(tank_kwh_per_k(900.0), 0.006, maximum_c=85.0),
    buffer=None,
)
BIG = replace(HOUSE, store=StoreParameters(tank_kwh_per_k(4000.0), 0.03))
CARNOT = replace(HOUSE, heat_pump=replace(PUMP, cop=CarnotCop()))

EMPTY_C, FULL_C = (28.0, 28.0, 28.0, 28.0), (70.0, 69.0, 68.0, 66.0)


def cheap_hour(usd_per_mwh: float) -> Price:
    """One cheap hour at night of the first day."""
    return lambda hour: usd_per_mwh if hour == 3.0 else 150.0


def flat(hour: float) -> float:
    return 120.0


# A lukewarm store at the start is of little use to any plan, but of some to the relaxation: such cases are hard ones.
EASY: dict[str, PlanningCase] = {
    "two-prices-frosty-day": case_of(outdoor_c=-6.0),
    "two-prices-even-day": case_of(outdoor_c=-3.0, swing_k=0.0, store_c=EMPTY_C),
    "one-cheap-hour": case_of(price=cheap_hour(10.0), outdoor_c=-10.0, swing_k=0.0, store_c=EMPTY_C),
    "negative-price-hour": case_of(price=cheap_hour(-40.0), outdoor_c=-10.0, swing_k=0.0, store_c=EMPTY_C),
    "linear-cop-big-store": case_of(BIG, outdoor_c=-6.0, store_c=FULL_C),
    "flat-price-even-day": case_of(price=flat, outdoor_c=-8.0, swing_k=0.0, store_c=EMPTY_C),
    "element-night-rate": case_of(ELEMENT, night_rate, store_c=(70.0, 65.0, 60.0, 55.0)),
    "no-store-flat-price": case_of(replace(CARNOT, store=None, buffer=None), flat, outdoor_c=-5.0),
    "quarter-hours-frosty-day": case_of(outdoor_c=-6.0, hours=24, minutes=15),
}
HARD: dict[str, PlanningCase] = {
    "flat-price-lukewarm-start": case_of(price=flat, outdoor_c=-8.0, swing_k=0.0),
    "one-cheap-hour-lukewarm-start": case_of(price=cheap_hour(10.0), outdoor_c=-10.0, swing_k=0.0),
    "one-dear-hour": case_of(price=lambda hour: 900.0 if hour == 18.0 else 100.0, outdoor_c=-10.0, swing_k=0.0),
    "cold-store-at-start": case_of(store_c=(32.0, 31.0, 30.0, 29.0), outdoor_c=-6.0),
    "two-prices-mild-day": case_of(),
    "negative-price-night": case_of(price=lambda hour: -40.0 if 1.0 <= hour % 24.0 < 5.0 else 130.0),
    "flat-price-mild-day": case_of(price=flat),
    "carnot-two-prices-mild-day": case_of(CARNOT),
    "carnot-two-prices-cold-day": case_of(CARNOT, outdoor_c=-15.0, store_c=(60.0, 58.0, 56.0, 55.0)),
    "carnot-flat-price": case_of(CARNOT, flat, outdoor_c=-5.0),
    "carnot-quarter-hours": case_of(CARNOT, hours=24, minutes=15, outdoor_c=-5.0),
}
