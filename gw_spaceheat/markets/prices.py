"""The price of a kilowatt-hour at the meter: energy (LMP) plus distribution, USD/MWh."""

from gw_spaceheat.markets.series import HOUR_S, HourlySeries
from gw_spaceheat.markets.tariff import Tariff


class PriceFeed:
    """Energy price from a series (or one flat price) plus distribution from the tariff (or a recorded series)."""

    def __init__(
        self,
        lmp_usd_per_mwh: HourlySeries | None,
        tariff: Tariff,
        flat_lmp_usd_per_mwh: float = 0.0,
        distribution_usd_per_mwh: HourlySeries | None = None,
    ) -> None:
        self._lmp = lmp_usd_per_mwh
        self._flat_lmp = flat_lmp_usd_per_mwh
        self._distribution = distribution_usd_per_mwh
        self.tariff = tariff

    def lmp_usd_per_mwh(self, time_s: float) -> float:
        """Energy price at `time_s`. Raises BadInput outside the series."""
        return self._flat_lmp if self._lmp is None else self._lmp.at(time_s)

    def distribution_usd_per_mwh(self, time_s: float) -> float:
        """Distribution price at `time_s`. Raises BadInput outside a recorded series."""
        return self.tariff.rate_usd_per_mwh(time_s) if self._distribution is None else self._distribution.at(time_s)

    def price_usd_per_mwh(self, time_s: float) -> float:
        """What a MWh costs at `time_s`, energy plus distribution; may be negative."""
        return self.lmp_usd_per_mwh(time_s) + self.distribution_usd_per_mwh(time_s)

    def hourly_usd_per_mwh(self, from_s: float, hours: int) -> tuple[float, ...]:
        """The prices of `hours` hours, the first the one that holds `from_s`."""
        first_s = from_s - from_s % HOUR_S
        return tuple(self.price_usd_per_mwh(first_s + HOUR_S * hour) for hour in range(hours))

    def covers(self, from_s: float, to_s: float) -> bool:
        """Whether there is a price for all of it; a flat price and a tariff are always there."""
        return all(series is None or series.covers(from_s, to_s) for series in (self._lmp, self._distribution))
