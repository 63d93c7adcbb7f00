"""One validated house: everything that differs between houses, frozen, SI units in the names.

`house.load` is the only maker. The optional parts of `Plumbing` are the house's capabilities: code asks
whether there is a store, never which house this is.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Rates(Part):
    """How often things are read, decided and reported, in seconds; settings may say otherwise for one machine."""

    power_s: Positive = 1.0
    control_s: Positive = 1.0
    temperature_s: Positive = 60.0
    snapshot_s: Positive = 30.0
    report_s: Positive = 300.0
    plan_s: Positive = 300.0
    power_repeat_s: Positive = 60.0
    power_report_share: Annotated[float, Field(gt=0, le=1)] = 0.02
    """Of nameplate: power that has moved more is reported at once."""


class Zone(Part):
    """A heated zone with its thermostat."""

    name: Name
    setpoint_c: Finite = 20.0
    differential_k: Positive = 0.5
    critical: bool = True
    share: Annotated[float, Field(gt=0, le=1)]


class Building(Part):
    """Two-capacity building: air (with furniture) and mass (walls)."""

    loss_w_per_k: Positive
    air_capacity_kwh_per_k: Positive
    mass_capacity_kwh_per_k: Positive
    air_mass_conductance_w_per_k: Positive
    internal_gain_w: NotNegative = 300.0


class Emitters(Part):
    """Radiators or floors: heat given off at two source-water temperatures, and the drop at the second."""

    zero_load_water_c: Finite
    design_water_c: Finite
    design_heat_w: Positive
    design_drop_k: Positive
    distribution_pump_w: NotNegative = 80.0


LONGEST_START_DELAY_S = 1800.0
"""A start whose first heat comes later than half an hour is none: somebody wrote another unit."""


class HeatPump(Part):
    """Air-to-water heat pump; capacity falls linearly with outdoor and leaving temperature."""

    nameplate_w: Positive
    rated_heat_w: Positive
    capacity_per_k_outdoor: NotNegative = 0.012
    capacity_per_k_leaving: NotNegative = 0.003
    rated_outdoor_c: Finite = -7.0
    rated_leaving_c: Finite = 50.0
    minimum_modulation: Annotated[float, Field(gt=0, le=1)] = 0.4
    lift_k: Positive = 8.0
    maximum_leaving_c: Finite = 75.0
    maximum_entering_c: Finite = 68.0
    start_delay_s: Annotated[float, Field(ge=0, le=LONGEST_START_DELAY_S)] = 215.0
    standby_w: NotNegative = 20.0
    minimum_on_s: NotNegative = 600.0
    minimum_off_s: NotNegative = 300.0
    maximum_starts_per_h: Annotated[int, Field(ge=1)] = 3
    leaving_choice: bool = False
    defrost: bool = True
    primary_pump_w: NotNegative = 60.0


class Boost(Part):
    """Resistive element in the (last) tank of the store."""

    rated_w: Positive
    maximum_c: Finite = 85.0


class PhaseChange(Part):
    """Enthalpy curve of a phase-change store: sensible outside, latent inside the melting range."""

    melt_start_c: Finite
    melt_end_c: Finite
    latent_kwh: Positive


class Store(Part):
    """Tanks in series; water, or phase change when `phase_change` is given."""

    tanks: Annotated[int, Field(ge=1, le=12)]
    litres_per_tank: Positive
    layers_per_tank: Annotated[int, Field(ge=3, le=40)] = 4
    loss_w_per_k: NotNegative = 4.0
    conduction_w_per_k: NotNegative = 3.0
    maximum_c: Finite = 75.0
    phase_change: PhaseChange | None = None
    pump_w: NotNegative = 50.0


class Buffer(Part):
    litres: Positive
    layers: Annotated[int, Field(ge=3, le=40)] = 4
    loss_w_per_k: NotNegative = 2.0


class Pipe(Part):
    """A run of pipe that can freeze."""

    litres: Positive = 8.0
    loss_w_per_k: Positive = 1.5
    ambient_outdoor_share: Annotated[float, Field(ge=0, le=1)] = 0.5


class Plumbing(Part):
    """What the house can do. None = it has no such part."""

    building: Building
    emitters: Emitters
    zones: tuple[Zone, ...]
    heat_pump: HeatPump | None = None
    boost: Boost | None = None
    store: Store | None = None
    buffer: Buffer | None = None
    pipe: Pipe = Pipe()


class WireSpec(Part):
    """A bus. `address` is host:port (modbus_tcp), a folder (one_wire) or a chip (gpio)."""

    id: Name
    kind: Literal["modbus_tcp", "one_wire", "gpio"]
    address: str


class Component(Part):
    """A device of a known make on a wire; `device` names a file in input_data/devices."""

    id: Name
    device: str
    wire: Name
    unit_id: Annotated[int, Field(ge=1, le=247)] = 1
    serial: str | None = None


class Node(Part):
    """An actor-side thing: a sensor reader, a meter or an actuator. Actuators name exactly one boss."""

    name: Name
    role: Literal["power_meter", "sensor", "relay", "analog"]
    component_id: Name
    terminal: str | None = None
    actuator: (
        Literal[
            "heat_pump", "boost", "store_pump", "store_valve", "distribution_pump", "primary_pump", "leaving_setpoint"
        ]
        | None
    ) = None
    boss: Name | None = None


class Channel(Part):
    """A named series of readings of one quantity of one node, with the field's telemetry name and unit."""

    name: Name
    node: Name
    terminal: str = "1"
    quantity: str
    telemetry: Literal["WaterTempCTimes1000", "AirTempCTimes1000", "PowerW", "GpmTimes100", "RelayState"]
    unit: Literal["c", "w", "l_per_min", "relay"]
    capture_period_s: Positive = 300.0
    async_delta: Positive | None = None


class House(Part):
    alias: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)+$")]
    display_name: str
    timezone: str
    tariff: str
    rates: Rates = Rates()
    plumbing: Plumbing
    wires: tuple[WireSpec, ...]
    components: tuple[Component, ...]
    nodes: tuple[Node, ...]
    channels: tuple[Channel, ...]

    @property
    def short_name(self) -> str:
        """The last word of the alias: `beech`."""
        return self.alias.rsplit(".", 1)[-1]

    @property
    def atn_alias(self) -> str:
        """The AtomicTNode has the house's own alias (as published: `d1...beech`)."""
        return self.alias

    @property
    def scada_alias(self) -> str:
        return f"{self.alias}.scada"
