"""A house that runs: SCADA on real wires, or a simulated plant served over loopback with market and AtomicTNode."""

import os
import socket
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from rich.console import Console
from rich.live import Live

from actors.loopback import LoopbackHouse
from actors.runtime import ThreadedRuntime
from actors.supervisor import HUNG_AFTER_S
from actors.wiring import (
    AtnParts,
    ScadaParts,
    add_atomic_tnode,
    add_market,
    add_plant,
    add_scada,
    add_supervisor,
    real_wires,
)
from commands.house_screen import Costs, Told, view_of
from commands.run import Ending, Lines, Sieve, opener, own_folder, own_folder_if_possible, stop_in_order
from commands.run_clock import FOR_ALL, FOR_ITSELF, ClockEar, ClockMouth
from commands.site import DEFAULT_START, Site, load_site, outlook_of, with_settings
from gw_spaceheat.errors import BadInput, StorageError, Unreachable
from gw_spaceheat.house.model import House
from gw_spaceheat.markets.series import utc_text
from gw_spaceheat.settings import LinkSettings, Settings, TlsSettings, load_settings
from gw_spaceheat.simulation.house import SimulatedHouse
from gw_spaceheat.storage import atn_memory
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.views.house_view import render
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from gw_spaceheat.wires.protocols import Wire
from gw_spaceheat.wires.system_clock import SystemClock
from gw_spaceheat.wires.systemd_notify import SystemdNotify

VIEW_S = 0.5
DATABASES = ("outbox.db", "journal.db")
MEMORY_FILES = (*(name + end for name in DATABASES for end in ("", "-wal", "-shm")), "contract.json", "safety.json",
                "opt_out.json", "policy.json")  # fmt: skip
MQTT_CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x0a\x00\x05probe"


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """What run_local.py was asked for; None = what the settings say."""

    simulate: bool
    house: str | None
    speed: float
    seconds: float | None
    plain: bool
    series: Path | None
    start: str | None
    with_atn: bool
    parameters: Path | None = None


def run_local(options: LocalOptions, ending: Ending) -> None:
    settings = load_settings()
    series = options.series or settings.series_file
    has_atn = options.simulate and options.with_atn
    if options.parameters is not None and not has_atn:
        raise BadInput(
            f"--parameters {options.parameters}: are the AtomicTNode's; need --simulate without --no-atn, or run_atn.py"
        )
    loaded = load_site(
        options.house or settings.house,
        series,
        settings.houses_folder,
        settings.input_data_folder,
        options.parameters or (settings.atn_parameters_file if has_atn else None),
    )
    site = replace(loaded, house=with_settings(loaded.house, settings))
    folder = settings.data_folder
    if options.simulate:
        _run_simulated(options, settings, site, own_folder(folder), ending)
    else:
        if options.speed != 1.0 or options.start is not None:
            raise BadInput("--speed and --start: need --simulate; a real house has the time of the clock on the wall")
        _run_real(settings, site, folder, ending)


def _run_real(settings: Settings, site: Site, folder: Path, ending: Ending) -> None:
    # Without pins gpiozero prints eight lines of its own beside our one.
    warnings.filterwarnings("ignore", module="gpiozero")
    runtime = ThreadedRuntime(sink=Lines(Sieve()))
    house, memory = site.house, folder / site.house.short_name
    own_folder_if_possible(memory)
    parts = ScadaParts(
        house=house,
        tariff=site.tariff,
        wires=real_wires(house, runtime.now),
        open_cloud=opener(settings.cloud, house.scada_alias, ending, refusal_ends=False),
        open_local=opener(settings.local, f"{house.scada_alias}.local", ending, refusal_ends=False),
        folder=memory,
        instance_id=runtime.new_id(),
        first_boot=int(time.time()),
        clock=SystemClock(runtime.wall_s),
        begin_anew=ending.fail,
        outbox_megabytes=settings.outbox_megabytes,
        ear=settings.receiving_ear,
    )
    names, service = add_scada(runtime, parts), SystemdNotify()
    watcher = add_supervisor(runtime, names, service.answered)
    print(f"house {house.alias} on its real wires, memory in {memory}; Ctrl-C ends", flush=True)
    runtime.start_all([*watcher, *names])
    service.ready()
    while not ending.wait(1.0):
        service.pass_on()
    service.stopping()
    began = time.monotonic()
    stop_in_order(runtime, stop_groups(names, watcher))
    print(f"stopped in {time.monotonic() - began:.1f} s", flush=True)


def stop_groups(names: Sequence[str], watcher: Sequence[str]) -> list[list[str]]:
    """The SCADA first: its last word is the safe pattern. Then whoever carries it to the wires, then the rest."""
    groups: list[list[str]] = [list(watcher), *([] for _ in range(6))]
    for name in names:
        groups[_stop_rank(name)].append(name)
    return groups


def _stop_rank(name: str) -> int:
    match name:
        case "scada":
            return 1
        case "local-controller" | "contract-keeper" | "reporter" | "market" | "atn" | "dispatcher":
            return 4
        case "plant":
            return 6
    if name.startswith("bus-"):
        return 3
    return 5 if "gateway" in name else 2


def start_time_s(text: str | None) -> float:
    """Epoch seconds of an ISO time; without zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text or DEFAULT_START)
    except ValueError:
        raise BadInput(f"--start {text!r}: must be an ISO time such as {DEFAULT_START}") from None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _begin_s(start: str | None, site: Site) -> float:
    """Where the simulation begins: as asked, else the default, else where the series begins. Raises BadInput."""
    start_s = start_time_s(start)
    if start is None and not site.weather.covers(start_s, start_s + 3600.0):
        start_s = site.weather.start_s
    try:
        site.require(start_s, start_s + 3600.0)
    except BadInput as error:
        raise BadInput(f"--start {start or utc_text(start_s)}: {error}") from error
    return start_s


def loopback_broker(settings: LinkSettings, folder: Path) -> tuple[LinkSettings, EmbeddedBroker | None]:
    """The broker that listens on the settings' port on this machine, or one of our own there or on a free port."""
    link = settings.model_copy(update={"host": "127.0.0.1", "tls": TlsSettings()})
    port = settings.port
    listens, speaks_mqtt = _probe(port)
    if speaks_mqtt:
        return link, None
    password = settings.password.get_secret_value() if settings.password is not None else None
    broker = EmbeddedBroker(0 if listens else port, folder, settings.username, password)
    try:
        broker.start()
    except Unreachable as error:
        print(f"warning: {error}; the house heats on without it", flush=True)
        return link, broker
    if listens:
        print(
            f"port {port} is taken by something else: the broker listens on {broker.port}, "
            f"use GWS_CLOUD__PORT={broker.port} for run_atn.py and run_ear.py",
            flush=True,
        )
    return link.model_copy(update={"port": broker.port}), broker


def _probe(port: int) -> tuple[bool, bool]:
    """Whether something listens on this machine, and whether it answers as an MQTT broker."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as probe:
            try:
                probe.sendall(MQTT_CONNECT)
                return True, probe.recv(1) == b"\x20"
            except OSError:
                return True, False
    except OSError:
        return False, False


def _run_simulated(options: LocalOptions, settings: Settings, site: Site, folder: Path, ending: Ending) -> None:
    start_s = _begin_s(options.start, site)
    memory = own_folder(folder / "simulated" / site.house.short_name)
    for name in MEMORY_FILES:  # a simulated house begins anew each time, so does its SCADA
        (memory / name).unlink(missing_ok=True)
    link, broker = loopback_broker(settings.cloud, folder / "broker")
    try:
        if broker is None and _already_runs(site.house, link, ending):
            raise BadInput(f"house {site.house.alias}: already runs on the broker at port {link.port}; stop it first")
        ending.raise_problem()
        print(
            f"house {site.house.alias} simulated from {utc_text(start_s)} at {options.speed:g} times real time, "
            f"broker 127.0.0.1:{link.port}, memory in {memory}; Ctrl-C ends",
            flush=True,
        )
        if not options.with_atn:
            print("without run_atn.py beside it the house stays in local control", flush=True)
        _Simulated(options, site, link, folder, memory, start_s, ending, settings.receiving_ear).run()
    finally:
        if broker is not None:
            broker.stop()


def _already_runs(house: House, link: LinkSettings, ending: Ending) -> bool:
    ear = ClockEar(house, link, ending)
    try:
        return ear.wait_for_clock(2.5) is not None
    finally:
        ear.stop()


class _Simulated:
    """One accelerated neighbourhood in this process, over real Modbus, files and MQTT."""

    def __init__(
        self, options: LocalOptions, site: Site, link: LinkSettings, folder: Path, memory: Path, start_s: float,
        ending: Ending, ear: str,
    ) -> None:  # fmt: skip
        self._site, self._ending = site, ending
        house = site.house
        self._plain = options.plain or not sys.stdout.isatty()
        self._told = Told(house.timezone)
        self._print = Lines(Sieve())
        self.plant = SimulatedHouse(house, site.outdoor_c, start_s, Random(0))
        self._loopback = LoopbackHouse(house, self.plant, memory / "one-wire")
        self._loopback.start()
        self._costs = Costs(site, self.plant, start_s)
        self._files_s = start_s
        self._files_every_s = 10.0 if options.speed <= 10 else 30.0
        store = MessageStore(folder / "atn-messages.db") if options.with_atn else None
        self.runtime = runtime = ThreadedRuntime(start_s, options.speed, self._sink)
        wires: dict[str, Wire] = self._loopback.wires(runtime.now)
        me = os.getpid()
        self._scada = add_scada(
            runtime,
            ScadaParts(
                house=house,
                tariff=site.tariff,
                wires=wires,
                open_cloud=opener(link, f"{house.scada_alias}-{me}", ending),
                open_local=opener(link, f"{house.scada_alias}.local-{me}", ending),
                folder=memory,
                instance_id=runtime.new_id(),
                first_boot=int(time.time()),
                ear=ear,
            ),
        )
        self._others = add_market(runtime, house, site.prices, opener(link, f"{house.alias}.market-{me}", ending))
        if store is not None:
            cloud = opener(link, f"{house.atn_alias}-{me}", ending)
            own = own_folder(memory.with_name(f"{house.short_name}-atn"))
            self._memory = atn_memory.AtnMemory(own / atn_memory.FILE_NAME)
            self._others += add_atomic_tnode(
                runtime, AtnParts(house, outlook_of(site), cloud, store, self._memory, own)
            )
        watched = [*self._scada, *self._others]
        self._others += add_plant(runtime, self.plant, self._show, self._loopback.lock)
        hung_after_s = HUNG_AFTER_S * max(1.0, options.speed)
        self._watcher = add_supervisor(runtime, watched, lambda: None, hung_after_s)
        self._clock = ClockMouth(house, link, runtime, FOR_ITSELF if options.with_atn else FOR_ALL)

    def _sink(self, at_s: float, actor: str, kind: str, text: str) -> None:
        self._told(at_s, actor, kind, text)
        if self._plain:
            self._print(at_s, actor, kind, text)

    def _show(self, now_s: float) -> None:
        """In the plant's thread, after each of its steps."""
        self._costs.advance(now_s)
        if now_s - self._files_s >= self._files_every_s:
            self._files_s = now_s
            try:
                self._loopback.write_files()
            except StorageError as error:
                self.runtime.log.write(now_s, "plant", "storage", str(error))

    def run(self) -> None:
        runtime = self.runtime
        self._clock.start()
        others = [name for name in self._others if name != "plant"]
        runtime.start_all(["plant", *self._watcher, *self._scada, *others])
        if self._plain:
            self._watch_plain()
        else:
            self._watch_live()
        began = time.monotonic()
        self._clock.stop()
        stop_in_order(runtime, stop_groups([*self._scada, *self._others], self._watcher))
        self._loopback.stop()
        still_on = [n.actuator for n in self._site.house.nodes if n.actuator and self.plant.actuator(n.actuator)]
        money = f"cost {self._costs.usd[0]:.2f} USD, thermostat-only {self._costs.usd[1]:.2f} USD"
        safe = f"actuators on: {', '.join(still_on) or 'none'}"
        print(f"stopped in {time.monotonic() - began:.1f} s; {safe}; {money}", flush=True)
        left = [thread.name for thread in threading.enumerate() if not thread.daemon and thread.name != "MainThread"]
        if left:
            print(f"threads left: {left}", file=sys.stderr)

    def _watch_plain(self) -> None:
        while not self._ending.wait(1.0):
            self._clock.say()

    def _watch_live(self) -> None:
        rounds = 0
        with Live(console=Console(), auto_refresh=False, screen=False) as live:
            while not self._ending.wait(VIEW_S):
                rounds += 1
                if rounds % 2 == 0:
                    self._clock.say()
                with self._loopback.lock:
                    view = view_of(
                        self._site, self.plant, self.runtime.now(), self.runtime.speed, self._costs, self._told
                    )
                live.update(render(view), refresh=True)
