"""Where our programs listen: a real house and the ear nowhere, a simulated house on loopback only."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.fixtures.secured_broker import free_port

LIMIT_S = 30.0
LISTENING = "0A"
LOOPBACK = ("0100007F", "0" * 24 + "01000000")
pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's /proc")


def family(pid: int) -> set[int]:
    """A process and its descendants."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(folder.name)] = int(words[1])
    own, more = {pid}, {pid}
    while more:
        more = {child for child, parent in parents.items() if parent in more} - own
        own |= more
    return own


def listening(pid: int) -> list[str]:
    """Hexadecimal addresses on which a process or a descendant listens, TCP."""
    sockets = set()
    for member in family(pid):
        for handle in Path(f"/proc/{member}/fd").iterdir():
            try:
                sockets.add(str(handle.readlink()))
            except OSError:
                continue
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return [row[1].split(":")[0] for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in sockets]


@pytest.mark.parametrize(
    ("arguments", "listens"),
    [
        (["run_local.py", "--simulate", "--plain", "--speed", "10"], True),
        (["run_local.py", "--house", "orange"], False),
        (["run_ear.py"], False),
    ],
    ids=["simulated", "real", "ear"],
)
def test_where_it_listens(repository: Path, tmp_path: Path, arguments: list[str], listens: bool) -> None:
    program, *options = arguments
    environment = os.environ | {"GWS_CLOUD__PORT": str(free_port()), "GWS_LOCAL__PORT": str(free_port())}
    process = subprocess.Popen(
        [sys.executable, str(repository / program), *options, "--seconds", str(LIMIT_S)],
        cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    guard = threading.Timer(LIMIT_S, process.kill)
    guard.start()
    try:
        # A line that comes from an actor: by then everything has been started.
        lines = iter(process.stdout.readline, "")
        first = next(line for line in lines if "Ctrl-C ends" in line)
        second = next(lines)
        addresses = listening(process.pid)
    finally:
        guard.cancel()
        process.terminate()
        process.wait(LIMIT_S)
        process.stdout.close()
    assert set(addresses) <= set(LOOPBACK), f"{first}{second}"
    assert bool(addresses) == listens
