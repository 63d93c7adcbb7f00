"""A house that runs: SCADA on real wires, or a simulated plant served over loopback with market and AtomicTNode."""

import os
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random

from rich.console import Console
from rich.live import Live

from actors.atomic_tnode import Forecasts
from actors.loopback import LoopbackHouse
from actors.runtime import ThreadedRuntime
from actors.supervisor import HUNG_AFTER_S
from actors.wiring import (
    ScadaParts,
    add_atomic_tnode,
    add_market,
    add_plant,
    add_scada,
    add_supervisor,
    real_wires,
)
from commands.run import Ending, Lines, opener, own_folder, require_speed, stop_in_order
from commands.run_clock import ClockEar, ClockMouth
from commands.site import DEFAULT_START, Site, load_site
from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.house.model import House
from gw_spaceheat.settings import LinkSettings, Settings, load_settings
from gw_spaceheat.simulation.house import SimulatedHouse
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.views.house_view import HouseView, ZoneView, render
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from gw_spaceheat.wires.protocols import Wire

VIEW_S = 0.5
MEMORY_FILES = ("outbox.db", "outbox.db-wal", "outbox.db-shm", "contract.json", "safety.json")
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


def run_local(options: LocalOptions, ending: Ending) -> None:
    settings = load_settings()
    require_speed(options.speed)
    series = options.series or settings.series_file
    site = load_site(options.house or settings.house, series, settings.houses_folder, settings.input_data_folder)
    folder = own_folder(settings.data_folder)
    if options.simulate:
        _run_simulated(options, settings, site, folder, ending)
    else:
        if options.speed != 1.0 or options.start is not None:
            raise BadInput("--speed and --start: need --simulate, a real house has its own time")
        _run_real(settings, site, folder, ending)


def _run_real(settings: Settings, site: Site, folder: Path, ending: Ending) -> None:
    runtime = ThreadedRuntime(sink=Lines(warn_once=True))
    house = site.house
    parts = ScadaParts(
        house=house,
        tariff=site.tariff,
        wires=real_wires(house, runtime.now),
        open_cloud=opener(settings.cloud, house.scada_alias, ending),
        open_local=opener(settings.local, f"{house.scada_alias}.local", ending),
        folder=own_folder(folder / house.short_name),
        instance_id=runtime.new_id(),
        first_boot=int(time.time()),
    )
    names = add_scada(runtime, parts)
    watcher = add_supervisor(runtime, names, lambda: None)
    for name in [*watcher, *names]:
        runtime.start(name)
    while not ending.wait(1.0):
        pass
    stop_in_order(runtime, stop_groups(names, watcher))


def stop_groups(names: Sequence[str], watcher: Sequence[str], others: Sequence[str] = ()) -> list[list[str]]:
    """The SCADA first: its last word is the safe pattern. Then whoever carries it to the wires, then the rest."""
    buses = [name for name in names if name.startswith("bus-")]
    gateways = [name for name in [*names, *others] if "gateway" in name]
    deciders = [name for name in ("local-controller", "contract-keeper", "reporter", "market", "atn") if name]
    known = {"scada", *buses, *gateways, *deciders}
    devices = [name for name in names if name not in known]
    return [list(watcher), ["scada"], devices, buses, deciders, gateways, ["plant"]]


class Costs:
    """Cost so far of the house and of its twin, which has only thermostats; both live the same weather and prices."""

    def __init__(self, site: Site, plant: SimulatedHouse, start_s: float) -> None:
        self._site, self._plant = site, plant
        self._twin = SimulatedHouse(site.house, site.outdoor_c, start_s, Random(0), thermostat_only=True)
        self._used_kwh = [plant.electric_kwh, self._twin.electric_kwh]
        self.usd = [0.0, 0.0]

    def advance(self, now_s: float) -> None:
        self._twin.advance(now_s)
        try:
            price = self._site.prices.price_usd_per_mwh(now_s)
        except BadInput:
            return  # beyond the series: not counted
        for index, house in enumerate((self._plant, self._twin)):
            used_kwh = house.electric_kwh
            self.usd[index] += (used_kwh - self._used_kwh[index]) * price / 1000.0
            self._used_kwh[index] = used_kwh


class Told:
    """What the event log has last said about command and contract, for the view."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.commander, self.contract, self.reason = "local", "none", "starting"
        self.happened: deque[str] = deque(maxlen=8)

    def __call__(self, at_s: float, actor: str, kind: str, text: str) -> None:
        if actor == "scada" and kind == "authority":
            self.commander = text.partition("-> ")[2].partition(":")[0]
        elif actor == "contract-keeper" and kind == "slot":
            self.contract = text.removeprefix("started ") if text.startswith("started") else "none"
        elif actor == "local-controller":
            self.reason = text.partition("): ")[2] or text
        if self._lines.worth_saying(actor, kind, text):
            clock = datetime.fromtimestamp(at_s).astimezone().strftime("%H:%M:%S")
            self.happened.append(f"{clock} {actor}: {text}"[:110])


def view_of(site: Site, plant: SimulatedHouse, runtime: ThreadedRuntime, costs: Costs, told: Told) -> HouseView:
    """One moment of the simulated house; hold the plant's lock."""
    now_s = runtime.now()
    plumbing = site.house.plumbing
    separate = plumbing.buffer is not None
    return HouseView(
        name=site.house.display_name,
        timezone=site.house.timezone,
        at_s=now_s,
        speed=runtime.speed,
        outdoor_c=plant.quantity("outdoor_c"),
        zones=tuple(ZoneView(z.name, plant.quantity(f"zone_{z.name}_c"), z.setpoint_c) for z in plumbing.zones),
        buffer_c=tuple(plant.hub.temperature_c) if separate else (),
        store_c=tuple(plant.store.temperature_c) if plant.store is not None else (),
        heat_source_w=plant.heat_pump_w() + plant.boost_w(),
        leaving_c=plant.quantity("hp_lwt_c") if plumbing.heat_pump is not None else None,
        price_now_usd_per_mwh=_price(site, now_s),
        price_next_usd_per_mwh=_price(site, now_s + 3600.0),
        commander=told.commander,
        contract=told.contract,
        reason=told.reason,
        cost_usd=costs.usd[0],
        thermostat_only_cost_usd=costs.usd[1],
        happened=tuple(told.happened),
    )


def _price(site: Site, at_s: float) -> float:
    try:
        return site.prices.price_usd_per_mwh(at_s)
    except BadInput:
        return float("nan")


def start_time_s(text: str | None) -> float:
    """Epoch seconds of an ISO time; without zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text or DEFAULT_START)
    except ValueError:
        raise BadInput(f"--start {text!r}: must be an ISO time such as {DEFAULT_START}") from None
    return (moment if moment.tzinfo is not None else datetime.fromisoformat(f"{text}+00:00")).timestamp()


def loopback_broker(settings: LinkSettings, folder: Path) -> tuple[LinkSettings, EmbeddedBroker | None]:
    """The broker that listens on the settings' port on this machine, or one of our own there or on a free port."""
    link = settings.model_copy(update={"host": "127.0.0.1"})
    port = settings.port
    listens, speaks_mqtt = _probe(port)
    if speaks_mqtt:
        return link, None
    password = settings.password.get_secret_value() if settings.password is not None else None
    broker = EmbeddedBroker(0 if listens else port, folder, settings.username, password)
    broker.start()
    if listens:
        print(f"port {port} is taken: the broker listens on {broker.port}, use GWS_CLOUD__PORT={broker.port} "
              "for run_atn.py and run_ear.py", file=sys.stderr)  # fmt: skip
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
    start_s = start_time_s(options.start)
    site.require(start_s, start_s + 3600.0)
    memory = own_folder(folder / "simulated" / site.house.short_name)
    for name in MEMORY_FILES:  # a simulated house begins anew each time, so does its SCADA
        (memory / name).unlink(missing_ok=True)
    link, broker = loopback_broker(settings.cloud, folder / "broker")
    try:
        if broker is None and _already_runs(site.house, link, ending):
            raise BadInput(f"house {site.house.alias}: already runs on the broker at port {link.port}; stop it first")
        ending.raise_problem()
        _Simulated(options, site, link, folder, memory, start_s, ending).run()
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
        ending: Ending,
    ) -> None:  # fmt: skip
        self._site, self._ending = site, ending
        house = site.house
        self._plain = options.plain or not sys.stdout.isatty()
        lines = Lines(warn_once=True)
        self._told = Told(lines)
        self._print = lines
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
            ),
        )
        self._others = add_market(runtime, house, site.prices, opener(link, f"{house.alias}.market-{me}", ending))
        if store is not None:
            cloud = opener(link, f"{house.atn_alias}-{me}", ending)
            self._others += add_atomic_tnode(runtime, house, Forecasts(site.outdoor_c), cloud, store)
        add_plant(runtime, self.plant, self._show, self._loopback.lock)
        watched = [*self._scada, *self._others]
        hung_after_s = HUNG_AFTER_S * max(1.0, options.speed)
        self._watcher = add_supervisor(runtime, watched, lambda: None, hung_after_s)
        self._clock = ClockMouth(house, link, runtime)

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
        for name in [*self._watcher, "plant", *self._scada, *self._others]:
            runtime.start(name)
        if self._plain:
            self._watch_plain()
        else:
            self._watch_live()
        began = time.monotonic()
        self._clock.stop()
        stop_in_order(runtime, stop_groups(self._scada, self._watcher, self._others))
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
                    view = view_of(self._site, self.plant, self.runtime, self._costs, self._told)
                live.update(render(view), refresh=True)
