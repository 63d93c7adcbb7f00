"""Start some actors of a house against a simulated plant and print what they say."""

import sys
from functools import partial

from commands.run import Parser, guarded, some_seconds
from commands.run_actors import try_actors


def main() -> int:
    parser = Parser(description=__doc__)
    parser.add_argument("--house", help="alias, its last word, or a file (default: GWS_HOUSE)")
    parser.add_argument("--actors", help="names with commas between; asked for when not given")
    parser.add_argument("--seconds", type=some_seconds, help="stop by itself after so many real seconds")
    arguments = parser.parse_args()
    return guarded(arguments.seconds, partial(try_actors, arguments.house, arguments.actors))


if __name__ == "__main__":
    sys.exit(main())
