"""What is told of payments after they were scored: labels, and corrections."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from mlflow_fraud.adapters.prediction_log.afterwards import Outcome
from mlflow_fraud.core.errors import DataError, RecordUnavailable
from mlflow_fraud.serving.asked import NOT_READ, live_of, metrics_of
from mlflow_fraud.serving.clock import AheadOfNow
from mlflow_fraud.serving.correcting import TooEarly
from mlflow_fraud.serving.correction_schema import TIME
from mlflow_fraud.serving.record import UnknownTransaction
from mlflow_fraud.serving.schema import problem, problems

log = logging.getLogger(__name__)

LABEL_PATH, CORRECTION_PATH = "/v1/labels", "/v1/corrections"

LABELS_BYTES = 256 * 1024
"""So long the body of a request with many labels may be."""

RESPONSES: dict[int | str, dict[str, Any]] = {
    **NOT_READ,
    404: {"description": "no such transaction was scored here"},
    503: {"description": "no model, or the record cannot be read or written now"},
}

UNMATCHED = "no transaction of this id was scored here; labels follow their scores"
TOO_EARLY = "expected a time that is not before the payment's own"

router = APIRouter()


class Noted(BaseModel):
    """What came of a label: features see one that is `noted` from after its arrival on.

    `known`: the same was told with the same arrival. `unmatched`: no such transaction was scored here. `too early`: it
    states an arrival before its payment.
    """

    status: Outcome


class Corrected(BaseModel):
    """What came of a correction: features see one that is `noted` from after its moment on."""

    status: Literal["noted", "known"]


@router.post(
    LABEL_PATH,
    responses={
        **RESPONSES,
        413: {
            "description": f"the body is larger than {LABELS_BYTES} bytes, or has more labels than are taken at once"
        },
        422: {"description": "a label is not what the contract says, or arrives later than now or before its payment"},
    },
)
async def label(request: Request) -> Noted | list[Noted]:
    """Take in what became known of scored transactions, given by the contract's own column names: one, or a list.

    Of a list each label has its own outcome, and one that is of no payment keeps out no other. Of a payment's labels
    the newest by arrival counts; all of them stay in the record.
    """
    live = live_of(request)
    try:
        told = live.label.read(await request.body())
        many = told if isinstance(told, list) else [told]
        _take(request, len(many))
        outcomes = await run_in_threadpool(live.history.learn, many)
    except ValidationError as error:
        raise HTTPException(422, problems(error)) from None
    except AheadOfNow as error:
        raise HTTPException(422, problem(live.label.time_column, str(error), "ahead_of_now")) from None
    except RecordUnavailable as error:
        raise _not_now("labels were not taken", error) from None
    metrics_of(request).labels_taken.inc(outcomes.count("noted"))
    if isinstance(told, list):
        return [Noted(status=outcome) for outcome in outcomes]
    if outcomes == ["unmatched"]:
        raise HTTPException(404, UNMATCHED)
    if outcomes == ["too early"]:
        raise HTTPException(422, problem(live.label.time_column, TOO_EARLY, "too_early"))
    return Noted(status=outcomes[0])


@router.post(
    CORRECTION_PATH,
    responses={
        **RESPONSES,
        409: {"description": "the transaction of this id is another one: its time, card or merchant differ"},
        422: {
            "description": "the correction is not what the contract says, or its moment is before it or ahead of now"
        },
    },
)
async def correction(request: Request) -> Corrected:
    """Take in that a payment was reversed, or is another one from a moment on: its amount, say. Nothing is scored.

    `transaction` is what it is now, by the contract's own column names, or null where it was reversed. Features see it
    from after `observed` on; the answer that was given stays as it is. The newest by that moment counts.
    """
    live = live_of(request)
    try:
        told = live.correction.read(await request.body())
        new = await run_in_threadpool(live.history.correct, *told)
    except ValidationError as error:
        raise HTTPException(422, problems(error)) from None
    except AheadOfNow as error:
        raise HTTPException(422, problem(TIME, str(error), "ahead_of_now")) from None
    except UnknownTransaction as error:
        raise HTTPException(404, str(error)) from None
    except TooEarly as error:
        raise HTTPException(422, problem(TIME, str(error), "too_early")) from None
    except DataError as error:
        raise HTTPException(409, str(error)) from None
    except RecordUnavailable as error:
        raise _not_now("a correction was not taken", error) from None
    return Corrected(status="noted" if new else "known")


def _take(request: Request, labels: int) -> None:
    """Count what the guard has not: it has seen one request."""
    state: Mapping[str, Any] = request.scope.get("state", {})
    if labels > 1 and "client" in state:
        state["client"].take_labels(labels - 1)


def _not_now(what: str, error: RecordUnavailable) -> HTTPException:
    log.error("%s: %s", what, error)
    return HTTPException(503, "the record cannot be read or written now", headers={"Retry-After": "2"})
