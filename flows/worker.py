"""A worker: Prefect's own, in a clone that nobody else changes, with its places on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from prefect.settings import get_current_settings

from flows.deploy import POOL
from flows.server import require_server
from flows.silence import BEAT_SECONDS
from mlflow_fraud.core.errors import FraudError, SettingsError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.publication.clone import make_clone, places_from_anywhere
from mlflow_fraud.operations.workplace import require_workplace
from mlflow_fraud.paths import CLONE
from mlflow_fraud.stages.before import prepare_environment


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


def require_publishing() -> None:
    """Raise `SettingsError` where what runs make would be in the worker's clone alone, and lost with it."""
    if load_environment().publish == "desk":
        raise SettingsError(
            "FRAUD_PUBLISH is desk, expected branch or pull-request: a worker's clone must not be the only place where "
            "something is known. Set FRAUD_PUBLISH=branch, FRAUD_BRANCH to the branch that takes what is pushed, and "
            "`mlflow-fraud data remote <url>` for the data; docs/publication.md"
        )


def asked(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the command line asks for: `clone`, `of` and `data`."""
    parser = argparse.ArgumentParser(prog="python -m flows.worker", description="A worker in a clone of its own.")
    parser.add_argument("--clone", type=Path, default=CLONE, help="where it works (%(default)s)")
    parser.add_argument("--of", default="", help="the repository to clone and push to (this checkout's origin)")
    parser.add_argument("--data", default="", help="where DVC pushes what is pinned (this checkout's DVC remote)")
    return parser.parse_args(words)


def main() -> None:
    """Make the clone where it is not there, and become a worker."""
    told = asked()
    try:
        prepare_environment()
        require_publishing()
        require_workplace(commit=True)
        if not get_current_settings().api.url:
            raise SettingsError("PREFECT_API_URL is not set, so there is no server to work for; docs/worker.md")
        require_server()
        environ = worker_environment(os.environ, Path.cwd(), make_clone(told.clone, of=told.of, data=told.data))
    except FraudError as error:
        sys.exit(f"error: {error}")
    sys.stdout.flush()
    words = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    os.execve(sys.executable, words, environ)


if __name__ == "__main__":
    main()
