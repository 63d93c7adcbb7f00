"""The simulated house: a whole plant in pure Python floats, cheap enough to run a winter in minutes.

Water heated by the heat pump goes to the hub (buffer; or the store itself when there is no buffer; or a bare header)
or, charging, through the store's tanks. Zones are fed from the top of the hub. All true values: sensors add the noise.
"""

import random
from collections.abc import Callable

from gw_spaceheat.errors import OurError
from gw_spaceheat.house.model import House
from gw_spaceheat.physics.heat_load import heat_load_w, required_source_water_c
from gw_spaceheat.physics.tank import Flows
from gw_spaceheat.physics.water import CP_WATER
from gw_spaceheat.simulation.plant_heat_pump import HeatPumpPlant
from gw_spaceheat.simulation.plant_ledger import EnergyLedger, Flowing
from gw_spaceheat.simulation.plant_sensors import ACTUATORS, LoopState, Powers, sensor_table
from gw_spaceheat.simulation.plant_tank import Column, buffer_column, header_column, store_column
from gw_spaceheat.simulation.plant_zones import ZonesPlant

AQUASTAT_LEAST_ON_C = 50.0
AQUASTAT_SPAN_K = 5.0
AQUASTAT_DEPTH = 0.5
AQUASTAT_TO_SETPOINT_K = 5.0
# Installers set a heating curve well above the need: a curve at the need throttles the unit all winter.
CURVE_OFFSET_K = 8.0
CURVE_LEAST_C = 30.0
BOOST_SPAN_K = 3.0
PIPE_INDOOR_C = 18.0
PIPE_EXCHANGE_SHARE = 0.5
STILL = Flows()
START_HUB_C = 45.0
START_STORE_C = 45.0


class SimulatedHouse:
    """A house to be switched and read. Times are epoch seconds, given by the caller; nothing here reads a clock."""

    def __init__(
        self,
        house: House,
        outdoor_c: Callable[[float], float],
        start_s: float,
        rng: random.Random,
        thermostat_only: bool = False,
        step_s: float = 10.0,
    ) -> None:
        plumbing = house.plumbing
        self.house = house
        self.step_s = step_s
        self._outdoor_at = outdoor_c
        self._thermostat_only = thermostat_only
        # Integrated up to, asked for, and the end of the step in hand.
        self._done_s = self._now_s = self._clock_s = start_s
        self._model = plumbing.heat_pump
        self.heat_pump = HeatPumpPlant(plumbing.heat_pump, rng, start_s) if plumbing.heat_pump is not None else None
        self._boost = plumbing.boost
        self._boost_hot = self._boost_on = False
        self._primary_on = self._store_pump_on = self._charging = self._distribution_on = False
        self.zones = ZonesPlant(plumbing)
        self.hub, self.store = _columns(house)
        self._pipe = plumbing.pipe
        self._pipe_j_per_k = plumbing.pipe.litres * CP_WATER
        self._store_pump_w = plumbing.store.pump_w if plumbing.store is not None else 0.0
        self._store_flow_l_per_s = self.zones.design_flow_l_per_s
        self.loop = LoopState(outdoor_c=outdoor_c(start_s), pipe_c=PIPE_INDOOR_C)
        self.powers = Powers()
        self._values: dict[str, bool | float] = dict.fromkeys(ACTUATORS, False)
        self._values["leaving_setpoint"] = 0.0
        self._aquastat = False
        self._zones_call = False
        self._aquastat_on_c = self._aquastat_setting()
        self._failed: frozenset[str] = frozenset()
        self._flowing = Flowing()
        self._sensors = sensor_table(self)
        self.preset(START_STORE_C, START_HUB_C)
        self._follow_controls()

    # -- what others call

    def set_actuator(self, actuator: str, value: bool | float) -> None:
        """Switch a relay or set an analog output; powers follow at once."""
        known = self._values.get(actuator)
        if known is None:
            raise OurError(f"actuator {actuator}: unknown, one of {', '.join(ACTUATORS)}")
        new: bool | float = float(value) if actuator == "leaving_setpoint" else bool(value)
        if new == known:
            return
        self._catch_up()
        self._values[actuator] = new
        self._follow_controls()

    def actuator(self, name: str) -> bool | float:
        """What was last commanded (not what it does: see the powers)."""
        if name not in self._values:
            raise OurError(f"actuator {name}: unknown, one of {', '.join(ACTUATORS)}")
        return self._values[name]

    def advance(self, now_s: float) -> None:
        """Integrate up to `now_s` in whole steps; the rest waits. Going back in time does nothing."""
        if now_s > self._now_s:
            self._now_s = now_s
        step_s = self.step_s
        while self._done_s + step_s <= now_s:
            self._step(step_s)

    def quantity(self, name: str) -> float:
        """A true value now, in the unit its name says."""
        reader = self._sensors.get(name)
        if reader is None:
            raise OurError(f"quantity {name}: house {self.house.alias} has no such thing")
        return reader()

    def quantities(self) -> tuple[str, ...]:
        """Every name `quantity` knows for this house."""
        return tuple(self._sensors)

    @property
    def thermostat_only(self) -> bool:
        """True: no SCADA. Aquastat and thermostats run the house and the commanded values count for nothing."""
        return self._thermostat_only

    @thermostat_only.setter
    def thermostat_only(self, value: bool) -> None:
        if value == self._thermostat_only:
            return
        self._catch_up()
        self._thermostat_only = value
        self._follow_controls()

    @property
    def energy(self) -> EnergyLedger:
        return self._flowing.ledger(self._stored_j(), self._stored_start_j)

    @property
    def electric_kwh(self) -> float:
        return self.energy.electric_in_kwh

    def set_zone_setpoint(self, zone: str, setpoint_c: float) -> None:
        """Turn a thermostat's knob."""
        self._catch_up()
        self.zones.setpoint_c[self.zones.names.index(zone)] = setpoint_c
        self._follow_controls()

    def fail(self, *parts: str) -> None:
        """Break actuators (stuck off) by name; none heals all. A fault test's handle."""
        self._catch_up()
        self._failed = frozenset(parts)
        self._follow_controls()

    def preset(self, store_c: float | None = None, hub_c: float | None = None, zone_c: float | None = None) -> None:
        """Put temperatures where a test or study wants them (C); the ledger starts anew."""
        self._catch_up()
        if hub_c is not None:
            self.hub.set_temperatures([hub_c] * len(self.hub.temperature_c))
        # Last: in a house whose store is its hub the store's value counts.
        if store_c is not None and self.store is not None:
            self.store.set_temperatures([store_c] * len(self.store.temperature_c))
        if zone_c is not None:
            self.zones.set_air(zone_c)
        self._flowing = Flowing()
        self._stored_start_j = self._stored_j()
        self._follow_controls()

    # -- powers, W: of the switches as they stand this moment

    def heat_pump_w(self) -> float:
        return self.heat_pump.electric_w if self.heat_pump is not None else 0.0

    def boost_w(self) -> float:
        return self.powers.boost_w

    def total_w(self) -> float:
        return self.heat_pump_w() + self.powers.boost_w + self.powers.pumps_w

    def charging(self) -> bool:
        """Whether the heat source's water goes through the store."""
        return self._charging

    # -- wiring

    def _catch_up(self) -> None:
        # What was so until now is integrated as it was, so a switch counts from its very second.
        behind_s = self._now_s - self._done_s
        if behind_s > 0.0:
            self._step(behind_s)

    def _aquastat_setting(self) -> float:
        # An installer sets it once, for the coldest day.
        on_c = max(AQUASTAT_LEAST_ON_C, self.zones.emitters.design_water_c - AQUASTAT_SPAN_K)
        limit_c = self._model.maximum_leaving_c if self._model is not None else 95.0
        return min(on_c, limit_c - AQUASTAT_SPAN_K - AQUASTAT_TO_SETPOINT_K)

    def _update_aquastat(self) -> None:
        hub_c = self.hub.at(0, len(self.hub.temperature_c), AQUASTAT_DEPTH)
        if hub_c < self._aquastat_on_c:
            self._aquastat = True
        elif hub_c > self._aquastat_on_c + AQUASTAT_SPAN_K:
            self._aquastat = False

    def _wanted(self, name: str) -> bool:
        return not self._thermostat_only and bool(self._values[name]) and name not in self._failed

    def _follow_controls(self) -> None:
        """Turn commands, thermostats and the aquastat into what runs."""
        self._update_aquastat()
        self._zones_call = self.zones.update_calls()
        self._set_running()

    def _set_running(self) -> None:
        backup = self._thermostat_only and self._aquastat
        heat_pump = self.heat_pump
        if heat_pump is not None:
            heat_pump.set_call((self._wanted("heat_pump") or backup) and "heat_pump" not in self._failed, self._clock_s)
        called = heat_pump is not None and heat_pump.call
        self._primary_on = (called or self._wanted("primary_pump")) and "primary_pump" not in self._failed
        self._store_pump_on = self._wanted("store_pump") and self.store is not None and self.store is not self.hub
        self._charging = self._store_pump_on and self._wanted("store_valve")
        pump = self._wanted("distribution_pump") or self._zones_call
        self._distribution_on = pump and "distribution_pump" not in self._failed
        boost = self._boost
        if boost is not None:
            column = self.store if self.store is not None else self.hub
            hot_c = column.temperature_c[-1]
            self._boost_hot = hot_c > boost.maximum_c - (BOOST_SPAN_K if self._boost_hot else 0.0)
            wanted = self._wanted("boost") or (backup and heat_pump is None)
            self._boost_on = wanted and not self._boost_hot and "boost" not in self._failed
        self._set_powers()

    def _set_powers(self) -> None:
        """What the switches draw: read every second, and other than the heat pump's it changes with them alone."""
        powers = self.powers
        powers.store_pump_w = self._store_pump_w if self._store_pump_on else 0.0
        powers.distribution_pump_w = self.zones.emitters.distribution_pump_w if self._distribution_on else 0.0
        powers.primary_pump_w = self._model.primary_pump_w if self._model is not None and self._primary_on else 0.0
        powers.boost_w = self._boost.rated_w if self._boost is not None and self._boost_on else 0.0
        powers.pumps_w = powers.store_pump_w + powers.distribution_pump_w + powers.primary_pump_w

    def _setpoint_c(self, outdoor_c: float) -> float:
        """The leaving temperature the heat pump holds: chosen, or its own curve."""
        model = self._model
        if model is None:
            return 0.0
        if self._thermostat_only:
            return self._aquastat_on_c + AQUASTAT_SPAN_K + AQUASTAT_TO_SETPOINT_K
        chosen_c = float(self._values["leaving_setpoint"])
        if model.leaving_choice and chosen_c > 0.0:
            return min(max(chosen_c, CURVE_LEAST_C), model.maximum_leaving_c)
        if self._charging:
            return model.maximum_leaving_c
        load_w = heat_load_w(self.zones.building, outdoor_c, max(self.zones.setpoint_c))
        curve_c = required_source_water_c(self.zones.emitters, load_w) + CURVE_OFFSET_K
        return min(max(curve_c, CURVE_LEAST_C), model.maximum_leaving_c)

    # -- physics

    def _step(self, duration_s: float) -> None:
        start_s = self._done_s
        self._clock_s = start_s + duration_s
        loop, hub = self.loop, self.hub
        outdoor_c = loop.outdoor_c = self._outdoor_at(start_s)
        source_flow, source_c, heat_w = self._run_heat_pump(start_s, duration_s, outdoor_c)
        supply_c = hub.temperature_c[0]
        distribution_flow = self.zones.flow_l_per_s(self._distribution_on)
        zone_w = self.zones.emitted_w(supply_c, self._distribution_on)
        return_c = supply_c - sum(zone_w) / (distribution_flow * CP_WATER) if distribution_flow > 0.0 else supply_c
        losses_j = self.zones.step(zone_w, outdoor_c, duration_s) + self.powers.pumps_w * duration_s
        # The exposed pipe lies in the primary loop, and in the distribution's return while that alone flows.
        if source_flow > 0.0:
            source_c, pipe_lost_j = self._pass_pipe(source_c, source_flow, duration_s)
        else:
            return_c, pipe_lost_j = self._pass_pipe(return_c, distribution_flow, duration_s)
        losses_j += pipe_lost_j
        source, distribution = source_flow * duration_s, distribution_flow * duration_s
        losses_j += self._step_tanks(source, source_c, distribution, return_c, duration_s)
        loop.primary_l_per_s, loop.distribution_l_per_s = source_flow, distribution_flow
        if distribution_flow > 0.0:
            loop.supply_c, loop.return_c = supply_c, return_c
        loop.cool_idle(duration_s)
        flowing = self._flowing
        flowing.electric_j += self.total_w() * duration_s
        flowing.ambient_j += (heat_w - self.heat_pump_w()) * duration_s
        flowing.gains_j += self.zones.building.internal_gain_w * duration_s
        flowing.losses_j += losses_j
        self._done_s = self._clock_s
        self._follow_controls()

    def _run_heat_pump(self, start_s: float, duration_s: float, outdoor_c: float) -> tuple[float, float, float]:
        """Primary flow (l/s), leaving temperature (C) and heat to the water (W)."""
        column = self.store if self._charging and self.store is not None else self.hub
        entering_c = column.temperature_c[-1]
        heat_pump = self.heat_pump
        if heat_pump is None:
            return 0.0, entering_c, 0.0
        flow = heat_pump.flow_l_per_s if self._primary_on else 0.0
        heat_w = heat_pump.heat_w(start_s, duration_s, flow, entering_c, outdoor_c, self._setpoint_c(outdoor_c))
        if flow <= 0.0:
            return 0.0, entering_c, 0.0
        leaving_c = entering_c + heat_w / (flow * CP_WATER)
        self.loop.entering_c, self.loop.leaving_c = entering_c, leaving_c
        return flow, leaving_c, heat_w

    def _pass_pipe(self, water_c: float, flow_l_per_s: float, duration_s: float) -> tuple[float, float]:
        """Water out of the exposed pipe (C) and what the pipe lost (J)."""
        loop, pipe = self.loop, self._pipe
        pipe_c = loop.pipe_c
        ambient_c = PIPE_INDOOR_C + pipe.ambient_outdoor_share * (loop.outdoor_c - PIPE_INDOOR_C)
        lost_j = pipe.loss_w_per_k * (pipe_c - ambient_c) * duration_s
        taken_j = 0.0
        if flow_l_per_s > 0.0:
            water_j_per_k = flow_l_per_s * duration_s * CP_WATER
            taken_j = PIPE_EXCHANGE_SHARE * min(water_j_per_k, self._pipe_j_per_k) * (water_c - pipe_c)
            water_c -= taken_j / water_j_per_k
        loop.pipe_c = pipe_c + (taken_j - lost_j) / self._pipe_j_per_k
        return water_c, lost_j

    def _step_tanks(
        self, source_l: float, source_c: float, return_l: float, return_c: float, duration_s: float
    ) -> float:
        """Hub, store and element; `source_l` and `return_l` are litres in this step. Gives the heat lost (J)."""
        hub, store, loop = self.hub, self.store, self.loop
        lost_j = 0.0
        loop.store_l_per_s = 0.0
        if store is not None and self._store_pump_on:
            store_l = source_l if self._charging and source_l > 0.0 else self._store_flow_l_per_s * duration_s
            loop.store_l_per_s = store_l / duration_s
            if self._charging:
                # Without primary flow the pump only turns the store's own water over.
                into_c = source_c if source_l > 0.0 else store.temperature_c[-1]
                loop.store_hot_c, loop.store_cold_c = into_c, store.temperature_c[-1]
                store_flows, source_l = Flows(top_in_l=store_l, top_in_c=into_c), 0.0
            else:
                from_c, back_c = store.temperature_c[0], hub.temperature_c[-1]
                loop.store_hot_c, loop.store_cold_c = from_c, back_c
                store_flows = Flows(bottom_in_l=store_l, bottom_in_c=back_c)
                source_c = (source_l * source_c + store_l * from_c) / (source_l + store_l)
                source_l += store_l
            lost_j += store.step(store_flows, duration_s)
        elif store is not None and store is not hub:
            lost_j += store.step(STILL, duration_s)
        lost_j += hub.step(Flows(source_l, source_c, return_l, return_c), duration_s)
        if self._boost_on and self._boost is not None:
            (store if store is not None else hub).heat_last(self._boost.rated_w * duration_s)
        return lost_j

    def _stored_j(self) -> float:
        tanks_j = self.hub.stored_j()
        if self.store is not None and self.store is not self.hub:
            tanks_j += self.store.stored_j()
        return tanks_j + self.zones.stored_j() + self.loop.pipe_c * self._pipe_j_per_k


def _columns(house: House) -> tuple[Column, Column | None]:
    """The hub that feeds the zones, and the store (the same column in a house with a store and no buffer)."""
    plumbing = house.plumbing
    store = store_column(plumbing.store) if plumbing.store is not None else None
    if plumbing.buffer is not None:
        return buffer_column(plumbing.buffer), store
    return (store, store) if store is not None else (header_column(), None)
