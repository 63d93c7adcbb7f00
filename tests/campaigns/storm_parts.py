"""The SCADA that a storm kills: journal, reporter, outbox and link. Its durable receiver is the ear.

storm_parts.py FOLDER PORT START_S SPEED     reads readings from stdin, says what it has committed
"""

import os
import random
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from actors.base import run_guarded
from actors.events import Readings
from actors.gateway import Gateway, OpenLink
from actors.reporter import Reporter
from actors.runtime import ThreadedRuntime
from actors.wiring import scada_post
from commands.site import load_site
from gw_spaceheat.house.model import House
from gw_spaceheat.storage.journal import Journal
from gw_spaceheat.storage.outbox import Outbox
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings
from gw_spaceheat.wires.mqtt_protocol import Link, OnMessage, OnState

REPORT_S = 5.0
EAR = "d1.ear"


def stormy_house() -> House:
    house = load_site("d1.isone.me.versant.keene.beech").house
    return house.model_copy(update={"rates": house.rates.model_copy(update={"report_s": REPORT_S})})


def channels_of(house: House) -> list[str]:
    return [channel.name for channel in house.channels if channel.telemetry == "WaterTempCTimes1000"]


class TellingJournal(Journal):
    """Says the number of the last committed reading on stdout. A reading's value is its number."""

    def flush(self) -> bool:
        last = self._pending[-1][2] if self._pending else None
        done = super().flush()
        if done and last is not None:
            os.write(1, b"committed %d\n" % last)
        return done


class TellingOutbox(Outbox):
    """Says each event that was acknowledged and deleted."""

    def ack_all(self, events: Sequence[tuple[int, int]]) -> int:
        gone = super().ack_all(events)
        os.write(1, b"".join(b"acked %d %d\n" % event for event in events))
        return gone


def opener(port: int, client_id: str) -> OpenLink:
    def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
        settings = MqttLinkSettings("127.0.0.1", port, client_id=client_id)
        return MqttLink(settings, on_message, on_state, subscriptions, run_guarded, random.Random())

    return open_link


def run_scada(runtime: ThreadedRuntime, folder: Path, port: int) -> None:
    house = stormy_house()
    names = channels_of(house)
    journal = TellingJournal(folder / "journal.db", int(REPORT_S))
    outbox = TellingOutbox(folder / "outbox.db")
    reporter, cloud = runtime.address("reporter"), runtime.address("cloud")
    instance_id = runtime.new_id()
    post, open_link = scada_post(house, EAR), opener(port, "scada")
    runtime.add("cloud", lambda c: Gateway(c, post, open_link, [reporter], outbox=outbox))
    runtime.add("reporter", lambda c: Reporter(c, house, instance_id, "ltn", cloud, journal=journal))
    runtime.start("cloud")
    runtime.start("reporter")
    os.write(1, b"ready\n")
    for line in sys.stdin:
        if line == "count\n":
            readings, buckets = journal.counts()
            os.write(1, b"waiting %d\n" % (journal.pending + readings + buckets + outbox.count()))
            continue
        first, at_s = line.split()
        values = tuple((name, (int(first) + index) / 1000.0) for index, name in enumerate(names))
        reporter.tell(Readings("storm", values, float(at_s)))


def main() -> None:
    folder, port, start_s, speed = sys.argv[1:]
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    runtime = ThreadedRuntime(
        float(start_s),
        float(speed),
        sink=lambda at_s, who, kind, text: print(f"{at_s:.1f} {who} {kind} {text}", file=sys.stderr),
    )
    run_scada(runtime, Path(folder), int(port))


if __name__ == "__main__":
    main()
