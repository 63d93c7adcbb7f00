"""A command that the broker had kept is nobody's command, whatever broker it is."""

from datetime import datetime

import pytest

from actors.events import Received
from commands.site import load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.messages.contract import ContractStatus, SlowDispatchContract, make_heartbeat
from gw_spaceheat.messages.envelope import Header

MIDNIGHT_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()


@pytest.mark.parametrize("retained", [True, False])
def test_a_retained_heartbeat_starts_no_contract(retained: bool) -> None:
    """The same bytes, live, are heard: what refuses them is that they were kept."""
    lines: list[str] = []
    house = load_site("beech").house
    virtual = VirtualHouse(
        load_site("beech"),
        MIDNIGHT_S,
        planning=False,
        sink=lambda _at, who, kind, text: lines.append(f"{who} {kind} {text}"),
    )
    virtual.run_until(MIDNIGHT_S + 60.0)
    contract = SlowDispatchContract(
        scada_alias=house.scada_alias,
        start_s=int(MIDNIGHT_S) + 300,
        duration_minutes=60,
        avg_power_watts=3000,
        oil_boiler_on=False,
        contract_id=virtual.runtime.new_id(),
    )
    heartbeat = make_heartbeat("ltn", contract, ContractStatus.CREATED, int(MIDNIGHT_S * 1000.0) + 60_000)
    header = Header(house.atn_alias, "s", "slow.contract.heartbeat", virtual.runtime.new_id())
    lines.clear()
    keeper = virtual.runtime.address("contract-keeper")
    keeper.tell(Received("cloud", house.atn_alias, header, heartbeat, retained, virtual.runtime.now()))
    virtual.run_until(MIDNIGHT_S + 62.0)
    refused = "contract-keeper contract refused: a heartbeat retained by the broker is no word of anyone"
    own = [line for line in lines if line.startswith("contract-keeper")]
    assert (refused in own) == retained
    assert bool(own) and (not retained or own == [refused])
