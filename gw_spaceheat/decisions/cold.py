"""Is the house cold? And how much comfort was missing, in degree-hours."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

COLD_AFTER_S = 300.0
BELOW_K = 0.5
FALLING_K = 0.05  # less than this over COLD_AFTER_S counts as holding: below the sensors' resolution


@dataclass(frozen=True, slots=True)
class ZoneNow:
    """A zone's measured air; None = no fresh reading."""

    name: str
    temperature_c: float | None
    setpoint_c: float
    differential_k: float
    critical: bool = True


@dataclass(frozen=True, slots=True)
class ColdState:
    """`below_since_s`: a critical zone is under its limit since then; `reference_*`: an earlier shortfall."""

    cold: bool = False
    below_since_s: float | None = None
    reference_s: float = 0.0
    reference_shortfall_k: float = 0.0
    falling: bool = True


def shortfall_k(zones: Sequence[ZoneNow]) -> float:
    """How far the worst critical zone is below setpoint - differential, K; negative when all are warm."""
    worst_k = float("-inf")
    for zone in zones:
        if zone.critical and zone.temperature_c is not None:
            worst_k = max(worst_k, zone.setpoint_c - zone.differential_k - zone.temperature_c)
    return worst_k


def decide(state: ColdState, zones: Sequence[ZoneNow], heat_at_maximum: bool, now_s: float) -> ColdState:
    """Cold: more than 0.5 K short for 5 min and (still falling, or heat not at its maximum).

    Warm again only when no critical zone is short at all. Without any reading the last judgement stays.
    """
    short_k = shortfall_k(zones)
    if short_k == float("-inf"):
        return state
    if short_k <= (0.0 if state.cold else BELOW_K):
        return state if state.below_since_s is None else ColdState()
    since_s = state.below_since_s
    if since_s is None:
        return ColdState(False, now_s, now_s, short_k, True)
    if now_s - state.reference_s >= COLD_AFTER_S:
        falling = short_k > state.reference_shortfall_k + FALLING_K
        state = replace(state, reference_s=now_s, reference_shortfall_k=short_k, falling=falling)
    if now_s - since_s < COLD_AFTER_S:
        return state
    cold = state.cold or state.falling or not heat_at_maximum
    return state if cold == state.cold else replace(state, cold=cold)


def degree_hours(zones: Sequence[ZoneNow], elapsed_s: float) -> float:
    """Missing comfort of the critical zones below setpoint - differential over `elapsed_s`, K h."""
    missing_k = 0.0
    for zone in zones:
        if zone.critical and zone.temperature_c is not None:
            missing_k += max(0.0, zone.setpoint_c - zone.differential_k - zone.temperature_c)
    return missing_k * elapsed_s / 3600.0
