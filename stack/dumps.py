"""What a database of the server holds as a file, and back, by PostgreSQL's own programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from mlflow_fraud.core.errors import FraudError
from stack.database import USER, Database
from stack.place import password


def dump(server: Database, name: str, file: Path) -> None:
    """Write a database as it is at one moment, whoever uses it; raise `FraudError` where that fails."""
    _does(server, "pg_dump", "--format=custom", f"--file={file}", f"--dbname={name}")


def load(server: Database, name: str, file: Path) -> None:
    """Fill an empty database with what `dump` wrote; raise `FraudError` where that fails."""
    _does(server, "pg_restore", "--exit-on-error", f"--dbname={name}", str(file))


def _does(server: Database, program: str, *words: str) -> None:
    command = [str(server.home / program), "--host=127.0.0.1", f"--port={server.port}", f"--username={USER}", *words]
    environ = {**os.environ, "PGPASSWORD": password("database")}
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise FraudError(f"{program} {' '.join(words)} ended with {ended.returncode}: {ended.stderr.strip()[-500:]}")
