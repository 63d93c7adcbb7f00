"""Everything a house says in ten minutes, read by the published GridWorks packages."""

import importlib
import json
from datetime import datetime

import pytest
from pydantic import BaseModel

gwsproto_types = pytest.importorskip("gwsproto.named_types")
gwproto_message = pytest.importorskip("gwproto.message")
gwproto_events = pytest.importorskip("gwproto.messages.event")
gwproto_misc = pytest.importorskip("gwproto.messages.misc")
gwsproto_events = pytest.importorskip("gwsproto.named_types.events")

from commands.site import load_site  # noqa: E402
from commands.virtual import VirtualHouse  # noqa: E402
from gw_spaceheat.messages import BY_NAME  # noqa: E402
from gw_spaceheat.messages.envelope import decode  # noqa: E402
from gw_spaceheat.storage.message_store import StoredMessage  # noqa: E402

START_S = datetime.fromisoformat("2016-12-12T05:00:00+00:00").timestamp()
SPOKEN = {"report", "snapshot.spaceheat", "power.watts", "slow.contract.heartbeat", "weather.forecast", "latest.price"}


def _theirs() -> dict[str, type[BaseModel]]:
    modules = [gwproto_events, gwproto_misc, gwsproto_events, gwsproto_types]  # later wins: theirs newest
    for name in ("slow_dispatch_contract", "slow_contract_heartbeat"):
        modules.append(importlib.import_module(f"gwsproto.named_types.{name}"))
    found: dict[str, type[BaseModel]] = {}
    for module in modules:
        for thing in vars(module).values():
            if isinstance(thing, type) and issubclass(thing, BaseModel) and "TypeName" in thing.model_fields:
                default = thing.model_fields["TypeName"].default
                if isinstance(default, str) and "Payload" not in thing.model_fields:
                    found[default] = thing
    return found


THEIRS = _theirs()


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
