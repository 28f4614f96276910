"""What the service says of a transaction that it scored."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.serving.live_model import LiveModel
from mlflow_fraud.serving.metrics import Metrics
from mlflow_fraud.serving.reasoned import ReasonsTold


class Scored(BaseModel):
    """What the service says of a transaction: `flag` when the probability is at or over the threshold.

    `recorded` is false where the record could not take it in time: it will, unless the service is killed before.
    `review` is true where the payment was drawn to be looked into although it was not flagged. `reasons` says of what
    is flagged that its reasons follow, or has them where they were asked for.
    """

    probability: float
    decision: Literal["flag", "pass"]
    threshold: float
    model_version: str
    prediction_id: str
    recorded: bool
    review: bool
    reasons: ReasonsTold | None


to_json = Scored.__pydantic_serializer__.to_json
"""What is said, as the bytes of its JSON."""


def scored(
    payment: Payment, recorded: bool, model: LiveModel, metrics: Metrics, reasons: ReasonsTold | None = None
) -> Scored:
    """Return what is said of a payment that has an answer; an answer in need is counted."""
    answer = payment.answer
    assert answer is not None  # or it is `NotScored`
    if not recorded:
        metrics.not_recorded.inc()
    if model.from_copy:
        metrics.from_copy.inc()
    return Scored(
        probability=answer.probability,
        decision="flag" if answer.flagged else "pass",
        threshold=answer.threshold,
        model_version=answer.release,
        prediction_id=answer.prediction,
        recorded=recorded,
        review=answer.label_chance is not None and not answer.flagged,
        reasons=reasons,
    )
