"""`gws ledger verify`: who broke a slot."""

from collections.abc import Sequence
from pathlib import Path

from gw_spaceheat.decisions.ledger import PARTIES, Party, parse_line
from gw_spaceheat.decisions.ledger_check import verify
from gw_spaceheat.errors import BadInput
from gw_spaceheat.storage.ledger_file import check_signature, load_public_key


def run_verify(files: Sequence[Path], keys: Sequence[str], partial: bool) -> int:
    """Print OK (0) or the first fault (1). Raises BadInput, which is exit code 2."""
    ledgers = _read(files)
    verdict = verify(ledgers, check_signature, dict(map(_key, keys)), partial)
    for warning in verdict.warnings:
        print(f"warning: {warning}")
    if verdict.fault is not None:
        print(f"FAULT: {verdict.fault.text}")
        return 1
    of = " and ".join(ledgers)
    print(f"OK: {verdict.beats} beats in {verdict.contracts} contracts, ledger of {of}")
    return 0


def _key(text: str) -> tuple[Party, str]:
    party, _, file = text.partition("=")
    for known in PARTIES:
        if party == known and file:
            return known, load_public_key(Path(file))
    raise BadInput(f"--key {text!r}: must be ltn=FILE or s=FILE")


def _read(files: Sequence[Path]) -> dict[Party, list[str]]:
    """The lines by keeper. Several files of one keeper (older ones are put away) are joined in their order."""
    found: dict[Party, list[tuple[int, list[str]]]] = {}
    for path in files:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror}; must be a ledger file") from error
        lines = data.decode("utf-8", "replace").split("\n")
        if lines.pop():
            print(f"warning: {path}: the last line is unfinished, as a power cut leaves it; not looked at")
        first = next((line for line in map(_parsed, lines) if line is not None), None)
        if first is None:
            raise BadInput(f"{path}: holds no line of a ledger")
        found.setdefault(first[0], []).append((first[1], lines))
    return {keeper: [line for _, part in sorted(parts) for line in part] for keeper, parts in found.items()}


def _parsed(text: str) -> tuple[Party, int] | None:
    try:
        line, _ = parse_line(text)
    except BadInput:
        return None
    return line.keeper, line.number
