"""Layered tank, water or phase change, as functions over lists of layers, top first.

A layer's `level` is its heat in kelvins of liquid water above 0 C. For water the level is the temperature. A
phase-change layer has the same sensible capacity and its latent heat spread evenly over the melting range.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gw_spaceheat.house.model import PhaseChange
from gw_spaceheat.physics.water import CP_WATER, KWH

LARGEST_FLOW_SHARE = 0.5
"""Upwind flow is stable below one layer volume a step; half leaves room for conduction and loss."""

SMALLEST_INVERSION_K = 1e-9


class Flows(NamedTuple):
    """What enters in one step (l, C). As much leaves at the other end: top in = bottom out, bottom in = top out."""

    top_in_l: float = 0.0
    top_in_c: float = 0.0
    bottom_in_l: float = 0.0
    bottom_in_c: float = 0.0


@dataclass(frozen=True)
class Latent:
    """Phase change of one layer: melting range (C) and latent heat as kelvins of level."""

    melt_start_c: float
    melt_end_c: float
    latent_k: float


def latent_of(phase_change: PhaseChange, total_litres: float) -> Latent:
    """`latent_kwh` belongs to the whole store, shared evenly by volume."""
    latent_k = phase_change.latent_kwh * KWH / (total_litres * CP_WATER)
    return Latent(phase_change.melt_start_c, max(phase_change.melt_end_c, phase_change.melt_start_c), latent_k)


def level_of(temperature_c: float, latent: Latent | None) -> float:
    """Heat level (K of water above 0 C) of a layer at `temperature_c`."""
    if latent is None or temperature_c <= latent.melt_start_c:
        return temperature_c
    if temperature_c >= latent.melt_end_c:
        return temperature_c + latent.latent_k
    range_k = latent.melt_end_c - latent.melt_start_c
    return temperature_c + latent.latent_k * (temperature_c - latent.melt_start_c) / range_k


def temperature_of(level: float, latent: Latent | None) -> float:
    """Temperature (C) of a layer with this heat level; inverse of `level_of`."""
    if latent is None or level <= latent.melt_start_c:
        return level
    if level >= latent.melt_end_c + latent.latent_k:
        return level - latent.latent_k
    range_k = latent.melt_end_c - latent.melt_start_c
    return latent.melt_start_c + (level - latent.melt_start_c) * range_k / (range_k + latent.latent_k)


def move(
    levels: list[float],
    temperature_c: Sequence[float],
    layer_litres: float,
    flows: Flows,
    conduction_share: float,
    loss_share: float,
    ambient_c: float,
) -> float:
    """One explicit step of flow, conduction and loss, `levels` in place; gives the heat lost as kelvins of level.

    The shares are W/K times seconds over a layer's J/K. The flow must be under one layer's volume.
    """
    top_in = flows.top_in_l / layer_litres
    bottom_in = flows.bottom_in_l / layer_litres
    net = top_in - bottom_in
    from_above = (net if net > 0.0 else 0.0) + conduction_share
    from_below = (-net if net < 0.0 else 0.0) + conduction_share
    last = len(levels) - 1
    above = here = temperature_c[0]
    levels[0] += top_in * (flows.top_in_c - here)
    levels[last] += bottom_in * (flows.bottom_in_c - temperature_c[last])
    lost = 0.0
    for index in range(last):
        below = temperature_c[index + 1]
        layer_loss = loss_share * (here - ambient_c)
        levels[index] += from_above * (above - here) + from_below * (below - here) - layer_loss
        lost += layer_loss
        above = here
        here = below
    layer_loss = loss_share * (here - ambient_c)
    levels[last] += from_above * (above - here) - layer_loss
    return lost + layer_loss


def mix_inversions(levels: list[float]) -> bool:
    """Warm water rises: merge neighbours until no layer is colder than the one below it. Keeps the heat."""
    above = levels[0]
    for level in levels:
        if level > above + SMALLEST_INVERSION_K:
            break
        above = level
    else:
        return False
    pools: list[tuple[float, int]] = []
    for level in levels:
        total, count = level, 1
        while pools and pools[-1][0] * count < total * pools[-1][1]:
            upper, upper_count = pools.pop()
            total, count = total + upper, count + upper_count
        pools.append((total, count))
    levels[:] = [total / count for total, count in pools for _ in range(count)]
    return True


def substeps(layer_litres: float, flows: Flows) -> int:
    """Into how many parts a step must be cut so that `move` stays stable."""
    return int(max(flows.top_in_l, flows.bottom_in_l) / (LARGEST_FLOW_SHARE * layer_litres)) + 1
