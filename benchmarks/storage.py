"""What a house writes to its SD card in a day, and how long a start with a million events takes. One JSON line each.

    python benchmarks/storage.py [--minutes 30] [--rows 1000000]

A 60-channel house with every channel read each minute and six meters besides on change (one reading in two seconds).
Journal every 8 s, a report and its acknowledgement every 300 s. Bytes are `write_bytes` of /proc/self/io: pages
handed to the disk, to be compared with the budget of 300 MB a day; a file system's own journal is not in it.
"""

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

from actors.reporter import FLUSH_S
from gw_spaceheat.messages.telemetry import report_from
from gw_spaceheat.storage.journal import Journal
from gw_spaceheat.storage.outbox import Outbox

CHANNELS, START_S = 60, 1_481_518_800
DAY_S = 86_400


def written_bytes() -> int:
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("write_bytes"):
            return int(line.split()[1])
    raise SystemExit("no /proc/self/io here")


def report_bytes(readings: dict[str, list[tuple[int, int]]], number: int) -> bytes:
    report = report_from(
        alias="d1.house.scada",
        instance_id="00000000-0000-4000-8000-000000000001",
        about_alias="d1.house.ta",
        slot_start_s=START_S + 300 * number,
        slot_duration_s=300,
        readings={name: [(value / 1000.0, at_ms) for value, at_ms in said] for name, said in readings.items()},
        telemetries=dict.fromkeys(readings, "WaterTempCTimes1000"),
        message_id="00000000-0000-4000-8000-000000000002",
        created_s=float(START_S),
    )
    return report.model_dump_json(by_alias=True).encode()


def card(folder: Path, minutes: int, online: bool) -> dict[str, object]:
    """A house that reports, or one that is away and keeps and thins its readings (from its second day on)."""
    journal, box, rng = Journal(folder / "journal"), Outbox(folder / "outbox"), random.Random(1)
    names = [f"channel-{number}" for number in range(CHANNELS)]
    first_s, acked = 0, 0
    if not online:  # a day lies behind it, so that each hour one hour is thinned
        for at_s in range(0, DAY_S, 60):
            for name in names:
                journal.add(name, (START_S - DAY_S + at_s) * 1000, rng.randrange(20_000, 60_000))
            if at_s % 3600 == 0:
                journal.flush()
    before, began_s, readings = written_bytes(), time.perf_counter(), 0
    for at_s in range(first_s, minutes * 60, 2):
        now_s = START_S + at_s
        journal.add(names[at_s // 2 % 6], now_s * 1000, rng.randrange(5000))
        readings += 1
        for index in (at_s % 60, at_s % 60 + 1):  # sixty slow ones, spread over the minute
            journal.add(names[index], now_s * 1000, rng.randrange(20_000, 60_000))
            readings += 1
        if at_s % FLUSH_S == FLUSH_S - 2:
            journal.flush()
        if at_s % 3600 == 3598:
            journal.thin(now_s)
        if at_s % 300 == 298 and online and (reports := journal.take(now_s + 300.0)):
            (taken,) = reports
            seq = box.put("gw/d1-house-scada/to/ltn/report", report_bytes(taken.readings, at_s // 300), taken.number)
            journal.settle(taken.number)
            acked += box.ack(box.boot, seq)
    wrote, took_s = written_bytes() - before, time.perf_counter() - began_s
    journal.close()
    box.close()
    return {
        "bench": "storage/sd_writes",
        "house": "online" if online else "away",
        "channels": CHANNELS,
        "simulated_minutes": minutes,
        "readings_per_day": readings * DAY_S // (minutes * 60),
        "megabytes_per_day": round(wrote / 1e6 * DAY_S / (minutes * 60), 1),
        "budget_megabytes_per_day": 300,
        "reports_acked": acked,
        "seconds": round(took_s, 2),
    }


def backlog(folder: Path, rows: int) -> dict[str, object]:
    path = folder / "outbox"
    box = Outbox(path, max_rows=2 * rows, max_bytes=2**32)
    box.put("t", bytes(300))
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n"
    insert = f"INSERT INTO outbox SELECT i, 1, 'gw/d1-house-scada/to/ltn/report', zeroblob(300) FROM ({numbers})"
    box._file.write(lambda db: db.execute(insert))
    copy = folder / "copy"
    copy.write_bytes(path.read_bytes())  # with its log: as after a kill
    copy.with_name("copy-wal").write_bytes(path.with_name("outbox-wal").read_bytes())
    began_s = time.perf_counter()
    again = Outbox(copy, max_rows=2 * rows, max_bytes=2**32)
    first = len(again.pending(0, 20))
    took_s = time.perf_counter() - began_s
    return {
        "bench": "storage/start",
        "rows": again.count(),
        "megabytes": round(copy.stat().st_size / 1e6),
        "checked_after_unclean_stop": again.unclean,
        "first_window": first,
        "seconds": round(took_s, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=120)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    for online in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(card(Path(folder), options.minutes, online)), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(backlog(Path(folder), options.rows)), flush=True)


if __name__ == "__main__":
    main()
