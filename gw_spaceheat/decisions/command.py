"""Who commands, what a command is, and how it is refused."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Actuator = Literal[
    "heat_pump", "boost", "store_pump", "store_valve", "distribution_pump", "primary_pump", "leaving_setpoint"
]
Value = bool | float  # leaving_setpoint: C; all others: on / charge position = True


class Commander(StrEnum):
    """Weakest first."""

    LOCAL = "local"
    REMOTE = "remote"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Command:
    """A wish of a commander for one actuator; it may act only after the safety filter."""

    actuator: Actuator
    value: Value
    commander: Commander
    command_id: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a command that is not executed: a countable rule, a text for people, and when to ask again."""

    command: Command
    rule: str
    text: str
    wait_s: float = 0.0
