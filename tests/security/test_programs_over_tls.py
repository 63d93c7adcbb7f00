"""Our own programs with certificates, and our link before a server that speaks only what is broken."""

import socket
import ssl
import threading
import time
import warnings
from pathlib import Path

import pytest

from actors.base import run_guarded
from commands.run import Ending
from commands.run_cloud import run_atn, run_ear
from gw_spaceheat.security.certificates import Authority
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings
from gw_spaceheat.wires.mqtt_protocol import LinkNotice
from tests.fixtures.secured_broker import BEECH, EAR, Heard, SecuredBroker


@pytest.mark.broker
def test_ear_and_atomic_tnode_join_with_their_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From settings to the broker's log: no password anywhere, the name is the certificate's."""
    broker = SecuredBroker(tmp_path)
    broker.start()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GWS_DATA_FOLDER", str(tmp_path / "data"))
    monkeypatch.setenv("GWS_CLOUD__HOST", "localhost")
    monkeypatch.setenv("GWS_CLOUD__PORT", str(broker.port))
    monkeypatch.setenv("GWS_CLOUD__TLS__ENABLED", "true")
    monkeypatch.setenv("GWS_CLOUD__TLS__CA_PATH", str(broker.authority.certificate_path))
    try:
        for alias, seconds in ((EAR, 1.5), (BEECH, 4.0)):
            files = broker.files[alias]
            monkeypatch.setenv("GWS_CLOUD__TLS__CERTIFICATE_PATH", str(files.certificate_path))
            monkeypatch.setenv("GWS_CLOUD__TLS__KEY_PATH", str(files.key_path))
            ending = Ending(seconds)
            if alias == EAR:
                run_ear(ending)
            else:
                run_atn("beech", None, None, ending)
            ending.raise_problem()
            assert f"u'{alias}'" in broker.said()
    finally:
        broker.stop()


def test_our_link_refuses_a_server_of_tls_1_1(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path / "ca", "test", 30, time.time())
    files = authority.issue_server(["localhost"], 10, time.time())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate_path, files.key_path)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    tried: list[str] = []

    def serve(listener: socket.socket) -> None:
        with listener.accept()[0] as raw:
            try:
                context.wrap_socket(raw, server_side=True).close()
                tried.append("spoken")
            except OSError as error:
                tried.append(str(error))

    with socket.create_server(("localhost", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        heard = Heard()
        port = int(listener.getsockname()[1])
        settings = MqttLinkSettings("localhost", port, client_id="x", tls=True, tls_ca_path=authority.certificate_path)
        link = MqttLink(settings, heard.message, heard.state, (), run_guarded)
        link.start()
        heard.wait(lambda: LinkNotice.UNREACHABLE in heard.states)
        server.join(5.0)
        link.stop(1.0)
    assert LinkNotice.CONNECTED not in heard.states
    assert len(tried) == 1 and "UNSUPPORTED_PROTOCOL" in tried[0]
