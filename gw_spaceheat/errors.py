"""The whole exception tree.

    SpaceheatError
    +-- OurError            a bug or a wrong use of this code
    |   +-- IllegalEvent    a state machine was given an event its table has no cell for
    +-- TheirError          something outside gave us what it should not
        +-- BadInput        a file, an option or a setting is wrong: a person can mend it
        |   +-- BadHouse    a house file; carries every problem found, each with its path
        |   +-- BadCase     a planning case, likewise
        +-- WireError       a bus or network did not answer, or answered nonsense: a late reading
        +-- BadMessage      bytes from a link that are no message of ours
        +-- StorageError    disk full, read-only or damaged
        +-- Unreachable     a broker or server could not be reached

Every text names the thing, the value and the rule.
"""


class SpaceheatError(Exception):
    """Root of everything this project raises on purpose."""


class OurError(SpaceheatError):
    """A bug of ours."""


class IllegalEvent(OurError):
    """A state machine was given an event that its table has no cell for."""

    def __init__(self, machine: str, state: str, event: str) -> None:
        super().__init__(f"{machine}: event {event} is illegal in state {state}")
        self.machine, self.state, self.event = machine, state, event


class TheirError(SpaceheatError):
    """Something outside gave us what it should not."""


class BadInput(TheirError):
    """A file, an option or a setting is wrong; a person can mend it."""


class BadHouse(BadInput):
    """A house file is wrong; `problems` lists every error with its path."""

    def __init__(self, name: str, problems: list[str]) -> None:
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"house {name}: {len(problems)} problem(s)\n{lines}")
        self.problems = problems


class BadCase(BadInput):
    """A planning case is wrong; `problems` lists every error with its path, its value and the rule."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class WireError(TheirError):
    """A bus or network did not answer, or answered nonsense."""


class BadMessage(TheirError):
    """Bytes from a link that are no message of ours; `reason` is short and countable."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"message refused: {reason}" + (f" ({detail})" if detail else ""))
        self.reason = reason


class StorageError(TheirError):
    """Disk full, read-only or damaged."""


class Unreachable(TheirError):
    """A broker or server could not be reached."""
