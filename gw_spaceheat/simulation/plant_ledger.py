"""What went into the simulated house, what left it, and what is in it."""

from dataclasses import dataclass

from gw_spaceheat.physics.water import KWH


@dataclass(frozen=True)
class EnergyLedger:
    """Everything since the start, kWh. `ambient_in_kwh` is what the heat pump took from outdoor air, less what its
    fan, standby and defrosts gave back to it; `losses_kwh` includes the pumps' electricity."""

    electric_in_kwh: float
    ambient_in_kwh: float
    gains_kwh: float
    losses_kwh: float
    stored_kwh: float
    stored_start_kwh: float

    @property
    def electric_kwh(self) -> float:
        """All electricity the house's heating used."""
        return self.electric_in_kwh

    @property
    def imbalance_kwh(self) -> float:
        """In less out less growth: zero but for rounding."""
        came_in = self.electric_in_kwh + self.ambient_in_kwh + self.gains_kwh
        return came_in - self.losses_kwh - (self.stored_kwh - self.stored_start_kwh)

    @property
    def imbalance_share(self) -> float:
        """Imbalance over what was lost (or 1 kWh when less was)."""
        return abs(self.imbalance_kwh) / max(abs(self.losses_kwh), 1.0)


@dataclass
class Flowing:
    """Running sums in J."""

    electric_j: float = 0.0
    ambient_j: float = 0.0
    gains_j: float = 0.0
    losses_j: float = 0.0

    def ledger(self, stored_j: float, stored_start_j: float) -> EnergyLedger:
        return EnergyLedger(
            electric_in_kwh=self.electric_j / KWH,
            ambient_in_kwh=self.ambient_j / KWH,
            gains_kwh=self.gains_j / KWH,
            losses_kwh=self.losses_j / KWH,
            stored_kwh=stored_j / KWH,
            stored_start_kwh=stored_start_j / KWH,
        )
