"""What all tests share: where a real broker is, and that its absence fails in CI and skips elsewhere."""

import os
import shutil
from pathlib import Path

import pytest

# Debian installs mosquitto where only root's PATH looks.
SYSTEM_FOLDERS = os.pathsep.join(("/usr/sbin", "/usr/local/sbin"))
os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), SYSTEM_FOLDERS))

# Settings of the person at the keyboard must not reach a test.
for name in [name for name in os.environ if name.startswith("GWS_")]:
    del os.environ[name]


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked `broker` needs mosquitto: skipped on a laptop without it, failed in CI."""
    if item.get_closest_marker("broker") is None or shutil.which("mosquitto") is not None:
        return
    if in_ci():
        pytest.fail("mosquitto is not on PATH, and CI is set: a broker test may not be skipped in CI", pytrace=False)
    pytest.skip("mosquitto is not on PATH")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def mosquitto() -> Path:
    """The mosquitto program; use it in tests marked `broker`."""
    found = shutil.which("mosquitto")
    assert found is not None, "mark the test `broker`"
    return Path(found)
