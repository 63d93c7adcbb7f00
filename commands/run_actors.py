"""Some actors of a house, started against a simulated plant; whoever is not started is replaced by a listener."""

import os
import signal
import textwrap
from collections.abc import Sequence
from random import Random

from actors.base import Shell
from actors.runtime import ThreadedRuntime
from actors.wiring import ScadaParts, add_plant, add_scada, simulated_wires
from commands.run import Ending, Lines, Sieve, opener, stop_in_order
from commands.run_house import start_time_s, stop_groups
from commands.site import load_site
from gw_spaceheat.errors import BadInput
from gw_spaceheat.settings import load_settings
from gw_spaceheat.simulation.house import SimulatedHouse

LONGEST = 160


class Listener(Shell):
    """Stands in for an actor that was not started and prints what it is told."""

    def handle(self, message: object) -> None:
        text = str(message)
        self.context.log("hears", text if len(text) <= LONGEST else text[: LONGEST - 3] + "...")


def try_actors(house: str | None, wanted: str | None, ending: Ending) -> None:
    settings = load_settings()
    site = load_site(house or settings.house, settings.series_file, settings.houses_folder, settings.input_data_folder)
    start_s = start_time_s(None)
    # Everything is printed: seeing it is what this is for.
    runtime = ThreadedRuntime(start_s, 1.0, Lines(Sieve(quiet=())))
    plant = SimulatedHouse(site.house, site.outdoor_c, start_s, Random(0))
    parts = ScadaParts(
        house=site.house,
        tariff=site.tariff,
        wires=dict(simulated_wires(site.house, plant)),
        open_cloud=opener(settings.cloud, f"{site.house.scada_alias}.try-{os.getpid()}", ending),
        open_local=opener(settings.local, f"{site.house.scada_alias}.try-local-{os.getpid()}", ending),
        folder=None,
        instance_id=runtime.new_id(),
    )
    names = [*add_plant(runtime, plant), *add_scada(runtime, parts)]
    chosen = _choose(site.house.alias, wanted, names)
    # Without its bus a device could say nothing.
    started = [name for name in names if name in chosen or name.startswith("bus-") or name == "plant"]
    listeners = [name for name in names if name not in started]
    for name in listeners:
        runtime.add(name, Listener)
    print(f"started:\n{_wrapped(started)}", flush=True)
    if listeners:
        print("whoever was not started only listens, and prints what it hears", flush=True)
    print("Ctrl-C ends", flush=True)
    runtime.start_all([*listeners, *started])
    while not ending.wait(1.0):
        pass
    stop_in_order(runtime, stop_groups(names, []))


def _choose(house: str, wanted: str | None, names: list[str]) -> set[str]:
    """By name, or by the beginning of some: `relay` are all relays."""
    if wanted is None:
        print(f"actors of {house}:\n{_wrapped(names)}", flush=True)
        # While we wait for an answer nothing else would notice Ctrl-C.
        orderly = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            wanted = input("Which to start? Names or their beginnings, with commas between (empty: all): ")
        except (EOFError, KeyboardInterrupt):
            print(flush=True)
            raise BadInput("no answer: name the actors with --actors, such as --actors power-meter,scada") from None
        finally:
            signal.signal(signal.SIGINT, orderly)
    words = [word.strip() for word in wanted.split(",") if word.strip()]
    chosen: set[str] = set()
    for word in words:
        found = {word} if word in names else {name for name in names if name.startswith(word)}
        if not found:
            raise BadInput(f"--actors {word}: house {house} has no such actor; it has {', '.join(names)}")
        chosen |= found
    return chosen or set(names)


def _wrapped(names: Sequence[str]) -> str:
    return textwrap.fill(", ".join(names), 110, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
