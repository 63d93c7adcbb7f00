"""SCADA -> broker -> ear -> its store -> acknowledgement -> empty outbox: the real programs, a real mosquitto."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gw_spaceheat.messages.envelope import decode
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from tests.fixtures.programs import Run, Start

pytestmark = [pytest.mark.broker, pytest.mark.timeout(150)]
SCADA = "d1.isone.me.versant.keene.beech.scada"
SPEED = "120"  # a report of 300 s each 2.5 s
LIMIT_S = 60.0


def stored(ear_folder: Path) -> list[tuple[int, int, str]]:
    """Events of the house in the ear's store, in the order of storing: boot, seq, type."""
    path = ear_folder / "ear-messages.db"
    if not path.exists():
        return []
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        query = "SELECT boot, seq, type_name FROM message WHERE source = ? AND seq IS NOT NULL ORDER BY row"
        return [(int(boot), int(seq), str(name)) for boot, seq, name in db.execute(query, (SCADA,))]


def wait(condition: Callable[[], bool], what: str, run: Run) -> None:
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s, f"{what}: {run.lines[-15:]}"
        time.sleep(0.05)


def start_ear(start: Start, ear_folder: Path, port: int) -> Run:
    ear = start("run_ear.py", GWS_CLOUD__PORT=str(port), GWS_DATA_FOLDER=str(ear_folder))
    assert ear.wait_for("link", "subscribed"), ear.lines
    return ear


def test_an_outbox_row_lives_until_the_ear_has_committed_it(start: Start, tmp_path: Path) -> None:
    ear_folder, house_folder = tmp_path / "ear", tmp_path / "house"
    broker = EmbeddedBroker(folder=tmp_path / "broker", kind="mosquitto")
    broker.start()
    try:
        ear = start_ear(start, ear_folder, broker.port)
        house = start(
            "run_local.py", "--simulate", "--no-atn", "--plain", "--speed", SPEED,
            GWS_CLOUD__PORT=str(broker.port), GWS_DATA_FOLDER=str(house_folder), GWS_DURABLE_RECEIVER="ear",
        )  # fmt: skip
        assert house.wait_for("d1.ear answers"), house.lines
        wait(lambda: len(stored(ear_folder)) >= 2, "first reports", house)
        ear.process.kill()
        ear.process.wait()
        before = len(stored(ear_folder))
        broker.kill()
        time.sleep(4.0)  # at least one report is made meanwhile
        assert len(stored(ear_folder)) == before
        broker.start()
        start_ear(start, ear_folder, broker.port)
        wait(lambda: len(stored(ear_folder)) >= before + 4, "reports of the outage and after it", house)
        house.process.terminate()
        house.process.wait(20.0)
    finally:
        broker.stop()
    events = stored(ear_folder)
    assert len({boot for boot, _, _ in events}) == 1
    assert [seq for _, seq, _ in events] == list(range(1, len(events) + 1)), "each once, in order, none missing"
    outbox = sqlite3.connect(house_folder / "simulated" / "beech" / "outbox.db")
    left = [seq for (seq,) in outbox.execute("SELECT seq FROM outbox ORDER BY seq")]
    (last,) = outbox.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
    outbox.close()
    assert set(range(1, last + 1)) <= {seq for _, seq, _ in events} | set(left), "nothing left the outbox unstored"
    assert len(left) <= 2, "only the last, whose acknowledgement may still have been under way"


def test_copies_for_the_atomic_tnode_are_not_stored_twice(start: Start, tmp_path: Path) -> None:
    """With an AtomicTNode in the house's process: it hears its copies, and the ear has every event once."""
    ear_folder = tmp_path / "ear"
    broker = EmbeddedBroker(folder=tmp_path / "broker", kind="mosquitto")
    broker.start()
    try:
        start_ear(start, ear_folder, broker.port)
        house = start(
            "run_local.py", "--simulate", "--plain", "--speed", SPEED,
            GWS_CLOUD__PORT=str(broker.port), GWS_DATA_FOLDER=str(tmp_path / "house"), GWS_DURABLE_RECEIVER="ear",
        )  # fmt: skip
        wait(lambda: len(stored(ear_folder)) >= 4, "events", house)
        house.process.terminate()
        house.process.wait(20.0)
    finally:
        broker.stop()
    events = stored(ear_folder)
    assert len(events) == len({(boot, seq) for boot, seq, _ in events})
    with sqlite3.connect(ear_folder / "ear-messages.db") as db:
        query = "SELECT payload FROM message WHERE source = ? AND type_name IN ('report', 'slow.contract.heartbeat')"
        ids = [decode(payload).header.message_id for (payload,) in db.execute(query, (SCADA,))]
    assert len(ids) == len(set(ids)), "no copy beside its event"
