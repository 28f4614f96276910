"""MLflow's server: runs in the database, artifacts in the store."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from stack import process
from stack.answers import answers


def start(port: int, database: str, artifacts: str, environ: Mapping[str, str]) -> str:
    """Start it and return its address."""
    url = f"http://127.0.0.1:{port}"
    command = [Path(sys.executable).with_name("mlflow"), "server", "--host=127.0.0.1", f"--port={port}", "--workers=1"]
    command += [f"--artifacts-destination={artifacts}"]
    told = {**environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_BACKEND_STORE_URI": database}
    process.start("mlflow", command, told, lambda: answers(f"{url}/health"))
    return url
