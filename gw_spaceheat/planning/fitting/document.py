"""Parameters as a JSON document, the one versioned source for both sides, and back."""

import json
from dataclasses import asdict

from pydantic import TypeAdapter, ValidationError

from gw_spaceheat.errors import BadInput
from gw_spaceheat.markets.series import utc_text
from gw_spaceheat.planning.fitting.fit import FitResult
from gw_spaceheat.planning.parameters import PlannerParameters

TYPE_NAME = "gws.planner.parameters"
VERSION = "1"
_ADAPTER = TypeAdapter(PlannerParameters)


def to_document(result: FitResult, created_s: float) -> dict[str, object]:
    """What `gws fit` writes: parameters, where they come from, each estimate with its error. `created_s`: epoch s."""
    return {
        "type_name": TYPE_NAME,
        "version": VERSION,
        "house": result.house,
        "created_utc": utc_text(created_s),
        "from_utc": utc_text(result.from_s),
        "to_utc": utc_text(result.to_s),
        "days": round(result.days, 3),
        "source": result.parameters.source,
        "parameters": _ADAPTER.dump_python(result.parameters, mode="json"),
        "estimates": [asdict(one) for one in result.estimates],
    }


def parameters_from_json(text: str) -> PlannerParameters:
    """The planner's parameters of such a document. Raises BadInput with every problem."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BadInput(f"parameters: no JSON ({error})") from error
    if not isinstance(document, dict) or document.get("type_name") != TYPE_NAME or document.get("version") != VERSION:
        raise BadInput(f"parameters: must be an object with type_name {TYPE_NAME} and version {VERSION}")
    given = document.get("parameters")
    try:
        parameters = _ADAPTER.validate_python(given)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise BadInput(f"parameters: {problems}") from error
    unknown = _unknown(given, _ADAPTER.dump_python(parameters, mode="json"), "parameters")
    if unknown:
        raise BadInput(f"parameters: unknown {', '.join(unknown)}")
    return parameters


def _unknown(given: object, understood: object, where: str) -> list[str]:
    """What was given and not understood: a misspelt name must not silently mean the default."""
    if not isinstance(given, dict) or not isinstance(understood, dict):
        return []
    found = [f"{where}.{name}" for name in given if name not in understood]
    for name in given.keys() & understood.keys():
        found += _unknown(given[name], understood[name], f"{where}.{name}")
    return sorted(found)
