"""What `gws fit` writes is what the planner reads."""

import json

import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.planning.fitting.document import parameters_from_json, to_document
from gw_spaceheat.planning.fitting.fit import FitResult


def test_there_and_back(result: FitResult) -> None:
    document = to_document(result, 1500000000.0)
    assert document["version"] == "1" and document["created_utc"] == "2017-07-14T02:40:00Z"
    assert document["from_utc"] == "2016-12-12T05:01:00Z" and document["to_utc"] == "2016-12-26T05:00:00Z"
    assert str(document["source"]).startswith("fit of beech")
    assert parameters_from_json(json.dumps(document)) == result.parameters


def test_a_name_or_value_that_is_wrong_is_named(result: FitResult) -> None:
    text = json.dumps(to_document(result, 0.0))
    with pytest.raises(BadInput, match=r"load\.gains_kw: no such field"):
        parameters_from_json(text.replace('"indoor_c"', '"gains_kw": 1.0, "indoor_c"'))
    with pytest.raises(BadInput, match=r"load\.at_zero_kw"):
        parameters_from_json(text.replace('"at_zero_kw"', '"at_zero_kwh"'))
    with pytest.raises(BadInput, match="type_name"):
        parameters_from_json(text.replace("gws.planner.parameters", "gws.plan"))
    with pytest.raises(BadInput, match="no JSON"):
        parameters_from_json(text[:-5])
