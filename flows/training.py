"""Flow `training`: features, the three candidates one after the other, their runs in MLflow."""

from __future__ import annotations

from collections.abc import Mapping

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.endings import DAY, fails_clearly, run_from_shell
from flows.person import CALLS_A_PERSON
from flows.steps import reproduce
from mlflow_fraud.adapters.dvc_repo import Outcome
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.operations.reporting.summary import candidates_summary, team_summary
from mlflow_fraud.operations.tracking.mirror import look_at_mlflow, not_tracked
from mlflow_fraud.paths import SHIPPED
from mlflow_fraud.stages.logged import Tried, try_to_track


@flow(name="training", log_prints=True, timeout_seconds=DAY, **CALLS_A_PERSON)
@fails_clearly
def training() -> dict[str, Outcome]:
    """Train what has changed; return each one's outcome and that of what ships: ran, restored or unchanged."""
    answers = ask_mlflow()
    reproduce("preprocess")
    outcomes: dict[str, Outcome] = {}
    tried: dict[str, Tried] = {}
    for candidate in CANDIDATES:
        outcomes[candidate] = reproduce(f"train@{candidate}")
        if answers:  # each question to one that is away is a wait
            tried[candidate] = ensure_logged(candidate)
            answers = not tried[candidate].away
    outcomes[SHIPPED] = reproduce("ship")
    if answers:
        tried[SHIPPED] = ensure_logged(SHIPPED)
    publish_candidates()
    publish_runs(make_up_for(tried))
    return outcomes


def make_up_for(tried: Mapping[str, Tried]) -> dict[str, Tried]:
    """Try once more where a candidate is not in MLflow, until MLflow turns out to be away."""
    final: dict[str, Tried] = {}
    away: Tried | None = None
    for candidate in (*CANDIDATES, SHIPPED):
        before = tried.get(candidate)
        if before is not None and before.logged is not None:
            final[candidate] = before
        else:
            final[candidate] = away or ensure_logged(candidate)
            away = final[candidate] if final[candidate].away else None
    return final


@task(cache_policy=NO_CACHE, persist_result=False)
def ask_mlflow() -> bool:
    """Look before any work whether MLflow can be used; one that is away is waited for no longer than this."""
    return look_at_mlflow()


@task(task_run_name="mlflow-{candidate}", cache_policy=NO_CACHE, persist_result=False)
def ensure_logged(candidate: str) -> Tried:
    """Make sure that MLflow knows the candidate; where it cannot, the end of the flow says so."""
    return try_to_track(candidate)


@task
def publish_candidates() -> None:
    """Show how good the candidates are."""
    tables = f"{candidates_summary()}\n{team_summary()}"
    create_markdown_artifact(key="candidates", markdown=tables, description="on the test period")


@task
def publish_runs(tried: dict[str, Tried]) -> None:
    """Show where MLflow has the candidates, and say which it does not have."""
    table = [{"candidate": candidate, **each.logged._asdict()} for candidate, each in tried.items() if each.logged]
    missing = not_tracked(tried)
    if missing:
        get_run_logger().warning("%s", missing)
    create_table_artifact(key="mlflow-runs", table=table, description="the candidates' runs and versions in MLflow")


if __name__ == "__main__":
    run_from_shell(training)
