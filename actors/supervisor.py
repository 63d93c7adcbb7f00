"""Restarts one actor, alone: when it crashed, or when it gives no sign of life. With back-off, never more than
`MOST_RESTARTS_PER_H` an hour, after which the actor stays down and says so."""

from collections import deque
from collections.abc import Callable, Sequence

from actors.base import ActorCrashed, Address, Context, Ping, Pong, Shell
from actors.events import Tick

CHECK = Tick("check")
VITAL = "scada"
CHECK_S = 15.0
HUNG_AFTER_S = 45.0
MOST_RESTARTS_PER_H = 5
FIRST_WAIT_S = 1.0


class Supervisor(Shell):
    """Watches the named actors; `replace` is the runtime's."""

    def __init__(
        self,
        context: Context,
        watched: Sequence[Address],
        replace: Callable[[str], None],
        pat: Callable[[], None],
        hung_after_s: float = HUNG_AFTER_S,
    ) -> None:
        """`hung_after_s` in the runtime's time: an accelerated run allows more, its threads are as slow as ever."""
        super().__init__(context)
        self._watched = watched
        self._replace = replace
        self._pat = pat
        self._hung_after_s = hung_after_s
        self._answered_s: dict[str, float] = {}
        self._restarts: dict[str, deque[float]] = {}
        self._waiting: set[str] = set()

    def begin(self) -> None:
        self.context.after(CHECK_S, CHECK)

    def handle(self, message: object) -> None:
        if type(message) is Pong:  # most of what comes
            self._answered_s[message.name] = self.context.now()
            return
        match message:
            case Tick("check"):
                self.context.after(CHECK_S, CHECK)
                self._check()
            case Tick(what):
                self._waiting.discard(what)
                self.context.log("restart", what)
                self._answered_s[what] = self.context.now()
                self._replace(what)
            case ActorCrashed(name, _):
                self._restart(name)

    def _check(self) -> None:
        now_s = self.context.now()
        ping = Ping(self.context.me)
        all_answer = True
        for address in self._watched:
            name = address.name
            silent_s = now_s - self._answered_s.setdefault(name, now_s)
            # Without the actor that alone commands, only a new process helps; a sensor may stay away.
            all_answer = all_answer and not (name == VITAL and name in self._waiting)
            if silent_s > self._hung_after_s and name not in self._waiting:
                self.context.log(
                    "hung", f"{name}: no sign of life for {silent_s:.0f} s, limit {self._hung_after_s:.0f} s"
                )
                all_answer = False
                self._restart(name)
            address.tell(ping)
        if all_answer:
            self._pat()

    def _restart(self, name: str) -> None:
        now_s = self.context.now()
        times = self._restarts.setdefault(name, deque())
        while times and now_s - times[0] > 3600.0:
            times.popleft()
        if len(times) >= MOST_RESTARTS_PER_H:
            self.context.log("given-up", f"{name}: {len(times)} restarts in the last hour, limit {MOST_RESTARTS_PER_H}")
            self._answered_s[name] = now_s + 3600.0  # tried again when the hour is over
            self._waiting.add(name)
            self.context.after(3600.0 - (now_s - times[0]), Tick(name))
            return
        self._waiting.add(name)
        self.context.after(FIRST_WAIT_S * 2.0 ** len(times), Tick(name))
        times.append(now_s)
