"""Every cell of every table: legal ones lead where a second, hand-written table says, all others are named errors."""

from enum import StrEnum
from itertools import product

import pytest

from commands.state_machines import PATH, text
from gw_spaceheat.decisions.state_machines import MACHINES, Machine
from gw_spaceheat.errors import IllegalEvent

CELLS = [(machine, state, event) for machine in MACHINES for state, event in product(machine.states, machine.events)]

# state: event>following ...; written from control.md and the published types, not from the code.
EXPECTED = {
    "authority": """
local: remote_granted>remote admin_takes>admin
remote: remote_lost>local admin_takes>admin
admin: admin_renews>admin admin_releases>local lease_lapses>local
""",
    "contract": """
Created: accept>Received scada_terminates>TerminatedByScada
Received: confirm>Confirmed start>Active ltn_terminates>TerminatedByLtn scada_terminates>TerminatedByScada
  end_unknown>CompletedUnknownOutcome
Confirmed: confirm>Confirmed start>Active ltn_terminates>TerminatedByLtn scada_terminates>TerminatedByScada
  end_unknown>CompletedUnknownOutcome
Active: confirm>Active ltn_terminates>TerminatedByLtn scada_terminates>TerminatedByScada
  end_met>CompletedSuccess end_missed>CompletedFailureByScada end_unknown>CompletedUnknownOutcome
""",
    "atn contract": """
Created: Received>Confirmed Confirmed>Confirmed Active>Active TerminatedByScada>TerminatedByScada
  TerminatedByLtn>TerminatedByLtn CompletedUnknownOutcome>CompletedUnknownOutcome CompletedSuccess>CompletedSuccess
  CompletedFailureByScada>CompletedFailureByScada
Confirmed: Received>Confirmed Confirmed>Confirmed Active>Active TerminatedByScada>TerminatedByScada
  TerminatedByLtn>TerminatedByLtn CompletedUnknownOutcome>CompletedUnknownOutcome CompletedSuccess>CompletedSuccess
  CompletedFailureByScada>CompletedFailureByScada
Active: Received>Active Confirmed>Active Active>Active TerminatedByScada>TerminatedByScada
  TerminatedByLtn>TerminatedByLtn CompletedUnknownOutcome>CompletedUnknownOutcome CompletedSuccess>CompletedSuccess
  CompletedFailureByScada>CompletedFailureByScada
""",
    "local control by tariff": """
Initializing: OnPeakBufferEmpty>HpOffStoreDischarge OnPeakBufferFull>HpOffStoreOff
  OnPeakStorageColderThanBuffer>HpOffStoreOff OffPeakBufferFullStorageReady>HpOffStoreOff
  OffPeakBufferEmpty>HpOnStoreOff OffPeakBufferFullStorageNotReady>HpOnStoreOff
HpOnStoreOff: OffPeakBufferFullStorageNotReady>HpOnStoreCharge OffPeakBufferFullStorageReady>HpOffStoreOff
  OnPeakStart>HpOffStoreOff
HpOnStoreCharge: OffPeakBufferEmpty>HpOnStoreOff DefrostDetected>HpOnStoreOff OffPeakStorageReady>HpOffStoreOff
  OnPeakStart>HpOffStoreOff
HpOffStoreOff: OnPeakBufferEmpty>HpOffStoreDischarge OffPeakBufferEmpty>HpOnStoreOff
  OffPeakStorageNotReady>HpOnStoreOff
HpOffStoreDischarge: OnPeakBufferFull>HpOffStoreOff OnPeakStorageColderThanBuffer>HpOffStoreOff
  OffPeakStart>HpOffStoreOff
""",
    "local control by slot": """
Initializing: NoElecBufferEmpty>HpOffStoreDischarge NoElecBufferFull>HpOffStoreOff ElecBufferEmpty>HpOnStoreOff
  ElecBufferFull>HpOnStoreCharge NoMoreElec>HpOffStoreOff
HpOnStoreOff: ElecBufferFull>HpOnStoreCharge NoMoreElec>HpOffStoreOff
HpOnStoreCharge: ElecBufferEmpty>HpOnStoreOff DefrostDetected>HpOnStoreOff NoMoreElec>HpOffStoreOff
HpOffStoreOff: NoElecBufferEmpty>HpOffStoreDischarge ElecBufferEmpty>HpOnStoreOff ElecBufferFull>HpOnStoreCharge
HpOffStoreDischarge: NoElecBufferFull>HpOffStoreOff NoElecStorageColderThanBuffer>HpOffStoreOff
  ElecBufferEmpty>HpOnStoreOff ElecBufferFull>HpOnStoreCharge
""",
    "local control of one tank": """
Initializing: OffPeakTankLow>HpOnStoreOff TankFull>HpOffStoreOff OnPeakStart>HpOffStoreOff
  ElecBufferEmpty>HpOnStoreOff NoMoreElec>HpOffStoreOff
HpOnStoreOff: TankFull>HpOffStoreOff OnPeakStart>HpOffStoreOff NoMoreElec>HpOffStoreOff
HpOffStoreOff: OffPeakTankLow>HpOnStoreOff ElecBufferEmpty>HpOnStoreOff
""",
    "opt-out": """
takes_part: opts_out>opted_out takes_back>takes_part
opted_out: opts_out>opted_out takes_back>takes_part
""",
    "clock": """
unproven: synchronised>proven jumped>wrong
proven: synchronisation_lost>held jumped>wrong
held: synchronised>proven held_too_long>unproven jumped>wrong
wrong: agrees>unproven
""",
    "proof of effect": """
waiting: commanded>waiting seen>proven overdue>trying
trying: commanded>trying seen>proven overdue>trying exhausted>failed
proven: commanded>waiting gone>waiting
failed: commanded>failed seen>proven
""",
    "link": """
not_started: start>connecting stop>stopped
connecting: connected>awaiting_setup connect_failed>connecting disconnected>connecting peer_heard>connecting
  round_trip>connecting stop>stopped
awaiting_setup: subscribed>awaiting_peer setup_failed>awaiting_setup connect_failed>connecting
  disconnected>connecting peer_heard>awaiting_setup round_trip>awaiting_setup stop>stopped
awaiting_peer: connect_failed>connecting disconnected>connecting peer_heard>awaiting_peer round_trip>active
  peer_silent>awaiting_peer stop>stopped
active: connect_failed>connecting disconnected>connecting peer_heard>active round_trip>active
  peer_silent>awaiting_peer stop>stopped
stopped: connected>stopped subscribed>stopped setup_failed>stopped connect_failed>stopped disconnected>stopped
  peer_heard>stopped round_trip>stopped peer_silent>stopped stop>stopped
""",
}


def cells_of(name: str) -> dict[tuple[str, str], str]:
    cells: dict[tuple[str, str], str] = {}
    for line in EXPECTED[name].strip().replace("\n  ", " ").splitlines():
        state, _, ways = line.partition(":")
        for way in ways.split():
            event, _, following = way.partition(">")
            cells[state, event] = following
    return cells


EXPECTED_CELLS = {name: cells_of(name) for name in EXPECTED}


@pytest.mark.parametrize(
    ("machine", "state", "event"), CELLS, ids=[f"{m.name}-{s}-{e}".replace(" ", "_") for m, s, e in CELLS]
)
def test_cell(machine: Machine, state: StrEnum, event: StrEnum) -> None:
    expected = EXPECTED_CELLS[machine.name].get((state.replace(" ", "_"), event.replace(" ", "_")))
    if expected is not None:
        assert machine.step(state, event).replace(" ", "_") == expected
        return
    with pytest.raises(IllegalEvent) as raised:
        machine.step(state, event)
    assert (raised.value.machine, raised.value.state, raised.value.event) == (machine.name, state, event)
    assert str(raised.value) == f"{machine.name}: event {event} is illegal in state {state}"


def test_no_table_is_forgotten() -> None:
    assert {machine.name for machine in MACHINES} == set(EXPECTED)
    for machine in MACHINES:
        assert sum(map(len, machine.table.values())) == len(EXPECTED_CELLS[machine.name])
        reached = {machine.initial} | {to for row in machine.table.values() for to in row.values()}
        assert set(machine.table) <= reached, f"{machine.name}: a state that nothing leads to"


def test_the_diagrams_are_those_of_the_tables() -> None:
    assert PATH.read_text(encoding="utf-8") == text(), "run: gws state-machines"
