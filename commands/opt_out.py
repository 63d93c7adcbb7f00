"""`gws optout on|off`: the homeowner's own switch. A file that the SCADA watches; no network is needed."""

import time
from getpass import getuser

from commands.run import own_folder
from gw_spaceheat.decisions.opt_out import Event, OptOut, decide, from_json
from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import load_house
from gw_spaceheat.settings import load_settings
from gw_spaceheat.storage.state_file import StateFile

FILE_NAME = "opt_out.json"
EVENTS = {"on": Event.OPTS_OUT, "off": Event.TAKES_BACK}


def run_opt_out(wish: str, house: str | None, simulated: bool) -> str:
    """Write the choice; `status` only says it. Raises BadInput or StorageError."""
    if wish not in (*EVENTS, "status"):
        raise BadInput(f"optout {wish!r}: must be on, off or status")
    settings = load_settings()
    loaded = load_house(house or settings.house, settings.houses_folder, settings.input_data_folder)
    folder = settings.data_folder / "simulated" if simulated else settings.data_folder
    file = StateFile(own_folder(folder / loaded.short_name) / FILE_NAME)
    saved = file.load()
    state = from_json(saved) if saved is not None else OptOut()
    if wish in EVENTS:
        state, changed = decide(state, EVENTS[wish], getuser(), time.time())
        if changed:
            file.save(state.to_json())
    follows = {
        True: "no dispatch and no slot of the AtomicTNode; `gws optout off` takes it back",
        False: "the AtomicTNode may offer slots",
    }
    return f"house {loaded.alias}: homeowner {state.choice}: {follows[state.opted_out]} ({file.path})"
