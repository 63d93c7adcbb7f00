"""Layered tanks keep their heat whatever flows through them."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gw_spaceheat.house.model import PhaseChange
from gw_spaceheat.physics.tank import Flows, Latent, latent_of, level_of, mix_inversions, move, substeps, temperature_of

temperatures = st.lists(st.floats(5.0, 90.0), min_size=3, max_size=20)
flows = st.floats(0.0, 45.0)
inlets = st.floats(5.0, 90.0)
LATENT = Latent(melt_start_c=56.0, melt_end_c=58.0, latent_k=40.0)


@given(temperatures, flows, inlets, flows, inlets)
@settings(max_examples=200, deadline=None)
def test_move_conserves_heat(layers: list[float], top_l: float, top_c: float, bottom_l: float, bottom_c: float) -> None:
    levels = list(layers)
    lost = move(levels, layers, 100.0, Flows(top_l, top_c, bottom_l, bottom_c), 0.001, 0.0005, 18.0)
    through_ends = _through_ends(layers, top_l, top_c, bottom_l, bottom_c)
    assert sum(levels) == pytest.approx(sum(layers) + through_ends - lost, abs=1e-9)


def _through_ends(layers: list[float], top_l: float, top_c: float, bottom_l: float, bottom_c: float) -> float:
    enters = top_l * top_c + bottom_l * bottom_c
    leaves = top_l * layers[-1] + bottom_l * layers[0]
    return (enters - leaves) / 100.0


@given(temperatures, flows, inlets, flows, inlets)
@settings(max_examples=200, deadline=None)
def test_move_and_mix_stay_between_the_extremes(
    layers: list[float], top_l: float, top_c: float, bottom_l: float, bottom_c: float
) -> None:
    levels = list(layers)
    move(levels, layers, 100.0, Flows(top_l, top_c, bottom_l, bottom_c), 0.001, 0.0, 18.0)
    mix_inversions(levels)
    assert max(levels) <= max(*layers, top_c, bottom_c) + 1e-9
    assert min(levels) >= min(*layers, top_c, bottom_c) - 1e-9


@given(temperatures)
@settings(max_examples=200, deadline=None)
def test_mixing_orders_the_layers_and_keeps_the_heat(layers: list[float]) -> None:
    mixed = list(layers)
    changed = mix_inversions(mixed)
    assert sum(mixed) == pytest.approx(sum(layers), abs=1e-9)
    assert len(mixed) == len(layers)
    assert all(lower <= upper + 1e-8 for upper, lower in pairwise(mixed))
    assert changed or mixed == layers


@given(st.floats(-20.0, 140.0))
def test_phase_change_curve_and_its_inverse(temperature_c: float) -> None:
    level = level_of(temperature_c, LATENT)
    assert temperature_of(level, LATENT) == pytest.approx(temperature_c, abs=1e-9)
    assert temperature_of(temperature_c, None) == level_of(temperature_c, None) == temperature_c


def test_latent_heat_is_the_whole_stores() -> None:
    latent = latent_of(PhaseChange(melt_start_c=56.0, melt_end_c=58.0, latent_kwh=20.0), 400.0)
    melted, frozen = level_of(58.0, latent), level_of(56.0, latent)
    assert (melted - frozen - 2.0) * 400.0 * 4186.0 / 3.6e6 == pytest.approx(20.0)


def test_substeps_keep_the_flow_under_half_a_layer() -> None:
    for litres in (0.0, 4.9, 5.1, 55.0):
        parts = substeps(10.0, Flows(top_in_l=litres))
        assert litres / parts <= 5.0
    assert substeps(10.0, Flows()) == 1
