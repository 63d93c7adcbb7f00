"""Who we are on a link, whom we hear there, and what we take from them; whatever else arrives is refused."""

from collections.abc import Mapping
from dataclasses import dataclass

from gw_spaceheat.errors import BadMessage
from gw_spaceheat.messages.base import type_name_of
from gw_spaceheat.messages.envelope import Envelope, decode, parse_topic
from gw_spaceheat.messages.link import Ack

ACK_NAME = type_name_of(Ack)


@dataclass(frozen=True, slots=True)
class Post:
    """One process's place on one link."""

    link: str
    alias: str
    peers: Mapping[str, str]  # short name -> alias
    subscriptions: tuple[str, ...]
    accepts: frozenset[str]  # type names; anything else on this link is refused
    watched: str = ""  # short name of the peer whose life is proven by round trips; none: nobody need answer
    # Short name of the durable receiver, who acknowledges every event and says nothing else here; empty: each event
    # is acknowledged by whom it is addressed to.
    receiver: str = ""

    def read(self, topic: str, payload: bytes) -> Envelope:
        """The message, if its sender and type are ones of this link. BadMessage with the reason otherwise."""
        said = parse_topic(topic)
        if said.source not in self.peers.values():
            raise BadMessage(
                "sender not of this link",
                f"{said.source}, link {self.link} hears {sorted(self.peers.values())}",
            )
        only_acks = bool(self.receiver) and said.source == self.peers[self.receiver]
        if said.type_name not in self.accepts or (only_acks and said.type_name != ACK_NAME):
            raise BadMessage("type not for this link", f"{said.type_name} on link {self.link}")
        envelope = decode(payload)
        header = envelope.header
        if header.src != said.source:
            raise BadMessage("sender differs", f"topic says {said.source}, header says {header.src}")
        if header.message_type != said.type_name:
            raise BadMessage("type differs", f"topic says {said.type_name}, header says {header.message_type}")
        return envelope

    def short_of(self, alias: str) -> str:
        """By what name a peer is addressed."""
        return next(short for short, known in self.peers.items() if known == alias)
