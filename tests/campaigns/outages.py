"""Outage profiles on a bad line: SCADA -> TLS through a toxic proxy -> mosquitto -> ear -> acknowledgement.

    python -m tests.campaigns.outages [--factor 20] [PROFILE ...]

`factor` shortens what lasts minutes (outages, not delays) and speeds the gateway's clock up alike; it is printed. All
events are sent, in order, while the line is bad; afterwards each must be in the ear's store once, in order. Threads and
descriptors are counted in /proc before and after. One JSON line for each profile.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from actors.base import run_guarded
from actors.ear import Ear
from actors.events import Send
from actors.gateway import Gateway, OpenLink
from actors.runtime import ThreadedRuntime
from actors.wiring import scada_post
from gw_spaceheat.messages.telemetry import report_from
from gw_spaceheat.storage.outbox import Outbox
from gw_spaceheat.storage.sqlite_ear import SqliteEar
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings
from gw_spaceheat.wires.mqtt_protocol import Link, LinkNotice, OnMessage, OnState
from tests.campaigns.storm_parts import EAR, stormy_house
from tests.fixtures.secured_broker import BEECH, SecuredBroker
from tests.fixtures.toxic_proxy import Faults, ToxicProxy

START_S = 1_481_518_800
DRAIN_WAIT_S = 150.0
HALF_OPEN_MOST_S = 40.0


@dataclass(frozen=True)
class Profile:
    """`seconds` of `faults`, `times` over, with as much of a good line between. `scaled`: by the factor."""

    name: str
    faults: Faults
    seconds: float
    times: int = 1
    scaled: bool = True
    reset_each_s: float | None = None


PROFILES = (
    Profile("5 min x 5", Faults(refuse=True), 300.0, 5),
    Profile("30 min x 2", Faults(refuse=True), 1800.0, 2),
    Profile("600 ms delay, 2 % stalls", Faults(delay_s=0.3, stall_share=0.02), 60.0, scaled=False),
    Profile("half-open", Faults(hole=True), HALF_OPEN_MOST_S + 5.0, scaled=False),
    Profile("corrupt bytes", Faults(corrupt_share=0.05), 60.0, scaled=False),
    Profile("RST every 2 s", Faults(), 60.0, scaled=False, reset_each_s=2.0),
)


class BadLine:
    """One house's gateway behind the proxy, and the ear beside the broker."""

    def __init__(self, folder: Path, speed: float, keepalive_s: int, seed: int = 1) -> None:
        self.speed, self.keepalive_s = speed, keepalive_s
        self.broker = SecuredBroker(folder)
        self.broker.start()
        self.proxy = ToxicProxy(self.broker.port, seed)
        self.notices: list[tuple[float, str]] = []
        self.runtime = ThreadedRuntime(float(START_S), speed)
        self.outbox, self.store = Outbox(folder / "outbox.db"), SqliteEar(folder / "ear.db")
        self.sent = 0
        post = scada_post(stormy_house(), EAR)
        scada, ear = self._opener(f"{BEECH}.scada", self.proxy.port), self._opener(EAR, self.broker.port)
        self.runtime.add("scada", partial(Gateway, post=post, open_link=scada, routes=(), outbox=self.outbox))
        self.runtime.add("ear", partial(Ear, open_link=ear, store=self.store, alias=EAR))
        self.runtime.start("ear")
        self.runtime.start("scada")

    def _opener(self, alias: str, port: int) -> OpenLink:
        own = self.broker.files[alias]
        settings = MqttLinkSettings(
            "localhost", port, client_id=alias.replace(".", "-"), keepalive_s=self.keepalive_s, tls=True,
            tls_ca_path=self.broker.authority.certificate_path,
            tls_cert_path=own.certificate_path, tls_key_path=own.key_path,
        )  # fmt: skip

        def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
            def noted(text: str) -> None:
                if alias != EAR:
                    self.notices.append((time.monotonic(), text))
                on_state(text)

            return MqttLink(settings, on_message, noted, subscriptions, run_guarded)

        return open_link

    def send(self) -> None:
        """One more report."""
        slot_s = START_S + 300 * self.sent
        self.sent += 1
        report = report_from(
            alias=f"{BEECH}.scada",
            instance_id=self.runtime.new_id(),
            about_alias=f"{BEECH}.ta",
            slot_start_s=slot_s,
            slot_duration_s=300,
            readings={"hp-lwt": [(40.0 + index / 1000.0, (slot_s + index) * 1000) for index in range(100)]},
            telemetries={"hp-lwt": "WaterTempCTimes1000"},
            message_id=self.runtime.new_id(),
            created_s=float(slot_s),
        )
        self.runtime.address("scada").tell(Send("ltn", report))

    def drained(self, wait_s: float) -> float | None:
        """Seconds until nothing waits; None: it did not come to that."""
        began_s = time.monotonic()
        while time.monotonic() - began_s < wait_s:
            if self.sent and self.outbox.count() == 0 and len(self.stored()) >= self.sent:
                return round(time.monotonic() - began_s, 1)
            time.sleep(0.1)
        return None

    def stored(self) -> list[int]:
        """Numbers of the reports in the ear's store, in the order of storing."""
        with closing(sqlite3.connect(self.store.place)) as db:
            query = "SELECT seq FROM message WHERE type_name = 'report' AND seq IS NOT NULL ORDER BY row"
            return [int(seq) for (seq,) in db.execute(query)]

    def close(self) -> None:
        self.runtime.stop_all(["scada", "ear"])
        self.outbox.close()
        self.proxy.stop()
        self.broker.stop()


def threads_and_descriptors() -> tuple[int, int]:
    own = Path("/proc/self")
    return len(list((own / "task").iterdir())), len(list((own / "fd").iterdir()))


def settled(before: tuple[int, int]) -> tuple[int, int]:
    """Threads and descriptors once old sockets are closed; at most 10 s later."""
    end_s = time.monotonic() + 10.0
    while time.monotonic() < end_s:
        now = threads_and_descriptors()
        if now[0] <= before[0] and now[1] <= before[1]:
            break
        time.sleep(0.1)
    return threads_and_descriptors()


def suffer(line: BadLine, profile: Profile, seconds: float, each_s: float) -> None:
    """The bad time: faults on and off, a report every `each_s`."""
    for _ in range(profile.times):
        for faults in (profile.faults, Faults()):
            line.proxy.faults = faults
            if faults.refuse:
                line.proxy.reset_all()
            began_s = last_reset_s = time.monotonic()
            share = 1.0 if faults is profile.faults else 0.3
            while time.monotonic() - began_s < seconds * share:
                line.send()
                time.sleep(each_s)
                due = profile.reset_each_s is not None and faults is profile.faults
                if due and time.monotonic() - last_reset_s >= (profile.reset_each_s or 0.0):
                    last_reset_s = time.monotonic()
                    line.proxy.reset_all()


def run_profile(profile: Profile, folder: Path, factor: float, keepalive_s: int = 20) -> dict[str, object]:
    """One profile on fresh processes of its own. `factor` divides what is scaled."""
    factor = factor if profile.scaled else 1.0
    line = BadLine(folder, max(1.0, factor), keepalive_s)
    seconds = profile.seconds / factor
    try:
        line.send()
        if line.drained(60.0) is None:
            raise SystemExit(f"{profile.name}: no good line to begin with, {line.notices}")
        before, began_s, cpu_s = threads_and_descriptors(), time.monotonic(), time.process_time()
        suffer(line, profile, seconds, each_s=min(0.5, seconds / 20.0))
        took_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
        line.proxy.faults = Faults()
        drained_s = line.drained(DRAIN_WAIT_S)
        after = settled(before)
        stored, notices = line.stored(), list(line.notices)
    finally:
        line.close()
    lost_s = [at_s - began_s for at_s, text in notices if text == LinkNotice.DISCONNECTED and at_s > began_s]
    return {
        "profile": profile.name,
        "factor": factor,
        "keepalive_s": keepalive_s,
        "bad_s": round(seconds * profile.times, 1),
        "sent": line.sent,
        "stored": len(stored),
        "lost": line.sent - len(set(stored)),
        "twice": len(stored) - len(set(stored)),
        "inversions": sum(later < earlier for earlier, later in pairwise(stored)),
        "drained_s": drained_s,
        "disconnects": len(lost_s),
        "first_disconnect_s": round(lost_s[0], 1) if lost_s else None,
        "threads": [before[0], after[0]],
        "descriptors": [before[1], after[1]],
        "cpu_share": round(cpu_s / took_s, 3),
    }


def passed(result: dict[str, object]) -> bool:
    """Nothing lost, nothing twice, in order, drained, and nothing grown."""
    grown = [now > then for then, now in (_pair(result["threads"]), _pair(result["descriptors"]))]
    wrong = any(result[name] for name in ("lost", "twice", "inversions")) or result["drained_s"] is None
    return not wrong and not any(grown)


def _pair(value: object) -> tuple[int, int]:
    assert isinstance(value, list)
    return int(value[0]), int(value[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factor", type=float, default=20.0)
    parser.add_argument("profiles", nargs="*", help="names; all when none is given")
    options = parser.parse_args()
    well = True
    for profile in PROFILES:
        if options.profiles and profile.name not in options.profiles:
            continue
        with tempfile.TemporaryDirectory(prefix="outage-") as name:
            result = run_profile(profile, Path(name), options.factor)
        result["passed"] = passed(result)
        well = well and bool(result["passed"])
        print(json.dumps(result), flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
