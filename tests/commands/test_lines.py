"""run_ear.py with a copy as InfluxDB lines: real mosquitto, real VictoriaMetrics; what is in the store is in both."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.base import run_guarded
from gw_spaceheat.errors import BadMessage
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode, topic_of
from gw_spaceheat.messages.link import Ack
from gw_spaceheat.messages.telemetry import report_from
from gw_spaceheat.storage.ear_store import open_ear_store
from gw_spaceheat.storage.reading_files import ALL_MS
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings
from tests.fixtures.programs import Start
from tests.storage.victoria_metrics import VictoriaMetrics

pytestmark = [pytest.mark.broker, pytest.mark.lines, pytest.mark.timeout(150)]
SOURCE, START_S, LIMIT_S = "d1.isone.house.scada", 1_785_752_400, 60.0


class House:
    """Says reports until the ear has acknowledged them."""

    def __init__(self, port: int) -> None:
        self._acked: set[str] = set()
        settings = MqttLinkSettings("127.0.0.1", port, client_id="house")
        self._link = MqttLink(settings, self._hear, lambda _: None, ("gw/+/to/+/gridworks-ack",), run_guarded)
        self._link.start()

    def close(self) -> None:
        self._link.stop(1.0)

    def say(self, number: int) -> None:
        """One report of five readings; not waited for."""
        slot_s = START_S + 300 * number
        report = report_from(
            alias=SOURCE,
            instance_id="00000000-0000-4000-8000-000000000001",
            about_alias="d1.isone.house.ta",
            slot_start_s=slot_s,
            slot_duration_s=300,
            readings={"tank-top": [(40.0 + number, (slot_s + 60 * index) * 1000) for index in range(5)]},
            telemetries={"tank-top": "WaterTempCTimes1000"},
            message_id=f"00000000-0000-4000-8000-{number:012d}",
            created_s=slot_s + 300.0,
        )
        header = Header(SOURCE, "ear", "report", report.id, True, boot=1, seq=number)
        self._link.publish(topic_of(SOURCE, "ear", "report"), encode(Envelope(header, report)), 1)

    def acked(self) -> int:
        return len(self._acked)

    def say_until_acked(self, first: int, last: int) -> None:
        end_s = time.monotonic() + LIMIT_S
        while self.acked() < last:
            assert time.monotonic() < end_s, f"{self.acked()} of {last} acknowledged"
            for number in range(first, last + 1):
                self.say(number)
            time.sleep(1.0)

    def _hear(self, _topic: str, payload: bytes, _retained: bool) -> None:
        try:
            said = decode(payload).payload
        except BadMessage:
            return
        if isinstance(said, Ack):
            self._acked.add(said.ack_message_id)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(folder=tmp_path / "broker", kind="mosquitto")
    broker.start()
    yield broker
    broker.stop()


def test_what_the_ear_acknowledges_is_in_its_store_and_in_the_copy(
    broker: EmbeddedBroker, start: Start, tmp_path: Path
) -> None:
    """Over an outage of the copy's server: meanwhile nothing is acknowledged, then nothing is missing or twice."""
    (tmp_path / "victoria").mkdir()
    victoria, folder = VictoriaMetrics(tmp_path / "victoria"), tmp_path / "ear"
    victoria.start()
    house = House(broker.port)
    try:
        settings = {"GWS_CLOUD__PORT": str(broker.port), "GWS_DATA_FOLDER": str(folder)}
        ear = start("run_ear.py", **settings, GWS_EAR_LINES_URL=victoria.url)
        assert ear.wait_for("a copy of all readings", str(victoria.port)), ear.lines
        house.say_until_acked(1, 5)
        victoria.stop()
        for number in range(6, 11):
            house.say(number)
        assert ear.wait_for("storage", "must be reachable"), ear.lines
        assert house.acked() == 5, "what the copy does not have is not acknowledged"
        victoria.start()
        house.say_until_acked(6, 10)
        store = open_ear_store(None, folder, read_only=True)
        stored = [(one.time_ms, one.wire_value) for one in store.readings(SOURCE, "tank-top", *ALL_MS)]
        store.close()
        assert len(stored) == 50 and victoria.points(SOURCE, "tank-top") == stored
    finally:
        house.close()
        victoria.kill()
