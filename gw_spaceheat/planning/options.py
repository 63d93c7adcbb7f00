"""What the planner weighs and how finely it looks."""

from dataclasses import dataclass

from gw_spaceheat.physics.heat_load import RECOVERY_H


@dataclass(frozen=True, slots=True)
class PlannerOptions:
    """Prices of the goals, and the state grid. Starts and margins belong to the house: `parameters`."""

    unmet_heat_usd_per_kwh: float = 2.0
    """What a kWh of heat that the house needed and did not get is priced at, once it is at its lowest temperature."""
    below_setpoint_usd_per_k_h: float = 0.2
    """What a kelvin below the setpoint costs per hour."""
    commitment_usd_per_kwh: float = 3.0
    """What a kWh more or less than an accepted slot says is priced at, beyond its electricity."""
    change_usd: float = 0.02
    """Switching the heat source now against the plan in force: the other side has already prepared for it."""
    terminal_discount: float = 0.95
    """Stored heat at the very end is worth a little less than replacing it, so equal prices never charge the store."""
    tail_h: float = 24.0
    """The last day is lived once more after the horizon, in steps of two hours, to know what heat is then worth."""
    recovery_h: float = RECOVERY_H
    """A house off its target is brought back at this time constant, as local control does."""
    level_nodes: int = 96
    spread_nodes: int = 4
    """With the three nodes of the house and two modes of the source: 2,304 states."""
    alike_k: float = 0.5
    """In the tables, steps whose outdoor temperatures (or loads, by wind) differ by less are worked out once, as their
    mean. The roll-out of the plan knows each step as it is. 0: every step of its own."""
    compiled: bool = False
    """Compute the tables with Numba (extra `cloud`): the same tables, sooner. BadInput where it is not installed."""


DEFAULT_OPTIONS = PlannerOptions()
