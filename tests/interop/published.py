"""The message types of the published GridWorks packages, by type name."""

import importlib

import gwproto.messages.event
import gwproto.messages.misc
import gwsproto.named_types.events
from pydantic import BaseModel

# Later wins: theirs newest.
MODULES = (
    gwproto.messages.event,
    gwproto.messages.misc,
    gwsproto.named_types.events,
    gwsproto.named_types,
    importlib.import_module("gwsproto.named_types.slow_dispatch_contract"),
    importlib.import_module("gwsproto.named_types.slow_contract_heartbeat"),
)


def _theirs() -> dict[str, type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    for module in MODULES:
        for thing in vars(module).values():
            if isinstance(thing, type) and issubclass(thing, BaseModel) and "TypeName" in thing.model_fields:
                default = thing.model_fields["TypeName"].default
                if isinstance(default, str) and "Payload" not in thing.model_fields:
                    found[default] = thing
    return found


THEIRS = _theirs()
