"""A PostgreSQL server of a test's own: in its folder, on a free port, ended with it."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

SECONDS = 60


def postgres_folder() -> Path | None:
    """Where initdb and pg_ctl are: on PATH, or where Debian puts them. The newest; None: not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return versions[-1].parent if versions else None


class PostgresServer:
    """`stop` and `start` again keep its data. As root it runs as the user postgres: it refuses root."""

    def __init__(self, folder: Path) -> None:
        programs = postgres_folder()
        assert programs is not None, "mark the test `db`"
        self._programs = programs
        # pytest's folders and our own temporary ones are closed to others, and a socket's path may have 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="gws-pg-", dir=folder.parent if os.geteuid() else "/tmp"))
        self._databases = 0
        self._data = self._folder / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        if not os.geteuid():
            owner = pwd.getpwnam("postgres")
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        options = ("--auth=trust", "--username=ear", "--no-sync", "--encoding=UTF8", "--locale=C")
        self._run("initdb", "-D", str(self._data), *options)

    @property
    def url(self) -> str:
        return f"postgresql://ear@127.0.0.1:{self._port}/postgres"

    def new_database(self) -> str:
        """The address of an empty database."""
        self._databases += 1
        name = f"test_{self._databases}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"{self.url.removesuffix('postgres')}{name}"

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-o", options, "-l", log, "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is as if it crashed."""
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        user = None if os.geteuid() else "postgres"
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server would hold a pipe open
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{program}: exit {done.returncode}, see {self._folder}/log"
