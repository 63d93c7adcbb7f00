"""What is used of a fit: what it claims, over the house file's numbers of today; the rest stays the house file's.

A house file that was mended after the fit so counts, and no number is used that nobody stands for.
"""

import hashlib
from dataclasses import replace

from gw_spaceheat.planning.documents.parameters_document import parameters_text
from gw_spaceheat.planning.model.parameters import HeatPumpParameters, PlannerParameters, StoreParameters

CURVE = ("rswt_zero_c", "rswt_half_c", "rswt_design_c")
"""Three points of one curve, claimed together; the water's drop belongs to it."""
LOAD = ("load_at_zero_kw", "load_per_k_kw")
CAPACITY = "house_capacity_kwh_per_k"
STORE = ("store_loss_kw_per_k", "store_ambient_c")
PUMP = ("cop_scale", "rated_heat_kw", "defrost_share", "lift_k")
NAMES = frozenset((*CURVE, *LOAD, CAPACITY, *STORE, *PUMP))
"""All that a fit can claim."""
VERSION_DIGITS = 8


def adopted(believed: PlannerParameters, fitted: PlannerParameters, claimed: frozenset[str]) -> PlannerParameters:
    """`believed` (of the house file) with what is `claimed` of `fitted`; its version tells the numbers."""

    def of(name: str) -> PlannerParameters:
        return fitted if name in claimed else believed

    if not claimed:
        return believed
    parameters = replace(
        believed,
        load=replace(
            believed.load,
            at_zero_kw=of("load_at_zero_kw").load.at_zero_kw,
            per_k_kw=of("load_per_k_kw").load.per_k_kw,
        ),
        house=replace(believed.house, capacity_kwh_per_k=of(CAPACITY).house.capacity_kwh_per_k),
        emitters=of("rswt_zero_c").emitters,
        store=_store(believed.store, fitted.store, claimed),
        heat_pump=_pump(believed.heat_pump, fitted.heat_pump, claimed),
        source=fitted.source,
    )
    return replace(parameters, version=version_of(parameters))


def version_of(parameters: PlannerParameters) -> str:
    """Short and different for other numbers, such as `fit-3fa95c01`."""
    numbers = parameters_text(replace(parameters, version="", source=""))
    return f"fit-{hashlib.sha256(numbers.encode()).hexdigest()[:VERSION_DIGITS]}"


def _store(
    believed: StoreParameters | None, fitted: StoreParameters | None, claimed: frozenset[str]
) -> StoreParameters | None:
    if believed is None or fitted is None:
        return believed
    return replace(
        believed,
        loss_kw_per_k=(fitted if "store_loss_kw_per_k" in claimed else believed).loss_kw_per_k,
        ambient_c=(fitted if "store_ambient_c" in claimed else believed).ambient_c,
    )


def _pump(
    believed: HeatPumpParameters | None, fitted: HeatPumpParameters | None, claimed: frozenset[str]
) -> HeatPumpParameters | None:
    if believed is None or fitted is None:
        return believed
    return replace(
        believed,
        cop=(fitted if "cop_scale" in claimed else believed).cop,
        rated_heat_kw=(fitted if "rated_heat_kw" in claimed else believed).rated_heat_kw,
        defrost_share=(fitted if "defrost_share" in claimed else believed).defrost_share,
        lift_k=(fitted if "lift_k" in claimed else believed).lift_k,
    )
