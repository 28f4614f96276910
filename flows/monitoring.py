"""Flow `monitoring`: watch the live release in the record, or on labelled windows; ask for retraining by the rule."""

from __future__ import annotations

import sys
from datetime import datetime
from functools import partial
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.asked import ask_for_retraining
from flows.endings import DAY, REPEATED, fails_clearly, run_from_shell
from flows.parity import publish
from flows.person import CALLS_A_PERSON
from mlflow_fraud.core.errors import NoRecord
from mlflow_fraud.core.watching.retrain import Answer
from mlflow_fraud.operations.monitoring.monitor import Window, answer, known_until, log_window, watch
from mlflow_fraud.operations.monitoring.tracked import log_watched
from mlflow_fraud.operations.monitoring.watch import Seen, note_asked, watch_record
from mlflow_fraud.operations.record.parity import audit_record
from mlflow_fraud.operations.release.store import open_configured_store
from mlflow_fraud.operations.reporting.summary import watched_summary, windows_summary


@flow(name="monitoring", log_prints=True, timeout_seconds=DAY, **CALLS_A_PERSON)
@fails_clearly
def monitoring(windows: list[str] | None = None, retrain_here: bool = False, as_of: datetime | None = None) -> Answer:
    """Look at the live release in the record, or at `windows` of labelled CSV files, oldest first, and decide.

    A yes emits an event, on which the deployment `retraining` starts.

    Args:
        windows: Paths of labelled CSV files that take the record's place; none reads the record.
        retrain_here: Train at once and in this run, too.
        as_of: Labels count that had arrived by then; by the newest payment where it is empty.
    """
    seen = None if windows else look_at_record(as_of)
    decision = seen.answer if seen else look_at_files(windows or [], as_of)
    get_run_logger().info("retrain: %s, %s", "yes" if decision.retrain else "no", decision.reason)
    if seen:
        keep_asked(seen)
    show_parity()
    if decision.retrain:
        ask_for_retraining(decision.reason, decision.kind, here=retrain_here, as_of=as_of)
    return decision


def look_at_record(as_of: datetime | None) -> Seen:
    """Look at all that came since the live release learned, show it and keep it."""
    seen = watch_live(as_of)
    log_live(seen)
    publish_live(seen)
    return seen


def look_at_files(windows: list[str], as_of: datetime | None) -> Answer:
    """Score each window in turn, by what is known at the end of the last one, and decide after it."""
    known = newest_of(windows)
    for place, window in enumerate(windows):
        seen = score_window(window, earlier=windows[:place], as_of=as_of, known=known)
        log_to_mlflow(seen)
    publish_windows()
    return answer(seen.name, seen.version)


@task(cache_policy=NO_CACHE, persist_result=False)
def watch_live(as_of: datetime | None) -> Seen:
    """Read the record, write the windows and the page, and decide; the same record again gives the same."""
    return watch_record(open_configured_store(), as_of)


@task(cache_policy=NO_CACHE, persist_result=False)
def keep_asked(seen: Seen) -> None:
    """Keep that a retraining is asked for, so that no other look asks for the same while nothing came of it."""
    note_asked(seen)


@task(**REPEATED)
def log_live(seen: Seen) -> str:
    """Add the windows to the live release's run; safe to repeat, a step that is there is not logged twice."""
    return log_watched(seen.version, seen.windows)


@task(cache_policy=NO_CACHE, persist_result=False)
def publish_live(seen: Seen) -> None:
    """Show whether the live release is still good."""
    create_markdown_artifact(key="live-release", markdown=watched_summary(seen), description="is it still good?")


@task(cache_policy=NO_CACHE, persist_result=False)
def newest_of(windows: list[str]) -> datetime:
    """Return up to when the windows reach."""
    return known_until([Path(each) for each in windows], open_configured_store())


@task(task_run_name="window-{window}", cache_policy=NO_CACHE, persist_result=False)
def score_window(window: str, earlier: list[str], as_of: datetime | None, known: datetime) -> Window:
    """Measure the live release on one window, with the earlier ones in its past, by what was known then."""
    return watch(Path(window), [Path(each) for each in earlier], open_configured_store(), as_of, known)


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
