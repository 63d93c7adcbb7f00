"""Parameters as a JSON document, the one versioned source for both sides, and back."""

import json
from dataclasses import asdict

from gw_spaceheat.errors import BadInput
from gw_spaceheat.markets.series import utc_text
from gw_spaceheat.planning.fitting.fit import FitResult
from gw_spaceheat.planning.parameters import PlannerParameters
from gw_spaceheat.planning.parameters_document import parameters_of_text, parameters_text

TYPE_NAME = "gws.planner.parameters"
VERSION = "1"


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
        "parameters": json.loads(parameters_text(result.parameters)),
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
    return parameters_of_text(json.dumps(document.get("parameters")))
