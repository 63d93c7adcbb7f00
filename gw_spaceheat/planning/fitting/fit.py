"""From history to planner's parameters: every part fitted on its own, refused parts from the house file."""

from dataclasses import dataclass, replace

from gw_spaceheat.house.model import House
from gw_spaceheat.markets.series import utc_text
from gw_spaceheat.planning.fitting.adopt import adopted
from gw_spaceheat.planning.fitting.delivered import Delivered, delivered_heat
from gw_spaceheat.planning.fitting.emitters import fit_emitters, fitted_emitters
from gw_spaceheat.planning.fitting.estimate import Estimate, Refused
from gw_spaceheat.planning.fitting.heat_pump import fit_heat_pump
from gw_spaceheat.planning.fitting.history import History
from gw_spaceheat.planning.fitting.house_balance import fit_house
from gw_spaceheat.planning.fitting.instruments import Instruments
from gw_spaceheat.planning.fitting.tank import fit_store
from gw_spaceheat.planning.model.parameters import (
    CarnotCop,
    EmitterCurve,
    HeatPumpParameters,
    PlannerParameters,
    StoreParameters,
    exponent_curve,
    parameters_of,
)


@dataclass(frozen=True, slots=True)
class FitResult:
    """Parameters and what each rests on."""

    house: str
    from_s: float
    to_s: float
    days: float
    estimates: tuple[Estimate, ...]
    parameters: PlannerParameters

    def estimate(self, name: str) -> Estimate:
        """By name. KeyError for a part that this house does not have."""
        return {one.name: one for one in self.estimates}[name]


def fit_house_parameters(house: House, history: History, instruments: Instruments | None = None) -> FitResult:
    """The best the history shows. Never raises for data that show nothing: they are refused, with reasons."""
    tools = instruments or Instruments()
    plumbing, samples = house.plumbing, history.sampled()
    believed = parameters_of(plumbing)
    estimates: list[Estimate] = []
    store, pump = believed.store, believed.heat_pump
    if store is not None:
        loss, ambient = fit_store(samples, store, tools)
        estimates += [loss, ambient]
        store = replace(store, loss_kw_per_k=loss.value, ambient_c=ambient.value)
    heat = delivered_heat(samples, plumbing, store, tools)
    at_zero, per_k, capacity = fit_house(samples, plumbing, heat, believed, tools)
    curve = fit_emitters(samples, plumbing, heat, tools)
    estimates = [at_zero, per_k, capacity, *curve, *estimates]
    if pump is not None:
        found = fit_heat_pump(samples, pump, tools)
        estimates += found
        pump = _pump(pump, *found)
    from_s, to_s = history.span_s
    kept = ", ".join(one.name for one in estimates if not one.fitted) or "nothing"
    fitted = replace(
        believed,
        load=replace(believed.load, at_zero_kw=at_zero.value, per_k_kw=per_k.value),
        house=replace(believed.house, capacity_kwh_per_k=capacity.value),
        emitters=_curve(exponent_curve(fitted_emitters(plumbing.emitters, curve)), heat),
        store=_limited(store),
        heat_pump=pump,
        source=f"fit of {house.short_name} over {utc_text(from_s)} to {utc_text(to_s)}; from the house file: {kept}",
    )
    claimed = frozenset(one.name for one in estimates if one.fitted)
    # A fit that claims nothing says so, too: the numbers are the house file's, the source is the fit.
    parameters = replace(adopted(believed, fitted, claimed), source=fitted.source)
    return FitResult(house.alias, from_s, to_s, samples.days, tuple(estimates), parameters)


def _curve(curve: EmitterCurve, heat: Delivered | Refused) -> EmitterCurve:
    return curve if isinstance(heat, Refused) else replace(curve, drop_k_per_kw=1.0 / heat.full_kw_per_k)


def _limited(store: StoreParameters | None) -> StoreParameters | None:
    # A store that seems to gain heat by standing would be a perpetual source to the planner.
    return None if store is None else replace(store, loss_kw_per_k=max(0.0, store.loss_kw_per_k))


def _pump(
    pump: HeatPumpParameters, scale: Estimate, rated: Estimate, defrost: Estimate, lift: Estimate
) -> HeatPumpParameters:
    cop = CarnotCop(scale.value) if scale.fitted else pump.cop
    return replace(
        pump, cop=cop, rated_heat_kw=rated.value, defrost_share=min(1.0, defrost.value), lift_k=lift.value
    )  # fmt: skip
