"""Says who was refused and why: to the cloud, as events, so that an attack on a house is seen where people look."""

from actors.base import Address, Context, Shell
from actors.events import Send, Suspicion, Tick
from gw_spaceheat.decisions import suspicion as rule
from gw_spaceheat.messages.alerts import LogLevel, glitch_from

LOOK = Tick("look")


class Watchman(Shell):
    """`decisions/suspicion.py` decides how often. What was refused has been counted and logged by who refused it."""

    def __init__(self, context: Context, alias: str, atn: str, gateway: Address) -> None:
        super().__init__(context)
        self._alias, self._atn, self._gateway = alias, atn, gateway
        self._state = rule.Suspicions()
        self._armed = False

    def handle(self, message: object) -> None:
        now_s = self.context.now()
        match message:
            case Suspicion(cause, details):
                self._state, saying = rule.note(self._state, cause, details, now_s)
                if saying is not None:
                    self._say(saying)
            case Tick("look"):
                self._armed = False
                self._state, sayings = rule.due(self._state, now_s)
                for saying in sayings:
                    self._say(saying)
        if self._state.unsaid and not self._armed:
            self._armed = True
            self.context.after(rule.AGAIN_S, LOOK)

    def _say(self, saying: rule.Saying) -> None:
        glitch = glitch_from(
            alias=self._alias,
            node=self.context.name,
            level=LogLevel.WARNING,
            summary=f"refused: {saying.cause}, {saying.count} time(s)",
            details=saying.details,
            now_s=self.context.now(),
        )
        self._gateway.tell(Send(self._atn, glitch))
