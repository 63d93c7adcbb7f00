"""Numbers that the compiled step works on: the planner's own objects flattened to single precision."""

from typing import NamedTuple

import numpy as np


class HouseNumbers(NamedTuple):
    """`House`, `StoreModel` and `Grid` as float32; switches are 0 or 1."""

    kwh_per_k: np.float32
    k_per_kwh: np.float32
    loss_k_per_k_h: np.float32
    ambient_c: np.float32
    highest_level: np.float32
    fullest_bottom: np.float32
    usable: np.float32
    through_store: np.float32
    melt_start_c: np.float32
    melting_k: np.float32
    held_back: np.float32
    """Of a kelvin of level inside the melting range, what does not warm."""
    sharp: np.float32
    return_level: np.float32
    boiler_kw: np.float32
    boiler_usd_per_kwh: np.float32
    house_kwh_per_k: np.float32
    house_k_per_kwh: np.float32
    restarts_per_kwh: np.float32
    lowest_k: np.float32
    highest_k: np.float32
    unmet_usd_per_kwh: np.float32
    below_usd_per_k_h: np.float32
    commitment_usd_per_kwh: np.float32
    coldest_level: np.float32
    levels_per_k: np.float32
    last_level: np.float32
    spreads_per_k: np.float32
    last_spread: np.float32
    last_house: np.float32
    spreads: np.float32
    block: np.float32


class StepNumbers(NamedTuple):
    """One step's constants; `committed_kwh` is negative where nothing is."""

    hours: np.float32
    setpoint_k: np.float32
    committed_kwh: np.float32
    start_usd: np.float32
    greatest_start_share: np.float32
    stops_below: np.float32


class WantedNumbers(NamedTuple):
    """`Wanted` of one action at one house temperature."""

    wanted_kwh: np.float32
    load_kwh: np.float32
    rswt_level: np.float32
    half_drop_k: np.float32
    fade_k: np.float32
    cop: np.float32
    capacity_kwh: np.float32


class Way(NamedTuple):
    """How one action runs the source in one step: the line of its share, the element's heat as source and as help."""

    kind: np.float32
    slope: np.float32
    constant: np.float32
    least: np.float32
    boost_source_kwh: np.float32
    boost_kwh: np.float32
