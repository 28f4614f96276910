"""Flow `training`: features, the three candidates one after the other, their runs in MLflow."""

from __future__ import annotations

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.endings import REPEATED, fails_clearly, run_from_shell
from flows.steps import reproduce
from mlflow_fraud.adapters.dvc_repo import Outcome
from mlflow_fraud.adapters.mlflow_tracking import Logged
from mlflow_fraud.core.candidates import CANDIDATES
from mlflow_fraud.stages.summary import candidates_summary, team_summary
from mlflow_fraud.stages.track import track


@flow(name="training", log_prints=True)
@fails_clearly
def training() -> dict[str, Outcome]:
    """Train what has changed; return each candidate's outcome: ran, restored or unchanged."""
    reproduce("preprocess")
    outcomes: dict[str, Outcome] = {}
    runs: dict[str, Logged] = {}
    for candidate in CANDIDATES:
        outcomes[candidate] = reproduce(f"train@{candidate}")
        runs[candidate] = ensure_logged(candidate)
    publish_candidates()
    publish_runs(runs)
    return outcomes


@task(task_run_name="mlflow-{candidate}", **REPEATED)
def ensure_logged(candidate: str) -> Logged:
    """Make sure that MLflow knows the candidate; safe to repeat, since a known one is only looked up."""
    return track(candidate)


@task
def publish_candidates() -> None:
    """Show how good the candidates are."""
    tables = f"{candidates_summary()}\n{team_summary()}"
    create_markdown_artifact(key="candidates", markdown=tables, description="on the test period")


@task
def publish_runs(runs: dict[str, Logged]) -> None:
    """Show where MLflow has the candidates."""
    table = [{"candidate": candidate, **logged._asdict()} for candidate, logged in runs.items()]
    create_table_artifact(key="mlflow-runs", table=table, description="the candidates' runs and versions in MLflow")


if __name__ == "__main__":
    run_from_shell(training)
