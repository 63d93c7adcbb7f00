"""Readings as lines, into a real VictoriaMetrics: every one, sent twice still once, and nothing stored without them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from random import Random

import pytest

from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.messages.telemetry import ChannelReadings
from gw_spaceheat.storage.ear_store import Heard
from gw_spaceheat.storage.line_protocol import LineFile, LineProtocol, WithLines
from gw_spaceheat.storage.reading_files import ALL_MS, Series, export
from gw_spaceheat.storage.sqlite_ear import SqliteEar
from tests.storage.victoria_metrics import VictoriaMetrics

SOURCE = "d1.isone.house.scada"
NOW_MS = 1_785_752_400_000


def heard(seq: int, *values: int, channel: str = "tank-top") -> Heard:
    times = tuple(NOW_MS + 60_000 * (5 * seq + index) for index in range(len(values)))
    said = ChannelReadings(channel_name=channel, value_list=values, scada_read_time_unix_ms_list=times)
    return Heard(SOURCE, 1, seq, NOW_MS / 1000.0, "report", b"", (said,))


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[VictoriaMetrics]:
    server = VictoriaMetrics(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.mark.lines
def test_every_reading_arrives_once_however_often_it_is_sent(victoria: VictoriaMetrics) -> None:
    chance, store = Random(3), SqliteEar(None)
    sink = WithLines(store, LineProtocol(victoria.url))
    sent = [heard(seq, *[chance.randrange(-20_000, 90_000) for _ in range(5)]) for seq in range(40)]
    stream = [*sent, *chance.choices(sent, k=60)]
    chance.shuffle(stream)
    assert sum(sink.put_all(stream[start : start + 7]) for start in range(0, len(stream), 7)) == 40
    stored = [(one.time_ms, one.wire_value) for one in store.readings(SOURCE, "tank-top", *ALL_MS)]
    assert victoria.points(SOURCE, "tank-top") == stored and len(stored) == 200
    sink.close()


@pytest.mark.lines
def test_a_server_that_is_away_holds_back_the_acknowledgement_and_loses_nothing(victoria: VictoriaMetrics) -> None:
    store = SqliteEar(None)
    sink = WithLines(store, LineProtocol(victoria.url))
    sink.put_all([heard(1, 10, 20)])
    victoria.stop()
    for _ in range(2):
        with pytest.raises(StorageError, match=rf"http://127.0.0.1:{victoria.port}/write: .*must be reachable"):
            sink.put_all([heard(2, 30)])
    assert store.count() == 1, "what is not in both is not acknowledged"
    victoria.start()
    assert sink.put_all([heard(2, 30)]) == 1
    assert [value for _, value in victoria.points(SOURCE, "tank-top")] == [10, 20, 30]
    sink.close()


@pytest.mark.lines
def test_what_a_killed_server_forgot_is_healed_from_the_store(victoria: VictoriaMetrics) -> None:
    """It confirms before its disk has it: that is why it is no store."""
    store = SqliteEar(None)
    sink = WithLines(store, LineProtocol(victoria.url))
    sink.put_all([heard(seq, seq) for seq in range(300)])
    victoria.kill()
    victoria.start()
    for _ in range(2):
        export(store, [Series(SOURCE, "tank-top", "")], *ALL_MS, LineFile(LineProtocol(victoria.url)))
        assert [value for _, value in victoria.points(SOURCE, "tank-top")] == list(range(300))
    sink.close()


class Answering(BaseHTTPRequestHandler):
    """A server that answers with the status its test wants."""

    status, bodies, targets = 204, list[bytes](), list[str]()

    def do_POST(self) -> None:
        type(self).bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).targets.append(f"{self.path} {self.headers['Authorization']}")
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"partial write:\n points beyond retention policy")

    def log_message(self, format: str, *args: object) -> None:
        """Said to nobody."""


@pytest.fixture
def answering() -> Iterator[tuple[type[Answering], str]]:
    handler = type("OfThisTest", (Answering,), {"bodies": [], "targets": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}/api/v2/write?org=home&bucket=gws"
    server.shutdown()
    server.server_close()
    thread.join(5.0)


def test_lines_are_as_influxdb_reads_them(answering: tuple[type[Answering], str]) -> None:
    handler, url = answering
    WithLines(SqliteEar(None), LineProtocol(url, "secret")).put_all([heard(1, 41_000, -5), heard(2, 7, channel="flow")])
    assert b"".join(handler.bodies).decode().splitlines() == [
        f"reading,channel=tank-top,source={SOURCE} value=41000i {NOW_MS + 300_000}",
        f"reading,channel=tank-top,source={SOURCE} value=-5i {NOW_MS + 360_000}",
        f"reading,channel=flow,source={SOURCE} value=7i {NOW_MS + 600_000}",
    ]
    assert handler.targets == ["/api/v2/write?org=home&bucket=gws&precision=ms Token secret"]


def test_what_a_server_does_not_want_is_counted_and_stays_in_the_store(answering: tuple[type[Answering], str]) -> None:
    handler, url = answering
    store, lines = SqliteEar(None), LineProtocol(url)
    sink = WithLines(store, lines)
    handler.status = 422
    assert sink.put_all([heard(1, 10, 20)]) == 1
    assert lines.refused == 2 and "HTTP 422: partial write: points beyond" in lines.refusal
    handler.status = 503
    with pytest.raises(StorageError, match="HTTP 503"):
        sink.put_all([heard(2, 30)])
    assert store.count() == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("127.0.0.1:8428/write", "must be like http"),
        ("ftp://host/write", "must be like http"),
        ("http://host", "must be like http"),
        ("http://host:port/write", "port must be a number"),
        ("http://host/write?precision=s", "precision must be ms"),
    ],
)
def test_an_address_that_is_none(url: str, said: str) -> None:
    with pytest.raises(BadInput, match=f"^GWS_EAR_LINES_URL: .*{said}"):
        LineProtocol(url)
