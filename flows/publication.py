"""How what a run brought is shared: a commit first, again on top of the other's where somebody else was faster."""

from __future__ import annotations

from collections.abc import Callable

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.person import call_person
from mlflow_fraud.core.errors import PublicationRefused
from mlflow_fraud.operations.publication.newest import begin
from mlflow_fraud.operations.publication.publish import Published, publish

MOST = 3
"""Times that a run makes everything again because somebody else's commit came first."""


def publication(reason: str, *, again: Callable[[], object]) -> Published:
    """Push what was made and return what became of it; `again` makes and judges everything anew.

    Raises `PublicationRefused`, and then nothing goes live, where somebody else is faster each time.
    """
    for left in reversed(range(MOST)):
        published = share(reason)
        get_run_logger().info("%s", published.said)
        if not published.overtaken:
            if published.asked_for:
                call_person("a merge is asked for", published.asked_for)
            return published
        if left:
            take_newest()
            again()
    raise PublicationRefused(f"somebody else's commit came first {MOST} times, so nothing goes live; run again")


@task(cache_policy=NO_CACHE, persist_result=False)
def take_newest() -> None:
    """Go on from what the remote has; what is pinned here and not there is laid upon it."""
    begin()


@task(cache_policy=NO_CACHE, persist_result=False)
def share(reason: str) -> Published:
    """Commit, push the data, push the commit; what is there already is not made twice."""
    return publish(reason)
