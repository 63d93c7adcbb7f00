"""A real mosquitto with our files: who gets in, who may say what, who hears what."""

import ssl
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.base import run_guarded
from gw_spaceheat.security.certificates import Authority
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings
from gw_spaceheat.wires.mqtt_protocol import LinkNotice
from tests.fixtures.secured_broker import BEECH, EAR, FIR, LIMIT_S, MARKET, Heard, SecuredBroker

pytestmark = pytest.mark.broker
SCADA, OTHER = f"{BEECH}.scada", f"{FIR}.scada"


def topic(source: str, rest: str) -> str:
    return f"gw/{source.replace('.', '-')}/to/{rest}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    broker = SecuredBroker(tmp_path_factory.mktemp("secured"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def broker(running: SecuredBroker) -> Iterator[SecuredBroker]:
    yield running
    for link in running.links:
        link.stop(1.0)
    running.links.clear()


def joined(broker: SecuredBroker, alias: str, *subscriptions: str) -> tuple[MqttLink, Heard]:
    link, heard = broker.link(alias, *subscriptions)
    heard.wait(lambda: LinkNotice.SUBSCRIBED in heard.states)
    return link, heard


def test_the_right_certificate_works_both_ways(broker: SecuredBroker) -> None:
    scada, scada_hears = joined(broker, SCADA, topic(BEECH, "s/#"))
    atn, atn_hears = joined(broker, BEECH, topic(SCADA, "ltn/#"), topic(MARKET, "broadcast/#"))
    market, _ = joined(broker, MARKET)
    scada.publish(topic(SCADA, "ltn/report"), b"warm")
    atn.publish(topic(BEECH, "s/slow-contract-heartbeat"), b"buy")
    market.publish(topic(MARKET, "broadcast/latest-price"), b"42")
    atn_hears.wait(lambda: len(atn_hears.messages) == 2)
    scada_hears.wait(lambda: scada_hears.messages == [(topic(BEECH, "s/slow-contract-heartbeat"), b"buy")])


def test_the_broker_takes_the_name_from_the_certificate(broker: SecuredBroker) -> None:
    joined(broker, SCADA)
    assert f"u'{SCADA}'" in broker.said()
    serials = [entry.serial for entry in broker.authority.issued]
    assert len(set(serials)) == len(serials)


def test_the_ear_reads_all_and_nobody_speaks_in_another_name(broker: SecuredBroker) -> None:
    """The ear is the witness: what it does not hear, the broker has dropped. PUBACK proves nothing."""
    _, ear = joined(broker, EAR, "gw/#")
    rogue, _ = joined(broker, OTHER)
    forged = [
        topic(SCADA, "ltn/report"), topic(BEECH, "s/slow-contract-heartbeat"), topic(MARKET, "broadcast/latest-price"),
        topic(FIR, "s/slow-contract-heartbeat"), topic(EAR, "s/gridworks-ack"), "anything", "$SYS/broker/uptime",
    ]  # fmt: skip
    for name in forged:
        rogue.publish(name, b"forged")
    rogue.publish(topic(OTHER, "ltn/report"), b"own")
    ear.wait_topic(topic(OTHER, "ltn/report"))
    assert ear.topics() == [topic(OTHER, "ltn/report")]


def test_ears_share_the_load_by_a_shared_subscription(broker: SecuredBroker) -> None:
    """Two processes with the ear's certificate: each message goes to one of them."""
    ears = [joined(broker, EAR, "$share/ear/gw/#")[1] for _ in range(2)]
    scada, _ = joined(broker, SCADA)
    for number in range(40):
        scada.publish(topic(SCADA, "ltn/report"), b"%d" % number)
    end_s = time.monotonic() + LIMIT_S
    while sum(len(ear.messages) for ear in ears) < 40 and time.monotonic() < end_s:
        time.sleep(0.02)
    assert sorted(int(payload) for ear in ears for _, payload in ear.messages) == list(range(40))
    assert all(ear.messages for ear in ears)


def test_nobody_reads_another_house(broker: SecuredBroker) -> None:
    _, rogue = joined(broker, OTHER, "#", "gw/#", topic(BEECH, "#"), topic(SCADA, "#"), topic(FIR, "s/#"))
    _, ear = joined(broker, EAR, "gw/#")
    scada, _ = joined(broker, SCADA)
    atn, _ = joined(broker, BEECH)
    own_atn, _ = joined(broker, FIR)
    market, _ = joined(broker, MARKET)
    scada.publish(topic(SCADA, "ltn/report"), b"private")
    atn.publish(topic(BEECH, "s/slow-contract-heartbeat"), b"private")
    market.publish(topic(MARKET, "broadcast/latest-price"), b"for buyers")
    ear.wait(lambda: len(ear.messages) == 3)
    own_atn.publish(topic(FIR, "s/slow-contract-heartbeat"), b"for me")
    rogue.wait_topic(topic(FIR, "s/slow-contract-heartbeat"))
    assert set(rogue.topics()) == {topic(FIR, "s/slow-contract-heartbeat")}


def test_a_command_is_never_kept_by_the_broker(broker: SecuredBroker) -> None:
    atn, _ = joined(broker, BEECH)
    atn.publish(topic(BEECH, "s/slow-contract-heartbeat"), b"kept?", retain=True)
    atn.stop(2.0)
    _, late = joined(broker, SCADA, topic(BEECH, "s/#"), topic(BEECH, "s/now"))
    again, _ = joined(broker, BEECH)
    again.publish(topic(BEECH, "s/now"), b"now")
    late.wait_topic(topic(BEECH, "s/now"))
    assert set(late.topics()) == {topic(BEECH, "s/now")}


def test_an_oversize_packet_ends_its_connection_and_reaches_nobody(broker: SecuredBroker) -> None:
    _, ear = joined(broker, EAR, "gw/#")
    scada, heard = joined(broker, SCADA)
    scada.publish(topic(SCADA, "ltn/report"), bytes(256 * 1024))
    ear.wait(lambda: len(ear.messages) == 1)
    scada.publish(topic(SCADA, "ltn/report"), bytes(300_000))
    heard.wait(lambda: LinkNotice.DISCONNECTED in heard.states)
    assert len(ear.messages) == 1


def test_no_certificate_no_entry(broker: SecuredBroker) -> None:
    assert broker.answer(broker.context(broker.files[SCADA])) == "accepted"
    assert broker.refuses(broker.context(None), "peer did not return a certificate")


def test_plain_text_gets_no_answer(broker: SecuredBroker) -> None:
    assert broker.refuses(None)


def test_a_foreign_authority_with_the_same_names_is_refused(broker: SecuredBroker, tmp_path: Path) -> None:
    foreign = Authority.create(tmp_path / "foreign", "test", 30, time.time())
    files = foreign.issue_client(SCADA, 10, time.time())
    assert broker.refuses(broker.context(files), "certificate verify failed")


def test_a_server_certificate_is_no_device(broker: SecuredBroker) -> None:
    own = broker.authority.folder / "localhost"
    context = broker.context(None)
    context.load_cert_chain(own / "1.crt", own / "1.key")
    assert broker.refuses(context, "certificate verify failed")


@pytest.mark.parametrize("version", ["TLSv1_1", "TLSv1_2", "TLSv1_3"])
def test_tls_1_1_is_refused_by_the_broker(broker: SecuredBroker, version: str) -> None:
    context = broker.context(broker.files[SCADA])
    context.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL would not even offer the old version
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    if version == "TLSv1_1":
        assert broker.refuses(context, "unsupported protocol")
    else:
        assert broker.answer(context) == "accepted"


def test_a_broker_of_another_name_is_refused_by_us(broker: SecuredBroker) -> None:
    """127.0.0.1 is where it listens, and not what its certificate says."""
    link, heard = broker.link(SCADA, host="127.0.0.1")
    heard.wait(lambda: LinkNotice.UNREACHABLE in heard.states)
    assert "certificate is not valid for '127.0.0.1'" in link.problem
    assert LinkNotice.CONNECTED not in heard.states


def test_the_plain_listener_is_on_loopback_and_knows_no_anonymous(broker: SecuredBroker) -> None:
    listeners = [line.split() for line in broker.configuration.read_text().splitlines() if line.startswith("listener")]
    assert [words[2:] for words in listeners] == [[], ["127.0.0.1"]], "the one for everybody is the one with TLS"
    heard = Heard()
    settings = MqttLinkSettings("127.0.0.1", broker.plain_port, client_id="x")
    link = MqttLink(settings, heard.message, heard.state, (), run_guarded)
    broker.links.append(link)
    link.start()
    heard.wait(lambda: LinkNotice.AUTH_REFUSED in heard.states)


def test_revoked_is_refused_and_rotation_needs_no_visit(tmp_path: Path) -> None:
    """New key beside the old one during the overlap; after the cut-over a reload of the broker refuses the old."""
    broker = SecuredBroker(tmp_path)
    old, stolen = broker.files[SCADA], broker.files[OTHER]
    broker.start()
    try:
        # Rotated a fortnight and a second ago: the overlap has just ended, and the daily timer has not run yet.
        fresh = broker.authority.rotate(SCADA, 14, 20, time.time() - 14 * 86400 - 1)
        for files in (old, fresh, stolen):
            assert broker.answer(broker.context(files)) == "accepted"
        broker.authority.revoke(OTHER, time.time())
        assert broker.authority.write_revocations(time.time()) == 2
        broker.write()
        broker.reload()
        end_s = time.monotonic() + LIMIT_S
        while broker.answer(broker.context(old)) == "accepted" and time.monotonic() < end_s:
            time.sleep(0.05)
        for files in (old, stolen):
            assert broker.refuses(broker.context(files), "certificate verify failed")
        assert broker.answer(broker.context(fresh)) == "accepted"
    finally:
        broker.stop()
