"""Energy from the powers a house says: each holds until the next."""

from collections.abc import Sequence
from itertools import pairwise
from math import inf

SILENCE_S = 150.0
"""A house under contract says its power every minute, any house its snapshot: after longer silence it is not known."""


def energy_kwh(heard: Sequence[tuple[float, float]], start_s: float, end_s: float) -> float | None:
    """Energy (kWh) between two times (epoch s); `heard`: (epoch s, W), by time. None: it was silent too long."""
    if not heard or heard[0][0] > start_s:
        return None
    watt_s = 0.0
    for (from_s, watts), (to_s, _) in pairwise([*heard, (inf, 0.0)]):
        within_s = min(to_s, end_s) - max(from_s, start_s)
        if within_s <= 0.0:
            continue
        if min(to_s, end_s) - from_s > SILENCE_S:
            return None
        watt_s += watts * within_s
    return watt_s / 3.6e6
