"""One step of house, store and heat source on a canonical profile, over arrays of states and actions.

The state is two numbers. `level`: mean heat of store and buffer in kelvins of water above 0 C (for water the mean
temperature; a phase-change store has its melting range spread along the level). `spread`: how far the top is above
and the bottom below that mean. Both come from plug flow at constant flow: water passes the store `tau` times with a
difference of `d` kelvin between in and out, the mean moves by d * tau, and the profile tends to the straight line of
a steady pass, spread = d/2, with exp(-2 tau): the outlet then stays constant at first, as behind a real thermocline.
Hot water that was charged in several passes so costs a higher leaving temperature, pass by pass.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.house.model import Plumbing
from gw_spaceheat.physics.tank import Latent, latent_of, level_of, temperature_of
from gw_spaceheat.physics.water import CP_WATER, KWH
from gw_spaceheat.planning.inputs import StepInput
from gw_spaceheat.planning.options import PlannerOptions
from gw_spaceheat.planning.source import HeatSource, source_of

Floats = NDArray[np.float64]

AMBIENT_C = 20.0
BASE_C = 20.0
"""Store energy is counted from here."""
NO_HEAT_KWH = 1e-6


@dataclass(frozen=True, slots=True)
class StoreModel:
    """Store and buffer lumped. `kwh_per_k` is per kelvin of level; `usable` False: the house has neither."""

    kwh_per_k: float
    loss_kw_per_k: float
    highest_level: float
    latent: Latent | None
    usable: bool

    def temperature_c(self, level: Floats) -> Floats:
        """Temperature (C) over an array of levels."""
        if self.latent is None:
            return level
        start = self.latent.melt_start_c
        end = self.latent.melt_end_c + self.latent.latent_k
        return np.interp(
            level,
            (start - 300.0, start, end + 1e-9, end + 300.0),
            (start - 300.0, start, self.latent.melt_end_c, self.latent.melt_end_c + 300.0),
        )

    def level(self, temperature_c: float) -> float:
        return level_of(temperature_c, self.latent)

    def energy_kwh(self, level: float) -> float:
        """Heat (kWh) above `BASE_C`; 0 in a house without store and buffer."""
        return self.kwh_per_k * (level - self.level(BASE_C)) if self.usable else 0.0

    def top_c(self, level: float, spread: float) -> float:
        return temperature_of(level + spread, self.latent)


def store_model(plumbing: Plumbing, source: HeatSource) -> StoreModel:
    """Lump store and buffer of the house by volume and loss."""
    litres, loss_w_per_k, hottest_c = 0.0, 0.0, source.hottest_c
    latent = None
    if plumbing.buffer is not None:
        litres += plumbing.buffer.litres
        loss_w_per_k += plumbing.buffer.loss_w_per_k
    if plumbing.store is not None:
        litres += plumbing.store.tanks * plumbing.store.litres_per_tank
        loss_w_per_k += plumbing.store.tanks * plumbing.store.loss_w_per_k
        hottest_c = min(plumbing.store.maximum_c, max(hottest_c, plumbing.boost.maximum_c if plumbing.boost else 0.0))
        if plumbing.store.phase_change is not None:
            latent = latent_of(plumbing.store.phase_change, litres)
    usable = litres > 0.0
    kwh_per_k = max(litres, 1.0) * CP_WATER / KWH
    return StoreModel(kwh_per_k, loss_w_per_k / 1000.0, level_of(hottest_c, latent), latent, usable)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step does, per action and state. Energies in kWh of the step; `*_after` are the next state."""

    level_after: Floats
    spread_after: Floats
    electric_kwh: Floats
    heat_kwh: Floats
    charge_kwh: Floats
    discharge_kwh: Floats
    loss_kwh: Floats
    unserved_kwh: Floats
    source_share: Floats
    """Share of the step's capacity that was asked for."""


@dataclass(frozen=True, slots=True)
class SourceBounds:
    """Least and greatest share of the step the source may run: its minimum times, in the first step."""

    least: float = 0.0
    greatest: float = 1.0


class House:
    """The house's parameters as the planner knows them, and its step function."""

    def __init__(self, plumbing: Plumbing, options: PlannerOptions) -> None:
        self.options = options
        self.source = source_of(plumbing)
        self.store = store_model(plumbing, self.source)
        # A boost element alone sits in its tank: the house is served from the tank and nowhere else.
        self.through_store = self.source.pump is None and self.store.usable
        self.has_boost = self.source.pump is not None and self.source.boost_kw > 0.0 and self.store.usable
        self.has_source = self.source.pump is not None or self.source.boost_kw > 0.0
        self._serving_known: dict[StepInput, tuple[float, float]] = {}  # asked four times in a plan

    def shares(self, level: Floats, spread: Floats, step: StepInput, bounds: SourceBounds) -> Floats:
        """The actions, as shares of the step the source runs: off, store first, follow the load, and up to full.

        With pump and element a last action runs both. Inputs have shape (1, states), the answer (actions, states).
        """
        follow = self._follow_share(step)
        ladder = [0.0, 0.0, follow, follow + (1.0 - follow) / 3.0, follow + (1.0 - follow) * 2.0 / 3.0, 1.0]
        if self.has_boost:
            ladder.append(1.0)
        shares = np.repeat(np.array(ladder)[:, np.newaxis], level.shape[1], axis=1)
        if not self.through_store:
            from_store = self._deliverable_share(level, spread, np.full((1, 1), step.load_kwh), step)
            shares[1] = (follow * (1.0 - from_store))[0]
        least_run = min(1.0, self.source.minimum_on_s / (3600.0 * step.hours))
        shares = np.where((shares > 1e-9) & (shares < least_run), least_run, shares)
        if bounds.least == 0.0 and bounds.greatest == 1.0:
            return shares  # they are within already
        result: Floats = np.clip(shares, bounds.least, bounds.greatest)
        return result

    def step(self, level: Floats, spread: Floats, share: Floats, step: StepInput) -> Outcome:
        """Charge, then discharge, then lose; states (1, states), shares (actions, states). Conserves energy."""
        store, load = self.store, step.load_kwh
        capacity_kwh, serving_cop = self._serving(step)
        direct = np.minimum(share * capacity_kwh, load) if not self.through_store else np.zeros(share.shape)
        left_share = share - direct / capacity_kwh if capacity_kwh > 0.0 else share
        charge, charge_electric, level_1, spread_1 = self._charge(level, spread, left_share, step)
        wanted = load - direct
        given, level_2, spread_2 = np.zeros(wanted.shape), level_1, spread_1
        if store.usable:
            given = wanted * self._deliverable_share(level_1, spread_1, wanted, step)
            level_2 = level_1 - given / store.kwh_per_k
            spread_2 = _towards(spread_1, 0.5 * step.drop_k, given / (store.kwh_per_k * step.drop_k))
        loss_kw = store.loss_kw_per_k * (store.temperature_c(0.5 * (level + level_2)) - AMBIENT_C)
        loss = loss_kw * step.hours
        return Outcome(
            level_after=level_2 - loss / store.kwh_per_k,
            spread_after=spread_2,
            electric_kwh=direct / serving_cop + charge_electric,
            heat_kwh=direct + charge,
            charge_kwh=charge,
            discharge_kwh=given,
            loss_kwh=loss,
            unserved_kwh=wanted - given + step.beyond_emitters_kwh,
            source_share=share,
        )

    def _serving(self, step: StepInput) -> tuple[float, float]:
        """Heat (kWh) of a whole step of direct service, and its COP."""
        known = self._serving_known.get(step)
        if known is not None:
            return known
        leaving_c = min(step.rswt_c + self.options.serving_margin_k, self.source.hottest_c)
        kilowatts, cop_now = self.source.serving(step.outdoor_c, leaving_c)
        self._serving_known[step] = kilowatts * step.hours, cop_now
        return self._serving_known[step]

    def _follow_share(self, step: StepInput) -> float:
        capacity_kwh, _ = self._serving(step)
        return min(1.0, step.load_kwh / capacity_kwh) if capacity_kwh > 0.0 else 1.0

    def _charge(
        self, level: Floats, spread: Floats, share: Floats, step: StepInput
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Heat into the store and its electricity (kWh), and level and spread after it."""
        store = self.store
        if not store.usable:
            return np.zeros_like(share), np.zeros_like(share), level + 0.0 * share, spread + 0.0 * share
        # A tank that is drawn from while it is heated has room for what is drawn.
        hot_enough = level + spread > store.level(step.rswt_c)
        drawn_kwh = step.load_kwh * hot_enough if self.through_store else 0.0
        room_kwh = np.maximum(store.kwh_per_k * (store.highest_level - level) + drawn_kwh, 0.0)
        bottom_c = store.temperature_c(level - spread)
        half_rise_k = 0.0 if self.source.pump is None else self._half_rise_k(room_kwh, step)
        charging = self.source.charging(step.outdoor_c, bottom_c, np.asarray(half_rise_k))
        charge = np.minimum(share * (charging.rate_kw * step.hours), room_kwh)
        electric = charge / charging.cop
        passes = charge / (store.kwh_per_k * charging.lift_k)
        target = 0.5 * charging.lift_k if self.source.pump is not None else 0.0
        spread_after = _towards(spread, target, passes)
        if self.has_boost:
            boost = np.zeros_like(charge)
            boost[-1] = np.minimum(self.source.boost_kw * step.hours, room_kwh - charge[-1])
            charge, electric = charge + boost, electric + boost
        return charge, electric, level + charge / store.kwh_per_k, spread_after

    def _half_rise_k(self, room_kwh: Floats, step: StepInput) -> Floats:
        """How much the store warms by the middle of a step of full charging (K), for the mean COP of a long step."""
        pump = self.source.pump
        rated_kwh = pump.rated_heat_w / 1000.0 * step.hours if pump else 0.0
        spare_kwh = np.minimum(max(0.0, rated_kwh - step.load_kwh), room_kwh)
        if self.store.latent is not None:
            return np.zeros_like(spare_kwh)
        result: Floats = 0.5 * spare_kwh / self.store.kwh_per_k
        return result

    def _deliverable_share(self, level: Floats, spread: Floats, wanted: Floats, step: StepInput) -> Floats:
        """Share of `wanted` (kWh) the store can give with its top never below RSWT: colder water does not heat."""
        store = self.store
        if not store.usable:
            return np.zeros_like(level + wanted)
        top = level + spread
        fall = wanted / store.kwh_per_k
        spread_after = _towards(spread, 0.5 * step.drop_k, fall / step.drop_k)
        top_fall = np.maximum(top - (level - fall + spread_after), 1e-6)
        result: Floats = np.minimum(np.maximum((top - store.level(step.rswt_c)) / top_fall, 0.0), 1.0)
        return result


def _towards(spread: Floats, target: Floats | float, passes: Floats) -> Floats:
    """Spread after so many passes of the store's volume."""
    result: Floats = target + (spread - target) * np.exp(-2.0 * passes)
    return result
