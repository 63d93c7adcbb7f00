"""Whether one peer behind a broker lives: a shell around the pure link machine, which it feeds with round trips."""

from collections.abc import Sequence

from gw_spaceheat.decisions import link as machine

MOST_PINGS = 100


class PeerWatch:
    """One peer. `short` is its name in topics, `alias` its whole name; `told_as` what actors call its link."""

    def __init__(self, short: str, alias: str, told_as: str, rules: machine.LinkRules) -> None:
        self.short, self.alias, self.told_as = short, alias, told_as
        self._rules = rules
        self._view = machine.LinkView()
        self._pings: set[str] = set()

    @property
    def active(self) -> bool:
        return self._view.active

    def take(self, event: machine.LinkEvent, now_s: float) -> Sequence[machine.LinkEffect]:
        self._view, effects = machine.decide(self._view, event, now_s, self._rules)
        return effects

    def tick(self, now_s: float) -> Sequence[machine.LinkEffect]:
        self._view, effects = machine.tick(self._view, now_s, self._rules)
        return effects

    def pinged(self, message_id: str) -> None:
        """We have asked it for an acknowledgement."""
        if len(self._pings) > MOST_PINGS:
            self._pings.clear()
        self._pings.add(message_id)

    def asked_by(self, message_id: str) -> bool:
        """Whether this is a ping of ours that waits for its acknowledgement."""
        return message_id in self._pings

    def answered(self) -> None:
        self._pings.clear()
