"""How wrong an instrument may be all the time: what no amount of data averages away."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instruments:
    """Standard uncertainties (one sigma) of calibration, the same for all readings of one instrument.

    Temperature: of a DS18B20 against its neighbours (its absolute 0.5 K is mostly common to a batch); flow: a hall
    or vortex meter checked once; power: an ANSI C12.20 class 0.5 meter with its current transformers; volume: a tank's
    litres against its name plate.
    """

    temperature_k: float = 0.05
    flow_share: float = 0.01
    power_share: float = 0.005
    volume_share: float = 0.02
