"""What heat is worth when the books close."""

import numpy as np

from gw_spaceheat.planning.inputs import Horizon
from gw_spaceheat.planning.model.heat_load import StepHeat
from gw_spaceheat.planning.model.maths import ARRAYS, Floats
from gw_spaceheat.planning.model.transition import House


def terminal_value_usd(house: House, horizon: Horizon, heats: list[StepHeat], level: Floats) -> Floats:
    """What heat left at the very end saves (USD), judged by the last day.

    Counted above the mean level at which, in steady discharge, the top just reaches the day's RSWT: a lukewarm store
    is worth nothing to a cold house. All of it is worth the median price; as much as the dear hours need is worth
    the mean (a spike limited), because what is not stored by then is bought then, or bought in fewer cheap hours.
    """
    if not house.store.usable or not house.source.exists:
        return 0.0 * level
    hours_to_end = np.cumsum(horizon.hours[::-1])[::-1]
    last = np.nonzero(hours_to_end - horizon.hours < 24.0 - 1e-9)[0]
    rswt_c = sum(heats[index].rswt_c for index in last) / len(last)
    drop_k = max(heats[index].tables[3, 0, 1] for index in last)
    outdoor_c = float(horizon.outdoor_c[last].mean())
    _, cop = house.source.serving(ARRAYS, outdoor_c, np.array([rswt_c]))
    empty_level = house.store.level(rswt_c - drop_k)
    if house.return_level is not None:
        empty_level = max(empty_level, house.return_level)
    usable_kwh = house.store.kwh_per_k * np.maximum(0.0, level - empty_level)
    prices = horizon.price_usd_per_kwh[last]
    loads = np.array([heats[index].load_kwh for index in last])
    usual = max(0.0, float(np.median(prices)))
    mean = min(float(prices.mean()), float(np.quantile(prices, 0.9)))
    dear_kwh = float(loads[prices > max(usual, mean)].sum())
    worth_usd = usual * usable_kwh + max(0.0, mean - usual) * np.minimum(usable_kwh, dear_kwh)
    result: Floats = worth_usd * (house.options.terminal_discount / float(cop[0]))
    return result
