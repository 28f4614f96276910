"""Flow `validation`: the raw batches become one table, and the contract is held against it."""

from __future__ import annotations

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact

from flows.endings import fails_clearly, run_from_shell
from flows.steps import reproduce
from mlflow_fraud.stages.pins import require_batches_here
from mlflow_fraud.stages.summary import validation_summary


@flow(name="validation", log_prints=True)
@fails_clearly
def validation() -> None:
    """Ingest and validate; Failed with counts and examples when the data breaks its contract."""
    require_batches_here()
    reproduce("ingest")
    try:
        reproduce("validate")
    finally:
        publish_validation()


@task
def publish_validation() -> None:
    """Show the rules and what they found."""
    summary = validation_summary()
    if summary:
        create_markdown_artifact(key="validation", markdown=summary, description="the contract, rule by rule")


if __name__ == "__main__":
    run_from_shell(validation)
