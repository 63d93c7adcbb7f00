"""Store every message on the cloud broker in the data folder."""

import sys

from commands.run import Parser, guarded, some_seconds
from commands.run_cloud import run_ear


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("--seconds", type=some_seconds, help="stop by itself after so many real seconds")
    return guarded(parser.parse_args().seconds, run_ear)


if __name__ == "__main__":
    sys.exit(main())
