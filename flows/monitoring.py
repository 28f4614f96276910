"""Flow `monitoring`: watch the live release on labelled windows; ask for retraining when the rule says so."""

from __future__ import annotations

import sys
from datetime import datetime
from functools import partial
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.asked import ask_for_retraining
from flows.endings import REPEATED, fails_clearly, run_from_shell
from flows.parity import publish
from mlflow_fraud.core.errors import NoRecord, SettingsError
from mlflow_fraud.core.watching.retrain import Answer
from mlflow_fraud.operations.monitoring.monitor import Window, answer, log_window, watch
from mlflow_fraud.operations.record.parity import audit_record
from mlflow_fraud.operations.release.store import open_configured_store
from mlflow_fraud.operations.reporting.summary import windows_summary


@flow(name="monitoring", log_prints=True)
@fails_clearly
def monitoring(windows: list[str], retrain_here: bool = False, as_of: datetime | None = None) -> Answer:
    """Score each window in turn and decide after the last one.

    Labels count that had arrived `as_of` then, or by each window's end where it is not said. A yes emits an event, on
    which the retraining deployment starts; with `retrain_here` it starts at once.
    """
    require_windows(windows)
    for place, window in enumerate(windows):
        seen = score_window(window, earlier=windows[:place], as_of=as_of)
        log_to_mlflow(seen)
    decision = answer(seen.name, seen.version)
    publish_windows()
    show_parity()
    get_run_logger().info("retrain: %s, %s", "yes" if decision.retrain else "no", decision.reason)
    if decision.retrain:
        ask_for_retraining(decision.reason, here=retrain_here, as_of=as_of)
    return decision


def require_windows(windows: list[str]) -> None:
    """Raise `SettingsError` when there is nothing to watch."""
    if not windows:
        raise SettingsError(
            "give the labelled windows as CSV files, oldest first; `mlflow-fraud data stream` makes some"
        )


@task(task_run_name="window-{window}", cache_policy=NO_CACHE, persist_result=False)
def score_window(window: str, earlier: list[str], as_of: datetime | None = None) -> Window:
    """Measure the live release on one window, with the earlier ones in its past."""
    return watch(Path(window), [Path(each) for each in earlier], open_configured_store(), as_of)


@task(**REPEATED)
def log_to_mlflow(window: Window) -> str:
    """Log the window; safe to repeat, a window that is there is not logged twice."""
    return log_window(window)


@task
def publish_windows() -> None:
    """Show the windows, oldest first."""
    create_markdown_artifact(key="windows", markdown=windows_summary(), description="the live release over time")


@task(cache_policy=NO_CACHE, persist_result=False)
def show_parity() -> None:
    """Show whether what was served is what the batch engine makes; on a machine without a record nothing was."""
    log = get_run_logger()
    try:
        found = audit_record(days=7)
    except NoRecord as error:
        log.info("parity: %s", error)
        return
    publish(found)
    (log.info if found.holds else log.error)(found.sentence)


if __name__ == "__main__":
    run_from_shell(partial(monitoring, sys.argv[1:]))
