"""The flow `rollback`: back to an earlier release, from Prefect's pages; in a shell it is `mlflow-fraud rollback`."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.endings import REPEATED, fails_clearly_at_once
from flows.person import CALLS_A_PERSON
from mlflow_fraud.operations.release.promote import mirror_champion
from mlflow_fraud.operations.release.rollback import Rollback
from mlflow_fraud.operations.release.rollback import rollback as go_back
from mlflow_fraud.operations.release.store import open_configured_store

MINUTES = 10 * 60


@flow(name="rollback", log_prints=True, timeout_seconds=MINUTES, **CALLS_A_PERSON)
@fails_clearly_at_once
def rollback(reason: str, to: str = "") -> Rollback:
    """Make the release live that was live before, or the version `to`, then let MLflow's alias follow.

    What is left is held: no verdict puts it live again. It waits for no other run, and begins beside a retraining.

    Args:
        reason: Why, in a sentence; it stays in the ledger, so it names no customer.
        to: A version that was once live; the one before when it is empty.
    """
    moved = move(reason, to)
    follow()
    get_run_logger().info("%s is live now; held: %s", moved.version, ", ".join(moved.held))
    return moved


@task(cache_policy=NO_CACHE, persist_result=False)
def move(reason: str, to: str) -> Rollback:
    """Move the pointer; never repeated by itself, since a second time would lead one further back."""
    return go_back(open_configured_store(), reason=reason, to=to)


@task(**REPEATED)
def follow() -> str | None:
    """Set MLflow's alias `champion` to what is live; safe to repeat."""
    return mirror_champion(open_configured_store())
