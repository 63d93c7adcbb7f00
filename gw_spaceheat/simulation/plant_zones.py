"""Zones of the simulated house: thermostats with hysteresis, zone valves, emitters, air and walls."""

from collections.abc import Sequence

from gw_spaceheat.house.model import Plumbing
from gw_spaceheat.physics import building as physics
from gw_spaceheat.physics.emitters import emitter_heat_w, room_factor
from gw_spaceheat.physics.water import CP_WATER, flow_l_per_s

BYPASS_SHARE = 0.15
"""Of the design flow, when the pump runs and every zone valve is shut."""


class ZonesPlant:
    def __init__(self, plumbing: Plumbing) -> None:
        self.building = plumbing.building
        self.emitters = plumbing.emitters
        zones = plumbing.zones
        self.names = tuple(zone.name for zone in zones)
        self.shares = physics.normal_shares([zone.share for zone in zones])
        self.setpoint_c = [zone.setpoint_c for zone in zones]
        self._half_k = [zone.differential_k / 2.0 for zone in zones]
        self.air_c = list(self.setpoint_c)
        self.mass_c = self.mean_c
        self.calls = [False] * len(zones)
        self.design_flow_l_per_s = flow_l_per_s(self.emitters.design_heat_w, self.emitters.design_drop_k)

    @property
    def mean_c(self) -> float:
        return sum(share * air for share, air in zip(self.shares, self.air_c, strict=True))

    def set_air(self, air_c: float) -> None:
        self.air_c = [air_c] * len(self.names)
        self.mass_c = air_c

    def update_calls(self) -> bool:
        """Thermostats; whether any zone calls."""
        calls = self.calls
        for index, air in enumerate(self.air_c):
            error_k = self.setpoint_c[index] - air
            if error_k > self._half_k[index]:
                calls[index] = True
            elif error_k < -self._half_k[index]:
                calls[index] = False
        return True in calls

    def flow_l_per_s(self, pump_on: bool) -> float:
        """Flow for the valves as they stand; a closed house still has a bypass."""
        if not pump_on:
            return 0.0
        share = sum(share for share, call in zip(self.shares, self.calls, strict=True) if call)
        return self.design_flow_l_per_s * max(share, BYPASS_SHARE)

    def emitted_w(self, supply_c: float, pump_on: bool) -> list[float]:
        """Heat of each zone's emitters (W) with supply water at `supply_c`."""
        if not pump_on:
            return [0.0] * len(self.shares)
        full_w = emitter_heat_w(self.emitters, supply_c)
        water_w_per_k = self.design_flow_l_per_s * CP_WATER
        heat_w = []
        for share, air, call in zip(self.shares, self.air_c, self.calls, strict=True):
            carried_w = water_w_per_k * max(supply_c - air, 0.0)
            heat_w.append(share * min(full_w * room_factor(supply_c, air), carried_w) if call else 0.0)
        return heat_w

    def step(self, heat_w: Sequence[float], outdoor_c: float, duration_s: float) -> float:
        """Move air and walls on; gives the heat lost outdoors (J)."""
        self.mass_c, lost_j = physics.step_building(
            self.building, self.shares, self.air_c, self.mass_c, heat_w, outdoor_c, duration_s
        )
        return lost_j

    def stored_j(self) -> float:
        return physics.stored_j(self.building, self.shares, self.air_c, self.mass_c)
