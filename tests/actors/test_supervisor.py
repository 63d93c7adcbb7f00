"""The supervisor in virtual time: one actor restarted alone, given up in time, a hung one replaced."""

from actors.base import Context, Ping, Shell
from actors.runtime import VirtualRuntime
from actors.supervisor import CHECK_S, HUNG_AFTER_S, Supervisor


class Worker(Shell):
    def __init__(self, context: Context, born_s: list[float]) -> None:
        super().__init__(context)
        born_s.append(context.now())

    def handle(self, message: object) -> None:
        raise ValueError(str(message))


class Deaf(Worker):
    """Takes messages and answers no ping: how a hung actor looks from outside."""

    def on_receive(self, message: object) -> None:
        assert isinstance(message, Ping)


class Bench:
    def __init__(self) -> None:
        self.lines: list[tuple[float, str, str, str]] = []
        self.runtime = VirtualRuntime(0.0, sink=lambda at, who, kind, text: self.lines.append((at, who, kind, text)))
        self.born_s: dict[str, list[float]] = {"crasher": [], "neighbour": [], "deaf": []}
        self.pats = 0

    def start(self, *names: str) -> None:
        def make(context: Context) -> Shell:
            return (Deaf if context.name == "deaf" else Worker)(context, self.born_s[context.name])

        addresses = [self.runtime.add(name, make) for name in names]
        self.runtime.supervisor = self.runtime.add(
            "supervisor", lambda context: Supervisor(context, addresses, self.runtime.replace, self._pat)
        )
        for name in ("supervisor", *names):
            self.runtime.start(name)

    def _pat(self) -> None:
        self.pats += 1

    def kinds(self, kind: str) -> list[float]:
        return [at for at, _, what, _ in self.lines if what == kind]


def test_crashed_actor_is_restarted_alone_with_back_off() -> None:
    bench = Bench()
    bench.start("crasher", "neighbour")
    waits: list[float] = []
    for number in range(5):
        at_s = 100.0 * (number + 1)
        bench.runtime.run_until(at_s)
        bench.runtime.address("crasher").tell("boom")
        bench.runtime.run_until(at_s + 60.0)
        waits.append(bench.born_s["crasher"][-1] - at_s)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert bench.born_s["neighbour"] == [0.0], "its neighbour is left alone"
    assert bench.kinds("hung") == []


def test_given_up_after_five_an_hour_and_tried_again_when_it_is_over() -> None:
    bench = Bench()
    bench.start("crasher", "neighbour")
    for number in range(6):
        bench.runtime.run_until(100.0 * (number + 1))
        bench.runtime.address("crasher").tell("boom")
    bench.runtime.run_until(3500.0)
    assert len(bench.born_s["crasher"]) == 6  # the first and five restarts
    assert bench.kinds("given-up") == [600.0]
    assert bench.kinds("hung") == []
    bench.runtime.run_until(7300.0)
    assert bench.born_s["crasher"][6:] == [3700.0], "an hour after the first restart, once"
    assert bench.kinds("hung") == []


def test_actor_that_answers_no_ping_is_replaced() -> None:
    bench = Bench()
    bench.start("deaf", "neighbour")
    bench.runtime.run_until(120.0)
    first, second = bench.born_s["deaf"][:2]
    assert first == 0.0
    assert HUNG_AFTER_S < second < HUNG_AFTER_S + 2.0 * CHECK_S + 5.0
    assert bench.born_s["neighbour"] == [0.0]


def test_watchdog_is_patted_while_all_answer_and_not_when_one_hangs() -> None:
    healthy, ill = Bench(), Bench()
    healthy.start("neighbour")
    ill.start("neighbour", "deaf")
    healthy.runtime.run_until(100.0)
    ill.runtime.run_until(100.0)
    assert healthy.pats == 100.0 // CHECK_S
    assert ill.pats < healthy.pats
