"""The systemd units: sandboxed, watched, and taken by systemd's own checker."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from actors.supervisor import CHECK_S, HUNG_AFTER_S

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
NAMES = ["scada", "atn", "ear"]
MOST_EXPOSED = 20  # systemd's 2.0 of 10
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def lines(name: str) -> list[str]:
    return (UNITS / f"gws-{name}.service").read_text().splitlines()


def service(name: str) -> dict[str, str]:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(UNITS / f"gws-{name}.service")
    return dict(unit["Service"])


@pytest.mark.parametrize("name", NAMES)
def test_unprivileged_and_watched(name: str) -> None:
    unit = service(name)
    assert unit["User"] == "gridworks" and unit["NoNewPrivileges"] == "yes" and unit["ProtectSystem"] == "strict"
    assert unit["CapabilityBoundingSet"] == "" and "MemoryMax" in unit and unit["UMask"] == "0077"
    assert (unit["Type"], unit["NotifyAccess"]) == ("notify", "main")
    # A hung actor costs one round of the supervisor, and must not cost the whole program.
    assert 2 * CHECK_S < int(unit["WatchdogSec"]) <= 2 * HUNG_AFTER_S


def test_only_the_scada_reaches_devices_and_only_those_it_drives() -> None:
    allowed = [line.partition("=")[2] for line in lines("scada") if line.startswith("DeviceAllow=")]
    assert service("scada")["DevicePolicy"] == "closed"
    assert sorted(allowed) == [f"char-{kind} rw" for kind in ("gpiochip", "i2c", "ttyACM", "ttyAMA", "ttyS", "ttyUSB")]
    assert all(service(name)["PrivateDevices"] == "yes" for name in ("atn", "ear"))


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_systemd_rates_the_sandbox(name: str) -> None:
    unit = str(UNITS / f"gws-{name}.service")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", unit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if "unrecognized option" in done.stderr or "Unknown" in done.stderr:
        pytest.skip("this systemd cannot rate a file")
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_systemd_takes_the_unit(name: str, tmp_path: Path) -> None:
    """With a program that is here: the installation under /opt is not."""
    kept = [line for line in lines(name) if not line.startswith(("ExecStart=", "Documentation="))]
    kept.insert(kept.index("[Service]") + 1, "ExecStart=/bin/true")
    own = tmp_path / f"gws-{name}.service"
    own.write_text("\n".join(kept) + "\n")
    command = ["systemd-analyze", "verify", "--man=no", str(own)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr


def test_the_houses_own_broker_is_on_loopback() -> None:
    sample = (UNITS.parent / "mosquitto.conf").read_text().splitlines()
    assert [line for line in sample if line.startswith("listener")] == ["listener 1883 127.0.0.1"]
    assert "allow_anonymous false" in sample
