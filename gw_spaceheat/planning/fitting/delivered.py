"""The heat that the emitters got, kW: from flow meter and two thermometers, or from what the element put in."""

import math
from dataclasses import dataclass

import numpy as np

from gw_spaceheat.house.model import Plumbing
from gw_spaceheat.physics.emitters import NOMINAL_ROOM_C
from gw_spaceheat.physics.water import CP_WATER, heat_kwh
from gw_spaceheat.planning.fitting.estimate import Mask, Refused, jackknife
from gw_spaceheat.planning.fitting.history import STEP_S, Samples
from gw_spaceheat.planning.fitting.instruments import Instruments
from gw_spaceheat.planning.model.maths import Floats
from gw_spaceheat.planning.model.parameters import StoreParameters

KW_PER_K_LITRE_PER_MIN = CP_WATER / 60_000.0
FULL_FLOW_PERCENTILE = 95.0
LEAST_FLOW_SHARE = 0.2
"""Below this share of the full flow only the bypass is open."""
PUMP_ON_W = 10.0
BALANCE_STEPS = 180
"""Three hours: an element's on and off and the store's layers even out."""
BELIEVED_LOSS_SHARE = 0.25
"""Of a store's loss, one sigma, where the heat is known only by what went in."""
UNSEEN_PIPE_SHARE = 0.01
"""Of the heat, one sigma: what an exposed pipe takes from the return when no thermometer is on it."""


@dataclass(frozen=True, slots=True, eq=False)
class Delivered:
    """Heat to the emitters at every sample."""

    heat_kw: Floats
    drop_k: Floats
    """Of the water in the emitters, the exposed pipe's part taken off; means something where `flowing`."""
    flowing: Mask
    full_kw_per_k: float
    """Heat at full flow, all zone valves open, for each kelvin of drop."""
    calibration_share: float
    """One sigma of everything that scales the heat."""


def delivered_heat(
    samples: Samples, plumbing: Plumbing, store: StoreParameters | None, instruments: Instruments
) -> Delivered | Refused:
    """`store`: its size and loss, for a house whose heat is known only by what went in."""
    supply_c, return_c = samples.get("dist_swt_c"), samples.get("dist_rwt_c")
    if supply_c is None or return_c is None:
        return Refused("no channel measures supply and return of the distribution")
    drop_k = supply_c - return_c
    ambient_c = store.ambient_c if store is not None else NOMINAL_ROOM_C
    pipe_kw = _pipe_kw(samples, plumbing, ambient_c)
    unseen = UNSEEN_PIPE_SHARE if pipe_kw is None else 0.0
    lost_kw = np.zeros(drop_k.size) if pipe_kw is None else pipe_kw
    flow = samples.get("distribution_flow_l_per_min")
    if flow is None:
        return _by_balance(samples, plumbing, drop_k, lost_kw, store, instruments)
    running = flow > 0.0
    if not running.any():
        return Refused("the distribution never flowed")
    full = float(np.percentile(flow[running], FULL_FLOW_PERCENTILE))
    per_k = flow * KW_PER_K_LITRE_PER_MIN
    mean_drop_k = float(np.nanmean(drop_k[running]))
    share = math.hypot(instruments.flow_share, math.sqrt(2.0) * instruments.temperature_k / max(mean_drop_k, 0.1))
    drop_k = drop_k - lost_kw / np.maximum(per_k, KW_PER_K_LITRE_PER_MIN)
    heat_kw = np.where(running, per_k * drop_k, np.where(np.isnan(flow), np.nan, 0.0))
    return Delivered(
        heat_kw, drop_k, flow > LEAST_FLOW_SHARE * full, full * KW_PER_K_LITRE_PER_MIN, math.hypot(share, unseen)
    )


def _pipe_kw(samples: Samples, plumbing: Plumbing, ambient_c: float) -> Floats | None:
    """Heat (kW) that the exposed pipe takes from the return while nothing else flows in it: what it loses and keeps.

    Size and loss are the house file's; None without a thermometer on it. `ambient_c`: of the rooms it runs through.
    """
    pipe_c, outdoor_c = samples.get("pipe_c"), samples.get("outdoor_c")
    primary = samples.get("primary_flow_l_per_min")
    if pipe_c is None or outdoor_c is None or (primary is None and plumbing.heat_pump is not None) or pipe_c.size < 2:
        return None
    pipe = plumbing.pipe
    around_c = ambient_c + pipe.ambient_outdoor_share * (outdoor_c - ambient_c)
    kept_kw = heat_kwh(pipe.litres, 1.0) * np.gradient(pipe_c, STEP_S / 3600.0)
    taken_kw = np.nan_to_num(kept_kw + pipe.loss_w_per_k / 1000.0 * (pipe_c - around_c))
    result: Floats = taken_kw if primary is None else np.where(primary > 0.0, 0.0, taken_kw)
    return result


def _by_balance(
    samples: Samples,
    plumbing: Plumbing,
    drop_k: Floats,
    lost_kw: Floats,
    store: StoreParameters | None,
    instruments: Instruments,
) -> Delivered | Refused:
    """No flow meter: the pump's constant flow is what makes the drops add up to what the element put in."""
    element_w, pump_w = samples.get("boost_w"), samples.get("distribution_pump_w")
    store_c = samples.mean(samples.present("tank"))
    if element_w is None or pump_w is None or store_c is None or store is None:
        return Refused("no flow meter, and element power, pump power and store temperatures are not all there")
    if plumbing.heat_pump is not None or plumbing.buffer is not None or store.melting is not None:
        return Refused("no flow meter, and an element in a water store is not the only source of heat")
    flowing = pump_w > PUMP_ON_W
    drop_on_k = np.where(flowing, drop_k, 0.0)
    into_kw = element_w / 1000.0 - store.loss_kw_per_k * (store_c - store.ambient_c)
    first = np.arange(0, store_c.size - BALANCE_STEPS, BALANCE_STEPS)
    hours = BALANCE_STEPS * STEP_S / 3600.0
    stored_kw = store.kwh_per_k * (store_c[first + BALANCE_STEPS] - store_c[first]) / hours
    given_kw = np.add.reduceat(into_kw, first)[: first.size] / BALANCE_STEPS
    drops_k = np.add.reduceat(drop_on_k, first)[: first.size] / BALANCE_STEPS
    # The last of `reduceat` runs on to the end of the series.
    given_kw, drops_k, stored_kw, first = given_kw[:-1], drops_k[:-1], stored_kw[:-1], first[:-1]
    good = np.isfinite(given_kw + drops_k + stored_kw)
    given_kw, drops_k = (given_kw - stored_kw)[good], drops_k[good]
    if not good.any() or drops_k.sum() <= 0.0:
        return Refused("the distribution never gave heat")
    found = jackknife(samples.day_of[first][good], lambda keep: np.array([given_kw[keep].sum() / drops_k[keep].sum()]))
    if isinstance(found, Refused):
        return found
    per_k = float(found.values[0])
    lost_share = BELIEVED_LOSS_SHARE * store.loss_kw_per_k * float(np.nanmean(store_c) - store.ambient_c)
    share = math.hypot(
        instruments.power_share, float(found.standard_errors[0]) / per_k, lost_share / float(given_kw.mean())
    )
    drop_k = drop_k - lost_kw / per_k
    heat_kw = np.where(flowing, per_k * drop_k, np.where(np.isnan(pump_w), np.nan, 0.0))
    return Delivered(heat_kw, drop_k, flowing, per_k, share)
