"""The store (in a house without one, its buffer) as two numbers on a canonical profile, water or phase change.

`level`: mean heat in kelvins of water above 0 C (for water the mean temperature; a phase-change store has its melting
range spread along the level). `spread`: how far the top is above and the bottom below that mean. Both come from plug
flow at constant flow: water passes the store `tau` times with a difference of `d` kelvin between in and out, the mean
moves by d * tau, and the profile tends to the straight line of a steady pass, spread = d/2, with exp(-2 tau): the
outlet then stays constant at first, as behind a real thermocline. Hot water that was charged in several passes so
costs a higher leaving temperature, pass by pass.
"""

import math
from dataclasses import dataclass

from gw_spaceheat.physics.tank import Latent, level_of
from gw_spaceheat.planning.model.maths import Maths, Quantity
from gw_spaceheat.planning.model.parameters import PlannerParameters

AMBIENT_C = 20.0
FULL_MARGIN_K = 1.0
"""The house stops charging this much before the heat pump would (`decisions.local_facts.store_full`)."""
BASE_C = 20.0
"""Store energy is counted from here."""


@dataclass(frozen=True, slots=True)
class StoreModel:
    """Store or else buffer. `kwh_per_k` is per kelvin of level; `usable` False: the house has neither."""

    kwh_per_k: float
    loss_kw_per_k: float
    ambient_c: float
    highest_level: float
    fullest_bottom: float
    """Level that the bottom may reach at most: hotter water must not enter the heat pump."""
    latent: Latent | None
    usable: bool

    def temperature_c(self, maths: Maths[Quantity], level: Quantity) -> Quantity:
        """Temperature (C) of one or many levels."""
        latent = self.latent
        if latent is None:
            return level
        melting_k = latent.melt_end_c - latent.melt_start_c + latent.latent_k
        molten_k = maths.maximum(maths.minimum(level - latent.melt_start_c, melting_k), 0.0)
        # Inside the melting range a kelvin of level is only a share of a kelvin of temperature.
        return level - molten_k * (latent.latent_k / melting_k)

    def level(self, temperature_c: float) -> float:
        return level_of(temperature_c, self.latent)

    def energy_kwh(self, level: float) -> float:
        """Heat (kWh) above `BASE_C`; 0 in a house without store and buffer."""
        return self.kwh_per_k * (level - self.level(BASE_C)) if self.usable else 0.0


def store_model(parameters: PlannerParameters, hottest_source_c: float) -> StoreModel:
    """The tank that heat is kept in, with the losses of all tanks.

    Beside a store, the buffer is kept at RSWT whatever is planned: it takes part in the losses and keeps nothing. To
    lump it with a store that is full would make room where there is none.
    """
    hottest_c, fullest_c = hottest_source_c, math.inf
    latent = None
    tanks = [tank for tank in (parameters.buffer, parameters.store) if tank is not None]
    kwh_per_k = tanks[-1].kwh_per_k if tanks else 0.0
    loss_kw_per_k = sum(tank.loss_kw_per_k for tank in tanks)
    lost_kw = sum(tank.loss_kw_per_k * tank.ambient_c for tank in tanks)
    store = parameters.store
    if store is not None:
        hottest_c = min(store.maximum_c, max(hottest_c, parameters.boost.maximum_c if parameters.boost else 0.0))
        pump = parameters.heat_pump
        if pump is not None and parameters.boost is None:
            fullest_c = pump.maximum_entering_c - FULL_MARGIN_K
        if store.melting is not None:
            melting = store.melting
            latent = Latent(melting.start_c, max(melting.end_c, melting.start_c + 1e-6), melting.latent_kwh / kwh_per_k)
    usable = kwh_per_k > 0.0
    ambient_c = lost_kw / loss_kw_per_k if loss_kw_per_k > 0.0 else AMBIENT_C
    highest, fullest = level_of(hottest_c, latent), level_of(fullest_c, latent)
    return StoreModel(kwh_per_k if usable else 1.0, loss_kw_per_k, ambient_c, highest, fullest, latent, usable)


def towards(maths: Maths[Quantity], spread: Quantity, half_k: Quantity, moved_k: Quantity) -> Quantity:
    """Spread after the level has moved by `moved_k`, at a difference of twice `half_k` between in and out."""
    return half_k + (spread - half_k) * maths.exp(moved_k / (half_k * -1.0))
