"""A house comes back after 28 days without internet: how fast it drains, and what that does to its control loop.

    python benchmarks/drain.py [--days 28] [--channels 60]

A journal of that many days, thinned each day as in a house; then a whole SCADA on a simulated house (control period
0.1 s instead of 1 s, to have enough of them), a real mosquitto and the real run_ear.py. Jitter is how far two decisions
of the control loop are from 0.1 s apart, while nothing is drained and while it drains. One JSON line.
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actors.base import Context
from actors.events import Look
from actors.local_controller import LocalController
from actors.runtime import ThreadedRuntime
from actors.wiring import ScadaParts, add_plant, add_scada, simulated_wires
from commands.run import Ending, opener
from commands.site import load_site
from gw_spaceheat.settings import LinkSettings
from gw_spaceheat.simulation.house import SimulatedHouse
from gw_spaceheat.storage.journal import Journal
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from tests.fixtures.processes import processor_s

ROOT = Path(__file__).resolve().parents[1]
START_S, DAY_S, SLOT_S = 1_481_518_800, 86_400, 300
CONTROL_S, IDLE_S, DRAIN_WAIT_S = 0.1, 15.0, 300.0
EVENTS = "SELECT min(received_s), max(received_s), count(*) FROM message WHERE type_name = 'report' AND row > ?"
OURS = "SELECT count(*) FROM reading JOIN channel ON channel.id = reading.channel WHERE name LIKE 'bench-%'"


def away(path: Path, days: int, channels: int) -> tuple[int, int]:
    """The journal after `days` without internet: readings and buckets in it. Every 5 minutes, lately each minute."""
    journal, rng = Journal(path, SLOT_S), random.Random(1)
    names = [f"bench-{number}" for number in range(channels)]
    for day in range(days):
        period_s = 60 if day >= days - 2 else SLOT_S
        for at_s in range(START_S - (days - day) * DAY_S, START_S - (days - day - 1) * DAY_S, period_s):
            for name in names:
                journal.add(name, at_s * 1000, rng.randrange(20_000, 60_000))
            if at_s % 3600 < period_s:
                journal.flush()
        journal.thin(START_S - (days - day - 1) * DAY_S)
    counts = journal.counts()
    journal.close()
    return counts


class TimedController(LocalController):
    """Notes when the control loop asks it to decide."""

    asked_s: list[float] = []  # noqa: RUF012 - of all of them: a restarted one goes on

    def handle(self, message: object) -> None:
        if isinstance(message, Look):
            self.asked_s.append(time.monotonic())
        super().handle(message)


def jitter_ms(asked_s: list[float], from_s: float, to_s: float) -> dict[str, float | int]:
    """Of the decisions between two moments."""
    inside = [at_s for at_s in asked_s if from_s <= at_s <= to_s]
    off = sorted(abs(later - earlier - CONTROL_S) * 1000 for earlier, later in pairwise(inside))
    if not off:
        return {"decisions": len(inside)}
    worst = {"p50": off[len(off) // 2], "p99": off[int(len(off) * 0.99)], "max": off[-1]}
    return {"decisions": len(inside)} | {name: round(value, 1) for name, value in worst.items()}


def run(folder: Path, days: int, channels: int) -> dict[str, object]:
    memory = folder / "house"
    memory.mkdir()
    readings, buckets = away(memory / "journal.db", days, channels)
    site = load_site("beech")
    house = site.house.model_copy(update={"rates": site.house.rates.model_copy(update={"control_s": CONTROL_S})})
    broker = EmbeddedBroker(folder=folder / "broker", kind="mosquitto")
    broker.start()
    link = LinkSettings(port=broker.port)
    runtime = ThreadedRuntime(float(START_S))
    plant = SimulatedHouse(house, site.outdoor_c, float(START_S), random.Random(0))
    parts = ScadaParts(
        house=house,
        tariff=site.tariff,
        wires=dict(simulated_wires(house, plant)),
        open_cloud=opener(link, house.scada_alias, Ending()),
        open_local=None,
        folder=memory,
        instance_id=runtime.new_id(),
        ear="d1.ear",
    )
    names = add_scada(runtime, parts)
    made = runtime._factories["local-controller"]
    assert isinstance(made, partial)

    def make(context: Context) -> LocalController:
        return TimedController(context, **made.keywords)

    runtime.add("local-controller", make)
    runtime.start_all([*add_plant(runtime, plant), *names])
    asked_s = TimedController.asked_s
    time.sleep(IDLE_S)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "GWS_CLOUD__PORT": str(broker.port), "GWS_DATA_FOLDER": str(folder / "ear")
    }  # fmt: skip
    began_s = time.monotonic()
    ear = subprocess.Popen([sys.executable, str(ROOT / "run_ear.py")], stdout=subprocess.DEVNULL, env=environment)
    try:
        before_s = processor_s(os.getpid())
        drained_s = drained(folder / "ear" / "ear-messages.db", began_s, readings + 3 * buckets)
        ended_s = time.monotonic()
        house_cpu_s, ear_cpu_s = processor_s(os.getpid()) - before_s, processor_s(ear.pid)
    finally:
        runtime.stop_all(names)
        ear.terminate()
        ear.wait(20.0)
        broker.stop()
    with closing(sqlite3.connect(folder / "ear" / "ear-messages.db")) as db:
        first_s, last_s, events = db.execute(EVENTS, (0,)).fetchone()
        (stored,) = db.execute(OURS).fetchone()
    rate = events / max(0.001, last_s - first_s)
    return {
        "bench": "drain",
        "days": days,
        "channels": channels,
        "readings_in_full": readings,
        "buckets": buckets,
        "missing_in_ear": readings + 3 * buckets - stored,
        "events": events,
        "seconds": round(last_s - first_s, 1),
        "events_per_s": round(rate),
        "wanted_events_per_s": 200,
        # What two processors with nothing else to do could: the busier of house and ear.
        "events_per_cpu_s": round(events / max(house_cpu_s, ear_cpu_s)),
        "whole_s": round(drained_s, 1),
        "house_cpu_s": round(house_cpu_s, 1),
        "ear_cpu_s": round(ear_cpu_s, 1),
        "idle_jitter_ms": jitter_ms(asked_s, began_s - IDLE_S + 3.0, began_s),
        "drain_jitter_ms": jitter_ms(asked_s, ended_s - (last_s - first_s), ended_s),
        "wanted_p99_ms": 100,
    }


def drained(store: Path, began_s: float, wanted: int) -> float:
    """Seconds until the ear's store has all readings."""
    rows = -1
    while time.monotonic() - began_s < DRAIN_WAIT_S:
        time.sleep(1.0)
        if not store.exists():
            continue
        try:
            with closing(sqlite3.connect(store)) as db:
                # Counting all readings takes a second of processor: only when nothing more comes.
                before, (rows,) = rows, db.execute("SELECT max(row) FROM message").fetchone()
                if rows == before and db.execute(OURS).fetchone()[0] >= wanted:
                    break
        except sqlite3.OperationalError:
            continue  # its tables are being made
    return time.monotonic() - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--channels", type=int, default=60)
    options = parser.parse_args()
    if shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
        print(json.dumps({"bench": "drain", "skipped": "no mosquitto here"}))
        return
    with tempfile.TemporaryDirectory(prefix="gws-drain-") as name:
        print(json.dumps(run(Path(name), options.days, options.channels)), flush=True)


if __name__ == "__main__":
    main()
