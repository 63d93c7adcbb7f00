"""Water and unit constants. A litre is taken as a kilogram: up to 2 % off between 20 and 75 C, in every user alike."""

CP_WATER = 4186.0
"""Specific heat of water, J/kg K (so also J/l K)."""

KWH = 3.6e6
"""One kilowatt-hour in J."""

ZERO_C_IN_K = 273.15


def flow_l_per_s(heat_w: float, lift_k: float) -> float:
    """The flow that carries `heat_w` at a temperature difference of `lift_k` (W, K -> l/s)."""
    return heat_w / (CP_WATER * lift_k)


def heat_kwh(litres: float, warming_k: float) -> float:
    """Heat that warms `litres` by `warming_k` (l, K -> kWh)."""
    return litres * CP_WATER * warming_k / KWH
