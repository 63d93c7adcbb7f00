"""What a run needs beside the house: its tariff, its weather and its prices, from the input data or a series file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import HOUSES_FOLDER, INPUT_DATA, load_house
from gw_spaceheat.house.model import House
from gw_spaceheat.markets.prices import PriceFeed
from gw_spaceheat.markets.series import HourlySeries, SeriesFile, load_flat_lmp, load_series, utc_text
from gw_spaceheat.markets.tariff import Tariff, load_tariff
from gw_spaceheat.planning.fitting.document import Fitted, fitted_of_text
from gw_spaceheat.planning.live_case import Outlook
from gw_spaceheat.settings import Settings

WEATHER = "chicago_ohare_2016_2017.csv"
DEFAULT_START = "2017-01-30T05:00:00Z"  # midnight of a week as cold as the winter's mean


@dataclass(frozen=True, slots=True)
class Site:
    """One house in its surroundings. `start_s`: where runs begin when nothing else is asked for."""

    house: House
    tariff: Tariff
    prices: PriceFeed
    weather: HourlySeries
    fitted: Fitted | None = None
    """What its AtomicTNode believes of the house beside the house file."""

    @property
    def outdoor_c(self) -> Callable[[float], float]:
        """Outdoor temperature at any time, C: the series between its hours, its last value beyond its end."""
        weather = self.weather
        first_s, last_s = weather.start_s, weather.end_s - 3600.0

        def at(time_s: float) -> float:
            return weather.between(min(max(time_s, first_s), last_s))

        return at

    def require(self, from_s: float, to_s: float) -> None:
        """Raises BadInput when weather or prices do not reach over the run."""
        if not self.weather.covers(from_s, to_s):
            held = f"{utc_text(self.weather.start_s)} to {utc_text(self.weather.end_s)}"
            raise BadInput(f"{self.weather.name}: holds {held}, the run needs {utc_text(from_s)} to {utc_text(to_s)}")
        if not self.prices.covers(from_s, to_s):
            raise BadInput(f"prices do not reach from {utc_text(from_s)} to {utc_text(to_s)}")


def load_site(
    house: str,
    series: Path | None = None,
    houses_folder: Path = HOUSES_FOLDER,
    input_data: Path = INPUT_DATA,
    parameters: Path | None = None,
) -> Site:
    """The house and its surroundings. Raises BadInput for anything wrong in a file."""
    loaded = load_house(house, houses_folder, input_data)
    fitted = None if parameters is None else load_fitted(parameters, loaded)
    tariff = load_tariff(input_data / "tariffs" / f"{loaded.tariff}.json")
    if series is None:
        weather = load_series(input_data / "weather" / WEATHER).outdoor_c
        prices = PriceFeed(None, tariff, load_flat_lmp(input_data / "prices" / "flat_lmp.json"))
        source: Path = input_data / "weather" / WEATHER
    else:
        file = load_series(series)
        weather, source = file.outdoor_c, series
        _require_prices(series, file)
        prices = PriceFeed(file.lmp_usd_per_mwh, tariff, 0.0, file.distribution_usd_per_mwh)
    if weather is None:
        raise BadInput(f"series {source}: has no column outdoor_temp_c, the simulated house needs one")
    return Site(loaded, tariff, prices, weather, fitted)


def _require_prices(path: Path, file: SeriesFile) -> None:
    """A price of our own in place of a missing one would give wrong costs without a word."""
    for name in ("lmp_usd_per_mwh", "distribution_usd_per_mwh"):
        if getattr(file, name) is None:
            raise BadInput(f"series {path}: has no column {name}; a run needs it")


def with_settings(house: House, settings: Settings) -> House:
    """The house with the reporting rates this machine's settings ask for."""
    asked = {
        "report_s": settings.report_period_s,
        "snapshot_s": settings.snapshot_period_s,
        "power_repeat_s": settings.power_repeat_s,
        "power_report_share": settings.power_report_share,
    }
    rates = house.rates.model_copy(update={name: value for name, value in asked.items() if value is not None})
    return house.model_copy(update={"rates": rates})


def load_fitted(path: Path, house: House | None = None) -> Fitted:
    """What `gws fit` wrote, if it is about that house. Raises BadInput."""
    try:
        fitted = fitted_of_text(path.read_bytes())
        if house is not None:
            fitted.of(house)
    except OSError as error:
        raise BadInput(f"parameters {path}: cannot be read ({error.strerror or error})") from error
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    return fitted


def outlook_of(site: Site) -> Outlook:
    """What its AtomicTNode believes: the weather of the series, the house of the file or of a fit."""
    if site.fitted is None:
        return Outlook(site.outdoor_c, forecaster=site.weather.name)
    parameters = site.fitted.of(site.house)
    note = f"{parameters.version}, {site.fitted.said}"
    return Outlook(site.outdoor_c, parameters, forecaster=site.weather.name, note=note)
