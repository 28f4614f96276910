"""Flow `parity`: hold the features that were served against what the batch engine makes of the same payments."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.endings import HOUR, fails_clearly, run_from_shell
from flows.person import CALLS_A_PERSON
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.operations.record.parity import Audit, audit_record

DAYS = 7


@flow(name="parity", log_prints=True, timeout_seconds=2 * HOUR, **CALLS_A_PERSON)
@fails_clearly
def parity(days: int = DAYS) -> Audit:
    """Audit the answers of the last days of the record; it fails where something was served that nothing explains.

    Args:
        days: How many days of event time back from the newest payments.
    """
    found = audit_served(days)
    publish(found)
    get_run_logger().info(found.sentence)
    if not found.holds:
        raise DataError(found.sentence)
    return found


@task(cache_policy=NO_CACHE, persist_result=False)
def audit_served(days: int) -> Audit:
    """Compute once more what was served."""
    return audit_record(days=days)


def publish(found: Audit) -> None:
    """Show how each feature compares."""
    get_run_logger().info("%s", found.to_markdown())
    create_markdown_artifact(key="parity", markdown=found.to_markdown(), description="what was served, in batch")


def asked(words: Sequence[str] | None = None) -> int:
    """Return how many days back the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.parity", description="Hold what was served against what the batch engine makes of it."
    )
    parser.add_argument(
        "--days", type=int, default=DAYS, help="days of event time before the newest payments (%(default)s)"
    )
    days: int = parser.parse_args(words).days
    return days


if __name__ == "__main__":
    run_from_shell(partial(parity, asked()))
