"""`gws history` and `gws export`: what an ear stored of a house, from SQLite or PostgreSQL."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from commands.moments import moment_of
from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.house.load import load_house
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.units import from_wire
from gw_spaceheat.settings import Settings, load_settings
from gw_spaceheat.storage.ear_store import StoredReading, open_ear_store
from gw_spaceheat.storage.line_protocol import LineFile, LineProtocol
from gw_spaceheat.storage.reading_files import ALL_MS, Series, export, reading_file, series_of
from gw_spaceheat.views.readings import ChannelHistory, history_csv, history_png, history_text

DAY = timedelta(days=1)


def run_history(
    house: str | None, channel: str, from_text: str | None, to_text: str | None, csv: bool, plot: Path | None,
    parquet: Path | None = None,
) -> str:  # fmt: skip
    """Lines, CSV, or the names of the files written. Raises BadInput or StorageError, each one line."""
    settings = load_settings()
    loaded = load_house(house or settings.house, settings.houses_folder, settings.input_data_folder)
    telemetry = _telemetry(loaded, channel)
    zone = ZoneInfo(loaded.timezone)
    to = moment_of("to", to_text, zone) if to_text is not None else datetime.fromtimestamp(time.time(), zone)
    start = moment_of("from", from_text, zone) if from_text is not None else to - DAY
    if start >= to:
        raise BadInput(f"history: --from {start.isoformat()} must be before --to {to.isoformat()}")
    stored = _read(settings, loaded, channel, start, to)
    readings = [(reading.time_ms, from_wire(telemetry, reading.wire_value)) for reading in stored]
    history = ChannelHistory(loaded.alias, channel, telemetry, loaded.timezone, readings)
    if plot is not None:
        picture = history_png(history)
        try:
            plot.write_bytes(picture)
        except OSError as error:
            raise BadInput(f"plot {plot}: cannot be written ({error.strerror})") from error
    if parquet is not None:
        if parquet.suffix != ".parquet":
            raise BadInput(f"parquet {parquet}: must end with .parquet")
        with reading_file(parquet) as file:
            file.write(Series(loaded.scada_alias, channel, telemetry), stored)
    if csv:
        return history_csv(history)
    if plot is None and parquet is None:
        return history_text(history)
    written = [f"drawn in {plot}"] * (plot is not None) + [f"written to {parquet}"] * (parquet is not None)
    return f"{len(readings)} readings {' and '.join(written)}"


def run_export(
    house: str | None, channels: Sequence[str], from_text: str | None, to_text: str | None, out: Path | None
) -> str:
    """All readings of a house, or of some of its channels, in a file; None: to GWS_EAR_LINES_URL.

    Raises BadInput or StorageError.
    """
    settings = load_settings()
    if out is None and settings.ear_lines is None:
        raise BadInput("export: where to? Give --out FILE, or set GWS_EAR_LINES_URL")
    loaded = load_house(house or settings.house, settings.houses_folder, settings.input_data_folder)
    zone = ZoneInfo(loaded.timezone)
    from_ms = ALL_MS[0] if from_text is None else _ms(moment_of("from", from_text, zone))
    to_ms = ALL_MS[1] if to_text is None else _ms(moment_of("to", to_text, zone))
    store = open_ear_store(settings.ear_database, settings.data_folder, read_only=True)
    try:
        heard = store.channels(loaded.scada_alias)
        missing = [name for name in channels if name not in heard]
        if missing or not heard:
            raise BadInput(f"export: {_nothing_of(loaded, missing, heard, store.place)}")
        telemetries = {channel.name: channel.telemetry for channel in loaded.channels}
        every = series_of(loaded.scada_alias, channels or heard, telemetries)
        if out is None and settings.ear_lines is not None:
            lines = LineProtocol(*settings.ear_lines)
            place = lines.place
            with closing(LineFile(lines)) as copy:
                count = export(store, every, from_ms, to_ms, copy)
            if lines.refused:
                raise StorageError(f"export: {lines.refused} of {count} readings not wanted: {lines.refusal}")
        elif out is not None:
            place = str(out)
            with reading_file(out) as file:
                count = export(store, every, from_ms, to_ms, file)
    finally:
        store.close()
    return f"{count} readings of {len(every)} channels of {loaded.alias} in {place}"


def _nothing_of(house: House, missing: Sequence[str], heard: Sequence[str], place: str) -> str:
    known = f"only {', '.join(heard)}" if heard else "nothing of this house"
    what = f"nothing of channel {', '.join(missing)}" if missing else "nothing"
    return f"{what} of {house.alias} in {place}: {known}"


def _read(settings: Settings, house: House, channel: str, start: datetime, to: datetime) -> list[StoredReading]:
    store = open_ear_store(settings.ear_database, settings.data_folder, read_only=True)
    try:
        found = store.readings(house.scada_alias, channel, _ms(start), _ms(to))
        if found:
            return found
        heard = store.channels(house.scada_alias)
    finally:
        store.close()
    between = f"from {start.isoformat()} to {to.isoformat()}"
    if channel in heard:
        raise BadInput(f"history: no reading of {channel} of {house.alias} {between} in {store.place}")
    raise BadInput(f"history: {_nothing_of(house, [channel], heard, store.place)}")


def _telemetry(house: House, channel: str) -> str:
    telemetries = {known.name: known.telemetry for known in house.channels}
    if channel not in telemetries:
        raise BadInput(f"channel {channel!r}: house {house.alias} has {', '.join(sorted(telemetries))}")
    return telemetries[channel]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000.0)
