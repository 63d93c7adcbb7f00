"""Run the AtomicTNode of a house; beside `run_local.py --simulate --no-atn` it follows the plant's clock."""

import sys
from functools import partial
from pathlib import Path

from commands.run import Parser, guarded, some_seconds
from commands.run_cloud import run_atn


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("--house", help="alias, its last word, or a file (default: GWS_HOUSE)")
    parser.add_argument("--seconds", type=some_seconds, help="stop by itself after so many real seconds")
    parser.add_argument("--series", type=Path, help="hourly file with weather and prices")
    parser.add_argument("--parameters", type=Path, help="what gws fit wrote (default: GWS_ATN_PARAMETERS_FILE)")
    arguments = parser.parse_args()
    return guarded(arguments.seconds, partial(run_atn, arguments.house, arguments.series, arguments.parameters))


if __name__ == "__main__":
    sys.exit(main())
