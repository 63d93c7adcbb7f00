"""What an ear keeps and how: a small protocol behind which SQLite and PostgreSQL stand.

Every message once, and beside it the readings of its reports, one row each: channel, time, value on the wire.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gw_spaceheat.errors import BadInput
from gw_spaceheat.messages.envelope import Envelope
from gw_spaceheat.messages.telemetry import ChannelReadings, Report, ReportEvent

FILE_NAME = "ear-messages.db"


@dataclass(frozen=True, slots=True)
class Heard:
    """One valid message as it arrived, and the readings in it. Without boot and seq it is a state: all are kept."""

    source: str
    boot: int | None
    seq: int | None
    received_s: float
    type_name: str
    payload: bytes
    readings: tuple[ChannelReadings, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredReading:
    """`wire_value` is the integer of the channel's telemetry name, as it was sent."""

    time_ms: int
    wire_value: int


class MessageSink(Protocol):
    """What the actor needs. May be called from any thread, from one after the other."""

    def put_all(self, batch: Sequence[Heard]) -> int:
        """Commit all or nothing; how many were new. Raises StorageError: then nothing may be acknowledged."""
        ...

    def close(self) -> None: ...


class EarStore(MessageSink, Protocol):
    """What a person needs besides. All raise StorageError with the store's place and the rule."""

    @property
    def place(self) -> str:
        """The file or the server, without secrets."""
        ...

    def count(self) -> int:
        """Messages in all. Slow on a large store."""
        ...

    def channels(self, source: str) -> list[str]:
        """Names of the channels of which `source` (an alias) has told readings."""
        ...

    def readings(
        self, source: str, channel: str, from_ms: int, to_ms: int, most: int | None = None
    ) -> list[StoredReading]:
        """In order of time, `from_ms` included, `to_ms` not; of these the first `most` (None: all)."""
        ...


class CountingSink:
    """Passes everything on and counts what was new, across restarts of the actor."""

    def __init__(self, sink: MessageSink) -> None:
        self._sink = sink
        self.stored = 0

    def put_all(self, batch: Sequence[Heard]) -> int:
        new = self._sink.put_all(batch)
        self.stored += new
        return new

    def close(self) -> None:
        self._sink.close()


def heard_from(envelope: Envelope, payload: bytes, now_s: float) -> Heard:
    """What to keep of a decoded message."""
    header, said = envelope.header, envelope.payload
    report = said.report if isinstance(said, ReportEvent) else said
    readings = report.channel_reading_list if isinstance(report, Report) else ()
    return Heard(header.src, header.boot, header.seq, now_s, header.message_type, payload, readings)


def new_ones(batch: Iterable[Heard], added: set[tuple[str, int, int]]) -> list[Heard]:
    """Those of a batch that were stored: the events in `added`, each once, and every message without a number."""
    left, found = set(added), []
    for heard in batch:
        if heard.boot is None or heard.seq is None:
            found.append(heard)
        elif (key := (heard.source, heard.boot, heard.seq)) in left:
            left.remove(key)
            found.append(heard)
    return found


def open_ear_store(database_url: str | None, data_folder: Path, read_only: bool = False) -> EarStore:
    """PostgreSQL at `database_url`, or the SQLite file in the data folder.

    `read_only` never makes a store. Raises BadInput for what a person can mend, StorageError for the rest.
    """
    if database_url is None:
        from gw_spaceheat.storage.sqlite_ear import SqliteEar

        path = data_folder / FILE_NAME
        if read_only and not path.is_file():
            raise BadInput(f"{path}: no such file: run_ear.py writes it in GWS_DATA_FOLDER")
        return SqliteEar(path, read_only=read_only)
    if not database_url.startswith(("postgresql://", "postgres://")):
        raise BadInput("GWS_EAR_DATABASE_URL: must begin with postgresql://")
    try:
        from gw_spaceheat.storage.postgres_ear import PostgresEar
    except ImportError as error:
        raise BadInput(f"GWS_EAR_DATABASE_URL: {error}; install requirements/cloud.txt") from error
    return PostgresEar(database_url, read_only=read_only)
