"""A real PostgreSQL on a free loopback port: from the development packages, or the one that the machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from stack.database import homes
from tests.loopback import free_ports

USER, PASSWORD, DATABASE = "fraud", "a-test-secret", "mlflow"


@dataclass(frozen=True)
class Postgres:
    """A server that can be stopped and started again on the same port."""

    address: str
    start: Callable[[], object]
    stop: Callable[[], object]
    """At once, as when its machine fails; what was committed is there when it starts again."""

    def database(self, name: str) -> str:
        """Make an empty database, which must not be there yet, and return its address."""
        engine = create_engine(self.address, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"create database {name}"))
        engine.dispose()
        return f"{self.address.rpartition('/')[0]}/{name}"


@contextmanager
def running_postgres() -> Iterator[str]:
    """Start a server and yield the address of an empty database for SQLAlchemy; skip where none can be started."""
    with postgres_server() as server:
        yield server.address


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Start a server with an empty database; skip where none can be started."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as name:
        folder, why = Path(name), "no initdb in the development packages, under /usr/lib/postgresql or on PATH"
        folder.chmod(0o755)
        for home in homes():
            data = folder / home.parent.name
            made = _made_in(data, home, folder)
            options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -c fsync=off"
            control: list[object] = [home / "pg_ctl", "-D", data, "-w"]
            start = [*control, "-o", options, "-l", data / "log", "start"]
            stop = [*control, "-m", "immediate", "stop"]
            if made.returncode == 0:
                made = run(*start)
            if made.returncode == 0:
                try:
                    yield Postgres(made_database(port), partial(run, *start), partial(run, *stop))
                finally:
                    run(*stop)
                return
            why = f"{home}: {(made.stderr or made.stdout).strip()}"
        pytest.skip(f"no PostgreSQL server could be started: {why}")


def _made_in(data: Path, home: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    data.mkdir()
    if os.getuid() == 0:
        shutil.chown(data, "nobody")
    secret = folder / "password"
    secret.write_text(PASSWORD)
    return run(home / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", "-EUTF8", f"--pwfile={secret}", "-N")


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Run one of its programs, which refuse to be root's."""
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    words = [str(word) for word in command]
    who = "nobody" if os.getuid() == 0 else None
    return subprocess.run(
        words, user=who, env=environ, cwd="/", capture_output=True, text=True, timeout=120, check=False
    )


def made_database(port: int) -> str:
    import psycopg

    told = {"host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD}
    with psycopg.connect(dbname="postgres", autocommit=True, **told) as connection:
        connection.execute(f"create database {DATABASE}")
    return f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}"
