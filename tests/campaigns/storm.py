"""The kill campaign: SCADA, broker and ear are killed at random, together and apart, and nothing may be missing.

    python -m tests.campaigns.storm [--kills 500] [--minutes 60] [--seed 1] [--folder F] [--replay F/schedule.json]

Broker is a real mosquitto, ear the real run_ear.py; the SCADA is journal, reporter, outbox and link of one, without a
house, so that readings can be numbered. This process is never killed: it writes each batch to its own ledger
(fdatasync), hands it over and notes what the SCADA says it has committed. At the end the ear's store is compared with
the ledger. Prints one JSON line; FOLDER keeps schedule, ledger, store, logs and result.
"""

import argparse
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from gw_spaceheat.messages.envelope import decode
from gw_spaceheat.messages.telemetry import Report
from tests.campaigns.storm_parts import channels_of, stormy_house

ROOT = Path(__file__).resolve().parents[2]
EPOCH_S, SPEED = 1_481_518_800.0, 5.0
BATCH_S = 0.08
LOST_AT_MOST_S = 10.0
LEAST_COMMITTED_EACH = 200  # readings for each kill: 100,000 for 500
LONG_SHARE, LONG_S = 0.06, (6.0, 12.0)  # of the outages: half a minute to a minute of the SCADA's clock
DRAIN_WAIT_S = 180.0
EVENTS = "SELECT boot, seq, payload FROM message WHERE seq IS NOT NULL ORDER BY row"
TARGETS = (("scada",), ("broker",), ("ear",), ("scada", "broker"), ("scada", "ear"), ("broker", "ear"),
           ("scada", "broker", "ear"))  # fmt: skip
WEIGHTS = (10, 3, 3, 2, 2, 1, 2)


@dataclass
class Life:
    """One life of the SCADA: what it was given when, and the last that it said it had committed."""

    given: list[tuple[int, float]] = field(default_factory=list)  # first number of a batch, SCADA's time
    committed: int = -1
    killed_s: float | None = None


class Part:
    """One process that can be killed and started again."""

    def __init__(self, name: str, storm: "Storm") -> None:
        self.name, self.storm = name, storm
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = threading.Event()
        self.waiting: int | None = None
        self.listener: threading.Thread | None = None

    def start(self) -> None:
        storm, self.ready = self.storm, threading.Event()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GWS_")}
        environment["PYTHONPATH"] = str(ROOT)
        match self.name:
            case "broker":
                command = ["/usr/sbin/mosquitto", "-c", str(storm.folder / "mosquitto.conf")]
            case "ear":
                command = [sys.executable, str(ROOT / "run_ear.py")]
                environment |= {"GWS_CLOUD__PORT": str(storm.port), "GWS_DATA_FOLDER": str(storm.folder / "ear")}
            case _:
                command = [sys.executable, "-m", "tests.campaigns.storm_parts", str(storm.folder)]
                command += [str(storm.port), str(storm.now()), str(SPEED)]
        with (storm.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=storm.folder, env=environment
            )
        life = Life()
        if self.name == "scada":
            storm.lives.append(life)
        self.listener = threading.Thread(target=self._listen, args=(self.process, life, self.ready), daemon=True)
        self.listener.start()

    def _listen(self, process: subprocess.Popen[bytes], life: Life, ready: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            match line.split():
                case [b"ready"]:
                    ready.set()
                case [b"committed", number]:
                    life.committed = max(life.committed, int(number))
                case [b"acked", boot, seq]:
                    self.storm.acked.add((int(boot), int(seq)))
                case [b"waiting", count]:
                    self.waiting = int(count)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        if self.listener is not None:
            self.listener.join(10.0)  # it reads what the dead one had still said

    def tell(self, line: bytes) -> bool:
        if self.process is None or self.process.stdin is None:
            return False
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except OSError:
            return False
        return True


class Storm:
    def __init__(
        self, folder: Path, seed: int, schedule: list[tuple[float, tuple[str, ...], float]], most_s: float = 3600.0
    ) -> None:
        """After `most_s` no more is killed, however much of the schedule is left: a slow machine gets a result too."""
        self.folder, self.seed, self.schedule, self.most_s = folder, seed, schedule, most_s
        self.began_s = time.monotonic()
        self.lives: list[Life] = []
        self.acked: set[tuple[int, int]] = set()
        self.width = len(channels_of(stormy_house()))
        self.next_number = 0
        self.kills = {"scada": 0, "broker": 0, "ear": 0}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        text = f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        (folder / "mosquitto.conf").write_text(text)
        (folder / "schedule.json").write_text(json.dumps({"seed": seed, "schedule": schedule}))
        self.parts = {name: Part(name, self) for name in self.kills}
        self.ledger = (folder / "ledger.txt").open("wb")
        self.generating = threading.Event()
        self.over = threading.Event()
        self.lock = threading.Lock()  # a batch is given to one life, or to none

    def now(self) -> float:
        """The SCADA's clock."""
        return EPOCH_S + (time.monotonic() - self.began_s) * SPEED

    def generate(self) -> None:
        scada = self.parts["scada"]
        while not self.over.wait(BATCH_S):
            with self.lock:
                if not self.generating.is_set() or not scada.ready.is_set():
                    continue
                at_s = self.now()
                self.ledger.write(b"%d %.3f\n" % (self.next_number, at_s))
                self.ledger.flush()
                os.fdatasync(self.ledger.fileno())
                self.lives[-1].given.append((self.next_number, at_s))
                scada.tell(b"%d %.3f\n" % (self.next_number, at_s))
                self.next_number += self.width

    def run(self) -> dict[str, object]:
        for part in self.parts.values():
            part.start()
        self.generating.set()
        generator = threading.Thread(target=self.generate, daemon=True)
        generator.start()
        try:
            for pause_s, targets, down_s in self.schedule:
                if time.monotonic() - self.began_s > self.most_s:
                    break
                self.parts["scada"].ready.wait(30.0)
                time.sleep(pause_s)
                self.strike(targets, down_s)
            time.sleep(3.0)
            drained_s = self.drain()
        finally:
            self.over.set()
            generator.join(10.0)
            for part in self.parts.values():
                part.kill()
        return self.check() | {"drained_s": drained_s, "seconds": round(time.monotonic() - self.began_s, 1)}

    def strike(self, targets: tuple[str, ...], down_s: float) -> None:
        with self.lock:
            for name in targets:
                if name == "scada":
                    self.parts[name].ready.clear()
                    self.lives[-1].killed_s = self.now()
                self.parts[name].kill()
                self.kills[name] += 1
        if targets != ("scada",):
            time.sleep(down_s)
        for name in targets:
            self.parts[name].start()

    def drain(self) -> float:
        """No more readings; wait until journal and outbox are empty."""
        self.generating.clear()
        began_s, scada = time.monotonic(), self.parts["scada"]
        while time.monotonic() - began_s < DRAIN_WAIT_S:
            scada.waiting = None
            scada.tell(b"count\n")
            time.sleep(0.5)
            if scada.waiting == 0:
                break
        return round(time.monotonic() - began_s, 1)

    def check(self) -> dict[str, object]:
        with closing(sqlite3.connect(self.folder / "ear" / "ear-messages.db")) as db:
            rows = db.execute(EVENTS).fetchall()
            (reading_rows,) = db.execute("SELECT count(*) FROM reading").fetchone()
        stored: list[int] = []
        for _, _, data in rows:
            payload = decode(data).payload
            if isinstance(payload, Report):
                stored += [value for channel in payload.channel_reading_list for value in channel.value_list]
        have, events = set(stored), [(boot, seq) for boot, seq, _ in rows]
        committed = committed_lost = lost = 0
        oldest_s = 0.0
        for life in self.lives:
            for first, at_s in life.given:
                committed += min(max(0, life.committed + 1 - first), self.width)
                gone = [n for n in range(first, first + self.width) if n not in have]
                lost += len(gone)
                committed_lost += sum(number <= life.committed for number in gone)
                if gone:
                    oldest_s = max(oldest_s, (life.killed_s or self.now()) - at_s)
        return {
            "kills": sum(self.kills.values()),
            "kills_left": sum(len(targets) for _, targets, _ in self.schedule) - sum(self.kills.values()),
            **{f"kills_{name}": count for name, count in self.kills.items()},
            "readings": self.next_number,
            "readings_committed": committed,
            "readings_stored": len(have),
            "reading_rows": reading_rows,
            "readings_lost_uncommitted": lost - committed_lost,
            "oldest_lost_age_s": round(oldest_s, 2),
            "committed_readings_lost": committed_lost,
            "readings_twice": len(stored) - len(have),
            "events": len(events),
            "acked_events_lost": len(self.acked - set(events)),
            "events_twice": len(events) - len(set(events)),
            "inversions": sum(after < before for before, after in pairwise(events)),
            "seed": self.seed,
            "folder": str(self.folder),
        }


def make_schedule(seed: int, kills: int) -> list[tuple[float, tuple[str, ...], float]]:
    """Pause before, whom, and how long broker and ear stay down, until `kills` processes have died."""
    rng = random.Random(seed)
    schedule: list[tuple[float, tuple[str, ...], float]] = []
    while sum(len(targets) for _, targets, _ in schedule) < kills:
        targets = rng.choices(TARGETS, WEIGHTS)[0]
        down_s = rng.uniform(*LONG_S) if rng.random() < LONG_SHARE else rng.uniform(0.0, 2.0)
        schedule.append((round(rng.expovariate(0.5) + 0.05, 3), targets, round(down_s, 3)))
    return schedule


def passed(result: dict[str, object]) -> bool:
    """Every promise kept, on as many committed readings as the kills ask for."""
    zeros = ("committed_readings_lost", "readings_twice", "acked_events_lost", "events_twice", "inversions")
    number = {name: float(str(value)) for name, value in result.items() if isinstance(value, int | float)}
    return (
        not any(number[name] for name in zeros)
        and number["kills_left"] == 0
        and number["oldest_lost_age_s"] <= LOST_AT_MOST_S
        and number["readings_committed"] >= LEAST_COMMITTED_EACH * number["kills"]
        and number["reading_rows"] == number["readings_stored"]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=60.0, help="then it ends, and has not passed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--replay", type=Path, help="the schedule.json of an earlier storm")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="storm-"))
    folder.mkdir(parents=True, exist_ok=True)
    seed, schedule = options.seed, make_schedule(options.seed, options.kills)
    if options.replay:
        saved = json.loads(options.replay.read_text())
        seed = saved["seed"]
        schedule = [(pause_s, tuple(targets), down_s) for pause_s, targets, down_s in saved["schedule"]]
    result = Storm(folder, seed, schedule, 60.0 * options.minutes).run()
    result["passed"] = passed(result)
    (folder / "result.json").write_text(json.dumps(result))
    print(json.dumps(result))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
