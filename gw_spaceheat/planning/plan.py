"""What the planner answers: what to buy when, what it costs, why, and which goals cannot be met."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step of a plan. Energies are of the whole step; store values are at its end."""

    start_s: float
    minutes: int
    hp_electric_kwh: float
    """Electric energy of the heat source (heat pump, or boost element)."""
    hp_heat_kwh: float
    store_heat_kwh: float
    """Heat into (+) or out of (-) the store, standing loss not counted."""
    store_energy_kwh: float
    """Heat in the store above the case's base temperature."""
    store_top_c: float
    price_usd_per_mwh: float
    cost_usd: float
    reason: str
    unmet: tuple[str, ...] = ()
    house_heat_kwh: float = 0.0
    unserved_kwh: float = 0.0
    store_loss_kwh: float = 0.0
    boiler_heat_kwh: float = 0.0
    house_k: float = 0.0
    """Room temperature at the step's end, above the one the load line was made for."""
    below_setpoint_k_h: float = 0.0
    started: bool = False
    """Whether the heat source starts in this step."""
    action: int = 0
    """Index of the planner's own action."""
    leaving_c: float | None = None
    """Hottest water (C) the heat pump is asked for in the step; None: it is off, or nobody can choose."""

    @property
    def average_w(self) -> float:
        """Average electric power over the step, W."""
        return self.hp_electric_kwh * 60_000.0 / self.minutes


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan over the whole horizon. Never empty."""

    steps: tuple[PlanStep, ...]
    total_cost_usd: float
    """Electricity, boiler fuel and demand charge; neither comfort nor starts nor the terminal value are in it."""
    terminal_value_usd: float
    """What the heat left in the store at the end is worth."""
    marginal_heat_usd_per_kwh: float
    """What one more kWh of heat in the store is worth now."""
    unmet: tuple[str, ...] = ()
    """Every goal or input that could not be met, of the plan as a whole (per step: `PlanStep.unmet`)."""
    objective_usd: float = 0.0
    """What was minimised: cost + starts + priced comfort - terminal value."""
    start_store_energy_kwh: float = 0.0
    start_store_top_c: float | None = None
    """None: the house has neither store nor buffer."""
    start_house_k: float = 0.0
    starts: int = 0
    demand_charge_usd: float = 0.0
    parameters_version: str = ""

    def average_w(self, from_s: float, to_s: float) -> float:
        """Average electric power, W, the plan wants from `from_s` to `to_s` (epoch s); 0 outside the plan."""
        joules = sum(
            step.average_w * max(0.0, min(to_s, step.start_s + 60.0 * step.minutes) - max(from_s, step.start_s))
            for step in self.steps
        )
        return joules / (to_s - from_s) if to_s > from_s else 0.0

    def first_hour_average_w(self) -> float:
        """Average electric power over the plan's first hour, W."""
        start_s = self.steps[0].start_s
        return self.average_w(start_s, start_s + 3600.0)
