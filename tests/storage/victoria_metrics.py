"""A VictoriaMetrics of a test's own: in its folder, on a free port of loopback, ended with it."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

PROGRAM = "victoria-metrics"
SECONDS = 30.0


class VictoriaMetrics:
    """After `stop` and `start` it has everything, after `kill` and `start` what was on its disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/write?db=gws"

    def start(self) -> None:
        command = [
            PROGRAM, f"-httpListenAddr=127.0.0.1:{self.port}", f"-storageDataPath={self._folder}/data",
            "-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms", "-search.latencyOffset=0s",
        ]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end_s = time.monotonic() + SECONDS
        while time.monotonic() < end_s:
            try:
                if self.ask("/health") == "OK":
                    return
            except OSError:
                assert self._process.poll() is None, f"{PROGRAM} ended, see {self._folder}/log"
                time.sleep(0.05)
        raise AssertionError(f"{PROGRAM} does not answer, see {self._folder}/log")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(SECONDS)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(SECONDS)
            self._process = None

    def ask(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=SECONDS) as answer:
            text: str = answer.read().decode()
            return text

    def points(self, source: str, channel: str) -> list[tuple[int, int]]:
        """Time in ms and value of every point of a channel, in order of time."""
        self.ask("/internal/force_flush")
        match = quote(f'reading_value{{source="{source}",channel="{channel}"}}')
        found: list[tuple[int, int]] = []
        for line in self.ask(f"/api/v1/export?match[]={match}&start=0").splitlines():
            series = json.loads(line)
            found += [(int(t), int(v)) for t, v in zip(series["timestamps"], series["values"], strict=True)]
        return sorted(found)


def victoria_metrics() -> bool:
    return shutil.which(PROGRAM) is not None
