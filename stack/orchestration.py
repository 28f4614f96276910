"""Prefect: its server, the deployments on it, and a worker in a clone of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.paths import STACK
from stack import git_host, process, store
from stack.answers import answers
from stack.place import folder_of, password

USER = "stack"
CLONE = STACK / "clone"
"""Where the worker works."""


def client(url: str) -> dict[str, str]:
    """Return the variables by which a client reaches the server."""
    return {"PREFECT_API_URL": f"{url}/api", "PREFECT_API_AUTH_STRING": f"{USER}:{password('prefect')}"}


def start_server(port: int, database: str) -> str:
    """Start the server and return its address; its history is in the database, or in a file where there is none."""
    url = f"http://127.0.0.1:{port}"
    command = [Path(sys.executable).with_name("prefect"), "server", "start", "--host", "127.0.0.1", "--port", port]
    told = {
        "PREFECT_HOME": str(folder_of("prefect")),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_API_AUTH_STRING": f"{USER}:{password('prefect')}",
        "PREFECT_SERVER_UI_API_URL": f"{url}/api",
        "PREFECT_API_URL": "",
    }
    process.start("prefect", command, told, lambda: answers(f"{url}/api/health"))
    return url


def deploy(environ: Mapping[str, str]) -> None:
    """Put the deployments on the server; raise `FraudError` where that fails."""
    ended = subprocess.run(
        [sys.executable, "-m", "flows.deploy"], env={**environ}, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise FraudError(f"the deployments could not be made:\n{(ended.stdout + ended.stderr)[-2000:]}")


def start_worker(environ: Mapping[str, str]) -> None:
    """Start a worker, which looks for runs every two seconds, so that whoever asks for one sees it begin.

    It makes its clone first, and pushes what its runs make to the stack's repository and bucket.
    """
    command = [sys.executable, "-m", "flows.worker", "--clone", CLONE]
    command += ["--of", git_host.start(), "--data", f"s3://{store.BUCKET}/dvc"]
    told = {**environ, "FRAUD_PUBLISH": "branch", "FRAUD_BRANCH": git_host.BRANCH, "PREFECT_WORKER_QUERY_SECONDS": "2"}
    process.start("worker", command, told)
