"""What the planner is told: one frozen case, every series on the case's own time grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.model import Plumbing
from gw_spaceheat.planning.model.parameters import PlannerParameters, parameters_of
from gw_spaceheat.planning.plan import Plan

Floats = NDArray[np.float64]
TAIL_STEP_H = 2.0
"""Behind the horizon the last day is lived once more, in steps of this length."""
MOST_LOST = 0.25
"""Greatest share of its heat above its surroundings that a store may lose within a step."""
CALM_M_PER_S = 0.0
"""The wind of a running house: its weather has none, so plan, believed load and policy all know it as calm."""


@dataclass(frozen=True, slots=True)
class StateNow:
    """Measured state; a reading that is missing is NaN (a layer) or None, and the planner says so in its plan."""

    store_c: tuple[float, ...] = ()
    """Store layers, C, top to bottom, () if the house has none (or none answered)."""
    buffer_c: float | None = None
    zone_c: float | None = None
    """Mean room temperature, C, weighted by the zones' shares: the house's own store begins here."""
    heat_pump_on: bool = False
    heat_pump_since_s: float = 0.0
    """Epoch seconds since when the heat source has been on (or off)."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """An accepted slot: from `start_s` to `end_s` (epoch s) `energy_kwh` of electricity must be bought."""

    start_s: float
    end_s: float
    energy_kwh: float

    def __post_init__(self) -> None:
        if not self.end_s > self.start_s or not self.energy_kwh >= 0.0:
            raise BadInput(f"commitment {self}: must end after it starts and buy 0 kWh or more")


@dataclass(frozen=True, slots=True)
class DemandCharge:
    """Price of the greatest average power of any step, as far as it exceeds the month's peak so far."""

    usd_per_kw: float
    peak_so_far_kw: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """One way the future may go, with its probability; series as in the case, None = as in the case."""

    probability: float
    price_usd_per_mwh: Floats | None = None
    outdoor_c: Floats | None = None
    wind_m_per_s: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PlanningCase:
    """One planning problem. Every series has one value per step; NaN is a gap, filled and named."""

    start_s: float
    step_minutes: tuple[int, ...]
    """Any lengths, mixed: 5 min now, 15 min today, 60 min tomorrow."""
    outdoor_c: Floats
    price_usd_per_mwh: Floats
    """All that a kWh costs: energy, distribution, regulation. Negative allowed."""
    parameters: PlannerParameters
    state: StateNow
    wind_m_per_s: Floats | None = None
    setpoint_c: Floats | None = None
    """Wanted room temperature per step; None: the one the load line was made for."""
    commitments: tuple[Commitment, ...] = ()
    previous: Plan | None = None
    """The plan in force: switching the heat source against it, now, costs `PlannerOptions.change_usd`."""
    demand_charge: DemandCharge | None = None
    scenarios: tuple[Scenario, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what is no planning problem at all; a physical state, however odd, is never refused."""
        steps = len(self.step_minutes)
        if steps == 0 or min(self.step_minutes) <= 0:
            raise BadInput(f"planning case: step_minutes {self.step_minutes}: at least one step, each above 0 minutes")
        named: list[tuple[str, Floats | None]] = [
            ("outdoor_c", self.outdoor_c),
            ("price_usd_per_mwh", self.price_usd_per_mwh),
            ("wind_m_per_s", self.wind_m_per_s),
            ("setpoint_c", self.setpoint_c),
        ]
        for number, scenario in enumerate(self.scenarios):
            named.append((f"scenario {number} price_usd_per_mwh", scenario.price_usd_per_mwh))
            named.append((f"scenario {number} outdoor_c", scenario.outdoor_c))
            named.append((f"scenario {number} wind_m_per_s", scenario.wind_m_per_s))
        for name, series in named:
            if series is not None and np.shape(series) != (steps,):
                raise BadInput(f"planning case: {name} has shape {np.shape(series)}, must be ({steps},)")
        self._refuse_a_leaky_store()
        if self.scenarios and self.demand_charge is not None:
            raise BadInput("planning case: has scenarios and a demand charge, must have at most one of the two")
        if self.scenarios and not abs(sum(scenario.probability for scenario in self.scenarios) - 1.0) < 1e-6:
            raise BadInput("planning case: the probabilities of its scenarios must add up to 1")

    def _refuse_a_leaky_store(self) -> None:
        """Losses are those of the middle of a step: a store that cools off within a step would end below freezing."""
        tanks = [tank for tank in (self.parameters.buffer, self.parameters.store) if tank is not None]
        hours = max(TAIL_STEP_H, max(self.step_minutes) / 60.0)
        lost = hours * sum(tank.loss_kw_per_k for tank in tanks) / tanks[-1].kwh_per_k if tanks else 0.0
        if not lost <= MOST_LOST:
            name = "buffer" if self.parameters.store is None else "store"
            raise BadInput(
                f"planning case: {name} loses {lost:.3g} of its heat above its surroundings in {hours:g} h "
                f"(the longest step, or the tail's), must be {MOST_LOST:g} or less: a larger {name}, or shorter steps"
            )


def case_of_plumbing(
    start_s: float,
    step_minutes: Sequence[int],
    outdoor_c: Floats,
    price_usd_per_mwh: Floats,
    plumbing: Plumbing,
    state: StateNow,
) -> PlanningCase:
    """A case whose parameters are those of the house file."""
    return PlanningCase(start_s, tuple(step_minutes), outdoor_c, price_usd_per_mwh, parameters_of(plumbing), state)
