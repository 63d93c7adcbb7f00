"""Store every message on the cloud broker in the data folder."""

import argparse
import sys

from commands.run import guarded
from commands.run_cloud import run_ear


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, help="stop by itself after so many real seconds")
    return guarded(parser.parse_args().seconds, run_ear)


if __name__ == "__main__":
    sys.exit(main())
