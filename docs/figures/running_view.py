"""The picture of the running view in README.md. Run: python docs/figures/running_view.py"""

import sys
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from commands.house_screen import Costs, Told, view_of
from commands.site import DEFAULT_START, load_site
from commands.study import parse_start
from commands.virtual import VirtualHouse
from gw_spaceheat.views.house_view import render

PICTURE = Path(__file__).with_name("running_view.svg")
HOURS = 18.4  # the evening peak


def main() -> None:
    """Run beech for a night in virtual time and draw what `run_local.py --simulate` would show."""
    site, start_s = load_site("beech"), parse_start(DEFAULT_START)
    told = Told(site.house.timezone)
    house = VirtualHouse(site, start_s, seed=1, sink=told)
    costs = Costs(site, house.plant, start_s)
    for minute in range(1, int(60 * HOURS)):
        house.run_until(start_s + 60.0 * minute)
        costs.advance(start_s + 60.0 * minute)
    view = view_of(site, house.plant, house.runtime.now(), 60.0, costs, told)
    console = Console(record=True, width=92, force_terminal=True)
    console.print(render(view))
    PICTURE.write_text(console.export_svg(title="python run_local.py --simulate --speed 60"))


if __name__ == "__main__":
    main()
