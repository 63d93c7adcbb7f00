"""The files in deploy/ are taken by the programs they are for."""

import configparser
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.base import run_guarded
from gw_spaceheat.wires.embedded_broker import EmbeddedBroker
from gw_spaceheat.wires.mqtt import MqttLink, MqttLinkSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
SCADA = "d1-isone-me-versant-keene-beech-scada"
SECOND_S = 1.0


class SampleBroker(EmbeddedBroker):
    """Mosquitto with our sample configuration: only paths, port and (when run as root) the user differ."""

    acl = False

    def _mosquitto_text(self) -> str:
        needed = {line.split()[0]: line for line in super()._mosquitto_text().splitlines()}
        sample = (DEPLOY / "mosquitto.conf").read_text()
        sample = sample.replace("password_file /etc/mosquitto/house.passwords", needed["password_file"])
        sample = sample.replace("listener 1883 127.0.0.1", needed["listener"])
        if self.acl:
            sample = sample.replace("# acl_file /etc/mosquitto/house.acl", f"acl_file {DEPLOY / 'mosquitto.acl'}")
        (self._folder / "conf.d").mkdir(exist_ok=True)
        (self._folder / "conf.d" / "house.conf").write_text(sample)
        # As in Debian: its own file says some things and then includes ours; what is there twice stops mosquitto.
        debian = ["persistence true", needed["persistence_location"], f"log_dest file {self._folder}/mosquitto.log"]
        return "\n".join([*debian, needed.get("user", ""), f"include_dir {self._folder}/conf.d"]) + "\n"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[SampleBroker]:
    broker = SampleBroker(folder=tmp_path, username=SCADA, password="x", kind="mosquitto")
    yield broker
    broker.stop()


@pytest.mark.broker
@pytest.mark.parametrize("acl", [False, True])
def test_mosquitto_takes_the_sample_and_the_acl_binds_names(broker: SampleBroker, acl: bool) -> None:
    broker.acl = acl
    broker.start()
    got: list[str] = []
    last = threading.Event()

    def hear(topic: str, payload: bytes, _retained: bool) -> None:
        got.append(topic)
        if payload == b"last":
            last.set()

    link = MqttLink(
        MqttLinkSettings("127.0.0.1", broker.port, SCADA, "x", "c"), hear, lambda _: None, ["gw/#"], run_guarded
    )
    link.start()
    try:
        link.publish("gw/d1-isone-me-versant-keene-beech/to/s/dispatch", b"in another's name")
        link.publish(f"gw/{SCADA}/to/ltn/report", b"last")
        assert last.wait(10 * SECOND_S)
    finally:
        link.stop(2 * SECOND_S)
    assert got[-1] == f"gw/{SCADA}/to/ltn/report"
    assert len(got) == (1 if acl else 2)


@pytest.mark.parametrize("name", ["scada", "atn", "ear"])
def test_units_restart_for_ever_and_stop_in_time(name: str) -> None:
    # Not strict: systemd adds up what is given twice, such as SystemCallFilter.
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "systemd" / f"gws-{name}.service")
    assert unit["Service"]["Restart"] == "always"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0", "a crash loop must not strand the house"
    assert 5 < int(unit["Service"]["TimeoutStopSec"]) <= 10
    script = unit["Service"]["ExecStart"].split()[-1]
    assert script == {"scada": "run_local.py"}.get(name, f"run_{name}.py")
    assert "Requires" not in unit["Unit"], "heating must not depend on a broker"
