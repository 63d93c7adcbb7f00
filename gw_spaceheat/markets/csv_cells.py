"""Cells of a CSV file that people write: a time or a number, or one line that says file, line, column and rule."""

import math
from datetime import datetime, timedelta
from pathlib import Path

from gw_spaceheat.errors import BadInput


def time_of_cell(path: Path, line: int, name: str, text: str, utc_only: bool = False) -> float:
    """Epoch seconds of an ISO time with its offset (`utc_only`: with none but UTC's). Raises BadInput."""
    try:
        offset = (moment := datetime.fromisoformat(text.strip())).utcoffset()
    except ValueError:
        offset = None
    if offset is None or (utc_only and offset != timedelta(0)):
        kind = "a UTC time" if utc_only else "a time with its offset,"
        raise BadInput(f"{path}:{line}: {name} is '{text}', must be {kind} like 2020-01-01T05:00:00Z")
    return moment.timestamp()


def number_of_cell(path: Path, line: int, name: str, text: str) -> float:
    """A finite number. Raises BadInput."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"{path}:{line}: {name} is '{text}', must be a finite number")
    return value
