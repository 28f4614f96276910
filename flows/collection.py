"""Flow `collection`: what the service saw and was told comes back as pinned batches and corrections."""

from __future__ import annotations

from datetime import datetime

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.endings import HOUR, fails_clearly, run_from_shell
from flows.person import CALLS_A_PERSON, call_person
from mlflow_fraud.core.counted import counted
from mlflow_fraud.operations.collection.collect import Collected, collect

SHOWN = 20
"""Corrections that stand aside and are in the run's table; a file on the machine has all."""


@flow(name="collection", log_prints=True, timeout_seconds=2 * HOUR, **CALLS_A_PERSON)
@fails_clearly
def collection(as_of: datetime | None = None) -> Collected:
    """Pin the record's whole mature days and what became known of pinned rows; the same run twice adds nothing.

    Args:
        as_of: The moment as of which rows are mature and labels have arrived; now where it is not said.
    """
    found = collect_mature(as_of)
    publish_collection(found)
    refused = [each for each in found.refused if not each.again]  # a person was called to the others
    if refused:
        days = counted(len(refused), "batch", "batches")
        where = refused[0].folder.parent
        call_person(f"{days} of the record did not pass the gate; {where} has which and why, and what to type")
    return found


@task(cache_policy=NO_CACHE, persist_result=False)
def collect_mature(as_of: datetime | None) -> Collected:
    """Let each span in by the gate, day by day; what is not let in is kept aside and stops nothing else."""
    return collect(as_of)


@task
def publish_collection(found: Collected) -> None:
    """Show what came in and what did not."""
    table = [{"file": str(file), "outcome": "pinned", "to do": ""} for file in found.brought]
    table += [{"file": each.name, "outcome": each.sentence, "to do": each.command} for each in found.refused]
    table += [
        {"file": f"{each.what} of payment {each.event_id}", "outcome": each.wrong} for each in found.aside[:SHOWN]
    ]
    table += [{"file": "days that wait", "outcome": found.waits}] if found.waits else []
    brought, refused, aside = len(found.brought), len(found.refused), len(found.aside)
    get_run_logger().info("collected: %s, refused: %s, corrections that stand aside: %s", brought, refused, aside)
    create_table_artifact(key="collection", table=table, description="what came back from the record")


if __name__ == "__main__":
    run_from_shell(collection)
