"""What the simulated house really is, by the names of the estimates."""

from gw_spaceheat.house.model import House
from gw_spaceheat.physics.heat_load import required_source_water_c
from gw_spaceheat.planning.model.parameters import parameters_of

START_S = 1481518800.0
"""2016-12-12T05:00Z."""
ROOM_C = 20.0
BASEMENT_C = 18.0


def truth_of(house: House) -> dict[str, tuple[float, float]]:
    """Name -> (true value, what an error is a share of)."""
    believed, emitters = parameters_of(house.plumbing), house.plumbing.emitters
    assert believed.store is not None and believed.heat_pump is not None
    span_k = emitters.design_water_c - ROOM_C
    values = {
        "load_at_zero_kw": believed.load.at_zero_kw,
        "load_per_k_kw": believed.load.per_k_kw,
        "house_capacity_kwh_per_k": believed.house.capacity_kwh_per_k,
        "store_loss_kw_per_k": believed.store.loss_kw_per_k,
        "store_ambient_c": BASEMENT_C,
        "cop_scale": 1.0,
        "rated_heat_kw": believed.heat_pump.rated_heat_kw,
        "lift_k": believed.heat_pump.lift_k,
    }
    half_c = required_source_water_c(emitters, 0.5 * emitters.design_heat_w)
    waters = {
        "rswt_zero_c": emitters.zero_load_water_c,
        "rswt_half_c": half_c,
        "rswt_design_c": emitters.design_water_c,
    }
    return {name: (value, abs(value)) for name, value in values.items()} | {
        name: (value, span_k) for name, value in waters.items()
    }
