"""Energy plus distribution."""

import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import INPUT_DATA
from gw_spaceheat.markets.prices import PriceFeed
from gw_spaceheat.markets.series import HOUR_S, HourlySeries
from gw_spaceheat.markets.tariff import Tariff, load_tariff

ON_PEAK_S = 1610107200.0  # Friday 2021-01-08 12:00 UTC = 07:00 EST


@pytest.fixture(scope="module")
def tariff() -> Tariff:
    return load_tariff(INPUT_DATA / "tariffs" / "versant_a1_ets_2020.json")


def test_flat_energy_price_and_tariff(tariff: Tariff) -> None:
    feed = PriceFeed(None, tariff, flat_lmp_usd_per_mwh=40.0)
    assert feed.price_usd_per_mwh(ON_PEAK_S) == pytest.approx(429.80)
    assert feed.price_usd_per_mwh(ON_PEAK_S - 1.0) == pytest.approx(86.73)
    assert feed.covers(0.0, 4e9)


def test_series_add_up_and_may_be_negative(tariff: Tariff) -> None:
    lmp = HourlySeries(ON_PEAK_S - HOUR_S, (-150.0, -100.0))
    feed = PriceFeed(lmp, tariff)
    assert feed.hourly_usd_per_mwh(ON_PEAK_S - 1.0, 2) == pytest.approx((-103.27, 289.80))
    recorded = PriceFeed(lmp, tariff, distribution_usd_per_mwh=HourlySeries(ON_PEAK_S - HOUR_S, (1.0, 2.0)))
    assert recorded.hourly_usd_per_mwh(ON_PEAK_S - HOUR_S, 2) == (-149.0, -98.0)


def test_no_price_outside_the_series(tariff: Tariff) -> None:
    feed = PriceFeed(HourlySeries(ON_PEAK_S, (1.0,)), tariff)
    assert feed.covers(ON_PEAK_S, ON_PEAK_S + HOUR_S) and not feed.covers(ON_PEAK_S, ON_PEAK_S + HOUR_S + 1.0)
    with pytest.raises(BadInput, match="no value at"):
        feed.price_usd_per_mwh(ON_PEAK_S + HOUR_S)
