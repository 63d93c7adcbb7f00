"""Every state machine of the decisions in one list: for the diagrams and for the test of every cell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gw_spaceheat.decisions import (
    atn_contract,
    authority,
    clock,
    contract_state,
    link,
    local_tables,
    opt_out,
    proof_tables,
)
from gw_spaceheat.decisions.command import Commander
from gw_spaceheat.messages.contract import ContractStatus


@dataclass(frozen=True, slots=True)
class Machine:
    """`name`: as in its IllegalEvent. `step`: the cell of the table, or IllegalEvent."""

    name: str
    text: str
    table: Mapping[Any, Mapping[Any, Any]]
    states: type[StrEnum]
    events: type[StrEnum]
    initial: StrEnum
    step: Callable[[Any, Any], StrEnum]


def _link_step(state: link.LinkState, event: link.LinkEvent) -> link.LinkState:
    return link.decide(link.LinkView(state), event, 0.0)[0].state


def _local(name: str, text: str, table: local_tables.Table) -> Machine:
    def step(body: local_tables.Body, event: local_tables.Event) -> local_tables.Body:
        return local_tables.next_body(table, body, event)

    return Machine(name, text, table, local_tables.Body, local_tables.Event, local_tables.Body.INITIALIZING, step)


MACHINES: tuple[Machine, ...] = (
    Machine(
        "authority",
        "Who commands the house. Below every commander lies the safety filter.",
        authority.TABLE, Commander, authority.Event, Commander.LOCAL, authority.next_commander,
    ),
    Machine(
        "contract",
        "A slot contract as the SCADA keeps it. An ended one has no way on.",
        contract_state.TABLE, ContractStatus, contract_state.Event, ContractStatus.CREATED, contract_state.next_status,
    ),
    Machine(
        "atn contract",
        "The same contract as the AtomicTNode holds it; the events are what the SCADA says of it.",
        atn_contract.TABLE, ContractStatus, ContractStatus, ContractStatus.CREATED, atn_contract.next_status,
    ),
    _local("local control by tariff", "A heat source with buffer and store, by the tariff.", local_tables.TARIFF_TABLE),
    _local(
        "local control by slot",
        "The same house while an accepted slot or a policy says whether the heat source runs.",
        local_tables.SLOT_TABLE,
    ),
    _local("local control of one tank", "One tank or none: on or off.", local_tables.SINGLE_TANK_TABLE),
    Machine(
        "opt-out",
        "The homeowner's own switch.",
        opt_out.TABLE, opt_out.Choice, opt_out.Event, opt_out.Choice.TAKES_PART, opt_out.next_choice,
    ),
    Machine(
        "clock",
        "Whether the time of day may be trusted. Trusted: proven and held.",
        clock.TABLE, clock.Trust, clock.Event, clock.Trust.UNPROVEN, clock.next_trust,
    ),
    Machine(
        "proof of effect",
        "What a released command owes: power, flow or temperature within the device's deadline.",
        proof_tables.TABLE, proof_tables.Phase, proof_tables.Event, proof_tables.Phase.WAITING, proof_tables.next_phase,
    ),
    Machine(
        "link",
        "A link to a peer: active only while the peer proves that it hears us.",
        link.TABLE, link.LinkState, link.LinkEvent, link.LinkState.NOT_STARTED, _link_step,
    ),
)  # fmt: skip
