"""What all threaded runs share: how they end, how they say a fault in one line, their links, folder and log lines."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from actors.gateway import OpenLink
from actors.runtime import ThreadedRuntime
from gw_spaceheat.errors import BadInput, StorageError, TheirError
from gw_spaceheat.markets.series import utc_text
from gw_spaceheat.settings import LinkSettings
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings
from gw_spaceheat.wires.mqtt_protocol import Link, LinkNotice, OnMessage, OnState

LOOPBACK = ("127.0.0.1", "localhost", "::1")
FASTEST = 300.0
BAD_INPUT = 2
# Said so often that a person would see nothing else.
QUIET_KINDS = frozenset({"release", "event"})


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


def require_speed(speed: float) -> float:
    """Sensible is up to 60: links are real, so a round trip of 10 ms takes 0.6 s of the house's time there."""
    if not 0.0 < speed <= FASTEST:
        raise BadInput(f"--speed {speed:g}: must be above 0 and at most {FASTEST:g}; `gws study` runs faster")
    return speed


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


def link_settings(link: LinkSettings, client_id: str) -> MqttLinkSettings:
    return MqttLinkSettings(
        host=link.host,
        port=link.port,
        username=link.username,
        password=link.password.get_secret_value() if link.password is not None else None,
        client_id=client_id,
        keepalive_s=link.keepalive_s,
        tls=link.tls.enabled,
        tls_ca_path=link.tls.ca_path,
        tls_cert_path=link.tls.certificate_path,
        tls_key_path=link.tls.key_path,
    )


def opener(link: LinkSettings, client_id: str, ending: Ending) -> OpenLink:
    """Links over paho. A password refused before the broker ever let us in ends the run; later it is only said."""
    settings = link_settings(link, client_id)
    made = 0

    def open_link(on_message: OnMessage, on_state: OnState, subscriptions: Sequence[str]) -> Link:
        nonlocal made
        made += 1
        let_in = False

        def on_notice(text: str) -> None:
            nonlocal let_in
            let_in = let_in or text == LinkNotice.CONNECTED
            if text == LinkNotice.AUTH_REFUSED and not let_in:
                who = settings.username or "nobody"
                ending.fail(
                    f"broker {settings.host}:{settings.port}: refused user {who!r}; name and password must be its own"
                )
            on_state(text)

        # A gateway that is replaced must not be thrown out by its own predecessor's retries.
        own = settings if made == 1 else replace(settings, client_id=f"{client_id}-{made}")
        return MqttLink(own, on_message, on_notice, subscriptions)

    return open_link


class Lines:
    """A log sink that prints. An unreachable broker is said at every try, or (`warn_once`) once until it is back."""

    def __init__(self, warn_once: bool, quiet: Iterable[str] = QUIET_KINDS) -> None:
        self._warn_once = warn_once
        self._quiet = frozenset(quiet)
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def worth_saying(self, actor: str, kind: str, text: str) -> bool:
        if kind in self._quiet:
            return False
        if kind != "link":
            return True
        with self._lock:
            if "subscribed" in text:
                self._said.discard(actor)
                return True
            if "connecting" in text:
                return False
            if "unreachable" in text and self._warn_once:
                again = actor in self._said
                self._said.add(actor)
                return not again
            return True

    def __call__(self, at_s: float, actor: str, kind: str, text: str) -> None:
        if self.worth_saying(actor, kind, text):
            print(f"{utc_text(at_s)} {actor:<18} {kind:<10} {text}", flush=True)


def stop_in_order(runtime: ThreadedRuntime, groups: Sequence[Sequence[str]]) -> None:
    """One group after the other, the members of a group at the same time."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        for group in groups:
            list(pool.map(runtime.stop, group))
    runtime.stop_all([])
