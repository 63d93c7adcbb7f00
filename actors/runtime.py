"""The two runtimes: threads and the wall clock for a house, one pumped thread and virtual time for tests.

Both run the same actor classes. Only this file makes clocks, seeds and ids.
"""

import gc
import hashlib
import heapq
import itertools
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import pykka

from actors.base import ActorCrashed, Address, Context, Shell, deliver_guarded, run_guarded
from gw_spaceheat.decisions.clock import BUILT_S

Factory = Callable[[Context], Shell]
STOP_ALL_S = 3.0
UUID_FIXED_BITS = 0xF000 << 64 | 0xC000 << 48
UUID_VERSION_4 = 0x4000 << 64 | 0x8000 << 48
LogSink = Callable[[float, str, str, str], None]


class Runtime(Protocol):
    """What wiring and supervisor need of either runtime."""

    supervisor: Address | None

    def now(self) -> float: ...

    def chance(self, name: str) -> random.Random: ...

    def address(self, name: str) -> Address: ...

    def add(self, name: str, factory: Factory) -> Address: ...

    def start(self, name: str) -> None: ...

    def replace(self, name: str) -> None: ...

    def schedule(self, delay_s: float, step: Callable[[], None]) -> None: ...


class EventLog:
    """What happened, hashed line by line; a sink may print or keep the lines."""

    def __init__(self, sink: LogSink | None = None) -> None:
        self._hash = hashlib.sha256()
        self._sink = sink
        self._lock = threading.Lock()
        self.lines = 0

    def write(self, at_s: float, actor: str, kind: str, text: str) -> None:
        with self._lock:
            self.lines += 1
            self._hash.update(f"{at_s:.3f} {actor} {kind} {text}\n".encode())
        if self._sink is not None:
            self._sink(at_s, actor, kind, text)

    def sha256(self) -> str:
        return self._hash.hexdigest()


class _VirtualAddress:
    """Queues for an actor that may be replaced; messages to a dead actor are dropped, as pykka does."""

    __slots__ = ("_queue", "actor", "generation", "name", "receive")

    def __init__(self, name: str, queue: "deque[tuple[_VirtualAddress, object]]") -> None:
        self.name = name
        self._queue = queue
        self.actor: Shell | None = None
        self.receive: Callable[[object], None] | None = None  # the actor's, None while there is none
        self.generation = 0

    def inhabit(self, actor: Shell | None) -> None:
        self.actor = actor
        self.receive = None if actor is None else actor.on_receive

    def tell(self, message: object) -> None:
        self._queue.append((self, message))


# A step to call, or the address, generation and message of an actor's timer.
_Due = tuple[Callable[[], None] | None, _VirtualAddress | None, int, object]


class VirtualRuntime:
    """One thread, virtual time: timers in timestamp order, then the queue until it is empty."""

    def __init__(self, start_s: float, seed: int = 0, sink: LogSink | None = None) -> None:
        self._now_s = start_s
        self._seed = seed
        self._queue: deque[tuple[_VirtualAddress, object]] = deque()
        # Most timers share their moment with others, so moments are sorted and not timers: those of one moment
        # come in the order in which they were set.
        self._moments: list[float] = []
        self._due: dict[float, list[_Due]] = {}
        self._ids = random.Random(f"{seed}/ids")
        self._addresses: dict[str, _VirtualAddress] = {}
        self._factories: dict[str, Factory] = {}
        self.log = EventLog(sink)
        self.supervisor: Address | None = None
        self.handled = 0

    def now(self) -> float:
        return self._now_s

    def new_id(self) -> str:
        # As `uuid.UUID(int=..., version=4)` would say it, without making one for each of a day's 40,000 messages.
        digits = f"{self._ids.getrandbits(128) & ~UUID_FIXED_BITS | UUID_VERSION_4:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def chance(self, name: str) -> random.Random:
        """A stream of its own for each user, so that one more draw here changes nothing there."""
        return random.Random(f"{self._seed}/{name}")

    def address(self, name: str) -> Address:
        if name not in self._addresses:
            self._addresses[name] = _VirtualAddress(name, self._queue)
        return self._addresses[name]

    def add(self, name: str, factory: Factory) -> Address:
        self._factories[name] = factory
        return self.address(name)

    def start(self, name: str) -> None:
        address = self._addresses[name]

        def begin() -> None:
            actor = self._factories[name](self._context(address))
            address.inhabit(actor)
            actor.begin()

        reason = run_guarded(begin)
        if reason is not None:
            self._crash(address, reason)

    def replace(self, name: str) -> None:
        self._drop(self._addresses[name])
        self.start(name)

    def stop(self, name: str) -> None:
        """Take an actor away without a word, as a dead process does; `start` brings it back."""
        self._addresses[name].inhabit(None)

    def schedule(self, delay_s: float, step: Callable[[], None]) -> None:
        self._add(self._now_s + delay_s, (step, None, 0, None))

    def _add(self, at_s: float, entry: _Due) -> None:
        entries = self._due.get(at_s)
        if entries is None:
            self._due[at_s] = [entry]
            heapq.heappush(self._moments, at_s)
        else:
            entries.append(entry)

    def run_until(self, end_s: float) -> None:
        """Pump until virtual time is `end_s` (epoch seconds)."""
        moments, due, queue = self._moments, self._due, self._queue
        self._drain()
        while moments and moments[0] <= end_s:
            at_s = self._now_s = heapq.heappop(moments)
            # Taken out first: a timer set meanwhile for this very moment opens it anew, and comes after these.
            for step, address, generation, message in due.pop(at_s):
                if step is not None:
                    step()
                elif address is not None and address.generation == generation:
                    queue.append((address, message))
                if queue:
                    self._drain()
        self._now_s = end_s

    def _drain(self) -> None:
        while self._queue:
            handled, failed, reason = deliver_guarded(self._queue)
            self.handled += handled
            if failed is not None:
                self._crash(failed, reason)

    @staticmethod
    def _drop(address: _VirtualAddress) -> None:
        old = address.actor
        address.inhabit(None)
        if old is not None:
            old.abandoned = True
            run_guarded(old.release)

    def _crash(self, address: _VirtualAddress, reason: str) -> None:
        self._drop(address)
        self._report(ActorCrashed(address.name, reason))

    def _report(self, crash: ActorCrashed) -> None:
        self.log.write(self._now_s, crash.name, "crash", crash.reason)
        if self.supervisor is not None:
            self.supervisor.tell(crash)

    def _context(self, address: _VirtualAddress) -> Context:
        address.generation += 1
        generation = address.generation  # timers of a dead actor must not reach its successor

        def after(delay_s: float, message: object) -> None:
            self._add(self._now_s + delay_s, (None, address, generation, message))

        def log(kind: str, text: str) -> None:
            self.log.write(self._now_s, address.name, kind, text)

        return Context(
            name=address.name,
            now=self.now,
            chance=self.chance(address.name),
            new_id=self.new_id,
            after=after,
            log=log,
            crashed=self._report,
            me=address,
        )


class _ThreadedAddress:
    __slots__ = ("_lost", "actor", "generation", "name", "ref")

    def __init__(self, name: str, lost: Callable[[str], None]) -> None:
        self.name = name
        self.ref: pykka.ActorRef[Shell] | None = None
        self.actor: Shell | None = None
        self.generation = 0
        self._lost = lost

    def tell(self, message: object) -> None:
        ref = self.ref
        if ref is None:
            self._lost(self.name)
            return
        try:
            ref.tell(message)
        except pykka.ActorDeadError:
            self._lost(self.name)


class ThreadedRuntime:
    """pykka threads, one timer thread, the wall clock (or a faster one that starts at `start_s`)."""

    def __init__(self, start_s: float | None = None, speed: float = 1.0, sink: LogSink | None = None) -> None:
        self._real_start_s = time.monotonic()
        # A clock that nobody has set yet may show a year that no message can carry.
        self._start_s = max(time.time(), BUILT_S) if start_s is None else start_s
        self.speed = speed
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._wake = threading.Condition()
        self._running = True
        self._addresses: dict[str, _ThreadedAddress] = {}
        self._factories: dict[str, Factory] = {}
        self.log = EventLog(sink)
        self.supervisor: Address | None = None
        self.lost_messages = 0
        self._timer = threading.Thread(target=self._run_timers, name="timers", daemon=True)
        self._timer.start()

    def now(self) -> float:
        """Epoch seconds; runs on the monotonic clock, so a stepped wall clock never moves a duration."""
        return self._start_s + (time.monotonic() - self._real_start_s) * self.speed

    @staticmethod
    def wall_s() -> float:
        """What the system's clock shows, which may be set at any moment."""
        return time.time()

    def follow(self, epoch_s: float, speed: float) -> None:
        """Adopt another clock's time and speed (an accelerated plant's, on loopback)."""
        self._start_s, self.speed, self._real_start_s = epoch_s, speed, time.monotonic()
        with self._wake:
            self._wake.notify()

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def chance(self, name: str) -> random.Random:
        return random.Random(f"{uuid.uuid4()}/{name}")

    def address(self, name: str) -> Address:
        if name not in self._addresses:
            self._addresses[name] = _ThreadedAddress(name, self._count_lost)
        return self._addresses[name]

    def add(self, name: str, factory: Factory) -> Address:
        self._factories[name] = factory
        return self.address(name)

    def start(self, name: str) -> None:
        address = self._addresses[name]
        factory, context = self._factories[name], self._context(address)

        def begin() -> None:
            actor = factory(context)
            address.ref, address.actor = actor.actor_ref, actor
            pykka.ActorRegistry.register(actor.actor_ref)
            # What pykka's own start() does after building the actor; ours is built by the factory,
            # and its address must hold the reference before the first message can be answered.
            actor._start_actor_loop()

        reason = run_guarded(begin)
        if reason is not None:
            self._report(ActorCrashed(name, reason))

    def start_all(self, names: Sequence[str]) -> None:
        """Start a program's actors; what it is made of by then is not searched for garbage: that stops all threads."""
        gc.collect()
        for name in names:
            self.start(name)
        gc.freeze()

    def replace(self, name: str) -> None:
        """Abandon the old actor, which may hang in a driver, and start a fresh one behind the same address."""
        address = self._addresses[name]
        if address.ref is not None and address.actor is not None:
            address.actor.abandoned = True
            address.ref.stop(block=False)
            address.ref = None
            run_guarded(address.actor.release)
        self.start(name)

    def stop(self, name: str, timeout_s: float = 1.0) -> None:
        address = self._addresses[name]
        if address.ref is not None:
            try:
                address.ref.stop(block=True, timeout=timeout_s)
            except pykka.Timeout:
                self.log.write(self.now(), name, "hung", f"did not stop within {timeout_s} s; abandoned")
            address.ref = None

    def stop_all(self, order: list[str]) -> None:
        """Stop in this order within 4 s: the hung share what is left of the time."""
        end_s = time.monotonic() + STOP_ALL_S
        for name in order:
            if name in self._addresses:
                self.stop(name, min(1.0, max(0.05, end_s - time.monotonic())))
        with self._wake:
            self._running = False
            self._wake.notify()
        self._timer.join(timeout=1.0)

    def schedule(self, delay_s: float, step: Callable[[], None]) -> None:
        with self._wake:
            heapq.heappush(self._heap, (self.now() + delay_s, next(self._count), step))
            self._wake.notify()

    def _run_timers(self) -> None:
        while True:
            with self._wake:
                if not self._running:
                    return
                wait_s = (self._heap[0][0] - self.now()) / self.speed if self._heap else 1.0
                if wait_s > 0:
                    self._wake.wait(min(wait_s, 1.0))
                    continue
                _, _, step = heapq.heappop(self._heap)
            reason = run_guarded(step)
            if reason is not None:
                self.log.write(self.now(), "timers", "crash", reason)

    def _count_lost(self, name: str) -> None:
        self.lost_messages += 1

    def _report(self, crash: ActorCrashed) -> None:
        self.log.write(self.now(), crash.name, "crash", crash.reason)
        if self.supervisor is not None:
            self.supervisor.tell(crash)

    def _context(self, address: _ThreadedAddress) -> Context:
        address.generation += 1
        generation = address.generation  # timers of a dead or abandoned actor must not reach its successor

        def after(delay_s: float, message: object) -> None:
            self.schedule(delay_s, lambda: address.tell(message) if address.generation == generation else None)

        def log(kind: str, text: str) -> None:
            self.log.write(self.now(), address.name, kind, text)

        def crashed(crash: ActorCrashed) -> None:
            if address.generation == generation:  # else an abandoned actor failed at last: its successor is well
                self._report(crash)

        return Context(
            name=address.name,
            now=self.now,
            chance=self.chance(address.name),
            new_id=self.new_id,
            after=after,
            log=log,
            crashed=crashed,
            me=address,
        )
