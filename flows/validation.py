"""Flow `validation`: the raw batches become one table, and the contract is held against it."""

from __future__ import annotations

from datetime import datetime

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.endings import DAY, fails_clearly, run_from_shell
from flows.person import CALLS_A_PERSON
from flows.steps import reproduce
from mlflow_fraud.operations.as_of import require_table_past
from mlflow_fraud.operations.data.up_to_date import require_batches_here, require_key
from mlflow_fraud.operations.reporting.summary import validation_summary


@flow(name="validation", log_prints=True, timeout_seconds=DAY, **CALLS_A_PERSON)
@fails_clearly
def validation(as_of: datetime | None = None) -> None:
    """Ingest and validate; Failed with counts and examples when the data breaks its contract.

    Args:
        as_of: No row may be later than this; than now where it is empty.
    """
    require_key()
    require_batches_here()
    reproduce("ingest")
    require_reached(as_of)
    try:
        reproduce("validate")
    finally:
        publish_validation()


@task(cache_policy=NO_CACHE, persist_result=False)
def require_reached(as_of: datetime | None) -> None:
    """Look for rows whose time is not there yet."""
    require_table_past(as_of)


@task
def publish_validation() -> None:
    """Show the rules and what they found."""
    summary = validation_summary()
    if summary:
        create_markdown_artifact(key="validation", markdown=summary, description="the contract, rule by rule")


if __name__ == "__main__":
    run_from_shell(validation)
