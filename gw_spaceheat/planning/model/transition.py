"""One step of house, store and heat source, over floats or arrays of states and actions. Conserves energy.

Order inside a step: the source serves the house, what it has left charges the store, the store gives what is still
wanted if its top is hot enough, a boiler gives the rest, everything loses heat. What the house then misses cools it.
"""

from typing import Generic, NamedTuple

from gw_spaceheat.planning.model.heat_load import StepHeat, Wanted
from gw_spaceheat.planning.model.maths import Maths, Quantity
from gw_spaceheat.planning.model.parameters import PlannerParameters
from gw_spaceheat.planning.model.source import Charging, HeatSource
from gw_spaceheat.planning.model.store import StoreModel, store_model, towards
from gw_spaceheat.planning.options import PlannerOptions

LEAST_FALL_K = 1e-6
BUFFER_SWING_K = 6.0
"""Of its mean, from a buffer that local control calls empty at its top to one it calls full at its bottom."""


class State(NamedTuple, Generic[Quantity]):
    """Level and spread of the store (K) and room temperature above the load line's (K)."""

    level: Quantity
    spread: Quantity
    house_k: Quantity


class Outcome(NamedTuple, Generic[Quantity]):
    """What a step does. Energies in kWh of the step."""

    after: State[Quantity]
    electric_kwh: Quantity
    direct_kwh: Quantity
    """From the source to the house."""
    charge_kwh: Quantity
    discharge_kwh: Quantity
    boiler_kwh: Quantity
    loss_kwh: Quantity
    unserved_kwh: Quantity
    """Heat missing when the house is already at its lowest temperature."""
    restarts: Quantity
    """Starts beside that of the step's one block, where there is no store to take what the block brings."""

    @property
    def heat_kwh(self) -> Quantity:
        """Of heat pump and element."""
        return self.direct_kwh + self.charge_kwh


class House:
    """The house's parameters as the planner knows them, and its step function."""

    def __init__(self, parameters: PlannerParameters, options: PlannerOptions) -> None:
        self.parameters = parameters
        self.options = options
        self.source = HeatSource(parameters)
        self.store: StoreModel = store_model(parameters, self.source.hottest_c)
        # A boost element alone sits in its tank: the house is served from the tank and nowhere else.
        self.through_store = self.source.pump is None and self.store.usable
        self.boiler_kw = parameters.boiler.rated_kw if parameters.boiler else 0.0
        self.boiler_usd_per_kwh = parameters.boiler.heat_usd_per_kwh if parameters.boiler else 0.0
        return_c = parameters.emitters.return_c
        self.return_level = None if return_c is None else self.store.level(return_c)
        """Nothing can be drawn from a store that is all as cold as the water coming back."""
        self.house_kwh_per_k = max(1e-3, parameters.house.capacity_kwh_per_k)
        self.restarts_per_kwh = _restarts_per_kwh(parameters)

    def room_kwh(self, maths: Maths[Quantity], level: Quantity, spread: Quantity, wanted: Wanted[Quantity]) -> Quantity:
        """Heat the store can take in a step."""
        highest = maths.minimum(spread + self.store.fullest_bottom, self.store.highest_level)
        room = maths.maximum(highest - level, 0.0) * self.store.kwh_per_k
        if not self.store.usable:
            return room * 0.0
        if self.through_store:
            # A tank that is drawn from while it is heated has room for what is drawn.
            return room + wanted.wanted_kwh * (level + spread > wanted.rswt_level)
        return room

    def deliverable(
        self, maths: Maths[Quantity], level: Quantity, spread: Quantity, fall_k: Quantity, wanted: Wanted[Quantity]
    ) -> tuple[Quantity, Quantity]:
        """Share of a fall of the level by `fall_k` that the house can take.

        All of it with the top at RSWT or above; below, the emitters give less, and nothing `fade_k` below. Where water
        always returns equally cold, nothing is taken below RSWT, as published. And by how much the spread would fall if
        it took all of it.
        """
        faded = maths.exp(fall_k / (wanted.half_drop_k * -1.0)) * -1.0 + 1.0
        spread_fall = (spread - wanted.half_drop_k) * faded
        top_fall = maths.maximum(spread_fall + fall_k, LEAST_FALL_K)
        share: Quantity = (level + spread - wanted.rswt_level) / top_fall
        whole = maths.minimum(maths.maximum(share, 0.0), 1.0)
        if self.return_level is not None:
            within = (level - self.return_level) / maths.maximum(fall_k, LEAST_FALL_K)
            return maths.minimum(whole, maths.maximum(within, 0.0)), spread_fall
        # Below RSWT the emitters give less and less: of what is left, as much as in the middle of it.
        fade, rest = top_fall / wanted.fade_k, whole * -1.0 + 1.0
        strength = maths.minimum(maths.maximum(share * fade + 1.0, 0.0), 1.0)
        return whole + rest * strength / (rest * fade * 0.5 + 1.0), spread_fall

    def move(
        self,
        maths: Maths[Quantity],
        hours: float,
        state: State[Quantity],
        lowest_k: float,
        highest_k: float,
        wanted: Wanted[Quantity],
        share: Quantity,
        charging: Charging[Quantity],
        boost_kwh: Quantity | None,
        room_kwh: Quantity,
    ) -> Outcome[Quantity]:
        """The state after a step in which the source runs `share` of it. All inputs broadcast against each other.

        In an order that puts what is the same for all of the store's states together first: those arrays are small.
        """
        store, level, spread = self.store, state.level, state.spread
        k_per_kwh = 1.0 / store.kwh_per_k
        direct = maths.minimum(share * wanted.capacity_kwh, wanted.wanted_kwh)
        # Without capacity nothing was direct, and all of the share is left.
        left = share - direct / maths.maximum(wanted.capacity_kwh, 1e-9)
        charge = maths.minimum(left * (charging.rate_kw * hours), room_kwh)
        electric = charge / charging.cop + direct / wanted.cop
        charge_k = charge * k_per_kwh
        mixed = towards(maths, spread, charging.lift_k * 0.5, charge_k)
        if boost_kwh is not None:
            boost = maths.minimum(boost_kwh, room_kwh - charge)
            charge = charge + boost
            electric = electric + boost
            charge_k = charge * k_per_kwh
        charged = level + charge_k
        if self.return_level is not None:
            # A sharp thermocline hardly falls: what would be hotter than the source can make is spread below.
            mixed = maths.maximum(maths.minimum(mixed, charged * -1.0 + store.highest_level), 0.0)
        missing = wanted.wanted_kwh - direct
        part, spread_fall = self.deliverable(maths, charged, mixed, missing * k_per_kwh, wanted)
        given = missing * part
        drawn = charged - given * k_per_kwh
        mean_c = store.temperature_c(maths, (level + drawn) * 0.5)
        loss_k = (mean_c - store.ambient_c) * (store.loss_kw_per_k * hours * k_per_kwh)
        given_kwh = given
        boiler: Quantity = room_kwh * 0.0
        if self.boiler_kw > 0.0:
            boiler = maths.minimum(missing - given, self.boiler_kw * hours)
            given_kwh = given_kwh + boiler
        k_per_house_kwh = 1.0 / self.house_kwh_per_k
        house_k = given_kwh * k_per_house_kwh + ((direct - wanted.load_kwh) * k_per_house_kwh + state.house_k)
        # Below the lowest the books stop: the rest is unserved. Above the highest somebody opens a window.
        kept_k = maths.maximum(house_k, lowest_k)
        restarts: Quantity = room_kwh * 0.0
        if self.restarts_per_kwh > 0.0:
            # In one block, the source brings this much before the house can use it.
            early = direct - direct * direct / maths.maximum(wanted.capacity_kwh, 1e-9)
            restarts = maths.maximum(early - (room_kwh - charge), 0.0) * self.restarts_per_kwh
        after = State(drawn - loss_k, mixed - part * spread_fall, maths.minimum(kept_k, highest_k))
        loss, unserved = loss_k * store.kwh_per_k, (kept_k - house_k) * self.house_kwh_per_k
        # In order, because a roll-out does this a million times: names would take as long as the step's arithmetic.
        return Outcome(after, electric, direct, charge, given, boiler, loss, unserved, restarts)

    def cost_usd(
        self, maths: Maths[Quantity], step: StepHeat, before_k: Quantity, outcome: Outcome[Quantity]
    ) -> Quantity:
        """Boiler fuel, priced comfort, restarts and missed commitment of a step (USD).

        Everything but its electricity and its first start.
        """
        options = self.options
        below_k = maths.maximum((before_k * -0.5 + step.setpoint_k) - outcome.after.house_k * 0.5, 0.0)
        cost = outcome.unserved_kwh * options.unmet_heat_usd_per_kwh
        cost = cost + below_k * (options.below_setpoint_usd_per_k_h * step.hours)
        if self.restarts_per_kwh > 0.0:
            cost = cost + outcome.restarts * self.source.start_usd
        if self.boiler_kw > 0.0:
            cost = cost + outcome.boiler_kwh * self.boiler_usd_per_kwh
        if step.committed_kwh == step.committed_kwh:
            cost = cost + self.missed_usd(maths, outcome.electric_kwh, step.committed_kwh)
        return cost

    def missed_usd(self, maths: Maths[Quantity], electric_kwh: Quantity, committed_kwh: float) -> Quantity:
        """What it costs (USD) to buy more or less than an accepted slot says, beyond the electricity."""
        more_kwh = electric_kwh - committed_kwh
        return maths.maximum(more_kwh, more_kwh * -1.0) * self.options.commitment_usd_per_kwh


def _restarts_per_kwh(parameters: PlannerParameters) -> float:
    """Starts per kWh that a source which nobody can turn down brings too early and only the buffer can take."""
    pump, buffer = parameters.heat_pump, parameters.buffer
    if pump is None or pump.leaving_choice or buffer is None:
        return 0.0
    return 1.0 / (buffer.kwh_per_k * BUFFER_SWING_K)
