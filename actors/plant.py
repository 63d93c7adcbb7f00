"""The simulated house as an actor: it lets time pass in the plant and, on loopback, shows it to the outside."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from actors.base import Context, Shell
from actors.events import Tick
from gw_spaceheat.simulation.house import SimulatedHouse

STEP = Tick("step")


class Plant(Shell):
    """Advances the house every `step_s`; `show` then publishes files, clock and the like."""

    def __init__(
        self,
        context: Context,
        house: SimulatedHouse,
        step_s: float = 10.0,
        show: Callable[[float], None] | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        super().__init__(context)
        self._house = house
        self._step_s = step_s
        self._show = show
        self._lock: AbstractContextManager[object] = lock if lock is not None else nullcontext()

    def begin(self) -> None:
        self.context.after(self._step_s, STEP)

    def handle(self, message: object) -> None:
        if message is STEP:
            self.context.after(self._step_s, STEP)
            now_s = self.context.now()
            with self._lock:
                self._house.advance(now_s)
            if self._show is not None:
                self._show(now_s)
