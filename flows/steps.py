"""The task that drives one DVC stage, shared by the flows."""

from __future__ import annotations

from time import monotonic

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.core.progress import duration

STAGE_SECONDS = 4 * 3600


@task(task_run_name="dvc-{stage}", cache_policy=NO_CACHE, persist_result=False, timeout_seconds=STAGE_SECONDS)
def reproduce(stage: str) -> dvc_repo.Outcome:
    """Bring one DVC stage up to date. Called directly and in order; DVC is the only cache."""
    began = monotonic()
    outcome = dvc_repo.reproduce(stage, log=get_run_logger().info)
    get_run_logger().info("%s: %s in %s", stage, outcome, duration(monotonic() - began))
    return outcome
