"""What the planner weighs and how finely it looks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannerOptions:
    """Prices of the goals, and the state grid."""

    comfort_usd_per_kwh: float = 2.0
    """What a kWh of heat the house needed and did not get is priced at."""
    start_usd: float = 0.03
    """Wear and lost heat of one start of the heat source."""
    serving_margin_k: float = 3.0
    """How far above RSWT the heat pump runs while it serves the house directly."""
    terminal_discount: float = 0.95
    """Stored heat at the end is worth a little less than replacing it, so equal prices never charge the store."""
    recovery_h: float = 4.0
    """A house below (above) its setpoint is brought back over so many hours."""
    level_nodes: int = 96
    spread_nodes: int = 4


DEFAULT_OPTIONS = PlannerOptions()
