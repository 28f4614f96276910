"""Before MLflow's pages are opened on a project's own file: its addresses lead into this folder."""

from __future__ import annotations

from mlflow_fraud.environment import load_environment
from mlflow_fraud.stages.logged import open_tracking
from mlflow_fraud.stages.run import run_stage, say


def follow() -> None:
    """Let the MLflow file follow a project that was moved, copied or renamed; say so when it was."""
    before = open_tracking(load_environment()).follow_project()
    if before is not None:
        say(f"this project was in {before}; what MLflow has of it is now found in this folder")


if __name__ == "__main__":
    run_stage(follow)
