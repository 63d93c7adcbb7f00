"""Whether an offered slot contract is accepted: the rules in their order, and the facts they are judged by."""

from dataclasses import dataclass

from gw_spaceheat.decisions.contract_state import ContractState, overlap
from gw_spaceheat.messages.contract import SlowContractHeartbeat, SlowDispatchContract

LATE_ACCEPTANCE_S = 300.0
EARLIEST_OFFER_S = 7200.0
LONGEST_MINUTES = 1440
CLOCK_SKEW_S = 60.0
HALF_RUN = 0.5
"""Of one minimum run, which a slot may be off by: how far above the estimate a slot may lie and still be met."""
TOLERANCE = 0.02
"""Or one minimum run, if that is more: energy comes in runs."""


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """`capacity_w`: most the heat source could ever draw; `minimum_run_wh`: energy of its shortest run.

    `drawable_w`: what it can draw now, on average while it runs; None: not known, then `capacity_w` is all there is.
    `switching_wh`: what a slot may be off by from switching alone.
    `revoked_by`: why slots may not run now (homeowner opted out, house cold, unsafe); empty if they may.
    """

    scada_alias: str
    capacity_w: float
    minimum_run_wh: float
    clock_trusted: bool = True
    revoked_by: str = ""
    oil_boiler: bool = False
    drawable_w: float | None = None
    switching_wh: float = 0.0

    def drawable_wh(self, slot_s: float) -> float:
        """The most a slot of so many seconds may ask for."""
        most_wh = self.capacity_w * slot_s / 3600.0
        if self.drawable_w is None:
            return most_wh
        return min(most_wh, self.drawable_w * slot_s / 3600.0 + HALF_RUN * self.minimum_run_wh)


def may_be_off_wh(contract: SlowDispatchContract, facts: ContractFacts) -> float:
    """What a slot may miss its energy by and still be a success."""
    return max(TOLERANCE * contract.energy_wh, facts.minimum_run_wh)


def why_refused(state: ContractState, heartbeat: SlowContractHeartbeat, facts: ContractFacts, now_s: float) -> str:
    """The first rule that an offered contract breaks; empty if it can be accepted."""
    contract = heartbeat.contract
    created_s = heartbeat.message_created_ms / 1000
    left_s = contract.end_s - max(now_s, contract.start_s)
    energy_wh = contract.energy_wh
    other = next((o for o in (state.current, state.upcoming) if o is not None and overlap(o.contract, contract)), None)
    rules = (
        (contract.contract_id in state.seen, "replayed contract"),
        (
            heartbeat.message_created_ms / 1000 < state.newest_created_ms / 1000 - LATE_ACCEPTANCE_S,
            "much older than a heartbeat already heard",
        ),
        (not facts.clock_trusted, "the SCADA's clock is not trusted"),
        (bool(facts.revoked_by), facts.revoked_by),
        (contract.end_s <= now_s, "the slot is over"),
        (now_s - contract.start_s > LATE_ACCEPTANCE_S, f"the slot began {now_s - contract.start_s:.0f} s ago"),
        (created_s > now_s + CLOCK_SKEW_S, "created in the future"),
        (contract.start_s - now_s > EARLIEST_OFFER_S, "the slot begins too far ahead"),
        (contract.duration_minutes % 5 != 0, "the duration is no multiple of 5 minutes"),
        (contract.duration_minutes > LONGEST_MINUTES, f"the slot is longer than {LONGEST_MINUTES} minutes"),
        (other is not None, "overlaps a slot already accepted"),
        (state.upcoming is not None, "a following slot is already accepted"),
        (contract.oil_boiler_on and not facts.oil_boiler, "this house has no boiler"),
        (contract.avg_power_watts < 0, "negative power"),
        (
            energy_wh > facts.capacity_w * left_s / 3600.0,
            f"{energy_wh:.0f} Wh in {left_s:.0f} s is above the capacity of {facts.capacity_w:.0f} W",
        ),
        (
            energy_wh > facts.drawable_wh(left_s),
            f"{energy_wh:.0f} Wh is above the {facts.drawable_wh(left_s):.0f} Wh that the heat source can draw in"
            f" {left_s:.0f} s with its water as cold as it is",
        ),
        (
            0 < energy_wh < facts.minimum_run_wh,
            f"{energy_wh:.0f} Wh is below one minimum run of {facts.minimum_run_wh:.0f} Wh",
        ),
        (
            energy_wh > 0 and may_be_off_wh(contract, facts) < facts.switching_wh,
            f"{energy_wh:.0f} Wh may be off by {may_be_off_wh(contract, facts):.0f} Wh,"
            f" less than switching alone is: {facts.switching_wh:.0f} Wh",
        ),
    )
    return next((reason for broken, reason in rules if broken), "")
