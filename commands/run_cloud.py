"""The AtomicTNode and the ear as processes of their own."""

import os
import time
from pathlib import Path

from actors.runtime import ThreadedRuntime
from actors.supervisor import HUNG_AFTER_S
from actors.wiring import AtnParts, add_atomic_tnode, add_ear, add_supervisor
from commands.run import Ending, Lines, Sieve, opener, own_folder, stop_in_order
from commands.run_clock import ClockEar
from commands.site import Site, load_site, outlook_of
from gw_spaceheat.errors import BadInput
from gw_spaceheat.markets.series import utc_text
from gw_spaceheat.messages.link import PlantClock
from gw_spaceheat.settings import Settings, load_settings
from gw_spaceheat.storage.atn_memory import FILE_NAME as MEMORY_FILE
from gw_spaceheat.storage.atn_memory import AtnMemory
from gw_spaceheat.storage.ear_store import CountingSink, open_ear_store
from gw_spaceheat.storage.line_protocol import LineProtocol, WithLines
from gw_spaceheat.storage.message_store import MessageStore
from gw_spaceheat.wires.systemd_notify import SystemdNotify

CLOCK_WAIT_S = 2.5
MOST_ERROR_REAL_S = 0.5
NEW_RUN_S = 3600.0
HORIZON_S = 48 * 3600.0


def run_atn(house: str | None, series: Path | None, parameters: Path | None, ending: Ending) -> None:
    """Follows the plant's clock on a loopback broker, else the wall clock; begins anew when the plant does."""
    settings = load_settings()
    site = load_site(
        house or settings.house,
        series or settings.series_file,
        settings.houses_folder,
        settings.input_data_folder,
        parameters or settings.atn_parameters_file,
    )
    store = MessageStore(own_folder(settings.data_folder) / "atn-messages.db")
    ear, service = ClockEar(site.house, settings.cloud, ending), SystemdNotify()
    try:
        clock = ear.wait_for_clock(CLOCK_WAIT_S)
        if ear.other_atn:
            raise BadInput(
                f"house {site.house.alias}: another AtomicTNode speaks for it on this broker; "
                "there may be one (run_local.py --no-atn leaves it to run_atn.py)"
            )
        while not ending.wait(0.0):
            clock = _run_until_clock_jumps(settings, site, store, ear, clock, ending, service)
    finally:
        service.stopping()
        ear.stop()
        store.close()


def _run_until_clock_jumps(
    settings: Settings, site: Site, store: MessageStore, ear: ClockEar, clock: PlantClock | None, ending: Ending,
    service: SystemdNotify,
) -> PlantClock | None:  # fmt: skip
    """One life of the AtomicTNode: its timers and plan are worth nothing in another year."""
    lines = Lines(Sieve(every_try=True))
    start_s, speed = (clock.epoch_ms / 1000.0, clock.speed) if clock is not None else (None, 1.0)
    runtime = ThreadedRuntime(start_s, speed, lines)
    followed = f"the plant's clock, speed {speed:g}" if clock is not None else "the wall clock"
    now_s = runtime.now()
    runtime.log.write(now_s, "run_atn", "clock", f"follows {followed}")
    if not site.weather.covers(now_s, now_s + HORIZON_S):
        held = f"{utc_text(site.weather.start_s)} to {utc_text(site.weather.end_s)}"
        text = f"{site.weather.name}: holds {held}, not the next 48 h; its nearest value stands for what is missing"
        runtime.log.write(now_s, "run_atn", "warning", text)
    open_link = opener(settings.cloud, site.house.atn_alias, ending)
    folder = settings.data_folder if clock is None else settings.data_folder / "simulated"
    own = own_folder(folder / f"{site.house.short_name}-atn")
    memory = AtnMemory(own / MEMORY_FILE, settings.atn_memory_days, settings.atn_memory_megabytes * 1024 * 1024)
    names = add_atomic_tnode(runtime, AtnParts(site.house, outlook_of(site), open_link, store, memory, own))
    watcher = add_supervisor(runtime, names, service.answered, HUNG_AFTER_S * max(1.0, speed))
    runtime.start_all([*watcher, *names])
    service.ready()
    jumped: PlantClock | None = None
    while jumped is None and not ending.wait(0.5):
        service.pass_on()
        heard = ear.latest
        if heard is None:
            continue
        told, at_s = heard
        age_s = time.monotonic() - at_s
        if age_s > 5.0:
            continue  # the plant is gone; time goes on as it did
        now_s = told.epoch_ms / 1000.0 + age_s * told.speed
        error_s = abs(now_s - runtime.now())
        if error_s > NEW_RUN_S:
            jumped = told
            runtime.log.write(runtime.now(), "run_atn", "clock", "the plant's clock jumped: beginning anew")
        elif told.speed != runtime.speed or error_s > MOST_ERROR_REAL_S * told.speed:
            runtime.follow(now_s, told.speed)
    stop_in_order(runtime, [watcher, ["atn", "dispatcher"], ["atn-gateway"]])
    memory.close()
    return jumped


def run_ear(ending: Ending) -> None:
    """Stores everything it hears and says how much that is."""
    settings = load_settings()
    store = open_ear_store(settings.ear_database, own_folder(settings.data_folder))
    before, place = store.count(), store.place
    link = settings.cloud
    open_link = opener(link, f"{settings.ear_alias}-{os.getpid()}", ending)  # two ears may listen, each for itself
    runtime = ThreadedRuntime(sink=Lines(Sieve(every_try=True)))
    lines = None if settings.ear_lines is None else LineProtocol(*settings.ear_lines)
    counted = CountingSink(store if lines is None else WithLines(store, lines))
    if lines is not None:
        print(f"a copy of all readings goes to {lines.place}", flush=True)
    refused = 0
    names = add_ear(runtime, open_link, counted, settings.ear_alias, settings.ear_group)
    service = SystemdNotify()
    watcher = add_supervisor(runtime, names, service.answered)
    print(f"the ear of broker {link.host}:{link.port} stores in {place}; Ctrl-C ends", flush=True)
    runtime.start_all([*watcher, *names])
    service.ready()
    rounds = last = 0
    while not ending.wait(1.0):
        service.pass_on()
        rounds += 1
        if rounds % 10 == 0 and counted.stored != last:
            last = counted.stored
            print(f"{last} stored in this run, {before + last} in all", flush=True)
        if lines is not None and lines.refused != refused:
            refused = lines.refused
            print(f"warning: {refused} readings not wanted, kept in {place} alone: {lines.refusal}", flush=True)
    service.stopping()
    stop_in_order(runtime, [watcher, names])
    print(f"{counted.stored} stored in this run, {before + counted.stored} in all, in {place}", flush=True)
