"""Flow `retraining`: the whole loop from raw batches to the live release."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from prefect import flow, get_run_logger

from flows.collection import collection
from flows.comparison import comparison
from flows.endings import DAY, asks, fails_clearly, run_from_shell
from flows.person import CALLS_A_PERSON
from flows.promotion import promotion, what_is_live
from flows.publication import publication, take_newest
from flows.training import training
from flows.validation import validation
from mlflow_fraud.operations.data.up_to_date import require_up_to_date
from mlflow_fraud.operations.monitoring.retrainings import noted
from mlflow_fraud.operations.release.promote import Promotion
from mlflow_fraud.operations.release.store import require_store
from mlflow_fraud.operations.workplace import require_workplace


@flow(name="retraining", log_prints=True, timeout_seconds=DAY, **CALLS_A_PERSON)
@fails_clearly
def retraining(reason: str = "asked for by hand", first: bool = False, as_of: datetime | None = None) -> Promotion:
    """Collect, validate, train, compare, publish, promote. What has not changed is not done again.

    Where runs publish, the commit comes first: one that the remote refuses lets nothing go live.

    Args:
        reason: Why, in a sentence; it goes into MLflow, the verdict, the commit and the ledger, and names no customer.
        first: Let the first release go live, where nothing is live yet.
        as_of: No row may be later than this; than now where it is empty.
    """
    get_run_logger().info("retraining: %s", reason)
    with noted(reason):
        require_workplace(commit=True)
        missing = require_store(first=first)
        if missing:
            get_run_logger().warning("what is trained now will not go live: %s", missing)
        take_newest()
        make_and_judge(reason, first, as_of)
        published = publication(reason, again=partial(make_and_judge, reason, first, as_of))
        return promotion() if published.goes_live else what_is_live(published.said)


def make_and_judge(reason: str, first: bool, as_of: datetime | None) -> None:
    """Bring all that is made from the raw batches up to date, what came back first, and judge what would go live."""
    collection(as_of)
    validation(as_of)
    outcomes = training()
    again = [candidate for candidate, outcome in outcomes.items() if outcome == "ran"]
    get_run_logger().info("trained: %s", ", ".join(again) or "nothing, no input of any model has changed")
    require_up_to_date()
    comparison(first=first, reason=reason)


if __name__ == "__main__":
    run_from_shell(partial(retraining, first=asks("--first")))
