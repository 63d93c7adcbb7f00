"""What `gws fit` writes is what the planner reads."""

import json
import re
from dataclasses import replace

import pytest

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.load import load_house
from gw_spaceheat.planning.fitting.document import fitted_of_text, to_document
from gw_spaceheat.planning.fitting.fit import FitResult
from gw_spaceheat.planning.model.parameters import parameters_of


def test_there_and_back(result: FitResult) -> None:
    document = to_document(result, 1500000000.0)
    assert document["version"] == "1" and document["created_utc"] == "2017-07-14T02:40:00Z"
    assert document["from_utc"] == "2016-12-12T05:01:00Z" and document["to_utc"] == "2016-12-26T05:00:00Z"
    assert str(document["source"]).startswith("fit of beech")
    fitted = fitted_of_text(json.dumps(document))
    assert fitted.parameters == result.parameters == fitted.of(load_house("beech"))
    assert fitted.claimed == {one.name for one in result.estimates if one.fitted}


def test_a_name_or_value_that_is_wrong_is_named(result: FitResult) -> None:
    text = json.dumps(to_document(result, 0.0))
    with pytest.raises(BadInput, match=r"load\.gains_kw: no such field"):
        fitted_of_text(text.replace('"indoor_c"', '"gains_kw": 1.0, "indoor_c"'))
    with pytest.raises(BadInput, match=r"load\.at_zero_kw"):
        fitted_of_text(text.replace('"at_zero_kw"', '"at_zero_kwh"'))
    with pytest.raises(BadInput, match="type_name"):
        fitted_of_text(text.replace("gws.planner.parameters", "gws.plan"))
    with pytest.raises(BadInput, match="no JSON"):
        fitted_of_text(text[:-5])
    with pytest.raises(BadInput, match="estimates: rswt_c: no such parameter"):
        fitted_of_text(text.replace('"rswt_zero_c"', '"rswt_c"'))
    with pytest.raises(BadInput, match=r"parameters\.heat_pump\.lift_k: 0\.0 must be above 0"):
        fitted_of_text(re.sub(r'"lift_k": [\d.]+', '"lift_k": 0.0', text))


def test_only_what_is_claimed_replaces_the_house_file(result: FitResult) -> None:
    """A house file that was mended after the fit counts where the fit claims nothing."""
    document = to_document(result, 0.0)
    estimates = [one | {"source": "house file", "reason": "too calm"} for one in document["estimates"]]  # type: ignore[attr-defined]
    for one in estimates:
        if one["name"] in ("load_per_k_kw", "cop_scale"):
            one["source"] = "fit"
    fitted = fitted_of_text(json.dumps(document | {"estimates": estimates}))
    house = load_house("beech")
    building = house.plumbing.building.model_copy(update={"air_capacity_kwh_per_k": 3.0})
    mended = house.model_copy(update={"plumbing": house.plumbing.model_copy(update={"building": building})})
    used, believed = fitted.of(mended, movable=True), parameters_of(mended.plumbing, movable=True)
    assert used.load == replace(believed.load, per_k_kw=result.parameters.load.per_k_kw)
    assert used.heat_pump is not None and believed.heat_pump is not None and result.parameters.heat_pump is not None
    assert used.heat_pump == replace(believed.heat_pump, cop=result.parameters.heat_pump.cop)
    assert (used.house, used.emitters, used.store) == (believed.house, believed.emitters, believed.store)
    assert "house_capacity_kwh_per_k (too calm)" in fitted.said and "fitted: cop_scale, load_per_k_kw;" in fitted.said
    with pytest.raises(BadInput, match=r"parameters are of .*beech, the house is .*fir"):
        fitted.of(load_house("fir"))


def test_the_version_tells_the_numbers(result: FitResult) -> None:
    fitted = fitted_of_text(json.dumps(to_document(result, 0.0)))
    house = load_house("beech")
    assert re.fullmatch(r"fit-[0-9a-f]{8}", result.parameters.version)
    assert fitted.of(house).version == result.parameters.version
    fewer = replace(fitted, claimed=fitted.claimed - {"cop_scale"})
    assert fewer.of(house).version not in (result.parameters.version, "house")
    nothing = replace(fitted, claimed=frozenset())
    assert nothing.of(house) == parameters_of(house.plumbing) and nothing.of(house).version == "house"
