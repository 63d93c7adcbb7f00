"""The AtomicTNode's side of direct commands: say once, renew while it is to hold, hear what became of it. Epoch s.

What it is for: to ask more of a running contract than an average power, such as no heat pump for ten minutes or a
leaving temperature. A dispatch holds for a lease only, so an order for longer is said again before that ends; each
time is a command of its own, with an id and a time of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gw_spaceheat.decisions.dispatch import REMOTE_LEASE_S, VALID_S

RENEW_S = REMOTE_LEASE_S / 2.0
LONGEST_HOLD_S = 3600.0
UNANSWERED_S = VALID_S + 15.0


@dataclass(frozen=True, slots=True)
class Order:
    """`node`: that of an actuator. `value`: on or off, or C. `until_s`: as long it is to hold."""

    node: str
    value: bool | float
    until_s: float


@dataclass(frozen=True, slots=True)
class Said:
    """An order as last said. `command_id` empty: it has been answered."""

    order: Order
    command_id: str
    said_s: float


@dataclass(frozen=True, slots=True)
class DispatchBook:
    """By node. `last_ms`: times of commands only grow, also when a clock is set back: they are the sequence."""

    orders: Mapping[str, Said] = field(default_factory=dict)
    last_ms: int = 0


@dataclass(frozen=True, slots=True)
class Tick: ...


@dataclass(frozen=True, slots=True)
class Answered:
    command_id: str
    outcome: str
    text: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class SayDispatch:
    order: Order
    command_id: str
    sent_ms: int


@dataclass(frozen=True, slots=True)
class Became:
    """What became of an order, for whoever gave it; `over`: nothing more will be said of it."""

    order: Order
    text: str
    over: bool


Input = Order | Answered | Tick
Effect = SayDispatch | Became


def decide(state: DispatchBook, event: Input, new_id: str, now_s: float) -> tuple[DispatchBook, tuple[Effect, ...]]:
    """One event. `new_id`: for the command, if one is said."""
    match event:
        case Order():
            return _ordered(state, event, new_id, now_s)
        case Answered():
            return _answered(state, event)
        case Tick():
            return _tick(state, new_id, now_s)


def _ordered(state: DispatchBook, order: Order, new_id: str, now_s: float) -> tuple[DispatchBook, tuple[Effect, ...]]:
    left_s = order.until_s - now_s
    if not 0.0 < left_s <= LONGEST_HOLD_S:
        why = f"not said: to hold for {left_s:.0f} s, it must be more than 0 and at most {LONGEST_HOLD_S:.0f} s"
        return state, (Became(order, why, True),)
    return _say(state, order, new_id, now_s)


def _say(state: DispatchBook, order: Order, new_id: str, now_s: float) -> tuple[DispatchBook, tuple[Effect, ...]]:
    sent_ms = max(int(now_s * 1000), state.last_ms + 1)
    orders = {**state.orders, order.node: Said(order, new_id, now_s)}
    return DispatchBook(orders, sent_ms), (SayDispatch(order, new_id, sent_ms),)


def _without(state: DispatchBook, node: str) -> DispatchBook:
    return replace(state, orders={name: said for name, said in state.orders.items() if name != node})


def _answered(state: DispatchBook, answer: Answered) -> tuple[DispatchBook, tuple[Effect, ...]]:
    for node, said in state.orders.items():
        if said.command_id == answer.command_id:
            if answer.outcome == "done":
                orders = {**state.orders, node: replace(said, command_id="")}
                return replace(state, orders=orders), (Became(said.order, "done", False),)
            later = f"; again in {answer.wait_s:.0f} s" if answer.wait_s else ""
            return _without(state, node), (Became(said.order, f"{answer.outcome}: {answer.text}{later}", True),)
    return state, ()  # of an order that has been replaced, or an answer said twice


def _tick(state: DispatchBook, new_id: str, now_s: float) -> tuple[DispatchBook, tuple[Effect, ...]]:
    """At most one thing at a time: the next tick is soon."""
    for node, said in state.orders.items():
        if said.command_id and now_s - said.said_s > UNANSWERED_S:
            # It has expired by now: whether it acted is not known, and it will not act any more.
            return _without(state, node), (Became(said.order, "no answer: expired", True),)
        if now_s >= said.order.until_s:
            return _without(state, node), (Became(said.order, "over", True),)
        if not said.command_id and now_s - said.said_s >= RENEW_S:
            return _say(state, said.order, new_id, now_s)
    return state, ()
