"""How Local executes an accepted slot: in as few blocks as possible, as early as possible, never past its energy."""

from dataclasses import dataclass

CONTROL_PERIOD_S = 1.0


@dataclass(frozen=True, slots=True)
class SlotView:
    """The part of an accepted slot that control needs."""

    contract_id: str
    average_w: float
    start_s: float
    end_s: float
    used_wh: float
    followed: bool = False
    """Whether a slot that buys heat is already accepted for the moment this one ends."""

    @property
    def energy_wh(self) -> float:
        return self.average_w * (self.end_s - self.start_s) / 3600.0


@dataclass(frozen=True, slots=True)
class HeatSource:
    """Limits of the heat source that the executor plans with."""

    running_w: float
    standby_w: float = 20.0
    start_delay_s: float = 215.0
    minimum_on_s: float = 600.0

    @property
    def switching_wh(self) -> float:
        """How far off switching alone may leave a slot: a control period too long, and one until it is read back."""
        return 2.0 * self.running_w * CONTROL_PERIOD_S / 3600.0

    @property
    def minimum_run_wh(self) -> float:
        """Energy of the shortest allowed run: it draws standby until the compressor starts."""
        heating_s = max(0.0, self.minimum_on_s - self.start_delay_s)
        return (self.running_w * heating_s + self.standby_w * min(self.start_delay_s, self.minimum_on_s)) / 3600.0


@dataclass(frozen=True, slots=True)
class SlotDecision:
    run: bool
    reason: str


_OVER = SlotDecision(False, "outside the slot")
_RUN = SlotDecision(True, "slot energy remains")
_BRIDGE = SlotDecision(True, "slot energy is used, its end is near")
_USED = SlotDecision(False, "slot energy is used")
_NOTHING = SlotDecision(False, "this slot buys nothing")
_TOO_LITTLE = SlotDecision(False, "remaining slot energy is less than a minimum run")
_TOO_LATE = SlotDecision(False, "too late in the slot for a minimum run")
STARTING_SHARE = 0.25
BRIDGE_SHARE = 0.015
"""A slot may end 2 % off (`acceptance.TOLERANCE`), and switching takes some of it; where the next slot buys heat, one
minimum run: a stop would not be over before it begins. The planner bridges more: such slots are offered whole."""


def decide(slot: SlotView, source: HeatSource, is_on: bool, power_w: float, now_s: float) -> SlotDecision:
    """Whether the heat source runs now. `power_w`: its electric power at present. O(1), no memory of its own."""
    if not slot.start_s <= now_s < slot.end_s:
        return _OVER
    left_s = slot.end_s - now_s
    # What standby will draw anyway until the end is spent already.
    remaining_wh = slot.energy_wh - slot.used_wh - source.standby_w * left_s / 3600.0
    if is_on:
        # Half a control period ahead: the mean error of stopping on a tick is then zero.
        ahead_wh = power_w * CONTROL_PERIOD_S / 7200.0
        if remaining_wh > ahead_wh:
            return _RUN
        # A stop this close to the end would cost the next slot its minimum off time and start delay.
        # A source that is only starting draws nothing yet: its running power is what a bridge would cost.
        starting = power_w < STARTING_SHARE * source.running_w
        overrun_wh = (source.running_w if starting else power_w) * left_s / 3600.0 - remaining_wh
        allowed_wh = source.minimum_run_wh if slot.followed else BRIDGE_SHARE * slot.energy_wh
        return _BRIDGE if overrun_wh <= allowed_wh else _USED
    if remaining_wh < source.minimum_run_wh:
        return _TOO_LITTLE if slot.energy_wh > 0 else _NOTHING
    return _RUN if left_s >= source.minimum_on_s else _TOO_LATE
