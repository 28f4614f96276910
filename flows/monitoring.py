"""Flow `monitoring`: watch the live release on labelled windows; ask for retraining when the rule says so."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Literal

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from flows.endings import fails_clearly, run_from_shell
from flows.retraining import retraining
from mlflow_fraud.core.retrain import Answer
from mlflow_fraud.stages.monitor import Window, answer, log_window, watch
from mlflow_fraud.stages.store import open_configured_store
from mlflow_fraud.stages.summary import windows_summary

ASKED = "fraud.retraining.asked"


@flow(name="monitoring", log_prints=True)
@fails_clearly
def monitoring(windows: list[str], then: Literal["ask", "retrain"] = "ask") -> Answer:
    """Score each window in turn and decide after the last one.

    `ask` emits an event, on which the retraining deployment starts; `retrain` starts it here and now.
    """
    for window in windows:
        seen = score_window(window)
        log_to_mlflow(seen)
    decision = answer(seen.name, seen.version)
    publish_windows()
    get_run_logger().info("retrain: %s, %s", "yes" if decision.retrain else "no", decision.reason)
    if decision.retrain:
        emit_event(
            event=ASKED, resource={"prefect.resource.id": "fraud.model.live"}, payload={"reason": decision.reason}
        )
    if decision.retrain and then == "retrain":
        retraining(reason=decision.reason)
    return decision


@task(task_run_name="window-{window}", cache_policy=NO_CACHE, persist_result=False)
@fails_clearly
def score_window(window: str) -> Window:
    """Measure the live release on one window."""
    return watch(Path(window), open_configured_store())


@task(cache_policy=NO_CACHE, persist_result=False, retries=3, retry_delay_seconds=[2, 10, 30])
def log_to_mlflow(window: Window) -> str:
    """Log the window; safe to repeat, a window that is there is not logged twice."""
    return log_window(window)


@task
def publish_windows() -> None:
    """Show the windows, oldest first."""
    create_markdown_artifact(key="windows", markdown=windows_summary(), description="the live release over time")


if __name__ == "__main__":
    run_from_shell(partial(monitoring, sys.argv[1:]))
