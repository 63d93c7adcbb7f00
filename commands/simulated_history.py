"""Two winter weeks of readings in seconds: a simulated house under a simple time-of-use rule, without the actors.

Every minute each channel is read as its maker would give it: a thermometer rounds to 1/16 K, a message to its integer.
On top each instrument has an error of its own (constant, drawn once) within what `Instruments` allows.
"""

import random
from dataclasses import dataclass

import numpy as np

from commands.site import Site
from gw_spaceheat.house.model import Channel
from gw_spaceheat.messages.units import WIRE_STEPS_PER_UNIT
from gw_spaceheat.physics.heat_load import heat_load_w, required_source_water_c
from gw_spaceheat.planning.fitting.history import History, Readings
from gw_spaceheat.planning.fitting.instruments import Instruments
from gw_spaceheat.planning.model.maths import Floats
from gw_spaceheat.simulation.house import SimulatedHouse

READ_EVERY_S = 60.0
PLANT_STEP_S = 20.0
"""Twice the plant's own: half the time, and no valve follows faster."""
DAY_S = 86400.0
THERMOMETER_STEPS_PER_K = 16.0
CHARGE_BELOW_C, CHARGED_C = 50.0, 62.0
"""Bottom of the store: charging begins below the first and ends above the second."""
SERVING_SPAN_K = 3.0
DISCHARGE_LEAST_K = 1.0


@dataclass
class TimeOfUseRule:
    """Off-peak the heat source serves the house and charges the store; on-peak the store feeds the house."""

    site: Site
    plant: SimulatedHouse
    charging: bool = False
    serving: bool = False

    def act(self, now_s: float) -> None:
        """Look at the house and set its relays."""
        plant, plumbing = self.plant, self.site.house.plumbing
        load_w = heat_load_w(plumbing.building, plant.quantity("outdoor_c"), max(plant.zones.setpoint_c))
        need_c = required_source_water_c(plumbing.emitters, load_w)
        on_peak = self.site.tariff.is_on_peak(now_s)
        if plumbing.heat_pump is None:
            self._element(on_peak, need_c)
            return
        hub_c = plant.hub.temperature_c
        # Bottom first: only then is all of the buffer warm.
        self.serving = hub_c[0] < need_c + SERVING_SPAN_K or (self.serving and hub_c[-1] < need_c + SERVING_SPAN_K)
        store = plant.store
        if store is None:
            self._set(heat_pump=self.serving and not on_peak)
            return
        bottom_c = store.temperature_c[-1]
        self.charging = bottom_c < (CHARGED_C if self.charging else CHARGE_BELOW_C)
        hot = store.temperature_c[0] > hub_c[0] + DISCHARGE_LEAST_K
        if on_peak and hot:
            self._set(store_pump=self.serving)
        elif on_peak or self.serving:
            self._set(heat_pump=self.serving)
        else:
            self._set(heat_pump=self.charging, store_pump=self.charging, store_valve=self.charging)

    def _element(self, on_peak: bool, need_c: float) -> None:
        store = self.plant.hub.temperature_c
        middle_c = store[len(store) // 2]
        limit_c = need_c if on_peak else CHARGED_C
        self.charging = middle_c < limit_c + (SERVING_SPAN_K if self.charging else 0.0)
        self._set(boost=self.charging)

    def _set(self, **wanted: bool) -> None:
        for actuator in ("heat_pump", "store_pump", "store_valve", "boost"):
            self.plant.set_actuator(actuator, wanted.get(actuator, False))


def simulated_history(
    site: Site, start_s: float, days: float, seed: int = 0, instruments: Instruments | None = None
) -> History:
    """Readings of `days` days from `start_s` (epoch s). Raises BadInput when the weather does not reach.

    `instruments`: draw a constant error for each instrument from these; None: rounding only.
    """
    end_s = start_s + days * DAY_S
    site.require(start_s, end_s)
    plant = SimulatedHouse(site.house, site.outdoor_c, start_s, random.Random(f"{seed}/plant"), step_s=PLANT_STEP_S)
    rule = TimeOfUseRule(site, plant)
    channels = [channel for channel in site.house.channels if channel.telemetry != "RelayState"]
    times_s: list[float] = []
    true: dict[str, list[float]] = {channel.quantity: [] for channel in channels}
    now_s = start_s
    while now_s < end_s:
        now_s += READ_EVERY_S
        plant.advance(now_s)
        rule.act(now_s)
        times_s.append(now_s)
        for quantity, values in true.items():
            values.append(plant.quantity(quantity))
    at_s = np.array(times_s)
    return History(
        {
            channel.quantity: Readings(
                at_s, _shown(np.array(true[channel.quantity]), channel, f"{seed}/{channel.name}", instruments)
            )
            for channel in channels
        }
    )


def _shown(values: Floats, channel: Channel, seed: str, instruments: Instruments | None) -> Floats:
    """True values -> what is stored of them, in C, W or l/min."""
    if instruments is not None:
        share = {"w": instruments.power_share, "l_per_min": instruments.flow_share}.get(channel.unit, 0.0)
        drawn = random.Random(seed).gauss(0.0, 1.0)
        values = values * (1.0 + share * drawn) + (instruments.temperature_k * drawn if channel.unit == "c" else 0.0)
    if channel.unit == "c":
        values = np.round(values * THERMOMETER_STEPS_PER_K) / THERMOMETER_STEPS_PER_K
    steps = WIRE_STEPS_PER_UNIT[channel.telemetry]
    result: Floats = np.round(values * steps) / steps
    return result
