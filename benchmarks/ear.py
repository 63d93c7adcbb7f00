"""Bytes of real reports in, strict decode, store, acknowledgement out: readings/s of an ear, one JSON line per store.

    python benchmarks/ear.py [--messages 4000] [--houses 200] [--database-url postgresql://...] [--profile]

No broker: the actor `Ear` itself is handed what its network thread would hand it, by the virtual runtime, so that its
decoding, its batches and its acknowledgements are the real ones. A report is 300 readings: 30 channels, one reading
each 30 s. Without --database-url a PostgreSQL server of its own is started where one is installed.
"""

import argparse
import cProfile
import json
import pstats
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from actors.ear import Ear
from actors.hand_over import Raw
from actors.runtime import VirtualRuntime
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode, topic_of
from gw_spaceheat.messages.telemetry import report_from
from gw_spaceheat.storage.ear_store import EarStore, heard_from
from gw_spaceheat.storage.postgres_ear import PostgresEar
from gw_spaceheat.storage.sqlite_ear import SqliteEar
from gw_spaceheat.wires.mqtt_protocol import OnMessage, OnState
from tests.fixtures.processes import children_processor_s, processor_s
from tests.storage.postgres_server import PostgresServer, postgres_folder

CHANNELS, EACH, START_S = 30, 10, 1_767_225_600


@dataclass
class CountingLink:
    """A link that only counts the acknowledgements."""

    acks: int = 0
    problem: str = ""
    unsent: int = field(default=0)

    def start(self) -> None: ...

    def stop(self, timeout_s: float) -> None: ...

    def alive(self) -> bool:
        return True

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> bool:
        self.acks += 1
        return True


def raw_reports(houses: int, messages: int) -> list[Raw]:
    """Reports of many houses, slot after slot, as they lie on the wire."""
    rng, found = random.Random(1), []
    for number in range(messages):
        house, slot = number % houses, number // houses
        alias = f"d1.isone.me.versant.keene.house{house}.scada"
        names = [f"zone{index}-temp" for index in range(CHANNELS)]
        slot_s = START_S + 300 * slot
        readings = {
            name: [(rng.randrange(18_000, 60_000) / 1000.0, (slot_s + 30 * i) * 1000 + index) for i in range(EACH)]
            for index, name in enumerate(names)
        }
        report = report_from(
            alias=alias,
            instance_id="00000000-0000-4000-8000-000000000001",
            about_alias=alias.replace(".scada", ".ta"),
            slot_start_s=slot_s,
            slot_duration_s=300,
            readings=readings,
            telemetries=dict.fromkeys(names, "WaterTempCTimes1000"),
            message_id=f"00000000-0000-4000-8000-{number:012d}",
            created_s=slot_s + 300.0,
        )
        header = Header(alias, "ear", "report", report.id, True, boot=1, seq=slot + 1)
        found.append(Raw(topic_of(alias, "ear", "report"), encode(Envelope(header, report)), False))
    return found


def through_the_ear(raws: Sequence[Raw], store: EarStore) -> tuple[float, float, int]:
    """Seconds of wall and of this process's processor, and acknowledgements."""
    runtime, link = VirtualRuntime(START_S, 0), CountingLink()

    def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> CountingLink:
        return link

    address = runtime.add("ear", partial(Ear, open_link=open_link, store=store))
    runtime.start("ear")
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    for number, raw in enumerate(raws):
        address.tell(raw)
        if number % 100 == 99:
            runtime.run_until(START_S + number / 1000.0)
    runtime.run_until(START_S + len(raws) / 1000.0 + 1.0)
    return time.perf_counter() - began_s, time.process_time() - began_cpu_s, link.acks


def server_cpu_s(port: int | None) -> float:
    """Processor seconds of all processes of a PostgreSQL server of ours, from /proc."""
    if port is None:
        return 0.0
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes()
        except OSError:
            continue
        if b"postgres\0-D" in words and f"\0{port}\0".encode() in words:
            root = int(command.parent.name)
            return processor_s(root) + children_processor_s(root)
    return 0.0


def measure(name: str, raws: Sequence[Raw], store: EarStore, profiled: bool, port: int | None = None) -> None:
    profile = cProfile.Profile()
    if profiled:
        profile.enable()
    server_before_s = server_cpu_s(port)
    took_s, cpu_s, acks = through_the_ear(raws, store)
    profile.disable()
    server_s = server_cpu_s(port) - server_before_s
    if store.count() != len(raws) or acks != len(raws):
        raise SystemExit(f"{name}: {store.count()} stored, {acks} acknowledged of {len(raws)}")
    rows = len(raws) * CHANNELS * EACH
    sent_bytes = sum(len(raw.payload) for raw in raws)
    line = {
        "bench": f"ear/{name}",
        "messages": len(raws),
        "rows": rows,
        "seconds": round(took_s, 3),
        "ear_cpu_seconds": round(cpu_s, 3),
        "server_cpu_seconds": round(server_s, 3),
        "mb": round(sent_bytes / 1e6, 1),
        "readings_per_s": round(rows / took_s),
        # What two processors with nothing else to do could at most: the busier of ear and server.
        "readings_per_cpu_s": round(rows / max(cpu_s, server_s)),
    }
    print(json.dumps(line), flush=True)
    if profiled:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(12)


def measure_decoding(raws: Sequence[Raw]) -> None:
    """The share of the strict decode alone."""
    began_s = time.perf_counter()
    rows = sum(
        len(said.value_list)
        for raw in raws
        for said in heard_from(decode(raw.payload), raw.payload, 0.0).readings
    )  # fmt: skip
    took_s = time.perf_counter() - began_s
    line = {"bench": "ear/decode_only", "messages": len(raws), "rows": rows, "seconds": round(took_s, 3)}
    print(json.dumps(line | {"readings_per_s": round(rows / took_s)}), flush=True)


@contextmanager
def database(url: str | None, folder: Path) -> Iterator[str | None]:
    if url is not None or postgres_folder() is None:
        yield url
        return
    server = PostgresServer(folder)
    server.start()
    try:
        yield server.url
    finally:
        server.remove()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--houses", type=int, default=200)
    parser.add_argument("--database-url", help="an empty database; what is in its tables counts as an error")
    parser.add_argument("--profile", action="store_true", help="where the time goes, on standard error")
    options = parser.parse_args()
    raws = raw_reports(options.houses, options.messages)
    measure_decoding(raws)
    with tempfile.TemporaryDirectory(prefix="gws-ear-") as name:
        sqlite = SqliteEar(Path(name) / "ear.db")
        measure("sqlite", raws, sqlite, options.profile)
        sqlite.close()
        with database(options.database_url, Path(name) / "postgres") as url:
            if url is None:
                print(json.dumps({"bench": "ear/postgresql", "skipped": "no PostgreSQL here"}))
                return
            postgres = PostgresEar(url)
            measure("postgresql", raws, postgres, options.profile, urlsplit(url).port)
            postgres.close()


if __name__ == "__main__":
    main()
