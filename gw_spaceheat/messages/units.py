"""Between the units inside (C, W, l/min, on/off) and the integers of the published telemetry names.

The telemetry names are those of `spaceheat.telemetry.name`; GPM is US gallons per minute.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from gw_spaceheat.errors import OurError

LITRES_PER_US_GALLON = 3.785411784
KM_PER_H_PER_MPH = 1.609344

WIRE_STEPS_PER_UNIT: Mapping[str, float] = MappingProxyType(
    {
        "WaterTempCTimes1000": 1000.0,
        "AirTempCTimes1000": 1000.0,
        "PowerW": 1.0,
        "GpmTimes100": 100.0 / LITRES_PER_US_GALLON,
        "RelayState": 1.0,
    }
)
"""How many steps of the wire integer make one unit inside: C, W, l/min, or 1 for closed."""

UNITS: Mapping[str, str] = MappingProxyType(
    {"WaterTempCTimes1000": "C", "AirTempCTimes1000": "C", "PowerW": "W", "GpmTimes100": "l/min", "RelayState": ""}
)
"""The unit inside of each telemetry name."""


def _steps_per_unit(telemetry: str) -> float:
    steps = WIRE_STEPS_PER_UNIT.get(telemetry)
    if steps is None:
        raise OurError(f"telemetry {telemetry}: no conversion known, one of {sorted(WIRE_STEPS_PER_UNIT)}")
    return steps


def to_wire(telemetry: str, value: float) -> int:
    """C, W, l/min or 0/1 as the integer of `telemetry`, rounded to nearest. OurError for NaN or an unknown name."""
    try:
        return round(value * _steps_per_unit(telemetry))
    except (ValueError, OverflowError) as error:
        raise OurError(f"telemetry {telemetry}: value {value} is no number to send") from error


def all_to_wire(telemetry: str, values: Iterable[float]) -> tuple[int, ...]:
    """`to_wire` of many values of one channel."""
    steps = _steps_per_unit(telemetry)
    try:
        return tuple([round(value * steps) for value in values])
    except (ValueError, OverflowError) as error:
        raise OurError(f"telemetry {telemetry}: a value is no number to send") from error


def from_wire(telemetry: str, wire_value: int) -> float:
    """The integer of `telemetry` as C, W, l/min or 0/1. OurError for an unknown name."""
    return wire_value / _steps_per_unit(telemetry)


def f_from_c(temperature_c: float) -> float:
    return temperature_c * 1.8 + 32.0


def c_from_f(temperature_f: float) -> float:
    return (temperature_f - 32.0) / 1.8


def mph_from_m_per_s(speed_m_per_s: float) -> float:
    return speed_m_per_s * 3.6 / KM_PER_H_PER_MPH


def m_per_s_from_mph(speed_mph: float) -> float:
    return speed_mph * KM_PER_H_PER_MPH / 3.6


def milliseconds(time_s: float) -> int:
    """Epoch s as whole epoch ms."""
    return round(time_s * 1000.0)


def utc_ms_text(time_ms: int) -> str:
    """ISO in UTC, with milliseconds only where there are some: `2026-11-20T17:02:00.500Z`."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    fraction = f".{time_ms % 1000:03d}" if time_ms % 1000 else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"
