"""What every actor is made of: an address that survives restarts, a context, and a shell around pykka.

An actor never looks another one up, never sleeps and never reads a clock: it is given addresses and a
context by the runtime. The broad `except`s of the project are here, where a crash becomes an event. Threads that are
no actor's (a link's network thread) are given `run_guarded` as an argument.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, TypeVar

import pykka


class Address(Protocol):
    """Where to tell an actor something. Telling never raises, also when the actor is dead or being replaced."""

    @property
    def name(self) -> str: ...

    def tell(self, message: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Ping:
    """The supervisor asks for a sign of life."""

    reply_to: Address


@dataclass(frozen=True, slots=True)
class Pong:
    name: str


@dataclass(frozen=True, slots=True)
class ActorCrashed:
    """Told to the supervisor when an actor's handler raised; pykka has ended that actor."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Context:
    """What the runtime lends to one actor: time, chance, identity, timers and the event log."""

    name: str
    now: Callable[[], float]
    chance: random.Random
    new_id: Callable[[], str]
    after: Callable[[float, object], None]
    log: Callable[[str, str], None]
    crashed: Callable[[ActorCrashed], None]
    me: Address


class Shell(pykka.ThreadingActor):
    """A thin actor: `begin` once, then `handle` for each message. Subclasses hold state, never threads."""

    use_daemon_thread = True
    abandoned = False  # the runtime has put a successor in our place

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self._pong = Pong(context.name)  # asked for every few seconds, and always the same

    def begin(self) -> None:
        """Arm timers and say the first things; called in the actor's own thread."""

    def end(self) -> None:
        """Say the last things and release what is held; called on an orderly stop."""

    def release(self) -> None:
        """Let go of what a successor opens anew (a link to a broker); after a crash, or when abandoned."""

    def handle(self, message: object) -> None:
        raise NotImplementedError

    def on_start(self) -> None:
        # pykka reports a failing on_start nowhere: hand it to the supervisor like any other crash.
        reason = run_guarded(self.begin)
        if reason is not None:
            self.context.crashed(ActorCrashed(self.context.name, reason))
            self.stop()

    def on_stop(self) -> None:
        if not self.abandoned:
            self.end()

    def on_receive(self, message: object) -> None:
        if self.abandoned:
            return  # what waited in the mailbox of a hung actor is old: its successor acts now
        if type(message) is Ping:
            message.reply_to.tell(self._pong)
        else:
            self.handle(message)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        run_guarded(self.release)
        self.context.crashed(
            ActorCrashed(self.context.name, f"{exception_type and exception_type.__name__}: {exception_value}")
        )


def run_guarded(step: Callable[[], None]) -> str | None:
    """Run one step; a raised exception comes back as its text. None = it went well."""
    try:
        step()
    except Exception as error:  # the boundary: any bug ends one actor, not the house
        return f"{type(error).__name__}: {error}"
    return None


class Box(Protocol):
    """Where the virtual runtime delivers: `receive` is the living actor's `on_receive`, None while there is none."""

    receive: Callable[[object], None] | None


BoxT = TypeVar("BoxT", bound=Box)


def deliver_guarded(queue: deque[tuple[BoxT, object]]) -> tuple[int, BoxT | None, str]:
    """Hand queued messages to unstarted actors, as pykka would, until the queue is empty or a handler raises.

    Gives how many were handled, and the one that raised (None: nobody did) with the exception's text. All in one
    loop, because a simulated day is a million messages.
    """
    handled = 0
    take = queue.popleft
    while queue:
        box, message = take()
        receive = box.receive
        if receive is None:
            continue
        handled += 1
        try:
            receive(message)
        except Exception as error:  # same boundary, virtual runtime
            return handled, box, f"{type(error).__name__}: {error}"
    return handled, None, ""
