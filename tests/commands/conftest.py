"""The fixture that starts our programs."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.programs import Run, Start, free_port

GWS = "from commands.main import main; main()"


@pytest.fixture
def start(repository: Path, tmp_path: Path) -> Iterator[Start]:
    """`start("run_ear.py", "--seconds", "3", GWS_CLOUD__PORT="1")`; whatever still runs at the end is killed."""
    runs: list[Run] = []

    def begin(program: str, *arguments: str, **environment: str) -> Run:
        folder = tmp_path / f"run{len(runs)}"
        folder.mkdir()
        nobody = {"GWS_CLOUD__PORT": str(free_port()), "GWS_LOCAL__PORT": str(free_port())}
        command = ["-c", GWS] if program == "gws" else [str(repository / program)]
        process = subprocess.Popen(
            [sys.executable, *command, *arguments],
            cwd=folder, env=os.environ | nobody | environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        lines: list[str] = []

        def read() -> None:
            assert process.stdout is not None
            lines.extend(iter(process.stdout.readline, ""))

        reader = threading.Thread(target=read, daemon=True)
        runs.append(Run(process, lines, reader))
        reader.start()
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            # Orderly if it can: a killed run would leave its broker behind.
            run.process.terminate()
            try:
                run.process.wait(5.0)
            except subprocess.TimeoutExpired:
                run.process.kill()
                run.process.wait(5.0)
