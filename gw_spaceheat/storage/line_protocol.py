"""Readings as lines of the InfluxDB protocol over HTTP, beside an ear's store: VictoriaMetrics, InfluxDB 1, 2 and 3.

A second copy for people who look at graphs, never the store (docs/adr/0006): such a server has no transaction, no place
for messages, and confirms before it has written to its disk.
"""

import http.client
from collections.abc import Iterator, Sequence
from itertools import islice
from urllib.parse import SplitResult, parse_qs, urlsplit

from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.storage.ear_store import Heard, MessageSink, StoredReading
from gw_spaceheat.storage.reading_files import Series

SETTING = "GWS_EAR_LINES_URL"
MEASUREMENT = "reading"
LINES_AT_ONCE = 20_000
TIMEOUT_S = 10.0
LONGEST_ANSWER = 200
REFUSALS = (400, 422)
"""The server has read the lines and does not want some of them, such as those older than it keeps: no use to repeat."""
_ESCAPES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})


class LineProtocol:
    """One server. A point is its channel, its time and a value: sent again, it is the same point."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """`url` as the server wants it, such as http://127.0.0.1:8428/write?db=gws. Raises BadInput."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.strip("/"):
            raise BadInput(f"{SETTING}: must be like http://127.0.0.1:8428/write?db=gws")
        if parse_qs(parts.query).get("precision", ["ms"]) != ["ms"]:
            raise BadInput(f"{SETTING}: precision must be ms, or left out")
        self.place = f"{parts.scheme}://{parts.hostname}:{_port(parts)}{parts.path}"
        query = parts.query if "precision=" in parts.query else "&".join(filter(None, (parts.query, "precision=ms")))
        self._target = f"{parts.path}?{query}"
        self._headers = {"Content-Type": "text/plain; charset=utf-8"}
        if token is not None:
            self._headers["Authorization"] = f"Token {token}"
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, _port(parts), timeout=TIMEOUT_S)
        self.refused = 0
        self.refusal = ""

    def send(self, lines: Iterator[str]) -> None:
        """Send all of it. What the server refuses to keep is counted in `refused`. Raises StorageError."""
        while portion := list(islice(lines, LINES_AT_ONCE)):
            status, answer = self._post("\n".join(portion).encode())
            if status in REFUSALS:
                self.refused += len(portion)
                self.refusal = f"{self.place}: HTTP {status}: {answer}"
            elif not 200 <= status < 300:
                raise StorageError(f"{self.place}: HTTP {status}: {answer}; the server must take lines")

    def close(self) -> None:
        self._connection.close()

    def _post(self, body: bytes) -> tuple[int, str]:
        """Once more on a new connection: the server may have closed the old one meanwhile."""
        for last in (False, True):
            try:
                self._connection.request("POST", self._target, body, self._headers)
                answer = self._connection.getresponse()
                text = " ".join(answer.read().decode("utf-8", "replace").split())[:LONGEST_ANSWER]
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if last:
                    said = str(error) or type(error).__name__
                    raise StorageError(f"{self.place}: {said}; the server must be reachable") from error
            else:
                return answer.status, text
        raise AssertionError("unreachable")


class WithLines:
    """A store with a copy as lines. Nothing is committed, so nothing is acknowledged, before the server has taken it.

    The lines go first: if the store then fails they are sent again, and are the same points.
    """

    def __init__(self, store: MessageSink, lines: LineProtocol) -> None:
        self._store, self._lines = store, lines

    def put_all(self, batch: Sequence[Heard]) -> int:
        self._lines.send(_lines_of(batch))
        return self._store.put_all(batch)

    def close(self) -> None:
        self._lines.close()
        self._store.close()


class LineFile:
    """What `gws export` writes into: heals a copy from the store, however often."""

    def __init__(self, lines: LineProtocol) -> None:
        self._lines = lines

    def write(self, series: Series, readings: Sequence[StoredReading]) -> None:
        tags = _tags(series.source, series.channel)
        self._lines.send(f"{tags} value={one.wire_value}i {one.time_ms}" for one in readings)

    def close(self) -> None:
        self._lines.close()


def _lines_of(batch: Sequence[Heard]) -> Iterator[str]:
    for heard in batch:
        for said in heard.readings:
            tags = _tags(heard.source, said.channel_name)
            for time_ms, value in zip(said.scada_read_time_unix_ms_list, said.value_list, strict=False):
                yield f"{tags} value={value}i {time_ms}"


def _tags(source: str, channel: str) -> str:
    return f"{MEASUREMENT},channel={channel.translate(_ESCAPES)},source={source.translate(_ESCAPES)}"


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise BadInput(f"{SETTING}: the port must be a number up to 65535") from None
