"""Tanks of the simulated house: buffer, or tanks in series seen as one column of layers."""

from collections.abc import Sequence

from gw_spaceheat.house.model import Buffer, Store
from gw_spaceheat.physics import tank
from gw_spaceheat.physics.water import CP_WATER

BASEMENT_C = 18.0
"""Where the tanks stand. Outside the heated zones, so what they lose is lost."""

HEADER_LITRES = 30.0
HEADER_LAYERS = 3
HEADER_LOSS_W_PER_K = 1.0


class Column:
    """Layers of one buffer or store, top first."""

    def __init__(
        self, litres: float, layers: int, loss_w_per_k: float, conduction_w_per_k: float, latent: tank.Latent | None
    ) -> None:
        self.layer_litres = litres / layers
        self.layer_j_per_k = self.layer_litres * CP_WATER
        self.loss_w_per_k = loss_w_per_k
        self.latent = latent
        self._loss_per_s = loss_w_per_k / layers / self.layer_j_per_k
        self._conduction_per_s = conduction_w_per_k / self.layer_j_per_k
        self.temperature_c: list[float] = [BASEMENT_C] * layers
        self._level = self.temperature_c
        self.set_temperatures(self.temperature_c)

    def set_temperatures(self, temperature_c: Sequence[float]) -> None:
        self._level = [tank.level_of(value, self.latent) for value in temperature_c]
        # Water: level and temperature are one list, so nothing has to be turned into anything.
        self.temperature_c = self._level if self.latent is None else list(temperature_c)

    def step(self, flows: tank.Flows, duration_s: float) -> float:
        """Flow, conduction, loss and buoyancy; gives the heat lost (J)."""
        parts = tank.substeps(self.layer_litres, flows)
        if parts > 1:
            share = 1.0 / parts
            part = tank.Flows(flows.top_in_l * share, flows.top_in_c, flows.bottom_in_l * share, flows.bottom_in_c)
            return sum(self._step(part, duration_s * share) for _ in range(parts))
        return self._step(flows, duration_s)

    def _step(self, flows: tank.Flows, duration_s: float) -> float:
        level = self._level
        if self.latent is None:
            # Level and temperature are one list here: `move` needs the temperatures as they were.
            before: Sequence[float] = level[:]
        else:
            before = self.temperature_c
        conduction = self._conduction_per_s * duration_s
        lost = tank.move(level, before, self.layer_litres, flows, conduction, self._loss_per_s * duration_s, BASEMENT_C)
        if self.latent is None:
            tank.mix_inversions(level)
        else:
            latent = self.latent
            self.temperature_c = [tank.temperature_of(value, latent) for value in level]
        return lost * self.layer_j_per_k

    def heat_last(self, heat_j: float) -> None:
        """An element in the lowest layer."""
        self._level[-1] += heat_j / self.layer_j_per_k
        if self.latent is not None:
            self.temperature_c[-1] = tank.temperature_of(self._level[-1], self.latent)
        else:
            tank.mix_inversions(self._level)

    def stored_j(self) -> float:
        """Heat above 0 C liquid, latent heat included."""
        return sum(self._level) * self.layer_j_per_k

    def at(self, first: int, count: int, depth: float) -> float:
        """Temperature at `depth` (0 top .. 1 bottom) of the tank made of `count` layers from `first`."""
        position = min(max(depth * count - 0.5, 0.0), count - 1.0)
        upper = min(int(position), count - 1)
        lower = min(upper + 1, count - 1)
        weight = position - upper
        layers = self.temperature_c
        return layers[first + upper] * (1.0 - weight) + layers[first + lower] * weight


def store_column(store: Store) -> Column:
    litres = store.litres_per_tank * store.tanks
    latent = tank.latent_of(store.phase_change, litres) if store.phase_change is not None else None
    return Column(litres, store.tanks * store.layers_per_tank, store.loss_w_per_k, store.conduction_w_per_k, latent)


def buffer_column(buffer: Buffer) -> Column:
    return Column(buffer.litres, buffer.layers, buffer.loss_w_per_k, 1.0, None)


def header_column() -> Column:
    """A house with neither buffer nor store still has pipes."""
    return Column(HEADER_LITRES, HEADER_LAYERS, HEADER_LOSS_W_PER_K, 1.0, None)
