"""Flow `promotion`: what the verdict says becomes live; nothing else does."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.endings import HOUR, REPEATED, fails_clearly, run_from_shell
from flows.person import CALLS_A_PERSON
from mlflow_fraud.operations.release.promote import Promotion, mirror_champion, promote
from mlflow_fraud.operations.release.store import open_configured_store


@flow(name="promotion", log_prints=True, timeout_seconds=HOUR, **CALLS_A_PERSON)
@fails_clearly
def promotion() -> Promotion:
    """Write the release, move the pointer, then let MLflow's alias follow."""
    outcome = release()
    follow()
    said = f"{outcome.version} is live now" if outcome.moved else f"{outcome.version} stays live"
    told = said if outcome.version else "nothing is live"
    get_run_logger().info("%s: %s", told, "; ".join(outcome.reasons))
    return outcome


def what_is_live(why: str) -> Promotion:
    """Return what goes on being live, and why nothing else does."""
    pointer = open_configured_store().latest()
    return Promotion(False, pointer.version if pointer else None, (why,))


@task(cache_policy=NO_CACHE, persist_result=False)
def release() -> Promotion:
    """Put the release into the store and move the pointer; the same release again changes nothing."""
    return promote(open_configured_store())


@task(**REPEATED)
def follow() -> str | None:
    """Set MLflow's alias `champion` to what is live; safe to repeat."""
    return mirror_champion(open_configured_store())


if __name__ == "__main__":
    run_from_shell(promotion)
