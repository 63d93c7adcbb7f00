"""The parts of the fit against series made from their own equations."""

import numpy as np
import pytest

from gw_spaceheat.house.load import load_house
from gw_spaceheat.planning.fitting.delivered import KW_PER_K_LITRE_PER_MIN, Delivered
from gw_spaceheat.planning.fitting.history import DAY_S, STEP_S, HistoryBuilder, Samples
from gw_spaceheat.planning.fitting.house_balance import fit_house
from gw_spaceheat.planning.fitting.instruments import Instruments
from gw_spaceheat.planning.fitting.tank import fit_store
from gw_spaceheat.planning.model.parameters import MASS_SHARE, MeltingParameters, StoreParameters, parameters_of

EXACT = Instruments(0.0, 0.0, 0.0, 0.0)


def samples(days: int, **values: np.ndarray) -> Samples:
    return Samples(np.arange(days * 1440) * STEP_S, values)


def test_a_house_that_obeys_the_two_capacities_gives_them_back() -> None:
    house = load_house("fir")
    minutes = np.arange(14 * 1440)
    outdoor_c = -4.0 + 6.0 * np.sin(minutes / 3000.0) + 3.0 * np.sin(minutes * 2.0 * np.pi / 1440.0)
    heat_kw = 3.3 + 1.5 * np.sin(minutes / 500.0) - 0.15 * outdoor_c * 0.3
    air, walls = np.full(minutes.size, 20.0), np.full(minutes.size, 20.0)
    loss, gain, of_air, of_walls, between = 0.15, 0.3, 1.2, 7.0, 0.7
    for step in minutes[:-1]:
        to_walls_kw = between * (air[step] - walls[step])
        net_kw = 0.5 * (heat_kw[step] + heat_kw[step + 1]) + gain - loss * (air[step] - outdoor_c[step]) - to_walls_kw
        air[step + 1] = air[step] + net_kw / of_air / 60.0
        walls[step + 1] = walls[step] + to_walls_kw / of_walls / 60.0
    all_flow = np.ones(minutes.size, dtype=np.bool_)
    line, slope, capacity = fit_house(
        samples(14, outdoor_c=outdoor_c, zone_main_c=air),
        house.plumbing,
        Delivered(heat_kw, heat_kw, all_flow, 1.0, 0.0),
        parameters_of(house.plumbing),
        EXACT,
    )
    assert line.value == pytest.approx(loss * 20.0 - gain, rel=0.01)
    assert slope.value == pytest.approx(-loss, rel=0.01)
    assert capacity.fitted and capacity.value == pytest.approx(of_air + MASS_SHARE * of_walls, rel=0.03)


def cooling_store(around_c: float, melting: MeltingParameters | None = None) -> tuple[Samples, StoreParameters]:
    store = StoreParameters(1.5, 0.006, melting=melting)
    hours = np.arange(14 * 1440) / 60.0
    store_c = around_c + (55.0 - around_c) * np.exp(-np.remainder(hours, 48.0) * 0.005 / 1.5)
    still = np.where(np.remainder(hours, 48.0) < 1.0, 12.0, 0.0)
    layers = {f"tank1_{layer}_c": np.round((store_c + 2.0 - layer) * 16.0) / 16.0 for layer in (1, 2, 3)}
    pipe_c = np.full(hours.size, around_c)
    return samples(14, store_flow_l_per_min=still, store_cold_pipe_c=pipe_c, **layers), store


@pytest.mark.parametrize("around_c", [8.0, 18.0, 24.0])
def test_a_cooling_store_tells_its_loss_and_what_is_around_it(around_c: float) -> None:
    loss, ambient = fit_store(*cooling_store(around_c), EXACT)
    assert ambient.fitted and ambient.value == pytest.approx(around_c)
    assert loss.fitted and loss.value == pytest.approx(0.005, rel=0.02)


def test_a_store_that_only_rests_while_it_melts_tells_nothing() -> None:
    melting = MeltingParameters(30.0, 60.0, 20.0)
    loss, _ = fit_store(*cooling_store(18.0, melting), EXACT)
    assert not loss.fitted and loss.value == 0.006 and "at rest" in loss.reason


def test_layers_come_in_the_order_of_their_numbers() -> None:
    names = ("tank10_1_c", "tank2_2_c", "buffer_1_c", "tank1_1_c", "tank2_1_c")
    grid = samples(1, **dict.fromkeys(names, np.zeros(1440)))
    assert grid.present("tank") == ["tank1_1_c", "tank2_1_c", "tank2_2_c", "tank10_1_c"]


def test_held_values_go_stale() -> None:
    builder = HistoryBuilder()
    for minute in (*range(20), *range(60, 80)):
        builder.add("outdoor_c", DAY_S + 60.0 * minute, float(minute))
    builder.add("outdoor_c", DAY_S + 900.5, float("nan"))
    grid = builder.build().sampled()
    held = grid.values["outdoor_c"]
    assert held[18:22].tolist() == [18.0, 19.0, 19.0, 19.0]
    assert np.isnan(held[32:60]).all() and held[60] == 60.0


def test_a_litre_a_minute_carries_seventy_watts_a_kelvin() -> None:
    assert pytest.approx(0.0698, abs=1e-4) == KW_PER_K_LITRE_PER_MIN
