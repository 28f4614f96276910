"""One payment is scored: the request as OpenAPI describes it, and the one way from its body to what is answered."""

from __future__ import annotations

import logging
from time import perf_counter

from fastapi import APIRouter, HTTPException, Request
from pydantic import ValidationError

from mlflow_fraud.serving.answering import answered
from mlflow_fraud.serving.asked import NOT_READ, Service, service_of
from mlflow_fraud.serving.clock import AheadOfNow
from mlflow_fraud.serving.loading import NotScored
from mlflow_fraud.serving.reasoned import HowMany, explained
from mlflow_fraud.serving.record import OtherContent
from mlflow_fraud.serving.schema import problem, problems
from mlflow_fraud.serving.scored import Scored, scored

log = logging.getLogger(__name__)

SCORE_PATH = "/v1/score"

PREDICTION, LED_BY = "prediction", {"id": "$response.body#/prediction_id"}
"""Where an answer leads to, and by what."""

router = APIRouter()


@router.post(
    SCORE_PATH,
    responses={
        **NOT_READ,
        200: {"links": {"what led to it": {"operationId": PREDICTION, "parameters": LED_BY}}},
        409: {"description": "a transaction of this id was scored with other content"},
        422: {"description": "the transaction is not what the contract says, or its time is not there yet"},
        500: {"description": "the model's score is no number: it is not an answer, and counted"},
        503: {"description": "no model"},
    },
)
async def score(request: Request, reasons: HowMany = None) -> Scored:
    """Score one transaction, given by the contract's own column names; one that is sent again gets its answer again."""
    return await score_one(service_of(request), await request.body(), reasons)


async def score_one(service: Service, body: bytes, reasons: int | None = None) -> Scored:
    """Return what is said of the payment in a body, with so many reasons where they are asked for.

    Raises `HTTPException` where it is refused, or gets no answer.
    """
    service.turns.came += 1
    began, live, record = perf_counter(), service.live(), service.record
    try:
        payment, done = await answered(live, service.together, live.request.read(body), began)
    except ValidationError as error:
        raise HTTPException(422, problems(error)) from None
    except AheadOfNow as error:
        raise HTTPException(422, problem(live.request.time_column, str(error), "ahead_of_now")) from None
    except OtherContent as error:
        raise HTTPException(409, str(error)) from None
    except NotScored as error:
        service.model.unscored += 1
        if error.__cause__ is not None:
            raise error.__cause__ from None  # the log has its kind and place
        log.error("not scored: %s", error)
        raise HTTPException(500, "the model's score is no number; the transaction is not scored") from None
    (why,) = await explained(service.explaining, live, (payment,), reasons)
    return scored(payment, await record.writer.written(done), service.model, service.metrics, why)
