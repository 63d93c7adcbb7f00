"""A planning case, and what was decided on it, as plain JSON values that give the same case back to the last bit.

For the memory of an AtomicTNode, not for people: those write the form of `case_json`, which has rules and defaults.
A missing reading or forecast value (NaN) is null.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from gw_spaceheat.errors import BadCase
from gw_spaceheat.planning.bid import Bid
from gw_spaceheat.planning.case import Commitment, DemandCharge, Floats, PlanningCase, Scenario, StateNow
from gw_spaceheat.planning.documents.json_problems import problems_of
from gw_spaceheat.planning.model.parameters import PlannerParameters
from gw_spaceheat.planning.plan import Plan

_PARAMETERS, _PLAN, _BID = TypeAdapter(PlannerParameters), TypeAdapter(Plan), TypeAdapter(Bid)
PartT = TypeVar("PartT")


def parameters_document(parameters: PlannerParameters) -> dict[str, object]:
    """What is believed of the house: apart from the case, because many cases share it."""
    return asdict(parameters)


def case_document(case: PlanningCase) -> dict[str, object]:
    """All of a case but its parameters."""
    state = case.state
    return {
        "start_s": case.start_s,
        "step_minutes": list(case.step_minutes),
        "outdoor_c": _listed(case.outdoor_c),
        "price_usd_per_mwh": _listed(case.price_usd_per_mwh),
        "state": {
            "store_c": [None if math.isnan(value) else value for value in state.store_c],
            "buffer_c": state.buffer_c,
            "zone_c": state.zone_c,
            "heat_pump_on": state.heat_pump_on,
            # For ever is no number of JSON.
            "heat_pump_since_s": state.heat_pump_since_s if math.isfinite(state.heat_pump_since_s) else None,
        },
        "wind_m_per_s": _listed(case.wind_m_per_s),
        "setpoint_c": _listed(case.setpoint_c),
        "commitments": [asdict(commitment) for commitment in case.commitments],
        "previous": None if case.previous is None else asdict(case.previous),
        "demand_charge": None if case.demand_charge is None else asdict(case.demand_charge),
        "scenarios": [
            {
                "probability": scenario.probability,
                "price_usd_per_mwh": _listed(scenario.price_usd_per_mwh),
                "outdoor_c": _listed(scenario.outdoor_c),
                "wind_m_per_s": _listed(scenario.wind_m_per_s),
            }
            for scenario in case.scenarios
        ],
    }


def case_of_document(document: Mapping[str, object], parameters: Mapping[str, object]) -> PlanningCase:
    """The case that `case_document` and `parameters_document` wrote. Raises BadCase."""
    try:
        return _case(document, _built(_PARAMETERS, parameters))
    except (KeyError, TypeError, ValueError) as error:
        raise BadCase([f"remembered case: {type(error).__name__} {error}; must be as it was written"]) from error


def bid_document(bid: Bid) -> dict[str, object]:
    """The curve and what it is the envelope of."""
    return asdict(bid)


def bid_of_document(document: object) -> Bid:
    """The bid that `bid_document` wrote. Raises BadCase."""
    return _built(_BID, document)


def _case(document: Mapping[str, object], parameters: PlannerParameters) -> PlanningCase:
    previous, charge = document["previous"], document["demand_charge"]
    outdoor_c, price = _array(document["outdoor_c"]), _array(document["price_usd_per_mwh"])
    if outdoor_c is None or price is None:
        raise TypeError("outdoor_c or price_usd_per_mwh is null")
    return PlanningCase(
        start_s=_number(document["start_s"]),
        step_minutes=tuple(int(_number(minutes)) for minutes in _list(document["step_minutes"])),
        outdoor_c=outdoor_c,
        price_usd_per_mwh=price,
        parameters=parameters,
        state=_state(_object(document["state"])),
        wind_m_per_s=_array(document["wind_m_per_s"]),
        setpoint_c=_array(document["setpoint_c"]),
        commitments=tuple(_built(TypeAdapter(Commitment), one) for one in _list(document["commitments"])),
        previous=None if previous is None else _built(_PLAN, previous),
        demand_charge=None if charge is None else _built(TypeAdapter(DemandCharge), charge),
        scenarios=tuple(_scenario(_object(one)) for one in _list(document["scenarios"])),
    )


def _state(document: Mapping[str, object]) -> StateNow:
    buffer_c, zone_c, since_s = document["buffer_c"], document["zone_c"], document["heat_pump_since_s"]
    return StateNow(
        store_c=tuple(math.nan if value is None else _number(value) for value in _list(document["store_c"])),
        buffer_c=None if buffer_c is None else _number(buffer_c),
        zone_c=None if zone_c is None else _number(zone_c),
        heat_pump_on=document["heat_pump_on"] is True,
        heat_pump_since_s=-math.inf if since_s is None else _number(since_s),
    )


def _scenario(document: Mapping[str, object]) -> Scenario:
    series = (_array(document[name]) for name in ("price_usd_per_mwh", "outdoor_c", "wind_m_per_s"))
    return Scenario(_number(document["probability"]), *series)


def _built(adapter: TypeAdapter[PartT], document: object) -> PartT:
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        raise BadCase(problems_of(error)) from error


def _listed(series: Floats | None) -> list[float | None] | None:
    return None if series is None else [None if math.isnan(value) else value for value in series.tolist()]


def _array(document: object) -> Floats | None:
    if document is None:
        return None
    return np.array([math.nan if value is None else _number(value) for value in _list(document)], dtype=np.float64)


def _list(document: object) -> list[object]:
    if not isinstance(document, list):
        raise TypeError(f"{type(document).__name__} instead of a list")
    return document


def _object(document: object) -> dict[str, object]:
    if not isinstance(document, dict):
        raise TypeError(f"{type(document).__name__} instead of an object")
    return document


def _number(document: object) -> float:
    if isinstance(document, bool) or not isinstance(document, int | float):
        raise TypeError(f"{document!r} instead of a number")
    return document
