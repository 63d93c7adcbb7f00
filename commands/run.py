"""What all threaded runs share: how they end, how they say a fault in one line, their links, folder and log lines."""

import argparse
import math
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from actors.base import run_guarded
from actors.gateway import OpenLink
from actors.runtime import ThreadedRuntime
from gw_spaceheat.errors import BadInput, StorageError, TheirError
from gw_spaceheat.markets.series import utc_text
from gw_spaceheat.security.private_files import require_private
from gw_spaceheat.settings import LinkSettings
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings
from gw_spaceheat.wires.mqtt_protocol import Link, LinkNotice, OnMessage, OnState

LOOPBACK = ("127.0.0.1", "localhost", "::1")
FASTEST = 300.0
BAD_INPUT = 2
# Said so often that a person would see nothing else.
QUIET_KINDS = frozenset({"release", "event"})
# Another actor says the same in its own line.
ECHOES = frozenset({("scada", "actuator"), ("reporter", "commander")})
GONE_NOTICES = frozenset({LinkNotice.UNREACHABLE, LinkNotice.DISCONNECTED})


class Parser(argparse.ArgumentParser):
    """A wrong option is one line, as every other wrong input is; --help has the rest."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"error: {message}\n")


class Ending:
    """When a run is over: a signal, its seconds have passed, or something it cannot go on with."""

    def __init__(self, seconds: float | None = None) -> None:
        self.problem = ""
        self._over = threading.Event()
        self._end_s = None if seconds is None else time.monotonic() + seconds

    def listen(self) -> None:
        """Ctrl-C and SIGTERM end the run orderly."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: self._over.set())

    def fail(self, problem: str) -> None:
        """From any thread: the run cannot go on."""
        if not self._over.is_set():
            self.problem = problem
        self._over.set()

    def wait(self, seconds: float) -> bool:
        """Let time pass; True when the run is over."""
        if self._end_s is not None:
            seconds = min(seconds, max(0.0, self._end_s - time.monotonic()))
        if self._over.wait(seconds):
            return True
        return self._end_s is not None and time.monotonic() >= self._end_s

    def raise_problem(self) -> None:
        if self.problem:
            raise BadInput(self.problem)


def one_line(error: Exception) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines())


def guarded(seconds: float | None, run: Callable[[Ending], None]) -> int:
    """Run to the end. What a person can mend becomes one line on stderr and exit code 2, without a traceback."""
    ending = Ending(seconds)
    ending.listen()
    try:
        run(ending)
        ending.raise_problem()
    except TheirError as error:
        print(f"error: {one_line(error)}", file=sys.stderr, flush=True)
        return BAD_INPUT
    return 0


def some_seconds(text: str) -> float:
    """--seconds."""
    seconds = _number(text)
    if not 0.0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number of seconds above 0")
    return seconds


def some_speed(text: str) -> float:
    """--speed. Sensible is up to 60: links are real, so a round trip of 10 ms takes 0.6 s of the house's time there."""
    speed = _number(text)
    if not 0.0 < speed <= FASTEST:
        rule = f"must be a number above 0 and at most {FASTEST:g}; `gws study` runs faster"
        raise argparse.ArgumentTypeError(f"{text!r}: {rule}")
    return speed


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def own_folder(path: Path) -> Path:
    """The folder, made if need be and proven writable. Raises StorageError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise StorageError(f"data folder {path}: {error.strerror}; it must be a folder that can be written") from error
    return path


def own_folder_if_possible(path: Path) -> None:
    """A house that remembers nothing is heated; one that does not start is not. Raises StorageError for a file."""
    try:
        own_folder(path)
    except StorageError as error:
        if path.is_file() or path.parent.is_file():
            raise  # a wrong setting, not a broken disk
        print(f"warning: {error}; the house heats on without memory and takes no part", flush=True)


def link_settings(link: LinkSettings, client_id: str) -> MqttLinkSettings:
    return MqttLinkSettings(
        host=link.host,
        port=link.port,
        username=link.username,
        password=link.password.get_secret_value() if link.password is not None else None,
        client_id=client_id.replace(".", "-"),  # nats-server refuses names with dots
        keepalive_s=link.keepalive_s,
        tls=link.tls.enabled,
        tls_ca_path=link.tls.ca_path,
        tls_cert_path=link.tls.certificate_path,
        tls_key_path=link.tls.key_path,
    )


def opener(link: LinkSettings, client_id: str, ending: Ending, refusal_ends: bool = True) -> OpenLink:
    """Links over paho. A password refused before the broker ever let us in ends the run; later it is only said.

    `refusal_ends` False: a refusal never ends it, a house has to heat. Raises BadInput for TLS files of no use.
    """
    settings = link_settings(link, client_id)
    _require_tls_files(settings)
    made = 0

    def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
        nonlocal made
        made += 1
        let_in = not refusal_ends

        def on_notice(text: str) -> None:
            nonlocal let_in
            let_in = let_in or text == LinkNotice.CONNECTED
            if text == LinkNotice.AUTH_REFUSED and not let_in:
                who = f"user {settings.username!r}" if settings.username is not None else "us, who gave no user"
                ending.fail(
                    f"broker {settings.host}:{settings.port}: refused {who}; "
                    "user name and password in .env must be ones that it knows"
                )
            on_state(text)

        # A gateway that is replaced must not be thrown out by its own predecessor's retries.
        own = settings if made == 1 else replace(settings, client_id=f"{settings.client_id}-{made}")
        return MqttLink(own, on_message, on_notice, subscriptions, run_guarded)

    return open_link


def _require_tls_files(settings: MqttLinkSettings) -> None:
    """Before any thread starts: inside an actor the same fault would be a crash, again and again."""
    if not settings.tls:
        return
    if settings.tls_key_path is not None:
        require_private(settings.tls_key_path, f"broker {settings.host}:{settings.port}: key")
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca_path)
        if settings.tls_cert_path is not None:
            context.load_cert_chain(settings.tls_cert_path, settings.tls_key_path)
    except OSError as error:
        files = ", ".join(str(p) for p in (settings.tls_ca_path, settings.tls_cert_path, settings.tls_key_path) if p)
        raise BadInput(
            f"broker {settings.host}:{settings.port}: TLS files {files}: cannot be used ({error})"
        ) from error


class Sieve:
    """What of the event log a person should see. A fault that lasts is a warning once, until it is over.

    `every_try`: a broker that cannot be reached is said at each try, by programs that can do nothing without it.
    """

    def __init__(self, every_try: bool = False, quiet: Iterable[str] = QUIET_KINDS) -> None:
        self._every_try = every_try
        self._quiet = frozenset(quiet)
        self._faults: dict[str, str] = {}  # by actor
        self._lock = threading.Lock()

    def kind_shown(self, actor: str, kind: str, text: str) -> str | None:
        """The kind under which to show a line, `warning` for a fault; None = not worth saying."""
        if kind in self._quiet or (actor, kind) in ECHOES:
            return None
        match kind:
            case "link":
                notice = text.partition(":")[0].split()[-1]
                if notice in (LinkNotice.CONNECTING, LinkNotice.CONNECTED):
                    return None
                if notice == LinkNotice.SUBSCRIBED:
                    return self._well(actor, kind)
                # Some actors share a broker: that it is gone is one warning, whoever notices first.
                broker = next((word for word in text.split() if ":" in word.strip(":")), actor)
                return self._fault(actor, f"{'gone' if notice in GONE_NOTICES else notice} {broker}", self._every_try)
            case "sensor":
                return self._well(actor, kind) if text.endswith("answers again") else self._fault(actor, actor)
            case "actuator":
                # `heat_pump = True` is well, anything behind it is what is wrong.
                return self._well(actor, kind) if len(text.split()) <= 3 else self._fault(actor, actor)
        return kind

    def _well(self, actor: str, kind: str) -> str:
        with self._lock:
            self._faults.pop(actor, None)
        return kind

    def _fault(self, actor: str, fault: str, again: bool = False) -> str | None:
        with self._lock:
            known = fault in self._faults.values()
            self._faults[actor] = fault
        return None if known and not again else "warning"


class Lines:
    """A log sink that prints what the sieve lets through."""

    def __init__(self, sieve: Sieve) -> None:
        self._sieve = sieve
        self._lock = threading.Lock()

    def __call__(self, at_s: float, actor: str, kind: str, text: str) -> None:
        shown = self._sieve.kind_shown(actor, kind, text)
        if shown is None:
            return
        # One write: print() gives text and line end separately, and lines of two threads would mix.
        with self._lock:
            sys.stdout.write(f"{utc_text(at_s)} {actor:<23} {shown:<10} {text}\n")
            sys.stdout.flush()


def stop_in_order(runtime: ThreadedRuntime, groups: Sequence[Sequence[str]]) -> None:
    """One group after the other, the members of a group at the same time."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        for group in groups:
            list(pool.map(runtime.stop, group))
    runtime.stop_all([])
