"""What systemd hears: ready, stopping, and a pat only when the supervisor and the loop both live."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors import supervisor
from commands.run import Ending
from commands.run_cloud import run_ear
from commands.run_house import LocalOptions, run_local
from gw_spaceheat.wires.systemd_notify import NOTIFY_SOCKET, SystemdNotify


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Plays systemd's end of the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.setblocking(False)
        yield line


def heard(systemd: socket.socket) -> list[str]:
    texts = []
    while True:
        try:
            texts.append(systemd.recv(1000).decode())
        except BlockingIOError:
            return texts


def test_a_pat_needs_an_answer_since_the_last(systemd: socket.socket) -> None:
    service = SystemdNotify(str(systemd.getsockname()))
    service.ready()
    service.pass_on()
    assert heard(systemd) == ["READY=1"]
    service.answered()
    assert heard(systemd) == [], "the supervisor alone is not enough"
    service.pass_on()
    service.pass_on()
    service.stopping()
    assert heard(systemd) == ["WATCHDOG=1", "STOPPING=1"]


def test_a_socket_without_a_file() -> None:
    name = f"gws-test-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind("\0" + name)
        SystemdNotify("@" + name).ready()
        assert line.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "@nobody-listens", "/" + "x" * 300, "\0zero\0"])
def test_nobody_listening_harms_nobody(address: str) -> None:
    SystemdNotify(address).ready()


@pytest.mark.parametrize("program", ["run_ear", "run_local"])
def test_programs_pat_while_their_actors_answer_and_say_goodbye(
    systemd: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """The real programs without any broker or device: they are well, and systemd is told so."""
    monkeypatch.setattr(supervisor, "CHECK_S", 0.1)
    monkeypatch.setenv(NOTIFY_SOCKET, str(systemd.getsockname()))
    monkeypatch.setenv("GWS_DATA_FOLDER", str(tmp_path / "data"))
    monkeypatch.setenv("GWS_CLOUD__PORT", "1")
    monkeypatch.setenv("GWS_LOCAL__PORT", "1")
    monkeypatch.chdir(tmp_path)
    ending = Ending(3.5)
    if program == "run_ear":
        run_ear(ending)
    else:
        run_local(LocalOptions(False, "orange", 1.0, None, True, None, None, False), ending)
    texts = heard(systemd)
    assert texts[0] == "READY=1" and texts[-1] == "STOPPING=1"
    assert 1 <= texts.count("WATCHDOG=1") == len(texts) - 2


def test_no_pat_while_the_supervisor_is_dead(
    systemd: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(*_: object) -> None:
        raise RuntimeError("a bug in the supervisor")

    monkeypatch.setattr(supervisor.Supervisor, "_check", dead)
    monkeypatch.setattr(supervisor, "CHECK_S", 0.1)
    monkeypatch.setenv(NOTIFY_SOCKET, str(systemd.getsockname()))
    monkeypatch.setenv("GWS_DATA_FOLDER", str(tmp_path / "data"))
    monkeypatch.setenv("GWS_CLOUD__PORT", "1")
    monkeypatch.chdir(tmp_path)
    run_ear(Ending(2.5))
    assert heard(systemd) == ["READY=1", "STOPPING=1"]
