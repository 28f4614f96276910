"""A real tracking server of this environment's MLflow, which may be stopped in the middle and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from stack.place import free_ports
from tests.loopback import wait_for


class MlflowServer:
    """A server whose artifacts and log are in `folder`; `database` is where its runs are."""

    def __init__(self, folder: Path, database: str = "") -> None:
        (port,) = free_ports(1)
        self.uri = f"http://127.0.0.1:{port}"
        self._log = folder / "server.log"
        self._command = [str(Path(sys.executable).with_name("mlflow")), "server", "--host=127.0.0.1", f"--port={port}"]
        store = database or f"sqlite:///{folder / 'mlflow.db'}"
        self._command += ["--workers=1", f"--backend-store-uri={store}", f"--artifacts-destination={folder}"]

    def __enter__(self) -> MlflowServer:
        self.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self.send(signal.SIGKILL)

    def start(self) -> None:
        """Start it and wait until it answers."""
        environ = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, env=environ, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        wait_for(f"{self.uri}/health")

    def send(self, how: signal.Signals) -> None:
        """Send all of its processes a signal; one that ends them is waited for."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, how)
            if how not in (signal.SIGSTOP, signal.SIGCONT):
                self._process.wait(30)
