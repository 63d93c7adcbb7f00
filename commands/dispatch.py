"""`gws dispatch`: an order to the running AtomicTNode for one actuator of its house. A file that it watches."""

import time
from pathlib import Path

from actors.dispatcher import ANSWER_FILE, ORDER_FILE, Written
from commands.run import own_folder
from gw_spaceheat.decisions.atn_dispatch import LONGEST_HOLD_S
from gw_spaceheat.errors import BadInput, Unreachable
from gw_spaceheat.house.load import load_house
from gw_spaceheat.house.model import House
from gw_spaceheat.settings import load_settings
from gw_spaceheat.storage.state_file import StateFile

PATIENCE_S = 20.0
WORDS = {"on": True, "off": False}


def run_dispatch(
    node: str, value: str, minutes: float, house: str | None, simulated: bool, patience_s: float = PATIENCE_S
) -> str:
    """Write the order and wait for what becomes of it. Raises BadInput, StorageError or Unreachable."""
    settings = load_settings()
    loaded = load_house(house or settings.house, settings.houses_folder, settings.input_data_folder)
    folder = settings.data_folder / "simulated" if simulated else settings.data_folder
    ours = own_folder(folder / f"{loaded.short_name}-atn")
    order = order_of(loaded, node, value, minutes)
    StateFile(ours / ORDER_FILE).save(order.to_json())
    return f"house {loaded.alias}: {node} {value}: {_answer(ours, order.number, patience_s)}"


def order_of(house: House, node: str, value: str, minutes: float) -> Written:
    """Raises BadInput for what this house has not, or cannot be."""
    kinds = {known.name: known.actuator for known in house.nodes if known.actuator is not None}
    if node not in kinds:
        raise BadInput(f"dispatch {node}: house {house.alias} has {', '.join(sorted(kinds))}")
    if not 0.0 < 60.0 * minutes <= LONGEST_HOLD_S:
        raise BadInput(f"--minutes {minutes:g}: must be above 0 and at most {LONGEST_HOLD_S / 60.0:.0f}")
    if kinds[node] != "leaving_setpoint":
        if value not in WORDS:
            raise BadInput(f"dispatch {node} {value!r}: must be on or off")
        return Written(time.time(), node, WORDS[value], 60.0 * minutes)
    try:
        return Written(time.time(), node, float(value), 60.0 * minutes)
    except ValueError:
        raise BadInput(f"dispatch {node} {value!r}: must be a temperature in C") from None


def _answer(folder: Path, number: float, patience_s: float) -> str:
    file, end_s = StateFile(folder / ANSWER_FILE), time.monotonic() + patience_s
    while time.monotonic() < end_s:
        said = file.load()
        if said is not None and said.get("number") == number:
            return str(said.get("text"))
        time.sleep(0.2)
    raise Unreachable(f"no answer in {patience_s:.0f} s: does the AtomicTNode of this house run, with folder {folder}?")
