"""Everything a house says in ten minutes, read by the published GridWorks packages."""

import json
from datetime import datetime

import pytest
from gwproto import message as gwproto_message

from commands.site import load_site
from commands.virtual import VirtualHouse
from gw_spaceheat.messages import BY_NAME
from gw_spaceheat.messages.envelope import decode
from gw_spaceheat.storage.message_store import StoredMessage
from tests.interop.published import THEIRS

START_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()
SPOKEN = {"report", "snapshot.spaceheat", "power.watts", "slow.contract.heartbeat", "weather.forecast", "latest.price"}


@pytest.fixture(scope="module", params=["beech", "orange", "fir"])
def stored(request: pytest.FixtureRequest) -> list[StoredMessage]:
    house = VirtualHouse(load_site(f"d1.isone.me.versant.keene.{request.param}"), START_S, 1)
    house.run_until(START_S + 605.0)
    return house.ear_store.rows(0, 100_000)


def test_the_house_says_what_it_should(stored: list[StoredMessage]) -> None:
    said = {message.type_name for message in stored}
    assert said >= SPOKEN, SPOKEN - said


def test_they_read_every_message_of_a_published_type(stored: list[StoredMessage]) -> None:
    read: set[str] = set()
    for message in stored:
        their_model = THEIRS.get(message.type_name)
        if their_model is None:
            assert BY_NAME[message.type_name].ours, f"{message.type_name} is called published and is not"
            continue
        theirs = gwproto_message.Message[their_model].model_validate_json(message.payload)
        assert isinstance(theirs.Payload, their_model)
        assert (theirs.src(), theirs.message_type()) == (message.source, message.type_name)
        sent = json.loads(message.payload)["Payload"]
        heard = json.loads(theirs.Payload.model_dump_json(exclude_none=True))
        assert {name: heard[name] for name in sent} == sent, "they may add a default, never change a word"
        read.add(message.type_name)
    assert len(read) >= 5, read


def test_we_read_our_own_messages(stored: list[StoredMessage]) -> None:
    for message in stored:
        assert decode(message.payload).header.message_type == message.type_name
