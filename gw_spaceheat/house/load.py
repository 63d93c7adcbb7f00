"""A house file in, one validated House out; a bad file stops here, with every error listed at once."""

import difflib
import json
import math
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from gw_spaceheat.errors import BadHouse, BadInput
from gw_spaceheat.house.checks import cross_checks
from gw_spaceheat.house.model import House

INPUT_DATA = Path(__file__).resolve().parents[2] / "input_data"
HOUSES_FOLDER = INPUT_DATA / "houses"
LARGEST_FILE_BYTES = 4 * 1024 * 1024


def load_house(path_or_alias: str, folder: Path = HOUSES_FOLDER, input_data: Path = INPUT_DATA) -> House:
    """The house of a file, a full alias or the alias's last word (`beech`), looked up in `folder`.

    Devices and tariffs are those of `input_data`. Raises BadInput (no such house, unreadable) and BadHouse
    (every problem in the file, each with its path).
    """
    path = find_house(path_or_alias, folder)
    text = _read(path)
    problems = check_house(text, input_data)
    if problems:
        raise BadHouse(str(path), problems)
    return House.model_validate_json(text)


def check_house(text: str, input_data: Path = INPUT_DATA) -> list[str]:
    """Every problem of a house file's text, each with its path (`nodes[3].component_id: ...`); empty when sound."""
    problems: list[str] = []

    def unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members: dict[str, object] = {}
        for name, value in pairs:
            if name in members:
                problems.append(f"file: key '{name}' is there twice in one object, must be once")
            members[name] = value
        return members

    try:
        document: object = json.loads(text, object_pairs_hook=unique_members, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return [f"line {error.lineno} column {error.colno}: no valid JSON, {error.msg}"]
    except (ValueError, RecursionError) as error:
        return [f"file: no valid JSON, {error}"]
    if not isinstance(document, dict):
        return [f"file: is a JSON {type(document).__name__}, must be an object"]
    problems += _schema_problems(text)
    problems += cross_checks(document, input_data)
    return list(dict.fromkeys(problems))


def find_house(path_or_alias: str, folder: Path = HOUSES_FOLDER) -> Path:
    """The file meant by a path, a full alias or the alias's last word. Raises BadInput naming what there is."""
    path = Path(path_or_alias)
    if path.suffix == ".json" or path.name != path_or_alias:
        if path.is_file():
            return path
        raise BadInput(f"house '{path_or_alias}': {'is a folder' if path.is_dir() else 'no such file'}")
    aliases = {file: _alias_of(file) for file in sorted(folder.glob("*.json"))}
    found = [file for file, alias in aliases.items() if path_or_alias in (alias, alias.rsplit(".", 1)[-1])]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(str(file) for file in found)
        raise BadInput(f"house '{path_or_alias}': {len(found)} files in {folder} answer to it ({names}), must be one")
    raise BadInput(f"house '{path_or_alias}': no such house in {folder}{_hint(path_or_alias, aliases.values())}")


def known_houses(folder: Path = HOUSES_FOLDER) -> list[str]:
    """Aliases of all house files of a folder, sorted."""
    return sorted(_alias_of(file) for file in folder.glob("*.json"))


def _hint(wanted: str, aliases: Iterable[str]) -> str:
    known = sorted(aliases)
    if not known:
        return " (the folder has no house file)"
    names = {name: alias for alias in known for name in (alias, alias.rsplit(".", 1)[-1])}
    near = difflib.get_close_matches(wanted, names, n=1)
    if near:
        return f"; did you mean {near[0]}? Known: {', '.join(known)}"
    return f"; known: {', '.join(known)}"


def _alias_of(path: Path) -> str:
    """The file's alias, or its name when it can't be read: then loading says what is wrong with it."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return path.stem
    alias = document.get("alias") if isinstance(document, dict) else None
    return alias if isinstance(alias, str) else path.stem


def _read(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE_BYTES:
            raise BadInput(f"house file {path}: {size} bytes, at most {LARGEST_FILE_BYTES} are read")
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"house file {path}: byte {error.start} is no UTF-8 text") from error
    except OSError as error:
        raise BadInput(f"house file {path}: cannot be read ({error.strerror or error})") from error


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _schema_problems(text: str) -> list[str]:
    try:
        House.model_validate_json(text)
    except ValidationError as error:
        return [
            f"{_path(item['loc'])}: {_rule(str(item['type']), item['msg'])}{_value(item['input'])}"
            for item in error.errors()
        ]
    return []


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "file"


def _rule(kind: str, message: str) -> str:
    if kind == "missing":
        return "missing"
    if kind == "extra_forbidden":
        return "no such field"
    return message[:1].lower() + message[1:]


def _value(value: object) -> str:
    if isinstance(value, str | int | bool) or (isinstance(value, float) and math.isfinite(value)):
        shown = repr(value)
        return f" (is {shown if len(shown) <= 60 else shown[:57] + '...'})"
    return ""
