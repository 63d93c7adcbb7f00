"""The plant's clock on a loopback broker: said every real second, so that other processes share its time and speed."""

import os
import threading
import time

from actors.base import run_guarded
from actors.runtime import ThreadedRuntime
from actors.wiring import dashed
from commands.run import LOOPBACK, Ending, link_settings, opener
from gw_spaceheat.errors import BadMessage
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.envelope import Envelope, Header, decode, encode, topic_of
from gw_spaceheat.messages.link import PlantClock, clock_from
from gw_spaceheat.settings import LinkSettings
from gw_spaceheat.wires.mqtt import MqttLink
from gw_spaceheat.wires.mqtt_protocol import LinkNotice

CLOCK = "gw.spaceheat.clock"
# Said to whoever wants to buy for the house, or to nobody: its AtomicTNode is in the same process.
FOR_ALL, FOR_ITSELF = "broadcast", "itself"


def plant_alias(house: House) -> str:
    return f"{house.alias}.plant"


def clock_topic(house: House, to: str = FOR_ALL) -> str:
    return topic_of(plant_alias(house), to, CLOCK)


class ClockMouth:
    """Says the plant's time, retained, and takes it back at the end."""

    def __init__(self, house: House, link: LinkSettings, runtime: ThreadedRuntime, to: str = FOR_ALL) -> None:
        self._house, self._runtime, self._to = house, runtime, to
        self._topic = clock_topic(house, to)
        settings = link_settings(link, f"{plant_alias(house)}-{os.getpid()}")
        self._link = MqttLink(settings, lambda *_: None, lambda _: None, (), run_guarded)

    def start(self) -> None:
        self._link.start()
        self.say()

    def say(self) -> None:
        header = Header(plant_alias(self._house), self._to, CLOCK, self._runtime.new_id())
        payload = clock_from(self._runtime.now(), self._runtime.speed)
        self._link.publish(self._topic, encode(Envelope(header, payload)), 0, retain=True)

    def stop(self) -> None:
        self._link.publish(self._topic, b"", 1, retain=True)
        self._link.stop(1.0)


class ClockEar:
    """Hears the plant's time. Only a clock that is said now counts: a retained one may be of yesterday's run."""

    def __init__(self, house: House, link: LinkSettings, ending: Ending) -> None:
        self._house, self._link, self._ending = house, link, ending
        self._last: tuple[PlantClock, float] | None = None
        self._other_atn = False
        self._said = ""
        self._subscribed = threading.Event()
        self._topics = (clock_topic(house, FOR_ALL), clock_topic(house, FOR_ITSELF))
        self._client = opener(link, f"{plant_alias(house)}.ear-{os.getpid()}", ending)(
            self._hear, self._notice, (*self._topics, f"gw/{dashed(house.atn_alias)}/to/s/#")
        )
        self._client.start()

    @property
    def latest(self) -> tuple[PlantClock, float] | None:
        """The last clock and when (monotonic s) it was heard."""
        return self._last

    @property
    def other_atn(self) -> bool:
        """Whether somebody spoke as this house's AtomicTNode while we listened, or the plant has its own."""
        return self._other_atn

    def wait_for_clock(self, patience_s: float) -> PlantClock | None:
        """Wait for the broker as long as it takes, then `patience_s` for a clock; None when there is none."""
        while not self._subscribed.is_set():
            if self._ending.wait(0.2):
                return None
            if self._client.problem:
                self._say(self._client.problem)
        if self._link.host not in LOOPBACK:
            return None
        until_s = time.monotonic() + patience_s
        while self._last is None and time.monotonic() < until_s and not self._ending.wait(0.1):
            pass
        return self._last[0] if self._last is not None else None

    def stop(self) -> None:
        self._client.stop(1.0)

    def _say(self, problem: str) -> None:
        if problem != self._said:
            self._said = problem
            print(problem, flush=True)

    def _notice(self, text: str) -> None:
        if text == LinkNotice.SUBSCRIBED:
            self._subscribed.set()

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        if retained or not payload:
            return
        if topic != clock_topic(self._house, FOR_ALL):
            self._other_atn = True
        if topic not in self._topics:
            return
        try:
            message = decode(payload).payload
        except BadMessage:
            return
        if isinstance(message, PlantClock) and message.speed > 0.0:
            self._last = (message, time.monotonic())
