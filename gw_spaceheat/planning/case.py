"""What the planner is told: one frozen case, every series on the case's own time grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.model import Plumbing


@dataclass(frozen=True, slots=True)
class StateNow:
    """Measured state; a reading that is missing is NaN (a layer) or None, and the planner says so in its plan."""

    store_c: tuple[float, ...] = ()
    """Store layers, C, top to bottom, () if the house has none (or none answered)."""
    buffer_c: float | None = None
    zone_c: float | None = None
    heat_pump_on: bool = False
    heat_pump_since_s: float = 0.0
    """Epoch seconds since when the heat source has been on (or off)."""


@dataclass(frozen=True, slots=True, eq=False)
class PlanningCase:
    """One planning problem. `outdoor_c` (C) and `price_usd_per_mwh` have one value per step."""

    start_s: float
    step_minutes: tuple[int, ...]
    outdoor_c: NDArray[np.float64]
    price_usd_per_mwh: NDArray[np.float64]
    plumbing: Plumbing
    state: StateNow

    def __post_init__(self) -> None:
        """Refuse what is no planning problem at all; a physical state, however odd, is never refused."""
        steps = len(self.step_minutes)
        if steps == 0 or min(self.step_minutes) <= 0:
            raise BadInput(f"planning case: step_minutes {self.step_minutes}: at least one step, each above 0 minutes")
        for name, series in (("outdoor_c", self.outdoor_c), ("price_usd_per_mwh", self.price_usd_per_mwh)):
            if np.shape(series) != (steps,):
                raise BadInput(f"planning case: {name} has shape {np.shape(series)}, must be ({steps},)")
