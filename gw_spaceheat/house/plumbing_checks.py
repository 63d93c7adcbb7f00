"""The plumbing of a house file, and whether its actuators and channels are those of parts that it has."""

from collections.abc import Iterator

from gw_spaceheat.house.rows import Row, object_of

PART_OF_ACTUATOR = {
    "heat_pump": "heat_pump",
    "primary_pump": "heat_pump",
    "leaving_setpoint": "heat_pump",
    "boost": "boost",
    "store_pump": "store",
    "store_valve": "store",
}
PART_OF_POWER = {
    "heat_pump_w": "heat_pump",
    "primary_pump_w": "heat_pump",
    "boost_w": "boost",
    "store_pump_w": "store",
    "distribution_pump_w": "emitters",
}
FREE_QUANTITIES = frozenset(
    "total_w outdoor_c hp_lwt_c hp_ewt_c dist_swt_c dist_rwt_c store_cold_pipe_c store_hot_pipe_c pipe_c "
    "primary_flow_l_per_min store_flow_l_per_min distribution_flow_l_per_min".split()
)
MOST_TANK_THERMOMETERS = 5
MOST_BUFFER_THERMOMETERS = 3
SHARE_TOLERANCE = 0.01


def plumbing_checks(
    plumbing: dict[str, object], zones: list[Row], nodes: list[Row], channels: list[Row]
) -> Iterator[str]:
    """Zones, temperatures in order, and every part with its actuator, every actuator and quantity with its part."""
    yield from _zone_checks(plumbing, zones)
    yield from _temperature_checks(plumbing)
    yield from _actuator_checks(plumbing, nodes)
    yield from _quantity_checks(plumbing, zones, channels)


def _has(plumbing: dict[str, object], part: str) -> bool:
    return part == "emitters" or plumbing.get(part) is not None


def _number(part: dict[str, object], field: str, default: float) -> float:
    value = part.get(field, default)
    return default if isinstance(value, bool) or not isinstance(value, int | float) else float(value)


def _zone_checks(plumbing: dict[str, object], zones: list[Row]) -> Iterator[str]:
    if plumbing.get("zones") == []:
        yield "plumbing.zones: is empty, at least one zone is needed"
    shares = [share for row in zones if (share := row.number("share")) is not None]
    if shares and len(shares) == len(zones) and abs(sum(shares) - 1.0) > SHARE_TOLERANCE:
        yield f"plumbing.zones: shares add up to {sum(shares):g}, must be 1"


def _temperature_checks(plumbing: dict[str, object]) -> Iterator[str]:
    emitters = object_of(plumbing, "emitters")
    cold_c, hot_c = _number(emitters, "zero_load_water_c", -1e9), _number(emitters, "design_water_c", 1e9)
    if cold_c >= hot_c:
        yield f"plumbing.emitters.design_water_c: {hot_c:g} must be above zero_load_water_c {cold_c:g}"
    if plumbing and not (_has(plumbing, "heat_pump") or _has(plumbing, "boost")):
        yield "plumbing: no heat_pump and no boost, at least one heat source is needed"
    if _has(plumbing, "boost") and not _has(plumbing, "store"):
        yield "plumbing.boost: there is no store that it could heat"
    heat_pump = object_of(plumbing, "heat_pump")
    entering_c = _number(heat_pump, "maximum_entering_c", 68.0)
    leaving_c = _number(heat_pump, "maximum_leaving_c", 75.0)
    if entering_c >= leaving_c:
        yield f"plumbing.heat_pump.maximum_entering_c: {entering_c:g} must be below maximum_leaving_c {leaving_c:g}"
    melting = object_of(object_of(plumbing, "store"), "phase_change")
    start_c, end_c = _number(melting, "melt_start_c", -1e9), _number(melting, "melt_end_c", 1e9)
    if start_c >= end_c:
        yield f"plumbing.store.phase_change.melt_end_c: {end_c:g} must be above melt_start_c {start_c:g}"


def _actuator_checks(plumbing: dict[str, object], nodes: list[Row]) -> Iterator[str]:
    driven: set[str] = set()
    for row in nodes:
        actuator = row.text("actuator")
        if actuator is None:
            continue
        driven.add(actuator)
        part = PART_OF_ACTUATOR.get(actuator)
        if part is not None and not _has(plumbing, part):
            yield f"{row.path}.actuator: '{actuator}' needs plumbing.{part}, which the house has not"
    needed = [part for part in ("heat_pump", "boost") if _has(plumbing, part)]
    if _has(plumbing, "store") and _has(plumbing, "buffer"):
        needed += ["store_pump", "store_valve"]
    choice = object_of(plumbing, "heat_pump").get("leaving_choice") is True
    if choice:
        needed.append("leaving_setpoint")
    elif "leaving_setpoint" in driven:
        yield "plumbing.heat_pump.leaving_choice: must be true, a node drives 'leaving_setpoint'"
    for actuator in needed:
        if actuator not in driven:
            yield f"nodes: none drives '{actuator}', the plumbing needs it"


def _quantity_checks(plumbing: dict[str, object], zones: list[Row], channels: list[Row]) -> Iterator[str]:
    measurable = _measurable(plumbing, zones)
    first: dict[str, str] = {}
    for row in channels:
        quantity = row.text("quantity")
        if quantity is None or row.text("telemetry") == "RelayState":
            continue
        if quantity not in measurable:
            yield f"{row.path}.quantity: '{quantity}' is nothing this house has to measure"
        elif first.setdefault(quantity, row.path) != row.path:
            yield f"{row.path}.quantity: '{quantity}' is measured by {first[quantity]} too, must be once"
    for source in ("heat_pump_w", "boost_w"):
        if source in measurable and source not in first:
            yield f"channels: none measures '{source}', a heat source must be metered"


def _measurable(plumbing: dict[str, object], zones: list[Row]) -> frozenset[str]:
    quantities = set(FREE_QUANTITIES)
    quantities |= {quantity for quantity, part in PART_OF_POWER.items() if _has(plumbing, part)}
    quantities |= {f"zone_{name}_c" for row in zones if (name := row.text("name")) is not None}
    if _has(plumbing, "buffer"):
        quantities |= {f"buffer_{depth}_c" for depth in range(1, MOST_BUFFER_THERMOMETERS + 1)}
    if _has(plumbing, "store"):
        tanks = int(_number(object_of(plumbing, "store"), "tanks", 1))
        depths = range(1, MOST_TANK_THERMOMETERS + 1)
        quantities |= {f"tank{tank}_{depth}_c" for tank in range(1, tanks + 1) for depth in depths}
    return frozenset(quantities)
