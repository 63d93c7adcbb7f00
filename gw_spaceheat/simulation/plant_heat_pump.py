"""The heat pump of the simulated house, with the habits of a real one: start delay, modulation, cut-outs, defrost."""

import random

from gw_spaceheat.house.model import HeatPump
from gw_spaceheat.physics.heat_pump import capacity_w, cop
from gw_spaceheat.physics.water import CP_WATER, flow_l_per_s

FAN_W = 60.0
DEFROST_BELOW_C = 5.0
DEFROST_EVERY_S = (3600.0, 5400.0)
DEFROST_FOR_S = (300.0, 420.0)
"""Field: about 5 min of reverse and a stop; median 446 s without lift."""
DEFROST_ELECTRIC_SHARE = 0.35
DEFROST_HEAT_TAKEN_SHARE = 0.2
OVERSHOOT_K = 3.0
RESTART_BELOW_K = 3.0
ENTERING_RESTART_K = 5.0
REST_S = 180.0
"""The unit's own rest after it stopped itself."""


class HeatPumpPlant:
    """`call` is what the outside asks for; the compressor follows when the unit itself agrees."""

    def __init__(self, model: HeatPump, rng: random.Random, start_s: float) -> None:
        self.model = model
        self.flow_l_per_s = flow_l_per_s(model.rated_heat_w, model.lift_k)
        self.compressor_on = False
        self.starts = 0
        self.call = False
        self._rng = rng
        self._call_since_s = start_s
        self._rest_until_s = start_s
        self._locked = False
        self._since_defrost_s = 0.0
        self._next_defrost_s = rng.uniform(*DEFROST_EVERY_S)
        self._defrost_left_s = 0.0
        self._compressor_w = 0.0

    @property
    def defrosting(self) -> bool:
        return self.compressor_on and self._defrost_left_s > 0.0

    @property
    def electric_w(self) -> float:
        """Compressor, fan and standby; not the primary pump."""
        if not self.call:
            return self.model.standby_w
        return self.model.standby_w + FAN_W if not self.compressor_on else self._compressor_w

    def set_call(self, call: bool, now_s: float) -> None:
        if call and not self.call:
            self._call_since_s = now_s
        if not call:
            self._stop()
        self.call = call

    def _stop(self) -> None:
        self.compressor_on = False
        self._locked = False
        self._compressor_w = 0.0
        self._defrost_left_s = 0.0

    def heat_w(
        self,
        now_s: float,
        duration_s: float,
        flow_l_per_s: float,
        entering_c: float,
        outdoor_c: float,
        setpoint_c: float,
    ) -> float:
        """Heat given to the water in this step (W; negative in a defrost). Sets `electric_w`."""
        if not self.call:
            return 0.0
        water_w_per_k = flow_l_per_s * CP_WATER
        if not self._may_run(now_s, water_w_per_k, entering_c, setpoint_c):
            self.compressor_on = False
            return 0.0
        if not self.compressor_on:
            self.compressor_on = True
            self.starts += 1
        if self._defrost(duration_s, outdoor_c):
            self._compressor_w = DEFROST_ELECTRIC_SHARE * self.model.nameplate_w
            return -DEFROST_HEAT_TAKEN_SHARE * self.model.rated_heat_w
        # Greatest heat depends on the leaving temperature and that on the heat: one step from the guess that
        # the lift is the design's is within 0.1 %, because capacity falls by 0.3 % a kelvin.
        ceiling_c = min(max(setpoint_c, entering_c), self.model.maximum_leaving_c)
        guess_w = capacity_w(self.model, outdoor_c, min(ceiling_c, entering_c + self.model.lift_k))
        greatest_w = capacity_w(self.model, outdoor_c, min(ceiling_c, entering_c + guess_w / water_w_per_k))
        least_w = self.model.minimum_modulation * greatest_w
        heat_w = min(max(water_w_per_k * (setpoint_c - entering_c), least_w), greatest_w)
        leaving_c = entering_c + heat_w / water_w_per_k
        limit_c = min(setpoint_c + OVERSHOOT_K, self.model.maximum_leaving_c)
        if leaving_c > limit_c or entering_c > self.model.maximum_entering_c:
            self._cut_out(now_s)
            return 0.0
        # The fan is inside the fitted COP, so nothing is added while the compressor runs.
        self._compressor_w = min(heat_w / cop(outdoor_c, leaving_c), self.model.nameplate_w)
        return heat_w

    def _may_run(self, now_s: float, water_w_per_k: float, entering_c: float, setpoint_c: float) -> bool:
        if water_w_per_k <= 0.0 or now_s < self._call_since_s + self.model.start_delay_s or now_s < self._rest_until_s:
            return False
        if self._locked:
            restart_c = min(setpoint_c - RESTART_BELOW_K, self.model.maximum_entering_c - ENTERING_RESTART_K)
            self._locked = entering_c >= restart_c
        return not self._locked

    def _cut_out(self, now_s: float) -> None:
        self._stop()
        self._locked = True
        self._rest_until_s = now_s + REST_S

    def _defrost(self, duration_s: float, outdoor_c: float) -> bool:
        if self._defrost_left_s > 0.0:
            self._defrost_left_s -= duration_s
            return True
        if not self.model.defrost or outdoor_c >= DEFROST_BELOW_C:
            return False
        self._since_defrost_s += duration_s
        if self._since_defrost_s < self._next_defrost_s:
            return False
        self._since_defrost_s = 0.0
        self._next_defrost_s = self._rng.uniform(*DEFROST_EVERY_S)
        self._defrost_left_s = self._rng.uniform(*DEFROST_FOR_S) - duration_s
        return True
