"""Usable energy of a store and energy required to get through the on-peak windows ahead, kWh of heat.

The field's published rules (layers drawn hottest first; morning and afternoon windows with a midday recharge),
generalised to any windows. Cost: about 30 us for 12 layers; call it per minute, not per second.
"""

from collections.abc import Sequence

from gw_spaceheat.house.model import Plumbing

KWH_PER_LITRE_K = 4186.0 / 3.6e6
RAMP_K = 10 / 1.8  # published: no use below RSWT - 10 F, full drop above RSWT
PASSES = 20


def usable_water_kwh(layers_c: Sequence[float], litres_per_layer: float, rswt_c: float, drop_k: float) -> float:
    """Heat above what returns from the emitters, drawn hottest layer first, the return pushed in at the bottom."""
    layers = sorted(layers_c, reverse=True)
    total_k = 0.0
    for _ in range(PASSES * len(layers)):
        top_c = layers[0]
        share = min(1.0, max(0.0, (top_c - (rswt_c - RAMP_K)) / RAMP_K))
        given_k = drop_k * share
        if given_k < 0.05:
            # Published: when the top gives nothing more, mix all and stop if still nothing.
            mixed_c = sum(layers) / len(layers)
            if mixed_c <= rswt_c - RAMP_K + 0.5 or mixed_c >= top_c:
                break
            layers = [mixed_c] * len(layers)
            continue
        total_k += given_k
        layers = [*layers[1:], top_c - given_k]
        if layers[0] < layers[-1]:
            layers.sort(reverse=True)
    return total_k * litres_per_layer * KWH_PER_LITRE_K


def usable_energy_kwh(plumbing: Plumbing, layers_c: Sequence[float], rswt_c: float, drop_k: float) -> float:
    """Usable heat of the whole store; `layers_c` from the top of the first tank down, any number of sensors."""
    store = plumbing.store
    if store is None or not layers_c:
        return 0.0
    litres = store.tanks * store.litres_per_tank / len(layers_c)
    usable_kwh = usable_water_kwh(layers_c, litres, rswt_c, drop_k)
    change = store.phase_change
    if change is not None and change.melt_end_c >= rswt_c - RAMP_K:
        span_k = max(0.1, change.melt_end_c - change.melt_start_c)
        molten = sum(min(1.0, max(0.0, (c - change.melt_start_c) / span_k)) for c in layers_c) / len(layers_c)
        usable_kwh += molten * change.latent_kwh
    return usable_kwh


def _load_kwh(start_s: float, end_s: float, load_start_s: float, hourly_load_w: Sequence[float]) -> float:
    """Heat load between two times; beyond the forecast its nearest hour holds."""
    if not hourly_load_w or end_s <= start_s:
        return 0.0
    total_ws, t_s = 0.0, start_s
    while t_s < end_s:
        hour = int((t_s - load_start_s) // 3600)
        until_s = min(end_s, load_start_s + (hour + 1) * 3600)
        total_ws += hourly_load_w[min(max(hour, 0), len(hourly_load_w) - 1)] * (until_s - t_s)
        t_s = until_s
    return total_ws / 3.6e6


def required_energy_kwh(
    now_s: float,
    on_peak_windows: Sequence[tuple[float, float]],
    load_start_s: float,
    hourly_load_w: Sequence[float],
    source_heat_w: float,
    full_kwh: float,
    horizon_s: float = 11.5 * 3600,
) -> float:
    """What the store must hold for the next window and for what recharging before later windows cannot give.

    `source_heat_w`: heat the source can give between windows (80 % of it is counted, as published).
    Windows that begin later than `horizon_s` ask for nothing yet; at most a full store is required.
    """
    ahead = sorted((max(start_s, now_s), end_s) for start_s, end_s in on_peak_windows if end_s > now_s)
    ahead = [window for window in ahead if window[0] - now_s <= 24 * 3600]
    if not ahead or ahead[0][0] - now_s > horizon_s:
        return 0.0
    need_kwh = 0.0
    following_start_s: float | None = None
    for start_s, end_s in reversed(ahead):
        carried_kwh = 0.0
        if following_start_s is not None:
            gap_load_kwh = _load_kwh(end_s, following_start_s, load_start_s, hourly_load_w)
            recharge_kwh = 0.8 * source_heat_w * (following_start_s - end_s) / 3.6e6 - gap_load_kwh
            carried_kwh = max(0.0, need_kwh - max(0.0, recharge_kwh))
        need_kwh = _load_kwh(start_s, end_s, load_start_s, hourly_load_w) + carried_kwh
        following_start_s = start_s
    return min(need_kwh, full_kwh)
