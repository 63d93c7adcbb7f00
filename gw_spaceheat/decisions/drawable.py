"""What the heat source can draw in a slot that it runs through: less than its nameplate while its water is cold.

The heat pump's capacity falls slowly with warmer water and its COP fast, so cold water leaves it far below nameplate.
SCADA and AtomicTNode judge a slot by the same function of the house file and of what is measured. Source: the unit's
own curves (`physics/heat_pump.py`) and the order of local control, buffer first and the store with what is over.
"""

from collections.abc import Mapping

from gw_spaceheat.decisions.corrections import RUNNING_W
from gw_spaceheat.house.model import HeatPump, Plumbing, Store
from gw_spaceheat.physics.heat_load import heat_load_w, required_source_water_c, return_drop_k
from gw_spaceheat.physics.heat_pump import DEFROST_BELOW_C, capacity_w, electric_w
from gw_spaceheat.physics.thermometers import filled, top_first
from gw_spaceheat.physics.water import heat_kwh

DEFROST_TIME_SHARE = 0.07
"""About 6 reversed minutes every 60 to 90 of running; the heat it leaves is `planning.parameters.DEFROST_SHARE`."""
DEFROST_ELECTRIC_SHARE = 0.35
"""Of the nameplate, while it lasts."""


def drawable_w(plumbing: Plumbing, known: Mapping[str, float | None], slot_s: float) -> float | None:
    """Mean electric power (W) of a heat pump that runs through a slot of `slot_s`, its start and defrosts included.

    `known`: measured values by quantity. None where there is no heat pump, or what decides is not measured: then
    the nameplate is all that is known.
    """
    pump, outdoor_c = plumbing.heat_pump, known.get("outdoor_c")
    if pump is None or outdoor_c is None:
        return None
    indoor_c = sum(zone.setpoint_c * zone.share for zone in plumbing.zones) / sum(z.share for z in plumbing.zones)
    load_w = heat_load_w(plumbing.building, outdoor_c, indoor_c)
    return_c = required_source_water_c(plumbing.emitters, load_w) - return_drop_k(plumbing.emitters, load_w)
    buffer_c = _coldest(known, "buffer_")
    house_c = _leaving_c(pump, return_c if buffer_c is None else max(return_c, buffer_c))
    heat_w = capacity_w(pump, outdoor_c, house_c)
    power_w = electric_w(pump, heat_w, outdoor_c, house_c)
    store = plumbing.store
    if store is not None and plumbing.buffer is not None:
        bottom_c = _coldest(known, "tank")
        if bottom_c is None:
            return None
        house_share = min(1.0, load_w / heat_w)
        stored_kwh = (1.0 - house_share) * heat_w * slot_s / 3.6e6
        store_c = _leaving_c(pump, _mean_bottom_c(store, bottom_c, stored_kwh))
        charging_w = electric_w(pump, capacity_w(pump, outdoor_c, store_c), outdoor_c, store_c)
        power_w = house_share * power_w + (1.0 - house_share) * charging_w
    if pump.defrost and outdoor_c < DEFROST_BELOW_C:
        power_w += DEFROST_TIME_SHARE * (min(power_w, DEFROST_ELECTRIC_SHARE * pump.nameplate_w) - power_w)
    off = (known.get("heat_pump_w") or 0.0) < RUNNING_W
    return power_w * max(0.0, slot_s - pump.start_delay_s) / slot_s if off else power_w


def _coldest(known: Mapping[str, float | None], prefix: str) -> float | None:
    layers_c = filled([known[name] for name in top_first(known, prefix)])
    return None if layers_c is None else layers_c[-1]


def _leaving_c(pump: HeatPump, entering_c: float) -> float:
    """At constant flow and full power."""
    return min(entering_c + pump.lift_k, pump.maximum_leaving_c)


def _mean_bottom_c(store: Store, bottom_c: float, stored_kwh: float) -> float:
    """Half of what the store takes in has warmed it; where something melts, it stays at that until it is molten."""
    mean_c = bottom_c + 0.5 * stored_kwh / heat_kwh(store.tanks * store.litres_per_tank, 1.0)
    change = store.phase_change
    if change is not None and bottom_c < change.melt_end_c:
        return min(mean_c, change.melt_end_c)
    return mean_c
