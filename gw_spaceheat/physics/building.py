"""Two-capacity building: one air node per zone, one mass node for all; heat is lost from the air."""

from collections.abc import Sequence

from gw_spaceheat.house.model import Building
from gw_spaceheat.physics.water import KWH


def normal_shares(shares: Sequence[float]) -> tuple[float, ...]:
    """The zones' shares of the building, made to add up to one (a house file need not)."""
    total = sum(shares)
    return tuple(share / total for share in shares)


def step_building(
    building: Building,
    shares: Sequence[float],
    air_c: list[float],
    mass_c: float,
    heat_w: Sequence[float],
    outdoor_c: float,
    duration_s: float,
) -> tuple[float, float]:
    """Move `air_c` (in place) on by `duration_s`; give the new mass temperature (C) and the heat lost outdoors (J).

    Explicit: stable while duration_s is far below air capacity / conductance, i.e. an hour or so.
    """
    air_j_per_k = building.air_capacity_kwh_per_k * KWH
    loss = building.loss_w_per_k
    conductance = building.air_mass_conductance_w_per_k
    gain_w = building.internal_gain_w
    to_mass_w = lost_w = 0.0
    for index, share in enumerate(shares):
        air = air_c[index]
        zone_to_mass_w = share * conductance * (air - mass_c)
        zone_lost_w = share * loss * (air - outdoor_c)
        net_w = heat_w[index] + share * gain_w - zone_to_mass_w - zone_lost_w
        air_c[index] = air + net_w * duration_s / (share * air_j_per_k)
        to_mass_w += zone_to_mass_w
        lost_w += zone_lost_w
    return mass_c + to_mass_w * duration_s / (building.mass_capacity_kwh_per_k * KWH), lost_w * duration_s


def stored_j(building: Building, shares: Sequence[float], air_c: Sequence[float], mass_c: float) -> float:
    """Heat in air and mass above 0 C (J)."""
    air_mean_c = sum(share * air for share, air in zip(shares, air_c, strict=True))
    return (building.air_capacity_kwh_per_k * air_mean_c + building.mass_capacity_kwh_per_k * mass_c) * KWH
