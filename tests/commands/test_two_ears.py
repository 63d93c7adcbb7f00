"""Two run_ear.py share the load by a shared subscription on a real mosquitto: nothing stored twice, nothing lost."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from actors.base import run_guarded
from actors.events import Send
from actors.gateway import Gateway
from actors.runtime import ThreadedRuntime
from actors.wiring import scada_post
from gw_spaceheat.messages.telemetry import report_from
from gw_spaceheat.storage.outbox import Outbox
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings
from gw_spaceheat.wires.mqtt_protocol import Link, OnMessage, OnState
from tests.campaigns.storm_parts import EAR, stormy_house
from tests.fixtures.programs import Run, Start

pytestmark = [pytest.mark.broker, pytest.mark.timeout(150)]
START_S, LIMIT_S, EVENTS = 1_481_518_800, 60.0, 400


def stored(folder: Path) -> list[int]:
    with closing(sqlite3.connect(folder / "ear-messages.db")) as db:
        query = "SELECT seq FROM message WHERE type_name = 'report' AND seq IS NOT NULL"
        return [int(seq) for (seq,) in db.execute(query)]


def wait(condition: Callable[[], bool], what: str) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s, what
        time.sleep(0.05)


def share(ear: Run) -> int:
    """How many messages this ear says it has stored."""
    said = [line for line in ear.lines if "stored in this run" in line]
    return int(said[-1].split()[0]) if said else 0


def test_two_ears_share_the_load_and_one_of_them_dies(start: Start, tmp_path: Path) -> None:
    folder, house = tmp_path / "ears", stormy_house()
    broker = EmbeddedBroker(folder=tmp_path / "broker", kind="mosquitto")
    broker.start()
    outbox, runtime = Outbox(tmp_path / "outbox.db"), ThreadedRuntime(float(START_S))

    def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
        settings = MqttLinkSettings("127.0.0.1", broker.port, client_id="scada")
        return MqttLink(settings, on_message, on_state, subscriptions, run_guarded)

    def send(count: int) -> None:
        for _ in range(count):
            slot_s = START_S + 300 * outbox.next_seq
            report = report_from(
                alias=house.scada_alias,
                instance_id=runtime.new_id(),
                about_alias=f"{house.alias}.ta",
                slot_start_s=slot_s,
                slot_duration_s=300,
                readings={"hp-lwt": [(40.0, slot_s * 1000)]},
                telemetries={"hp-lwt": "WaterTempCTimes1000"},
                message_id=runtime.new_id(),
                created_s=float(slot_s),
            )
            runtime.address("scada").tell(Send("ltn", report))

    runtime.add("scada", partial(Gateway, post=scada_post(house, EAR), open_link=open_link, routes=(), outbox=outbox))
    try:
        settings = {"GWS_CLOUD__PORT": str(broker.port), "GWS_DATA_FOLDER": str(folder), "GWS_EAR_GROUP": "ears"}
        ears = [start("run_ear.py", **settings) for _ in range(2)]
        for ear in ears:
            assert ear.wait_for("link", "subscribed"), ear.lines
        runtime.start("scada")
        send(EVENTS)
        wait(lambda: len(stored(folder)) == EVENTS and outbox.count() == 0, "all stored by two")
        ears[0].process.terminate()
        ears[0].process.wait(20.0)
        ears[0].reader.join(5.0)
        send(100)
        wait(lambda: len(stored(folder)) == EVENTS + 100 and outbox.count() == 0, "all stored by the one that is left")
        ears[1].process.terminate()
        ears[1].process.wait(20.0)
        ears[1].reader.join(5.0)
    finally:
        runtime.stop_all(["scada"])
        outbox.close()
        broker.stop()
    assert sorted(stored(folder)) == list(range(1, EVENTS + 101)), "each once, none missing"
    shares = [share(ear) for ear in ears]
    assert min(shares) >= EVENTS // 10, f"both have worked: {shares}"
