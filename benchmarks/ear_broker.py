"""An ear as it runs: houses, a real mosquitto, run_ear.py, its store. One JSON line for each measurement.

    python benchmarks/ear_broker.py [--reports 4000] [--day-of 100] [--houses 1000] [--seconds 60]

*flood*: reports of 300 readings (as in ear.py) as fast as the ear acknowledges them, into SQLite and, where it is
installed, PostgreSQL. *day*: all reports of a simulated day of `--day-of` houses in the same way, into SQLite; then
what is missing. *normal*: what a house and its AtomicTNode say in an hour, recorded from a virtual one, said by
`--houses` at real pace, each at another moment of its hour; the share of a processor that the ear takes.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actors.base import run_guarded
from actors.hand_over import Raw
from benchmarks.ear import CHANNELS, EACH, database, raw_reports, server_cpu_s
from commands.site import load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode, topic_of
from gw_spaceheat.messages.link import Ack, Ping
from gw_spaceheat.storage.ear_store import open_ear_store
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings
from tests.fixtures.processes import children_processor_s, processor_s

ROOT = Path(__file__).resolve().parents[1]
WINDOW, PATIENCE_S, DAY_REPORTS = 600, 10.0, 288
HOUR_S, WARM_UP_S = 3600.0, 1800.0
NIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()
SENDER = "d1.bench.scada"


class Houses:
    """One client that says what many houses say, and hears the ear's acknowledgements."""

    def __init__(self, port: int) -> None:
        self._under_way: dict[str, Raw] = {}
        self._changed = threading.Condition()
        self.resent = 0
        settings = MqttLinkSettings("127.0.0.1", port, client_id="houses")
        self._link = MqttLink(settings, self._hear, lambda _: None, ("gw/+/to/+/gridworks-ack",), run_guarded)
        self._link.start()

    def close(self) -> None:
        self._link.stop(2.0)

    def wait_for_ear(self, seconds: float) -> None:
        """Until it answers a ping, which it does after a commit."""
        end_s, number = time.monotonic() + seconds, 0
        topic = topic_of(SENDER, "ear", "gridworks.ping")
        while time.monotonic() < end_s:
            number += 1
            name = f"ping-{number}"
            ping = Raw(topic, encode(Envelope(Header(SENDER, "ear", "gridworks.ping", name, True), Ping())), False)
            self.say(ping, name)
            if self._wait(0, 1.0):
                return
            self._under_way.clear()
        raise SystemExit(f"the ear does not answer within {seconds:.0f} s")

    def say(self, raw: Raw, message_id: str | None = None) -> None:
        if message_id is not None:
            with self._changed:
                self._under_way[message_id] = raw
        self._link.publish(raw.topic, raw.payload, 0)

    def say_all(self, raws: Sequence[Raw]) -> None:
        """At most `WINDOW` under way, and again what is not acknowledged in `PATIENCE_S`, as houses do."""
        for raw in raws:
            self.say(raw, str(decode(raw.payload).header.message_id))
            self._settle(WINDOW - 1)
        self._settle(0)

    def _settle(self, most: int) -> None:
        while not self._wait(most, PATIENCE_S):
            again = dict(self._under_way)
            self.resent += len(again)
            for raw in again.values():
                self._link.publish(raw.topic, raw.payload, 0)

    def _wait(self, most: int, seconds: float) -> bool:
        """Until at most so many are under way. False: nothing was acknowledged for `seconds`."""
        with self._changed:
            while (before := len(self._under_way)) > most:
                if not self._changed.wait(seconds) and len(self._under_way) == before:
                    return False
        return True

    def _hear(self, _topic: str, payload: bytes, _retained: bool) -> None:
        said = decode(payload).payload
        if isinstance(said, Ack):
            with self._changed:
                self._under_way.pop(said.ack_message_id, None)
                self._changed.notify()


class Running(NamedTuple):
    houses: Houses
    ear: int  # its process
    folder: Path


@contextmanager
def running(database_url: str | None) -> Iterator[Running]:
    """A broker, an ear that answers, and houses."""
    with tempfile.TemporaryDirectory(prefix="gws-ear-") as name:
        folder = Path(name)
        broker = EmbeddedBroker(folder=folder / "broker", kind="mosquitto")
        broker.start()
        store = {"GWS_EAR_DATABASE_URL": database_url} if database_url is not None else {}
        environment = os.environ | {
            "PYTHONPATH": str(ROOT), "GWS_CLOUD__PORT": str(broker.port), "GWS_DATA_FOLDER": name, **store
        }  # fmt: skip
        ear = subprocess.Popen([sys.executable, str(ROOT / "run_ear.py")], stdout=subprocess.DEVNULL, env=environment)
        houses = Houses(broker.port)
        try:
            houses.wait_for_ear(120.0)
            yield Running(houses, ear.pid, folder)
        finally:
            houses.close()
            ear.terminate()
            ear.wait(60.0)
            broker.stop()


def flood(name: str, raws: Sequence[Raw], database_url: str | None) -> dict[str, object]:
    rows = len(raws) * CHANNELS * EACH
    port = urlsplit(database_url).port if database_url is not None else None
    with running(database_url) as run:
        ear_s, server_s = processor_s(run.ear), server_cpu_s(port)
        broker_s = children_processor_s(os.getpid()) - ear_s
        began_s = time.monotonic()
        run.houses.say_all(raws)
        took_s = time.monotonic() - began_s
        broker_s = children_processor_s(os.getpid()) - processor_s(run.ear) - broker_s
        ear_s, server_s = processor_s(run.ear) - ear_s, server_cpu_s(port) - server_s
        store = open_ear_store(database_url, run.folder, read_only=True)
        sources = {decode(raw.payload).header.src for raw in raws}
        stored = sum(
            len(store.readings(source, channel, 0, 2**62)) for source in sources for channel in store.channels(source)
        )
        messages = store.count()
        store.close()
    return {
        "bench": f"ear_broker/{name}",
        "messages": len(raws),
        "missing_messages": len(raws) - messages,
        "rows": rows,
        "missing_rows": rows - stored,
        "seconds": round(took_s, 1),
        "ear_cpu_seconds": round(ear_s, 1),
        "broker_cpu_seconds": round(broker_s, 1),
        "server_cpu_seconds": round(server_s, 1),
        "resent": run.houses.resent,
        "mb": round(sum(len(raw.payload) for raw in raws) / 1e6, 1),
        "readings_per_s": round(rows / took_s),
        # What two processors with nothing else to do could at most: the busiest of ear, broker and server.
        "readings_per_cpu_s": round(rows / max(ear_s, broker_s, server_s)),
    }


class Moment(NamedTuple):
    after_s: float
    topic: str
    payload: bytes


def recorded_hour() -> tuple[str, list[Moment]]:
    """Alias of a house, and all that it and its AtomicTNode say on the cloud broker in an hour, in order."""
    site = load_site("beech")
    alias, said = site.house.alias, []
    house = VirtualHouse(site, NIGHT_S)
    house.run_until(NIGHT_S + WARM_UP_S)
    begin_s, dashed = house.runtime.now(), alias.replace(".", "-")

    def hear(topic: str, payload: bytes, _retained: bool) -> None:
        if dashed in topic:
            said.append(Moment(house.runtime.now() - begin_s, topic, payload))

    house.cloud.client("recorder", hear, lambda _: None, ("gw/#",)).start()
    house.run_until(begin_s + HOUR_S)
    return alias, said


def normal(count: int, seconds: float) -> dict[str, object]:
    alias, hour = recorded_hour()
    chance, town = random.Random(1), alias.rpartition(".")[0]
    plan: list[tuple[float, str, Moment]] = []
    for number in range(count):
        offset_s = chance.uniform(0.0, HOUR_S)
        due = ((moment.after_s - offset_s) % HOUR_S for moment in hour)
        plan += [(at_s, f"{town}.h{number}", moment) for at_s, moment in zip(due, hour, strict=True) if at_s < seconds]
    plan.sort(key=lambda entry: entry[0])
    with running(None) as run:
        store = open_ear_store(None, run.folder, read_only=True)
        before, ear_s, began_s, latest_s = store.count(), processor_s(run.ear), time.monotonic(), 0.0
        for at_s, name, moment in plan:
            late_s = time.monotonic() - began_s - at_s
            latest_s = max(latest_s, late_s)
            if late_s < 0.0:
                time.sleep(-late_s)
            topic = moment.topic.replace(alias.replace(".", "-"), name.replace(".", "-"))
            run.houses.say(Raw(topic, moment.payload.replace(alias.encode(), name.encode()), False))
        time.sleep(max(0.0, began_s + seconds - time.monotonic()))
        ear_s, took_s = processor_s(run.ear) - ear_s, time.monotonic() - began_s
        time.sleep(2.0)  # what came last is committed
        stored = store.count() - before
        store.close()
    return {
        "bench": "ear_broker/normal",
        "houses": count,
        "messages_per_house_and_hour": len(hour),
        "messages": len(plan),
        "missing_messages": len(plan) - stored,
        "seconds": round(took_s, 1),
        "sent_late_by_s": round(latest_s, 2),
        "ear_cpu_share": round(ear_s / took_s, 3),
        "wanted_share": 0.5,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=4000, help="of the flood; 0: no flood")
    parser.add_argument("--day-of", type=int, default=100, help="houses whose day is sent; 0: no day")
    parser.add_argument("--houses", type=int, default=1000, help="at their normal rate; 0: none")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the normal rate")
    options = parser.parse_args()
    if options.houses:
        print(json.dumps(normal(options.houses, options.seconds)), flush=True)
    if options.reports:
        raws = raw_reports(200, options.reports)
        print(json.dumps(flood("sqlite", raws, None)), flush=True)
        with tempfile.TemporaryDirectory(prefix="gws-ear-") as name, database(None, Path(name) / "pg") as url:
            if url is not None:
                print(json.dumps(flood("postgresql", raws, url)), flush=True)
    if options.day_of:
        raws = raw_reports(options.day_of, options.day_of * DAY_REPORTS)
        print(json.dumps(flood("day", raws, None)), flush=True)


if __name__ == "__main__":
    main()
