"""A house's history from what is kept of it: the message store of an AtomicTNode or ear, or a CSV file."""

import csv
from collections.abc import Mapping
from pathlib import Path

from gw_spaceheat.errors import BadInput, BadMessage
from gw_spaceheat.house.model import House
from gw_spaceheat.markets.csv_cells import number_of_cell, time_of_cell
from gw_spaceheat.messages.envelope import decode
from gw_spaceheat.messages.telemetry import Report, ReportEvent, readings_of
from gw_spaceheat.planning.fitting.history import History, HistoryBuilder
from gw_spaceheat.storage.message_store import MessageStore

BATCH = 500
TIME_COLUMN = "time_utc"
REPORT_TYPES = ("report", "report.event")


def history_of_store(store: MessageStore, house: House) -> History:
    """Every report about `house` in the store. Raises BadInput when there is none."""
    channels = {channel.name: channel for channel in house.channels if channel.telemetry != "RelayState"}
    telemetries: Mapping[str, str] = {name: channel.telemetry for name, channel in channels.items()}
    builder, reports, unreadable = HistoryBuilder(), 0, 0
    for type_name in REPORT_TYPES:
        after = 0
        while rows := store.rows(after, BATCH, type_name):
            after = rows[-1].row
            for row in rows:
                try:
                    payload = decode(row.payload).payload
                except BadMessage:
                    unreadable += 1
                    continue
                report = payload.report if isinstance(payload, ReportEvent) else payload
                # A report is about a house; who sent it (its SCADA, or a relay of messages) does not matter.
                if not isinstance(report, Report) or not _is_about(report.about_g_node_alias, house):
                    continue
                reports += 1
                for name, readings in readings_of(report, telemetries).items():
                    for value, at_ms in readings:
                        builder.add(channels[name].quantity, at_ms / 1000.0, value)
    if not reports:
        raise BadInput(f"history: no report about {house.alias} ({unreadable} unreadable messages)")
    return builder.build()


def history_of_file(path: Path, house: House) -> History:
    """The same from a file. Raises BadInput when it is missing, StorageError when another process has it open."""
    if not path.is_file():
        raise BadInput(f"history {path}: no such file")
    store = MessageStore(path)
    try:
        return history_of_store(store, house)
    finally:
        store.close()


def history_of_csv(path: Path, house: House) -> History:
    """Columns `time_utc` and any channels or quantities of the house (C, W, l/min); an empty cell was not read.

    Raises BadInput with file, line, value and rule.
    """
    names = {channel.name: channel.quantity for channel in house.channels}
    names |= {channel.quantity: channel.quantity for channel in house.channels}
    builder = HistoryBuilder()
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            unknown = [name for name in header if name != TIME_COLUMN and name not in names]
            wrong = [] if TIME_COLUMN in header else [f"{TIME_COLUMN} is missing" if header else "the file is empty"]
            wrong += [f"unknown: {', '.join(name or 'a nameless column' for name in unknown)}"] if unknown else []
            if wrong:
                needed = f"needed are {TIME_COLUMN} and channels of {house.alias}"
                raise BadInput(f"{path}:1: {needed}; {'; '.join(wrong)}")
            for line, row in enumerate(reader, start=2):
                if len(row) != len(header):
                    raise BadInput(f"{path}:{line}: {len(row)} cells, the header has {len(header)}")
                cells = dict(zip(header, row, strict=True))
                time_s = time_of_cell(path, line, TIME_COLUMN, cells.pop(TIME_COLUMN))
                for name, text in cells.items():
                    if text.strip():
                        builder.add(names[name], time_s, number_of_cell(path, line, name, text))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"history {path}: cannot be read ({error})") from error
    return builder.build()


def _is_about(alias: str, house: House) -> bool:
    return alias == house.alias or alias.startswith(f"{house.alias}.")
