"""Run a house: `python run_local.py --simulate --speed 60`, or on its real wires without --simulate."""

import sys
from functools import partial
from pathlib import Path

from commands.run import Parser, guarded, some_seconds, some_speed
from commands.run_house import LocalOptions, run_local


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("--simulate", action="store_true", help="a simulated house on an embedded broker")
    parser.add_argument("--house", help="alias, its last word, or a file (default: GWS_HOUSE)")
    parser.add_argument("--speed", type=some_speed, default=1.0, help="times real time, at most 300, sensible up to 60")
    parser.add_argument("--seconds", type=some_seconds, help="stop by itself after so many real seconds")
    parser.add_argument("--plain", action="store_true", help="log lines instead of the live view")
    parser.add_argument("--series", type=Path, help="hourly file with weather and prices")
    parser.add_argument("--start", help="UTC time at which the simulation begins")
    parser.add_argument("--no-atn", action="store_true", help="leave the AtomicTNode to run_atn.py")
    parser.add_argument("--parameters", type=Path, help="what gws fit wrote, for the AtomicTNode beside a simulation")
    a = parser.parse_args()
    options = LocalOptions(
        a.simulate, a.house, a.speed, a.seconds, a.plain, a.series, a.start, not a.no_atn, a.parameters
    )
    return guarded(a.seconds, partial(run_local, options))


if __name__ == "__main__":
    sys.exit(main())
