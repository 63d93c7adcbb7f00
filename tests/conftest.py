"""What all tests share: where a real broker is, and that its absence fails in CI and skips elsewhere."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.machine import missing
from tests.storage.postgres_server import PostgresServer, postgres_folder
from tests.storage.victoria_metrics import victoria_metrics

# Debian installs mosquitto where only root's PATH looks.
SYSTEM_FOLDERS = os.pathsep.join(("/usr/sbin", "/usr/local/sbin"))
os.environ["PATH"] = os.pathsep.join((os.environ.get("PATH", os.defpath), SYSTEM_FOLDERS))

# Settings of the person at the keyboard must not reach a test.
for name in [name for name in os.environ if name.startswith("GWS_")]:
    del os.environ[name]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`broker` needs mosquitto, `db` PostgreSQL, `lines` VictoriaMetrics: skipped on a laptop without, failed in CI."""
    if item.get_closest_marker("broker") is not None and shutil.which("mosquitto") is None:
        missing("mosquitto is not on PATH")
    if item.get_closest_marker("db") is not None and postgres_folder() is None:
        missing("PostgreSQL's initdb is neither on PATH nor in /usr/lib/postgresql")
    if item.get_closest_marker("lines") is not None and not victoria_metrics():
        missing("victoria-metrics is not on PATH")


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


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A running PostgreSQL server with databases of its own; use it in tests marked `db`."""
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.remove()
