"""Houses and cases that the planner's tests share."""

from dataclasses import replace

import numpy as np

from gw_spaceheat.house.model import Buffer, Building, Emitters, HeatPump, Plumbing, Store, Zone
from gw_spaceheat.planning.case import PlanningCase, StateNow
from gw_spaceheat.planning.parameters import HeatPumpParameters, PlannerParameters, parameters_of

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
