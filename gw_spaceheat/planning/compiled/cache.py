"""Where Numba keeps what it compiled: in a folder named after the sources, so that no update meets a stale kernel.

Numba itself looks at the time of the file a function stands in, not at what that function calls from other files or
takes from them as a constant.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

SOURCES = (
    "actions", "compiled/backward", "compiled/numbers", "compiled/step", "cost_to_go", "grid", "model/heat_load",
    "model/transition", "problem",
)  # fmt: skip
"""The compiled modules, and those they take anything from."""
PLANNING = Path(__file__).parents[1]
HASH_DIGITS = 12


def sources_hash(folder: Path = PLANNING) -> str:
    """Other for every change of a source."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((folder / f"{name}.py").read_bytes())
    return digest.hexdigest()[:HASH_DIGITS]


def usual_places() -> list[Path]:
    """Beside the package; where that may not be written, among the user's own caches. Nothing that others can write."""
    try:
        return [PLANNING / "compiled" / "__pycache__", Path.home() / ".cache" / "gws"]
    except RuntimeError:  # this user has no home
        return [PLANNING / "compiled" / "__pycache__"]


def cache_folder(places: Iterable[Path]) -> Path | None:
    """The folder for these sources in the first place that can be written; None: every process compiles anew."""
    name = f"compiled-{sources_hash()}"
    for place in places:
        folder = place / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".writable"
            probe.write_text("")
            probe.unlink(missing_ok=True)
        except OSError:
            continue
        return folder
    return None
