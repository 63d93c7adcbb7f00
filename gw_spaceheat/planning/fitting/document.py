"""What `gws fit` writes, and what of it is used: by an AtomicTNode, `gws study` and `gws plan` alike."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.model import House
from gw_spaceheat.markets.series import utc_text
from gw_spaceheat.planning.documents.json_problems import problems_of
from gw_spaceheat.planning.documents.parameters_document import ParametersDocument, parameters_text
from gw_spaceheat.planning.fitting.adopt import NAMES, adopted
from gw_spaceheat.planning.fitting.fit import FitResult
from gw_spaceheat.planning.model.parameters import PlannerParameters, parameters_of

TYPE_NAME = "gws.planner.parameters"
VERSION = "1"


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fit to be used. `refused`: what it does not claim, with the reasons."""

    house: str
    parameters: PlannerParameters
    claimed: frozenset[str]
    refused: Mapping[str, str]

    def of(self, house: House, movable: bool = False) -> PlannerParameters:
        """What is claimed, over the house file's. Raises BadInput for another house."""
        if house.alias != self.house:
            raise BadInput(f"parameters are of {self.house}, the house is {house.alias}")
        return adopted(parameters_of(house.plumbing, movable), self.parameters, self.claimed)

    @property
    def said(self) -> str:
        """For the log: what is fitted, and what stays the house file's."""
        kept = [f"{name} ({reason})" for name, reason in self.refused.items()]
        fitted, rest = ", ".join(sorted(self.claimed)) or "nothing", ", ".join(kept) or "nothing"
        return f"fitted: {fitted}; of the house file, refused by the fit: {rest}"


class _Estimate(BaseModel):
    """Of one estimate, what matters for its use."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    name: str
    source: Literal["fit", "house file"]
    reason: str = ""


class _Document(BaseModel):
    """The rest of the file is for people."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    house: str = Field(min_length=1)
    parameters: ParametersDocument
    estimates: tuple[_Estimate, ...]


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


def fitted_of_text(text: str | bytes) -> Fitted:
    """What such a document says. Raises BadInput with every problem."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"parameters: no JSON ({error})") from error
    if not isinstance(document, dict) or document.get("type_name") != TYPE_NAME or document.get("version") != VERSION:
        raise BadInput(f"parameters: must be an object with type_name {TYPE_NAME} and version {VERSION}")
    try:
        read = _Document.model_validate_json(text)
    except ValidationError as error:
        raise BadInput(f"parameters: {'; '.join(problems_of(error))}") from error
    unknown = sorted({one.name for one in read.estimates} - NAMES)
    if unknown:
        raise BadInput(f"parameters: estimates: {', '.join(unknown)}: no such parameter")
    claimed = frozenset(one.name for one in read.estimates if one.source == "fit")
    refused = {one.name: one.reason for one in read.estimates if one.name not in claimed}
    return Fitted(read.house, read.parameters.built(), claimed, refused)
