"""Some actors of a house, started against a simulated plant; whoever is not started is replaced by a listener."""

from random import Random

from actors.base import Shell
from actors.runtime import ThreadedRuntime
from actors.wiring import ScadaParts, add_plant, add_scada, simulated_wires
from commands.run import Ending, Lines, opener, stop_in_order
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
    runtime = ThreadedRuntime(start_s, 1.0, Lines(warn_once=False, quiet=()))
    plant = SimulatedHouse(site.house, site.outdoor_c, start_s, Random(0))
    parts = ScadaParts(
        house=site.house,
        tariff=site.tariff,
        wires=dict(simulated_wires(site.house, plant)),
        open_cloud=opener(settings.cloud, f"{site.house.scada_alias}.try", ending),
        open_local=opener(settings.local, f"{site.house.scada_alias}.try-local", ending),
        folder=None,
        instance_id=runtime.new_id(),
    )
    names = [*add_plant(runtime, plant), *add_scada(runtime, parts)]
    print(f"actors of {site.house.alias}: {', '.join(names)}", flush=True)
    chosen = _choose(wanted, names)
    # Without its bus a device could say nothing.
    started = [name for name in names if name in chosen or name.startswith("bus-") or name == "plant"]
    for name in [name for name in names if name not in started]:
        runtime.add(name, Listener)
        runtime.start(name)
    for name in started:
        runtime.start(name)
    print(f"started: {', '.join(started)}; Ctrl-C ends", flush=True)
    while not ending.wait(1.0):
        pass
    stop_in_order(runtime, stop_groups(names, []))


def _choose(wanted: str | None, names: list[str]) -> set[str]:
    if wanted is None:
        try:
            wanted = input("which to start, with commas between (empty: all)? ")
        except EOFError:
            raise BadInput("no answer: name the actors with --actors plant,power-meter,...") from None
    chosen = {name.strip() for name in wanted.split(",") if name.strip()} or set(names)
    unknown = sorted(chosen - set(names))
    if unknown:
        raise BadInput(f"--actors {', '.join(unknown)}: no such actor; there are {', '.join(names)}")
    return chosen
