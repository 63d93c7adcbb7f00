"""The embedded broker starts, listens on loopback only, and says clearly why it does not."""

import socket
from pathlib import Path

import pytest

from gw_spaceheat.errors import BadInput, StorageError, Unreachable
from gw_spaceheat.wires import embedded_broker
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from tests.fixtures.machine import missing


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.broker
def test_starts_stops_and_keeps_its_port(tmp_path: Path) -> None:
    broker = EmbeddedBroker(folder=tmp_path)
    assert broker.kind == "mosquitto"
    try:
        broker.start()
        port = broker.port
        assert listens(port)
        assert broker.running()
        broker.stop()
        assert not listens(port)
        broker.start()
        assert broker.port == port
        assert listens(port)
    finally:
        broker.stop()
    assert not broker.running()


@pytest.mark.broker
def test_taken_port_is_one_clear_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        broker = EmbeddedBroker(port=port, folder=tmp_path)
        with pytest.raises(Unreachable, match=rf"mosquitto at 127\.0\.0\.1:{port} did not start: .*in use"):
            broker.start()
    assert not broker.running()


@pytest.mark.broker
def test_password_file_holds_no_password(tmp_path: Path) -> None:
    broker = EmbeddedBroker(folder=tmp_path, username="scada", password="open sesame")
    try:
        broker.start()
        text = (tmp_path / "passwords").read_text()
        assert text.startswith("scada:$7$101$")
        assert "sesame" not in text
        assert (tmp_path / "passwords").stat().st_mode & 0o077 == 0
    finally:
        broker.stop()


def test_no_broker_installed_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_broker, "_found", lambda _kind: None)
    with pytest.raises(BadInput, match="install mosquitto"):
        EmbeddedBroker(folder=tmp_path)
    with pytest.raises(BadInput, match="nats-server is not installed"):
        EmbeddedBroker(folder=tmp_path, kind="nats-server")


def test_unwritable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_broker, "_found", lambda _kind: "/bin/true")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file.*must be writable"):
        EmbeddedBroker(folder=tmp_path / "file" / "below")


@pytest.mark.broker
@pytest.mark.parametrize("kind", ["nats-server", "amqtt"])
def test_other_brokers_start_where_installed(tmp_path: Path, kind: embedded_broker.BrokerKind) -> None:
    if embedded_broker._found(kind) is None:
        missing(f"{kind} is not installed")
    broker = EmbeddedBroker(folder=tmp_path, kind=kind)
    try:
        broker.start()
        assert listens(broker.port)
    finally:
        broker.stop()
    assert not listens(broker.port)
