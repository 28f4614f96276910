"""A real PostgreSQL on a free loopback port: from the development packages, or the one that the machine has."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import create_engine, text

from stack.database import homes, make, run
from stack.place import free_ports
from tests.absent import absent

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
            options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data} -c fsync=off"
            control: list[object] = [home / "pg_ctl", "-D", data, "-w"]
            start = [*control, "-o", options, "-l", data / "log", "start"]
            stop = [*control, "-m", "immediate", "stop"]
            why = make(home, data, USER, PASSWORD, "-N") or run(*start)
            if not why:
                try:
                    yield Postgres(made_database(port), partial(run, *start), partial(run, *stop))
                finally:
                    run(*stop)
                return
        absent(f"no PostgreSQL server could be started: {why}")


def made_database(port: int) -> str:
    import psycopg

    there = f"host=127.0.0.1 port={port} user={USER} password={PASSWORD} dbname=postgres"
    with psycopg.connect(there, autocommit=True) as connection:
        connection.execute(f"create database {DATABASE}")
    return f"postgresql+psycopg://{USER}:{PASSWORD}@127.0.0.1:{port}/{DATABASE}"
