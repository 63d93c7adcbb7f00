"""What a row of thermometers in a tank says while some of them are dead. Temperatures C, top first.

A tank with five thermometers needs no technician on the night one dies: hot water floats, so between two known depths
the water is between them.
"""

import re
from collections.abc import Iterable, Sequence

LEAST_KNOWN_SHARE = 0.5
"""With fewer of its thermometers alive a tank is unknown."""
TOP_UNSEEN_K = 5.0
"""A top without a thermometer is taken for so much hotter than the hottest place below it."""


def top_first(quantities: Iterable[str], prefix: str) -> tuple[str, ...]:
    """The quantities that begin with `prefix`, by the numbers in them: tank2_1_c before tank10_1_c."""
    ours = [name for name in quantities if name.startswith(prefix)]
    return tuple(sorted(ours, key=lambda name: [int(number) for number in re.findall(r"\d+", name)]))


def filled(layers_c: Sequence[float | None]) -> tuple[float, ...] | None:
    """The temperatures with the missing ones put in between their neighbours; None if too few are known."""
    known = [(place, layer_c) for place, layer_c in enumerate(layers_c) if layer_c is not None]
    if not known or len(known) < LEAST_KNOWN_SHARE * len(layers_c):
        return None
    if len(known) == len(layers_c):
        return tuple(layer_c for _, layer_c in known)
    result: list[float] = []
    for place in range(len(layers_c)):
        above = next((pair for pair in reversed(known) if pair[0] <= place), known[0])
        below = next((pair for pair in known if pair[0] >= place), known[-1])
        span = below[0] - above[0]
        share = (place - above[0]) / span if span > 0 else 0.0
        result.append(above[1] + share * (below[1] - above[1]))
    return tuple(result)


def limiting_c(tank_c: Sequence[float | None]) -> float | None:
    """The temperature that limits an element at the bottom of a tank: its top, or a cautious guess of it."""
    if not tank_c or tank_c[0] is not None:
        return tank_c[0] if tank_c else None
    below = filled(tank_c)
    return None if below is None else max(below) + TOP_UNSEEN_K
