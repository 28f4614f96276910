"""A worker: Prefect's own, in a clone that nobody else changes, with its places on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from prefect.settings import get_current_settings

from flows.deploy import BEAT_SECONDS, POOL
from flows.server import require_server
from mlflow_fraud.core.errors import FraudError, SettingsError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.publication.clone import make_clone, places_from_anywhere
from mlflow_fraud.operations.workplace import require_workplace
from mlflow_fraud.stages.before import prepare_environment
from mlflow_fraud.stages.run import say


def worker_environment(environ: Mapping[str, str], root: Path, clone: Path) -> dict[str, str]:
    """Return what a worker runs with: the clone's own code, and stores that stay where this checkout has them."""
    code = [str(clone / "src"), str(clone)]
    path = [str(Path(sys.executable).parent), environ.get("PATH", "")]
    return {
        **environ,
        **places_from_anywhere(load_environment(environ), root),
        "FRAUD_CLONE": str(clone),
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": os.pathsep.join(code),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(BEAT_SECONDS),
        "PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES": "false",  # nothing is downloaded when a run begins
    }


def main() -> None:
    """Make the clone where it is not there, and become a worker."""
    try:
        prepare_environment()
        require_workplace(commit=True)
        if not get_current_settings().api.url:
            raise SettingsError("PREFECT_API_URL is not set, so there is no server to work for; docs/runbook.md")
        require_server()
        environ = worker_environment(os.environ, Path.cwd(), make_clone())
        if load_environment().publish == "desk":
            say("warning: FRAUD_PUBLISH is desk, so what is made here stays in this clone alone (docs/publication.md)")
    except FraudError as error:
        sys.exit(f"error: {error}")
    sys.stdout.flush()
    words = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    os.execve(sys.executable, words, environ)


if __name__ == "__main__":
    main()
