"""What can be read from the simulated house, by the names a house file uses."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gw_spaceheat.house.model import House

if TYPE_CHECKING:
    from gw_spaceheat.simulation.house import SimulatedHouse

ACTUATORS = (
    "heat_pump",
    "boost",
    "store_pump",
    "store_valve",
    "distribution_pump",
    "primary_pump",
    "leaving_setpoint",
)
LEAST_SENSORS = 3
IDLE_PIPE_C = 18.0
IDLE_PIPE_TIME_S = 3600.0
SECONDS_PER_MINUTE = 60.0

Reader = Callable[[], float]


@dataclass
class LoopState:
    """Flows (l/s) and water temperatures (C) in the pipes, as of the last step."""

    outdoor_c: float
    pipe_c: float
    primary_l_per_s: float = 0.0
    store_l_per_s: float = 0.0
    distribution_l_per_s: float = 0.0
    leaving_c: float = IDLE_PIPE_C
    entering_c: float = IDLE_PIPE_C
    supply_c: float = IDLE_PIPE_C
    return_c: float = IDLE_PIPE_C
    store_hot_c: float = IDLE_PIPE_C
    store_cold_c: float = IDLE_PIPE_C

    def cool_idle(self, duration_s: float) -> None:
        """Sensors on still pipes drift to the cellar's temperature. Their heat is too little to be in the ledger."""
        share = min(duration_s / IDLE_PIPE_TIME_S, 1.0)
        if self.primary_l_per_s <= 0.0:
            self.leaving_c += share * (IDLE_PIPE_C - self.leaving_c)
            self.entering_c += share * (IDLE_PIPE_C - self.entering_c)
        if self.distribution_l_per_s <= 0.0:
            self.supply_c += share * (IDLE_PIPE_C - self.supply_c)
            self.return_c += share * (IDLE_PIPE_C - self.return_c)
        if self.store_l_per_s <= 0.0:
            self.store_hot_c += share * (IDLE_PIPE_C - self.store_hot_c)
            self.store_cold_c += share * (IDLE_PIPE_C - self.store_cold_c)


@dataclass(slots=True)
class Powers:
    """What is drawn (W) by everything but the heat pump; `pumps_w` is the sum of the three pumps."""

    boost_w: float = 0.0
    store_pump_w: float = 0.0
    distribution_pump_w: float = 0.0
    primary_pump_w: float = 0.0
    pumps_w: float = 0.0


def sensor_table(plant: "SimulatedHouse") -> dict[str, Reader]:
    """A reader for each quantity that this house has."""
    loop, zones, powers = plant.loop, plant.zones, plant.powers
    table: dict[str, Reader] = {
        "boost_w": plant.boost_w,
        "distribution_pump_w": lambda: powers.distribution_pump_w,
        "heat_pump_w": plant.heat_pump_w,
        "primary_pump_w": lambda: powers.primary_pump_w,
        "store_pump_w": lambda: powers.store_pump_w,
        "total_w": plant.total_w,
        "outdoor_c": lambda: loop.outdoor_c,
        "hp_lwt_c": lambda: loop.leaving_c,
        "hp_ewt_c": lambda: loop.entering_c,
        "dist_swt_c": lambda: loop.supply_c,
        "dist_rwt_c": lambda: loop.return_c,
        "store_hot_pipe_c": lambda: loop.store_hot_c,
        "store_cold_pipe_c": lambda: loop.store_cold_c,
        "pipe_c": lambda: loop.pipe_c,
        "primary_flow_l_per_min": lambda: loop.primary_l_per_s * SECONDS_PER_MINUTE,
        "store_flow_l_per_min": lambda: loop.store_l_per_s * SECONDS_PER_MINUTE,
        "distribution_flow_l_per_min": lambda: loop.distribution_l_per_s * SECONDS_PER_MINUTE,
    }
    for index, name in enumerate(zones.names):
        table[f"zone_{name}_c"] = partial(_air_c, plant, index)
    table.update(_tank_readers(plant))
    return table


def _air_c(plant: "SimulatedHouse", index: int) -> float:
    return plant.zones.air_c[index]


def _tank_readers(plant: "SimulatedHouse") -> dict[str, Reader]:
    table: dict[str, Reader] = {}
    store_model = plant.house.plumbing.store
    if plant.house.plumbing.buffer is not None:
        layers = len(plant.hub.temperature_c)
        count = _named(plant.house, "buffer")
        for number in range(1, count + 1):
            depth = (number - 0.5) / count
            table[f"buffer_{number}_c"] = partial(plant.hub.at, 0, layers, depth)
    if store_model is not None and plant.store is not None:
        store, per_tank = plant.store, store_model.layers_per_tank
        for tank in range(store_model.tanks):
            count = _named(plant.house, f"tank{tank + 1}")
            for number in range(1, count + 1):
                depth, first = (number - 0.5) / count, tank * per_tank
                table[f"tank{tank + 1}_{number}_c"] = partial(store.at, first, per_tank, depth)
    return table


def _named(house: House, prefix: str) -> int:
    """How many sensors, evenly spaced, the house's channels say a tank has; three when they name fewer."""
    pattern = re.compile(rf"{prefix}_(\d+)_c")
    matches = [pattern.fullmatch(channel.quantity) for channel in house.channels]
    return max([LEAST_SENSORS, *(int(match.group(1)) for match in matches if match)])
