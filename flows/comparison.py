"""Flow `comparison`: the best candidate against the live release."""

from __future__ import annotations

from functools import partial

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.endings import HOUR, REPEATED, asks, fails_clearly, run_from_shell
from flows.person import CALLS_A_PERSON
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.release.store import open_configured_store
from mlflow_fraud.operations.reporting.summary import verdict_summary
from mlflow_fraud.operations.tracking.mirror import mark_challenger


@flow(name="comparison", log_prints=True, timeout_seconds=2 * HOUR, **CALLS_A_PERSON)
@fails_clearly
def comparison(first: bool = False, reason: str = "") -> bool:
    """Return whether the challenger should go live; the reasons are in `data/decision/`.

    Args:
        first: Judge it as what may be the first release, where nothing is live yet.
        reason: Why was trained, if somebody said; the verdict has it.
    """
    promote = judge(first, reason)
    name_challenger()
    publish_verdict()
    return promote


@task(cache_policy=NO_CACHE, persist_result=False)
def judge(first: bool, reason: str) -> bool:
    """Score both on the same rows and write the verdict and its report."""
    return compare(open_configured_store(), first=first, asked=reason).verdict.promote


@task(**REPEATED)
def name_challenger() -> None:
    """Let MLflow's alias `challenger` name the candidate that was judged; safe to repeat."""
    mark_challenger()


@task
def publish_verdict() -> None:
    """Show the verdict with its reasons."""
    create_markdown_artifact(key="verdict", markdown=verdict_summary(), description="champion and challenger")


if __name__ == "__main__":
    run_from_shell(partial(comparison, first=asks("--first")))
