"""From a request to its answer: the past, the score, the record, in this order for each payment."""

from __future__ import annotations

import logging

from starlette.concurrency import run_in_threadpool

from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.core.errors import RecordUnavailable
from mlflow_fraud.core.features.online import Transaction
from mlflow_fraud.serving.loading import LiveRelease
from mlflow_fraud.serving.record import OtherContent
from mlflow_fraud.serving.together import Given, Together
from mlflow_fraud.serving.writer import Ticket

log = logging.getLogger(__name__)

NOT_WRITTEN = Ticket(False)


async def answered(live: LiveRelease, together: Together, transaction: Transaction, began: float) -> Given:
    """Return a payment with its answer, and what says whether it is in the record.

    One that is sent again gets the answer that it got. Raises `OtherContent` where one of its id was another,
    `AheadOfNow` where its time is not there yet, and `NotScored` where the model gives it no score.
    """
    contract, record = live.schema.contract, together.record
    if record.surely_new(contract, transaction):
        return await together.take(live, transaction, began)
    together.settle()  # it may be one of those
    try:
        known = await run_in_threadpool(record.find, contract, transaction["event_id"])
    except RecordUnavailable as error:
        log.warning("whether a transaction was scored before is not known, so that it stays out of the past: %s", error)
        return live.score_again(record.outside(contract, transaction), began), NOT_WRITTEN
    together.settle()
    known = record.recent(contract, transaction["event_id"]) or known  # it may have come while the record was read
    if known is None:
        return await together.take(live, transaction, began)
    _require_same(known, transaction)
    if known.answer is None:
        known = live.score_again(known, began)
        return known, record.complete(known)
    return known, record.writing(known)


def _require_same(known: Payment, transaction: Transaction) -> None:
    if any(known.transaction.get(name) != value for name, value in transaction.items()):
        raise OtherContent(
            "a transaction of this id was scored with other content; another payment needs an id of its own, and one "
            "that was reversed or has another amount now is told to /v1/corrections"
        )
