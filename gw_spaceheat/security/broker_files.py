"""What a broker may let whom do: identity in the certificate = sender in the topic. Pure text, from a list of houses.

scada        writes gw/<itself>/to/#        reads what its AtomicTNode says to it, and the ear's acknowledgements
AtomicTNode  writes gw/<itself>/to/#        reads its SCADA, its market's broadcast; and itself, to find a double
market       writes gw/<itself>/to/#        reads bids
ear          writes gw/<itself>/to/#        reads everything
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gw_spaceheat.errors import BadInput
from gw_spaceheat.house.model import House
from gw_spaceheat.messages.envelope import LONGEST_MESSAGE_BYTES, LONGEST_TOPIC

TLS_PORT = 8883
# A message of ours, its topic, and what MQTT itself adds.
LONGEST_PACKET_BYTES = LONGEST_MESSAGE_BYTES + 2 * LONGEST_TOPIC
# Each identity may be there twice for a moment, when a gateway is replaced, and run_atn.py listens for a clock too.
CONNECTIONS_EACH, SPARE_CONNECTIONS = 3, 20


@dataclass(frozen=True, slots=True)
class Rights:
    """Topic filters of one identity."""

    write: tuple[str, ...]
    read: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """Where the broker finds its files, as text for its configuration, and where it listens."""

    folder: str
    port: int = TLS_PORT
    plain_loopback_port: int | None = None


def dashed(alias: str) -> str:
    return alias.replace(".", "-")


def market_of(house: House) -> str:
    """The market maker of a house's feeder."""
    return f"{house.alias.rpartition('.')[0]}.market"


def default_ear(houses: Sequence[House]) -> str:
    """`d1.ear`: one ear for a world."""
    return f"{houses[0].alias.partition('.')[0]}.ear"


def rights_of(houses: Sequence[House], ears: Sequence[str]) -> dict[str, Rights]:
    """Every identity and what it may do. Raises BadInput when one alias would be two parties."""
    if not houses:
        raise BadInput("houses: at least one house file must be given")
    bidders: dict[str, list[str]] = {}
    for house in houses:
        bidders.setdefault(market_of(house), []).append(house.atn_alias)
    parties: list[tuple[str, tuple[str, ...]]] = [(ear, ("gw/#",)) for ear in ears]
    parties += [(market, tuple(f"gw/{dashed(b)}/to/market/#" for b in those)) for market, those in bidders.items()]
    for house in houses:
        scada, atn = dashed(house.scada_alias), dashed(house.atn_alias)
        from_ears = tuple(f"gw/{dashed(ear)}/to/{scada}/#" for ear in ears)
        heard = (f"gw/{scada}/to/ltn/#", f"gw/{dashed(market_of(house))}/to/broadcast/#")
        itself = (f"gw/{atn}/to/s/#", f"gw/{atn}-plant/to/#")
        parties += [(house.scada_alias, (f"gw/{atn}/to/s/#", *from_ears)), (house.atn_alias, (*heard, *itself))]
    twice = [alias for alias, count in Counter(alias for alias, _ in parties).items() if count > 1]
    if twice:
        raise BadInput(f"alias {twice[0]}: would be two parties on one broker, each must be one")
    return {alias: Rights((f"gw/{dashed(alias)}/to/#",), read) for alias, read in parties}


def acl_text(rights: Mapping[str, Rights]) -> str:
    """mosquitto's ACL file. What is not named is refused, also to who has no name."""
    lines = ["# Written by `gws broker-config`. A user name is the common name of a certificate."]
    for alias, allowed in sorted(rights.items()):
        lines += ["", f"user {alias}"]
        lines += [f"topic write {topic}" for topic in allowed.write]
        lines += [f"topic read {topic}" for topic in allowed.read]
    return "\n".join(lines) + "\n"


def mosquitto_text(files: BrokerFiles, identities: int) -> str:
    """mosquitto's configuration, 2.0 or newer."""
    folder = files.folder.rstrip("/")
    lines = [
        "# Written by `gws broker-config`. Needs mosquitto 2.0 or newer.",
        "allow_anonymous false",
        f"acl_file {folder}/acl",
        "# A command that the broker keeps and says again later is nobody's command.",
        "retain_available false",
        "# Nothing depends on what a broker stores: it is in the outbox of its sender.",
        "persistence false",
        "persistent_client_expiration 1d",
        "# Nagle's algorithm and delayed acknowledgements cost 88 ms for each QoS 1 round trip.",
        "set_tcp_nodelay true",
        f"max_packet_size {LONGEST_PACKET_BYTES}",
        "max_queued_messages 10000",
        "max_inflight_messages 20",
        "max_keepalive 120",
    ]
    if files.plain_loopback_port is not None:
        lines += [f"password_file {folder}/passwords"]
    lines += [
        "",
        f"listener {files.port}",
        f"max_connections {identities * CONNECTIONS_EACH + SPARE_CONNECTIONS}",
        f"cafile {folder}/ca.crt",
        f"certfile {folder}/server.crt",
        f"keyfile {folder}/server.key",
        f"crlfile {folder}/revoked.crl",
        "tls_version tlsv1.2",
        "require_certificate true",
        "use_identity_as_username true",
    ]
    if files.plain_loopback_port is not None:
        lines += ["", "# This machine only, with name and password.", f"listener {files.plain_loopback_port} 127.0.0.1"]
    return "\n".join(lines) + "\n"
