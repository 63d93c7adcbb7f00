"""Run by test_dead_disk.py in a mount namespace: a house that starts on a dead disk. Says what became of it."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

from commands.site import load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.messages.envelope import topic_of

FOLDER = Path(sys.argv[1]) / "disk"
START_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()


def mount(options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "t", str(FOLDER)], check=True)


def heats(folder: Path, name: str) -> None:
    lines: list[tuple[str, str, str]] = []
    house = VirtualHouse(
        load_site("beech"), START_S, 1, planning=False, folder=folder,
        sink=lambda _, actor, kind, text: lines.append((actor, kind, text)),
    )  # fmt: skip
    house.plant.preset(hub_c=30.0)
    heard: list[bytes] = []
    topic = topic_of(house.site.house.scada_alias, "ltn", "glitch")
    house.cloud.client("spy", lambda _, payload, __: heard.append(payload), lambda _: None, [topic]).start()
    house.run_until(START_S + 600.0)
    crashes = [line for line in lines if line[1] == "crash"]
    assert not crashes, crashes[:3]
    assert house.plant.actuator("heat_pump") is True, "it heats"
    told = [text for actor, kind, text in lines if (actor, kind) == ("contract-keeper", "ledger")]
    assert len(told) == 1 and "no slot contract" in told[0], told
    assert any(b"ledger.key" in payload for payload in heard), "and says so"
    print(name)


def main() -> None:
    FOLDER.mkdir()
    mount("size=1m,ro")
    heats(FOLDER, "read-only")
    heats(FOLDER / "house", "no-folder")
    subprocess.run(["umount", str(FOLDER)], check=True)
    mount("size=64k")
    with (FOLDER / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    heats(FOLDER, "full")
    subprocess.run(["umount", str(FOLDER)], check=True)
    mount("size=8m")
    for damaged in ("contract.json", "safety.json", "policy.json", "opt_out.json", "ledger.key"):
        (FOLDER / damaged).write_text("{")
    subprocess.run(["mount", "-o", "remount,ro", str(FOLDER)], check=True)
    heats(FOLDER, "damaged")


main()
