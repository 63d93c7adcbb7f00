"""Emitters in a room that is not at 20 C: the part that a plan does not need and the simulated house does."""

from gw_spaceheat.physics.heat_load import emitter_heat_w, required_source_water_c, return_drop_k

__all__ = ["emitter_heat_w", "required_source_water_c", "return_drop_k", "room_factor"]

NOMINAL_ROOM_C = 20.0
GREATEST_ROOM_FACTOR = 1.5


def room_factor(water_c: float, room_c: float) -> float:
    """How the heat changes when the room is not at 20 C: (T - room) / (T - 20), within 0..1.5."""
    nominal_k = water_c - NOMINAL_ROOM_C
    if nominal_k <= 1.0:
        return 1.0 if water_c > room_c else 0.0
    return min(max((water_c - room_c) / nominal_k, 0.0), GREATEST_ROOM_FACTOR)
