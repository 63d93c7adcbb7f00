"""Both runtimes: order of timers, crashes that stay alone, addresses that survive, an orderly stop."""

import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from actors.base import ActorCrashed, Context, Shell
from actors.runtime import ThreadedRuntime, VirtualRuntime
from actors.supervisor import Supervisor

LIMIT_S = 10.0


class Recorder(Shell):
    """Puts what it hears, with its own generation, where the test can see it; `boom` ends it."""

    def __init__(self, context: Context, heard: "queue.Queue[tuple[int, object, float]]", born: list[int]) -> None:
        super().__init__(context)
        born.append(len(born) + 1)
        self._generation = born[-1]
        self._heard = heard

    def handle(self, message: object) -> None:
        match message:
            case "boom":
                raise ValueError("boom")
            case ("after", float(delay_s), text):
                self.context.after(delay_s, text)
            case _:
                self._heard.put((self._generation, message, self.context.now()))


class Hung(Shell):
    """Never comes back from its first message until the test lets it go; then it fails, as drivers do."""

    def __init__(self, context: Context, entered: threading.Event, release: threading.Event) -> None:
        super().__init__(context)
        self._entered, self._release = entered, release

    def handle(self, message: object) -> None:
        self._entered.set()
        self._release.wait(60.0)
        raise OSError("the driver gave up at last")


class Heard:
    def __init__(self) -> None:
        self.queue: queue.Queue[tuple[int, object, float]] = queue.Queue()
        self.born: list[int] = []

    def make(self, context: Context) -> Recorder:
        return Recorder(context, self.queue, self.born)

    def all(self) -> list[tuple[int, object, float]]:
        return [self.queue.get_nowait() for _ in range(self.queue.qsize())]

    def next(self) -> tuple[int, object]:
        generation, message, _ = self.queue.get(timeout=LIMIT_S)
        return generation, message


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(round(LIMIT_S / 0.01)):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("not in time")


@pytest.fixture
def threaded() -> Iterator[ThreadedRuntime]:
    runtime = ThreadedRuntime()
    yield runtime
    runtime.stop_all(list(runtime._addresses))


def test_virtual_timers_fire_in_order_of_time_then_of_asking() -> None:
    runtime, heard = VirtualRuntime(1000.0), Heard()
    address = runtime.add("a", heard.make)
    runtime.start("a")
    for delay_s, text in ((5.0, "late"), (1.0, "first"), (1.0, "second"), (3.0, "middle")):
        address.tell(("after", delay_s, text))
    runtime.run_until(1004.0)
    assert heard.all() == [(1, "first", 1001.0), (1, "second", 1001.0), (1, "middle", 1003.0)]
    assert runtime.now() == 1004.0
    runtime.run_until(1010.0)
    assert heard.all() == [(1, "late", 1005.0)]


def test_virtual_crash_ends_one_actor_and_its_address_survives() -> None:
    lines: list[tuple[str, str, str]] = []
    runtime = VirtualRuntime(0.0, sink=lambda _, who, kind, text: lines.append((who, kind, text)))
    heard, other = Heard(), Heard()
    address, neighbour = runtime.add("a", heard.make), runtime.add("b", other.make)
    runtime.start("a")
    runtime.start("b")
    address.tell(("after", 5.0, "timer of the dead"))
    address.tell("boom")
    address.tell("lost")
    neighbour.tell("hello")
    runtime.run_until(1.0)
    assert heard.all() == []
    assert other.all() == [(1, "hello", 0.0)]
    assert lines == [("a", "crash", "ValueError: boom")]
    runtime.replace("a")
    address.tell("again")
    runtime.run_until(10.0)
    assert heard.all() == [(2, "again", 1.0)], "the dead one's timer must not reach its successor"


def test_virtual_crash_in_begin_is_reported() -> None:
    class Stillborn(Recorder):
        def begin(self) -> None:
            raise ValueError("no begin")

    told: list[ActorCrashed] = []

    class Listener(Shell):
        def handle(self, message: object) -> None:
            assert isinstance(message, ActorCrashed)
            told.append(message)

    runtime, heard = VirtualRuntime(0.0), Heard()
    runtime.supervisor = runtime.add("supervisor", Listener)
    runtime.start("supervisor")
    runtime.add("a", lambda context: Stillborn(context, heard.queue, heard.born))
    runtime.start("a")
    runtime.run_until(1.0)
    assert told == [ActorCrashed("a", "ValueError: no begin")]


def test_virtual_ids_and_chance_come_from_the_seed() -> None:
    first, same, other = VirtualRuntime(0.0, 1), VirtualRuntime(0.0, 1), VirtualRuntime(0.0, 2)
    assert [first.new_id() for _ in range(3)] == [same.new_id() for _ in range(3)]
    assert first.chance("a").random() == same.chance("a").random() != first.chance("b").random()
    assert first.new_id() != other.new_id()


def test_threaded_timers_fire_in_order(threaded: ThreadedRuntime) -> None:
    heard = Heard()
    address = threaded.add("a", heard.make)
    threaded.start("a")
    for delay_s, text in ((0.3, "late"), (0.1, "first"), (0.2, "middle")):
        address.tell(("after", delay_s, text))
    assert [heard.next() for _ in range(3)] == [(1, "first"), (1, "middle"), (1, "late")]


def test_threaded_crash_telling_the_dead_and_the_successor(threaded: ThreadedRuntime) -> None:
    heard, other = Heard(), Heard()
    address, neighbour = threaded.add("a", heard.make), threaded.add("b", other.make)
    threaded.start("a")
    threaded.start("b")
    address.tell(("after", 0.5, "timer of the dead"))
    address.tell("boom")
    wait_until(lambda: threaded.log.lines == 1)
    wait_until(lambda: not threaded._addresses["a"].ref.is_alive())  # type: ignore[union-attr]
    address.tell("nobody hears it")
    assert threaded.lost_messages == 1
    neighbour.tell("hello")
    assert other.next() == (1, "hello")
    threaded.replace("a")
    address.tell(("after", 0.7, "timer of the living"))
    assert heard.next() == (2, "timer of the living"), "the dead one's timer must not reach its successor"


def test_threaded_telling_an_actor_never_started_does_not_raise(threaded: ThreadedRuntime) -> None:
    threaded.address("nobody").tell("hello")
    assert threaded.lost_messages == 1


def test_threaded_an_abandoned_actor_that_fails_late_harms_not_its_successor(threaded: ThreadedRuntime) -> None:
    """A hung driver usually ends in an exception: that is no crash of the actor that took its place."""
    entered, release, heard = threading.Event(), threading.Event(), Heard()
    made: list[int] = []

    def make(context: Context) -> Shell:
        made.append(1)
        return Hung(context, entered, release) if len(made) == 1 else heard.make(context)

    crashes: queue.Queue[object] = queue.Queue()

    class Listener(Shell):
        def handle(self, message: object) -> None:
            crashes.put(message)

    threaded.supervisor = threaded.add("supervisor", Listener)
    threaded.start("supervisor")
    address = threaded.add("a", make)
    threaded.start("a")
    old = threaded._addresses["a"].ref
    assert old is not None
    address.tell("go and hang")
    assert entered.wait(LIMIT_S)
    threaded.replace("a")
    release.set()
    wait_until(lambda: not old.is_alive())
    address.tell("hello")
    assert heard.next() == (1, "hello")
    threaded.supervisor.tell("last")
    assert crashes.get(timeout=LIMIT_S) == "last", "the supervisor must not restart a healthy actor"


def test_threaded_an_abandoned_actor_neither_acts_nor_says_goodbye(threaded: ThreadedRuntime) -> None:
    """What waited in its mailbox is old, and its `end` (a safe pattern, a closed store) is no longer its to do."""
    entered, release, done = threading.Event(), threading.Event(), threading.Event()
    acts: list[str] = []

    class Slow(Shell):
        def handle(self, message: object) -> None:
            if message == "hang":
                entered.set()
                release.wait(60.0)
            else:
                acts.append(str(message))
                done.set()

        def end(self) -> None:
            acts.append("end")

    address = threaded.add("a", Slow)
    threaded.start("a")
    old = threaded._addresses["a"].ref
    assert old is not None
    address.tell("hang")
    assert entered.wait(LIMIT_S)
    address.tell("old order")
    threaded.replace("a")
    release.set()
    wait_until(lambda: not old.is_alive())
    address.tell("new order")
    assert done.wait(LIMIT_S)
    assert acts == ["new order"]


def test_threaded_stop_all_is_bounded_although_many_hang() -> None:
    runtime, release = ThreadedRuntime(), threading.Event()
    names = [f"hung-{number}" for number in range(8)]
    for name in names:
        entered = threading.Event()
        runtime.add(name, lambda context, entered=entered: Hung(context, entered, release))  # type: ignore[misc]
        runtime.start(name)
        runtime.address(name).tell("go and hang")
        assert entered.wait(LIMIT_S)
    started_s = runtime.now()
    try:
        runtime.stop_all(names)
        assert runtime.now() - started_s < 5.0
    finally:
        release.set()


def test_threaded_supervisor_restarts_a_crashed_actor(threaded: ThreadedRuntime) -> None:
    heard = Heard()
    address = threaded.add("a", heard.make)
    threaded.supervisor = threaded.add(
        "supervisor", lambda context: Supervisor(context, [address], threaded.replace, lambda: None)
    )
    threaded.start("supervisor")
    threaded.start("a")
    address.tell("boom")
    wait_until(lambda: len(heard.born) == 2)
    address.tell("hello")
    assert heard.next() == (2, "hello")
