"""When a refusal for safety's sake is said: the first of its kind at once, what follows once an hour with its number.

An attacker decides how often he is refused; he shall not decide how many events a house commits to its card.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

AGAIN_S = 3600.0
MOST_CAUSES = 32  # that are told apart; whatever is new beyond them is `OTHER`
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Saying:
    """To be said now: `count` times since it was said last, and about the last of them."""

    cause: str
    count: int
    details: str


@dataclass(frozen=True, slots=True)
class _Noted:
    said_s: float
    unsaid: int = 0
    details: str = ""


@dataclass(frozen=True, slots=True)
class Suspicions:
    """By cause. Times are epoch seconds of the process's clock."""

    noted: Mapping[str, _Noted] = field(default_factory=dict)

    @property
    def unsaid(self) -> int:
        """How many have been noted since they were said last."""
        return sum(noted.unsaid for noted in self.noted.values())


def note(state: Suspicions, cause: str, details: str, now_s: float) -> tuple[Suspicions, Saying | None]:
    """One more refusal; what is to be said of it at once, if anything."""
    if cause not in state.noted and len(state.noted) >= MOST_CAUSES:
        cause = OTHER
    before = state.noted.get(cause)
    if before is None or now_s - before.said_s >= AGAIN_S:
        count = 1 if before is None else before.unsaid + 1
        return Suspicions({**state.noted, cause: _Noted(now_s)}), Saying(cause, count, details)
    return Suspicions({**state.noted, cause: replace(before, unsaid=before.unsaid + 1, details=details)}), None


def due(state: Suspicions, now_s: float) -> tuple[Suspicions, tuple[Saying, ...]]:
    """What was noted again, and was said at least `AGAIN_S` ago."""
    ready = {
        cause: noted for cause, noted in state.noted.items() if noted.unsaid and now_s - noted.said_s >= AGAIN_S
    }  # fmt: skip
    said = {cause: _Noted(now_s) for cause in ready}
    sayings = tuple([Saying(cause, noted.unsaid, noted.details) for cause, noted in ready.items()])
    return Suspicions({**state.noted, **said}), sayings
