"""What the planner believes about a house: frozen numbers with units, from the house file, from `gws fit` or by hand.

Nothing here knows the simulator. A closed-loop study that wants a planner with wrong ideas uses `scaled`.
Temperatures C, heat kW or kWh (thermal), electricity kW, money USD, times s, wind m/s.
"""

from dataclasses import dataclass, replace

import numpy as np

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.model import Emitters, Plumbing
from gw_spaceheat.physics import heat_pump as unit
from gw_spaceheat.physics.heat_load import EMITTER_EXPONENT
from gw_spaceheat.physics.water import CP_WATER, KWH, ZERO_C_IN_K
from gw_spaceheat.planning.model.maths import Floats, Maths, Quantity

DEFROST_SHARE = 0.95
"""Heat that is left of capacity and COP where the unit defrosts: about 6 reversed minutes every 60 to 90."""
MASS_SHARE = 0.12
"""Share of the walls' capacity that follows the air within the hour or two that a plan lets the house coast."""
START_USD = 0.15
"""What a start wears: a compressor of 3,000 USD lasts 20,000. For 0.10, hourly prices start it four times a day."""
ELEMENT_HOTTEST_C = 85.0
HOUSE_VERSION = "house"
"""Of parameters of which nothing was fitted."""
LEAST_FADE_K = 0.5


@dataclass(frozen=True, slots=True)
class LoadLine:
    """Heat that holds `indoor_c`: kW = max(0, at_zero + per_k * outdoor + wind term), internal gains taken off.

    The wind term is `wind_kw_per_k_m_s` * wind * (`wind_base_c` - outdoor), as in the field's alpha, beta, gamma.
    """

    at_zero_kw: float
    per_k_kw: float
    """Negative: what a kelvin more outdoors saves; its size is also what a kelvin more indoors costs."""
    wind_kw_per_k_m_s: float = 0.0
    wind_base_c: float = 18.3
    indoor_c: float = 20.0

    def heat_kw(self, outdoor_c: Floats, wind_m_per_s: Floats | float = 0.0) -> Floats:
        """Load (kW) at outdoor temperatures (C) and winds (m/s), at `indoor_c` indoors."""
        wind_kw = self.wind_kw_per_k_m_s * wind_m_per_s * (self.wind_base_c - outdoor_c)
        result: Floats = np.maximum(0.0, self.at_zero_kw + self.per_k_kw * outdoor_c + wind_kw)
        return result


@dataclass(frozen=True, slots=True)
class EmitterCurve:
    """Table of heat (kW, rising from 0) and the source water (C, not falling) it requires; straight in between."""

    heat_kw: tuple[float, ...]
    water_c: tuple[float, ...]
    drop_k_per_kw: float
    """How much colder the water returns, per kW, at the emitters' constant flow."""
    return_c: float | None = None
    """Where known: water returns this cold whatever it gave, and `drop_k_per_kw` does not count."""

    def __post_init__(self) -> None:
        heat, water = np.array(self.heat_kw), np.array(self.water_c)
        numbers = (
            *self.heat_kw,
            *self.water_c,
            self.drop_k_per_kw,
            *(() if self.return_c is None else (self.return_c,)),
        )
        if not np.isfinite(numbers).all():
            raise BadInput("emitter curve: holds NaN or infinity, all its numbers must be finite")
        if heat.size < 2 or heat.shape != water.shape or np.any(np.diff(heat) <= 0.0) or np.any(np.diff(water) < 0.0):
            raise BadInput("emitter curve: heat_kw must rise and water_c not fall, two points or more, equally many")
        if heat[0] != 0.0:
            raise BadInput(f"emitter curve: heat_kw begins at {heat[0]:g}, must begin at 0")

    def required_c(self, heat_kw: Floats) -> Floats:
        """Required source water temperature (RSWT, C); beyond the table its last slope goes on."""
        heat, water = self.heat_kw, self.water_c
        slope = (water[-1] - water[-2]) / (heat[-1] - heat[-2])
        result: Floats = np.interp(heat_kw, heat, water) + slope * np.maximum(0.0, heat_kw - heat[-1])
        return result

    def fade_k(self, heat_kw: Floats) -> Floats:
        """How far (K) below RSWT the emitters would give nothing, were the curve straight: `heat / (dheat/dwater)`."""
        step_kw = 0.02 * self.heat_kw[-1]
        lower_kw = np.maximum(heat_kw - step_kw, 0.0)
        slope = (self.required_c(lower_kw + step_kw) - self.required_c(lower_kw)) / step_kw
        result: Floats = np.maximum(slope * heat_kw, LEAST_FADE_K)
        return result

    def heat_at_kw(self, water_c: float) -> float:
        """Heat (kW) given off with source water of `water_c`; inverse of `required_c`, within the table."""
        return float(np.interp(water_c, self.water_c, self.heat_kw))


def exponent_curve(emitters: Emitters, points: int = 61) -> EmitterCurve:
    """The radiator exponent law of `physics.heat_load`, as a table to twice the design heat."""
    design_kw = emitters.design_heat_w / 1000.0
    span_k = max(1e-3, emitters.design_water_c - emitters.zero_load_water_c)
    # Denser where the curve bends, near zero.
    share = 2.0 * np.linspace(0.0, 1.0, points) ** 2
    water = emitters.zero_load_water_c + span_k * share ** (1.0 / EMITTER_EXPONENT)
    return EmitterCurve(tuple((design_kw * share).tolist()), tuple(water.tolist()), emitters.design_drop_k / design_kw)


def quadratic_curve(
    zero_c: float, middle: tuple[float, float], design: tuple[float, float], design_drop_k: float, points: int = 61
) -> EmitterCurve:
    """The field's form: heat (kW) is quadratic in source water (C) through (zero_c, 0), `middle`, `design` (C, kW)."""
    waters = np.array([zero_c, middle[0], design[0]])
    if np.any(np.diff(waters) <= 0.0) or not 0.0 < middle[1] < design[1]:
        raise BadInput(f"emitter curve: points must rise in C and kW, got {zero_c} C, {middle}, {design}")
    square, slope, constant = np.polyfit(waters - zero_c, np.array([0.0, middle[1], design[1]]), 2).tolist()
    heat = 2.0 * design[1] * np.linspace(0.0, 1.0, points) ** 2
    if abs(square) < 1e-12:
        above = (heat - constant) / slope
    else:
        # The rising branch: the larger root of a convex curve, the smaller of a concave one up to its summit.
        root = np.sqrt(np.maximum(0.0, slope**2 - 4.0 * square * (constant - heat)))
        above = (-slope + root) / (2.0 * square)
    # A convex curve may dip below zero heat before it rises: there the larger root is right from zero heat on.
    water = np.maximum.accumulate(zero_c + above)
    return EmitterCurve(tuple(heat.tolist()), tuple(water.tolist()), design_drop_k / design[1])


@dataclass(frozen=True, slots=True)
class CarnotCop:
    """COP = scale * eta * Tc / (Tc - Te), `physics.heat_pump.cop` (C, fitted eta), within 1..7 before the scale."""

    scale: float = 1.0

    def cop(self, maths: Maths[Quantity], outdoor_c: Quantity | float, leaving_c: Quantity) -> Quantity:
        """COP at outdoor and leaving temperatures (C); a test holds it equal to the physics."""
        condensing_k = leaving_c + (unit.CONDENSER_APPROACH_K + ZERO_C_IN_K)
        evaporating_k = outdoor_c + (ZERO_C_IN_K - unit.EVAPORATOR_APPROACH_K)
        lift_k = maths.maximum(condensing_k - evaporating_k, unit.LEAST_LIFT_K)
        efficiency = leaving_c * -0.00368 + (outdoor_c * 0.00326 + 0.672)
        limited = maths.maximum(efficiency * condensing_k / lift_k, unit.COP_MINIMUM)
        return maths.minimum(limited, unit.COP_MAXIMUM) * self.scale

    def scaled(self, factor: float) -> "CarnotCop":
        return CarnotCop(self.scale * factor)


@dataclass(frozen=True, slots=True)
class LinearCop:
    """COP = intercept + per_k_outdoor * outdoor + per_k_leaving * leaving (C), the field's form.

    Below `minimum_outdoor_c` it is `minimum`, and never less than that anywhere.
    """

    intercept: float
    per_k_outdoor: float
    per_k_leaving: float = 0.0
    minimum: float = 1.0
    minimum_outdoor_c: float = -60.0

    def cop(self, maths: Maths[Quantity], outdoor_c: Quantity | float, leaving_c: Quantity) -> Quantity:
        """COP at outdoor and leaving temperatures (C)."""
        line = leaving_c * self.per_k_leaving + (outdoor_c * self.per_k_outdoor + self.intercept)
        return (maths.maximum(line, self.minimum) - self.minimum) * (outdoor_c >= self.minimum_outdoor_c) + self.minimum

    def scaled(self, factor: float) -> "LinearCop":
        return replace(
            self,
            intercept=self.intercept * factor,
            per_k_outdoor=self.per_k_outdoor * factor,
            per_k_leaving=self.per_k_leaving * factor,
            minimum=self.minimum * factor,
        )


@dataclass(frozen=True, slots=True)
class HeatPumpParameters:
    """Capacity falls linearly with outdoor and leaving temperature, and never asks for more than the electric limit."""

    rated_heat_kw: float
    """At rated outdoor and leaving temperature; with `lift_k` it also gives the constant primary flow."""
    greatest_electric_kw: float
    cop: CarnotCop | LinearCop = CarnotCop()
    per_k_outdoor: float = 0.012
    per_k_leaving: float = 0.003
    rated_outdoor_c: float = -7.0
    rated_leaving_c: float = 50.0
    least_share: float = unit.LEAST_CAPACITY_SHARE
    defrost_below_c: float | None = unit.DEFROST_BELOW_C
    """Below this outdoor temperature defrosting leaves `defrost_share` of heat and COP; None: it never defrosts."""
    defrost_share: float = DEFROST_SHARE
    minimum_modulation: float = 0.4
    lift_k: float = 8.0
    maximum_leaving_c: float = 75.0
    maximum_entering_c: float = 68.0
    start_delay_s: float = 215.0
    """From the call to the first heat; no electricity is counted in it."""
    start_usd: float = START_USD
    """Wear and lost heat of one start."""
    minimum_on_s: float = 600.0
    minimum_off_s: float = 300.0
    leaving_choice: bool = False
    """Whether the leaving temperature can be commanded: only then modulation lowers it, and hot water can be asked."""
    serving_margin_k: float = 3.0
    """How far above RSWT it runs while it serves the house directly."""

    def derating(self, outdoor_c: float) -> float:
        """Share of heat and COP that defrosting leaves."""
        return self.derated(outdoor_c, 1.0)

    def derated(self, outdoor_c: Quantity | float, heat: Quantity) -> Quantity:
        """What defrosting leaves of a heat or a COP."""
        if self.defrost_below_c is None:
            return heat
        return heat * ((outdoor_c < self.defrost_below_c) * (self.defrost_share - 1.0) + 1.0)

    def capacity_kw(
        self, maths: Maths[Quantity], outdoor_c: Quantity | float, leaving_c: Quantity, cop: Quantity
    ) -> Quantity:
        """Greatest heat (kW) at a `cop` that defrosting is not counted in; nor is it here."""
        at_rated_leaving = (outdoor_c - self.rated_outdoor_c) * self.per_k_outdoor + 1.0
        share = leaving_c * -self.per_k_leaving + (at_rated_leaving + self.per_k_leaving * self.rated_leaving_c)
        return maths.minimum(
            maths.maximum(share, self.least_share) * self.rated_heat_kw, cop * self.greatest_electric_kw
        )


@dataclass(frozen=True, slots=True)
class MeltingParameters:
    """Phase change: latent heat (kWh, of the whole store) spread evenly over the melting range (C)."""

    start_c: float
    end_c: float
    latent_kwh: float


@dataclass(frozen=True, slots=True)
class StoreParameters:
    """Tanks in series, full of water (or of something that melts)."""

    kwh_per_k: float
    loss_kw_per_k: float
    maximum_c: float = 75.0
    ambient_c: float = 20.0
    melting: MeltingParameters | None = None


@dataclass(frozen=True, slots=True)
class BufferParameters:
    """Small tank between source and emitters: the store of a house that has no other, else it keeps nothing."""

    kwh_per_k: float
    loss_kw_per_k: float
    ambient_c: float = 20.0


@dataclass(frozen=True, slots=True)
class HouseSlack:
    """The house as a store of its own: kWh per kelvin of room temperature, and how far it may leave the setpoint."""

    capacity_kwh_per_k: float
    lowest_k: float = -0.8
    """Below the setpoint by this much, heat that is missing counts as unserved instead of cooling the house more."""
    highest_k: float = 1.0
    movable: bool = False
    """Whether somebody moves the thermostats: only then a plan may preheat or let the house coast on purpose."""


@dataclass(frozen=True, slots=True)
class BoostParameters:
    """Resistive element in the store; alone, it is the heat source."""

    rated_kw: float
    maximum_c: float = ELEMENT_HOTTEST_C


@dataclass(frozen=True, slots=True)
class BoilerParameters:
    """Gives what source and store do not, up to its power, for fuel money. Its fuel is no electricity."""

    rated_kw: float
    efficiency: float
    fuel_usd_per_kwh: float

    @property
    def heat_usd_per_kwh(self) -> float:
        return self.fuel_usd_per_kwh / self.efficiency


@dataclass(frozen=True, slots=True)
class PlannerParameters:
    """All the planner knows of a house. None: it has no such part, or nobody told."""

    load: LoadLine
    emitters: EmitterCurve
    house: HouseSlack
    heat_pump: HeatPumpParameters | None = None
    store: StoreParameters | None = None
    buffer: BufferParameters | None = None
    boost: BoostParameters | None = None
    boiler: BoilerParameters | None = None
    version: str = "1"
    """Said with every plan and policy: which parameters they were made with."""
    source: str = "given"
    """Where the numbers come from: house file, fit over which days, message type."""

    @property
    def greatest_electric_kw(self) -> float:
        """The most that heat pump and element together can draw (kW)."""
        pump_kw = self.heat_pump.greatest_electric_kw if self.heat_pump else 0.0
        return pump_kw + (self.boost.rated_kw if self.boost else 0.0)

    def scaled(self, load: float = 1.0, cop: float = 1.0) -> "PlannerParameters":
        """The same house believed in wrongly: load times `load`, COP times `cop`."""
        line = replace(
            self.load,
            at_zero_kw=self.load.at_zero_kw * load,
            per_k_kw=self.load.per_k_kw * load,
            wind_kw_per_k_m_s=self.load.wind_kw_per_k_m_s * load,
        )
        pump = self.heat_pump
        if pump is not None:
            pump = replace(pump, cop=pump.cop.scaled(cop))
        return replace(self, load=line, heat_pump=pump, source=f"{self.source}, load x {load:g}, COP x {cop:g}")


def tank_kwh_per_k(litres: float) -> float:
    """Heat that warms so many litres of water by a kelvin (kWh/K)."""
    return litres * CP_WATER / KWH


def parameters_of(plumbing: Plumbing, movable: bool = False) -> PlannerParameters:
    """The house file's numbers as the planner's first belief. `movable`: the plan may move the thermostats."""
    building, weight = plumbing.building, sum(zone.share for zone in plumbing.zones)
    indoor_c = sum(zone.setpoint_c * zone.share for zone in plumbing.zones) / weight if weight else 20.0
    loss_kw_per_k = building.loss_w_per_k / 1000.0
    load = LoadLine(loss_kw_per_k * indoor_c - building.internal_gain_w / 1000.0, -loss_kw_per_k, indoor_c=indoor_c)
    capacity = building.air_capacity_kwh_per_k + MASS_SHARE * building.mass_capacity_kwh_per_k
    store, buffer, boost = plumbing.store, plumbing.buffer, plumbing.boost
    return PlannerParameters(
        load=load,
        emitters=exponent_curve(plumbing.emitters),
        house=HouseSlack(capacity, movable=movable),
        heat_pump=_pump_of(plumbing),
        store=None if store is None else _store_of(plumbing),
        buffer=None if buffer is None else BufferParameters(tank_kwh_per_k(buffer.litres), buffer.loss_w_per_k / 1e3),
        boost=None if boost is None else BoostParameters(boost.rated_w / 1000.0, boost.maximum_c),
        version=HOUSE_VERSION,
        source="house file",
    )


def _pump_of(plumbing: Plumbing) -> HeatPumpParameters | None:
    pump = plumbing.heat_pump
    if pump is None:
        return None
    return HeatPumpParameters(
        rated_heat_kw=pump.rated_heat_w / 1000.0,
        greatest_electric_kw=pump.nameplate_w / 1000.0,
        per_k_outdoor=pump.capacity_per_k_outdoor,
        per_k_leaving=pump.capacity_per_k_leaving,
        rated_outdoor_c=pump.rated_outdoor_c,
        rated_leaving_c=pump.rated_leaving_c,
        defrost_below_c=unit.DEFROST_BELOW_C if pump.defrost else None,
        minimum_modulation=pump.minimum_modulation,
        lift_k=pump.lift_k,
        maximum_leaving_c=pump.maximum_leaving_c,
        maximum_entering_c=pump.maximum_entering_c,
        start_delay_s=pump.start_delay_s,
        minimum_on_s=pump.minimum_on_s,
        minimum_off_s=pump.minimum_off_s,
        leaving_choice=pump.leaving_choice,
    )


def _store_of(plumbing: Plumbing) -> StoreParameters | None:
    store = plumbing.store
    if store is None:
        return None
    melting = store.phase_change
    return StoreParameters(
        kwh_per_k=tank_kwh_per_k(store.tanks * store.litres_per_tank),
        loss_kw_per_k=store.loss_w_per_k / 1000.0,
        maximum_c=store.maximum_c,
        melting=None
        if melting is None
        else MeltingParameters(melting.melt_start_c, max(melting.melt_end_c, melting.melt_start_c), melting.latent_kwh),
    )
