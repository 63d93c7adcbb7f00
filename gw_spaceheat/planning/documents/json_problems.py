"""What pydantic found, as a person reads it: path, value, rule."""

import math
from collections.abc import Callable, Mapping

from pydantic import ValidationError
from pydantic_core import ErrorDetails

LONGEST_VALUE = 60


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


_RULES: Mapping[str, Callable[[Mapping[str, object]], str]] = {
    "greater_than": lambda limit: f"must be above {_number(limit['gt'])}",
    "greater_than_equal": lambda limit: f"must be {_number(limit['ge'])} or more",
    "less_than": lambda limit: f"must be below {_number(limit['lt'])}",
    "less_than_equal": lambda limit: f"must be {_number(limit['le'])} or less",
    "float_type": lambda _: "must be a number",
    "int_type": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "finite_number": lambda _: "must be finite",
    "bool_type": lambda _: "must be true or false",
    "string_type": lambda _: "must be a text",
    "tuple_type": lambda _: "must be a list",
    "model_type": lambda _: "must be an object",
    "timezone_aware": lambda _: "must name its offset, such as 2026-01-20T05:00:00Z",
    "datetime_type": lambda _: "must be an ISO time with its offset, such as 2026-01-20T05:00:00Z",
    "datetime_parsing": lambda _: "must be an ISO time with its offset, such as 2026-01-20T05:00:00Z",
    "datetime_from_date_parsing": lambda _: "must be an ISO time with its offset, such as 2026-01-20T05:00:00Z",
    "too_short": lambda limit: f"must have {limit['min_length']} or more",
    "too_long": lambda limit: f"must have {limit['max_length']} or fewer",
}


def problems_of(error: ValidationError) -> list[str]:
    """Each problem as `step_minutes[3]: -5 must be above 0`."""
    return list(dict.fromkeys(_text(detail) for detail in error.errors(include_url=False)))


def _text(detail: ErrorDetails) -> str:
    path, kind = _path(detail["loc"]), detail["type"]
    if kind == "missing":
        return f"{path}: missing"
    if kind == "extra_forbidden":
        return f"{path}: no such field"
    rule = _RULES.get(kind)
    text = rule(detail.get("ctx", {})) if rule else detail["msg"].removeprefix("Value error, ")
    shown = _value(detail["input"])
    return f"{path}: {shown} {text}" if shown else f"{path}: {text}"


def _path(location: tuple[int | str, ...]) -> str:
    """Without the tags that tell one form of a field from another: those begin with `<`."""
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not step.startswith("<"):
            text += f".{step}" if text else step
    return text or "case"


def _value(value: object) -> str:
    """The value if it is short enough to be said; objects and lists are named by their path alone."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        shown = repr(value)
        return shown if len(shown) <= LONGEST_VALUE else shown[: LONGEST_VALUE - 3] + "..."
    return ""
