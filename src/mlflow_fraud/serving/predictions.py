"""An answer as the record has it: what it was given to, what it was made of, and the way back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, WithJsonSchema

from mlflow_fraud.adapters.explanation import NoReasons
from mlflow_fraud.adapters.prediction_log.log import Told
from mlflow_fraud.core.explaining.reasons import Reasons
from mlflow_fraud.serving.explaining import ANOTHER, Asked, Explaining
from mlflow_fraud.serving.loading import LiveRelease
from mlflow_fraud.serving.reasoned import ReasonsTold, reasons_told

OnOwnClock = Annotated[
    datetime, WithJsonSchema({"type": "string", "description": "ISO 8601 without an offset, on the data's own clock"})
]


class Known(BaseModel):
    """What became known of the payment: 1 for a fraud."""

    label: int
    arrived: OnOwnClock
    source: str


class Change(BaseModel):
    """What a payment is from after `observed` on; null where it was reversed."""

    transaction: dict[str, Any] | None
    observed: datetime


class Prediction(BaseModel):
    """An answer with its transaction and its features as they were served; a feature that was missing is null.

    `reasons` are null of a payment that was not flagged, unless they were asked for when it was scored.

    `release` leads to the run in MLflow and the commit that it was made of; these are null where the release was put
    away before the record knew it.
    """

    prediction_id: str
    probability: float
    decision: Literal["flag", "pass"]
    threshold: float
    took_ms: float
    received: datetime
    event_id: str
    event_time: OnOwnClock
    transaction: dict[str, Any]
    features: dict[str, float | None]
    reasons: ReasonsTold | None
    release: str
    mlflow_run_id: str | None
    git_sha: str | None
    labels: list[Known]
    corrections: list[Change]


async def kept_reasons(told: Told, explaining: Explaining, live: LiveRelease | None) -> ReasonsTold | None:
    """Return the reasons of an answer as the record has them; what it lacks of what is flagged is worked out.

    Of another payment they follow where they were asked for, which this process knows of the newest.
    """
    payment = told.payment
    if payment["reasons"]:
        return reasons_told(Reasons.model_validate_json(payment["reasons"]))
    if not payment["flagged"] and not explaining.awaits(payment["prediction"]):
        return None
    if live is None:
        return reasons_told(NoReasons(ANOTHER.format(payment["release"])))
    asked = Asked(payment["place"], payment["prediction"], payment["release"], bytes(payment["features"]))
    (outlook,) = await explaining.told(live, [asked])
    return reasons_told(outlook)


def prediction_of(told: Told, reasons: ReasonsTold | None) -> Prediction:
    """Return what the record tells of an answer."""
    payment, manifest = told.payment, told.manifest
    return Prediction(
        prediction_id=payment["prediction"],
        probability=payment["probability"],
        decision=told.decision,
        threshold=payment["threshold"],
        took_ms=payment["took_us"] / 1000,
        received=payment["received"].replace(tzinfo=UTC),
        event_id=payment["event_id"],
        event_time=payment["event_time"],
        transaction=told.transaction,
        features=told.features,
        reasons=reasons,
        release=payment["release"],
        mlflow_run_id=manifest.get("mlflow_run_id"),
        git_sha=manifest.get("git_sha"),
        labels=[Known(label=each["label"], arrived=each["arrived"], source=each["source"]) for each in told.labels],
        corrections=[
            Change(transaction=each["content"] and json.loads(each["content"]), observed=each["observed"])
            for each in told.corrections
        ],
    )
