"""Loss of the store: how fast it cools while nothing flows and nothing heats."""

import math

import numpy as np

from gw_spaceheat.planning.fitting.estimate import Estimate, Mask, Refused, held_for, jackknife, or_house_file, span
from gw_spaceheat.planning.fitting.history import STEP_S, Samples
from gw_spaceheat.planning.fitting.instruments import Instruments
from gw_spaceheat.planning.model.maths import Floats
from gw_spaceheat.planning.model.parameters import StoreParameters

SETTLE_STEPS = 30
SHORTEST_STEPS, LONGEST_STEPS = 60, 240
LEAST_IDLE_H = 12.0
AMBIENT_STILL_STEPS = 300
"""Water in a still pipe has the room's temperature after five hours."""
AMBIENT_ERROR_K = 3.0
"""Of an assumed temperature around the store, one sigma."""
LEAST_EXCESS_K = 8.0
MELTING_MARGIN_K = 1.0
STILL_L_PER_MIN = 0.2
ELEMENT_OFF_W = 100.0
PUMP_OFF_W = 10.0
NAME, UNIT = "store_loss_kw_per_k", "kW/K"


def fit_store(samples: Samples, store: StoreParameters, tools: Instruments) -> tuple[Estimate, Estimate]:
    """Loss (kW/K) and the temperature around the store (C)."""
    idle = _idle(samples)
    ambient = _ambient(samples, store, idle, tools)
    loss = idle if isinstance(idle, Refused) else _loss(samples, store, idle, ambient, tools)
    return or_house_file(loss, NAME, UNIT, store.loss_kw_per_k), ambient


def _idle(samples: Samples) -> Mask | Refused:
    flow, element_w = samples.get("store_flow_l_per_min"), samples.get("boost_w")
    if flow is not None:
        still = flow < STILL_L_PER_MIN
    else:
        pump_w = samples.get("distribution_pump_w")
        if pump_w is None:
            return Refused("no channel tells when water flows through the store")
        still = pump_w < PUMP_OFF_W
    return still if element_w is None else still & (element_w < ELEMENT_OFF_W)


def _ambient(samples: Samples, store: StoreParameters, idle: Mask | Refused, tools: Instruments) -> Estimate:
    """A thermometer on the store's pipe reads the room when the water has stood still for hours."""
    pipe_c = samples.get("store_cold_pipe_c")
    assumed = Estimate("store_ambient_c", "C", store.ambient_c, "house file", reason="no thermometer on a pipe at rest")
    if pipe_c is None or isinstance(idle, Refused):
        return assumed
    rest = held_for(idle, AMBIENT_STILL_STEPS) & np.isfinite(pipe_c)
    if rest.sum() < SHORTEST_STEPS:
        return assumed
    value, error = float(np.median(pipe_c[rest])), math.hypot(tools.temperature_k, float(np.std(pipe_c[rest])))
    return Estimate(
        "store_ambient_c", "C", value, "fit", error, value - 2.0 * error, value + 2.0 * error, int(rest.sum()),
        np.unique(samples.day_of[rest]).size, "pipe at rest for five hours",
    )  # fmt: skip


def _loss(
    samples: Samples, store: StoreParameters, idle: Mask, ambient: Estimate, tools: Instruments
) -> Estimate | Refused:
    names = samples.present("tank")
    layers_c = np.array([samples.values[name] for name in names])
    if layers_c.size == 0:
        return Refused("no channel measures the store's layers")
    usable = idle & np.isfinite(layers_c).all(axis=0)
    if store.melting is not None:
        low_c, high_c = store.melting.start_c - MELTING_MARGIN_K, store.melting.end_c + MELTING_MARGIN_K
        # In the melting range a kelvin is many kilowatt-hours, and a thermometer too coarse.
        usable &= ~((layers_c > low_c) & (layers_c < high_c)).any(axis=0)
    mean_c = layers_c.mean(axis=0)
    rows = [(first, last, *_cooling(mean_c[first:last])) for first, last in _periods(held_for(usable, SETTLE_STEPS))]
    rows = [row for row in rows if row[2] - ambient.value > LEAST_EXCESS_K]
    idle_h = sum(last - first for first, last, _, _ in rows) * STEP_S / 3600.0
    if idle_h < LEAST_IDLE_H:
        return Refused(f"store at rest and warm for {idle_h:.1f} h, {LEAST_IDLE_H:.0f} h are needed")
    table = np.array(rows)
    return _estimate(samples.day_of[table[:, 0].astype(int)], table, store, ambient, tools, idle_h)


def _estimate(
    days: Floats, table: Floats, store: StoreParameters, ambient: Estimate, tools: Instruments, idle_h: float
) -> Estimate | Refused:
    length = table[:, 1] - table[:, 0]
    excess_k, falling_k_per_h = table[:, 2] - ambient.value, table[:, 3]
    # A straight line through n readings is known to n ** -1.5: long periods count for more.
    weight = length**3 * excess_k

    def loss(keep: Mask) -> Floats:
        kept = weight[keep]
        return np.array([store.kwh_per_k * (kept @ falling_k_per_h[keep]) / (kept @ excess_k[keep])])

    found = jackknife(days, loss)
    if isinstance(found, Refused):
        return Refused(f"store at rest: {found.reason}")
    ambient_k = ambient.standard_error if ambient.standard_error is not None else AMBIENT_ERROR_K
    excess_share = math.hypot(ambient_k, tools.temperature_k) / float(np.average(excess_k, weights=weight))
    share = math.hypot(excess_share, tools.volume_share)
    about = f"{idle_h:.0f} h at rest, {span(table[:, 2], 'C', 'store')}"
    return found.estimate(0, NAME, UNIT, abs(share * float(found.values[0])), about, int(length.sum()))


def _periods(mask: Mask) -> list[tuple[int, int]]:
    """Stretches of true, cut into pieces, short ones left out: (first, end) samples."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(int)))
    pieces = []
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        for start in range(first, last, LONGEST_STEPS):
            end = min(start + LONGEST_STEPS, last)
            if end - start >= SHORTEST_STEPS:
                pieces.append((start, end))
    return pieces


def _cooling(mean_c: Floats) -> tuple[float, float]:
    """Mean temperature (C) and how fast it falls (K/h)."""
    hours = np.arange(mean_c.size) * (STEP_S / 3600.0)
    slope = float(np.polyfit(hours, mean_c, 1)[0])
    return float(mean_c.mean()), -slope
