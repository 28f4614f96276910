"""Flow `retraining`: the whole loop from raw batches to the live release."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from prefect import flow, get_run_logger

from flows.collection import collection
from flows.comparison import comparison
from flows.endings import asks, fails_clearly, run_from_shell
from flows.promotion import promotion
from flows.training import training
from flows.validation import validation
from mlflow_fraud.operations.data.up_to_date import require_up_to_date
from mlflow_fraud.operations.release.promote import Promotion
from mlflow_fraud.operations.release.store import require_store
from mlflow_fraud.operations.workplace import require_workplace

DAY = 24 * 3600


@flow(name="retraining", log_prints=True, timeout_seconds=DAY)
@fails_clearly
def retraining(reason: str = "asked for by hand", first: bool = False, as_of: datetime | None = None) -> Promotion:
    """Collect, validate, train, compare, promote. What has not changed is not done again.

    Where nothing is live yet, nothing goes live unless a `first` release is asked for. No row may be later than
    `as_of`, or than now where it is not said.
    """
    get_run_logger().info("retraining: %s", reason)
    require_workplace(commit=True)
    missing = require_store(first=first)
    if missing:
        get_run_logger().warning("what is trained now will not go live: %s", missing)
    collection(as_of)
    validation(as_of)
    outcomes = training()
    again = [candidate for candidate, outcome in outcomes.items() if outcome == "ran"]
    get_run_logger().info("trained: %s", ", ".join(again) or "nothing, no input of any model has changed")
    require_up_to_date()
    comparison(first=first)
    return promotion()


if __name__ == "__main__":
    run_from_shell(partial(retraining, first=asks("--first")))
