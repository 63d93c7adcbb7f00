"""Run by test_dead_disk.py under strace, which makes system calls fail: two hours of a house, and what became of it."""

import json
import sys
from datetime import datetime
from pathlib import Path

from commands.site import load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.messages.envelope import decode
from gw_spaceheat.messages.telemetry import Report

NIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()
HOURS = 2
STORING = frozenset({"reporter", "gateway-cloud"})


def night(folder: Path | None) -> dict[str, object]:
    """What control did, line by line; every reading that reached the AtomicTNode; what was said of the disk."""
    lines: list[tuple[float, str, str, str]] = []
    house = VirtualHouse(
        load_site("beech"), NIGHT_S, seed=3, planning=False, folder=folder, sink=lambda *line: lines.append(line)
    )
    house.run_until(NIGHT_S + HOURS * 3600.0 + 30.0)
    reports = [decode(row.payload).payload for row in house.atn_store.rows(0, 10**6, "report")]
    readings = [
        (said.channel_name, at_ms, value)
        for report in reports
        if isinstance(report, Report)
        for said in report.channel_reading_list
        for at_ms, value in zip(said.scada_read_time_unix_ms_list, said.value_list, strict=True)
    ]
    kinds = ("release", "actuator", "authority", "mode", "refusal")
    return {
        "control": [[at_s, who, text] for at_s, who, kind, text in lines if kind in kinds and who not in STORING],
        "readings": [list(reading) for reading in sorted(set(readings))],
        "twice": len(readings) - len(set(readings)),
        "crashes": [text for _, _, kind, text in lines if kind == "crash"],
        "storage": [[who, text] for _, who, kind, text in lines if kind == "storage"],
    }


if __name__ == "__main__":
    print(json.dumps(night(Path(sys.argv[1]))))
