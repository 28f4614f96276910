"""Flow `training`: features, the three candidates one after the other, their runs in MLflow."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.endings import fails_clearly, run_from_shell
from flows.steps import reproduce
from mlflow_fraud.adapters.dvc_repo import Outcome
from mlflow_fraud.adapters.mlflow_tracking import Logged
from mlflow_fraud.core.candidates import CANDIDATES
from mlflow_fraud.stages.summary import candidates_summary, team_summary
from mlflow_fraud.stages.track import look_at_mlflow, track_if_possible


@flow(name="training", log_prints=True)
@fails_clearly
def training() -> dict[str, Outcome]:
    """Train what has changed; return each candidate's outcome: ran, restored or unchanged."""
    ask_mlflow()
    reproduce("preprocess")
    outcomes: dict[str, Outcome] = {}
    runs: dict[str, Logged | None] = {}
    for candidate in CANDIDATES:
        outcomes[candidate] = reproduce(f"train@{candidate}")
        runs[candidate] = ensure_logged(candidate)
    publish_candidates()
    publish_runs({candidate: run or ensure_logged(candidate) for candidate, run in runs.items()})
    return outcomes


@task(cache_policy=NO_CACHE, persist_result=False)
def ask_mlflow() -> None:
    """Look before any work whether MLflow can be used; one that is away is waited for no longer than this."""
    look_at_mlflow()


@task(task_run_name="mlflow-{candidate}", cache_policy=NO_CACHE, persist_result=False)
def ensure_logged(candidate: str) -> Logged | None:
    """Make sure that MLflow knows the candidate; where it is away, say so and go on."""
    return track_if_possible(candidate)


@task
def publish_candidates() -> None:
    """Show how good the candidates are."""
    tables = f"{candidates_summary()}\n{team_summary()}"
    create_markdown_artifact(key="candidates", markdown=tables, description="on the test period")


@task
def publish_runs(runs: dict[str, Logged | None]) -> None:
    """Show where MLflow has the candidates, and say which it does not have."""
    table = [{"candidate": candidate, **logged._asdict()} for candidate, logged in runs.items() if logged]
    missing = [candidate for candidate, logged in runs.items() if logged is None]
    if missing:
        get_run_logger().warning("not in MLflow: %s; `mlflow-fraud track` makes up for it", ", ".join(missing))
    create_table_artifact(key="mlflow-runs", table=table, description="the candidates' runs and versions in MLflow")


if __name__ == "__main__":
    run_from_shell(training)
