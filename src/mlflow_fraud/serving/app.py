"""The scoring service's HTTP face."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from mlflow_fraud import __version__
from mlflow_fraud.adapters.last_good import LastGood
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey
from mlflow_fraud.core.errors import RecordUnavailable
from mlflow_fraud.serving.asked import Service, explaining_of, live_of, model_of, record_of
from mlflow_fraud.serving.batch import BATCH_PATH
from mlflow_fraud.serving.batch import router as batch
from mlflow_fraud.serving.body import BoundedBody
from mlflow_fraud.serving.clock import RECORDED, MakeClock
from mlflow_fraud.serving.described import with_problems
from mlflow_fraud.serving.explaining import Explaining
from mlflow_fraud.serving.guard import Guard, Guarded
from mlflow_fraud.serving.hot_route import HotRoute
from mlflow_fraud.serving.live_model import LiveModel, polling
from mlflow_fraud.serving.loading import LiveRelease
from mlflow_fraud.serving.logs import Watched
from mlflow_fraud.serving.measured import router as measured
from mlflow_fraud.serving.metrics import Metrics
from mlflow_fraud.serving.page import router as page
from mlflow_fraud.serving.predictions import Prediction, kept_reasons, prediction_of
from mlflow_fraud.serving.problems import answer_in_problems
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.rows import BATCH_BYTES, ROWS
from mlflow_fraud.serving.scoring import PREDICTION, SCORE_PATH
from mlflow_fraud.serving.scoring import router as scoring
from mlflow_fraud.serving.stated import Last, batch_stated, correction_stated, label_stated, transaction_stated
from mlflow_fraud.serving.telling import CORRECTION_PATH, LABEL_PATH, LABELS_BYTES
from mlflow_fraud.serving.telling import router as telling
from mlflow_fraud.serving.together import Together

log = logging.getLogger(__name__)

PREDICTION_PATH = "/v1/predictions/{id}"

LARGER = {BATCH_PATH: BATCH_BYTES, LABEL_PATH: LABELS_BYTES}
"""The bodies that may be larger than that of one transaction."""

router = APIRouter()


class ModelCard(BaseModel):
    """Which model answers; `trouble` says why it is not the newest release, if it is not.

    `unscored` counts the transactions since the start whose score was no number: each was answered by a 500.
    """

    version: str
    candidate: str
    features_sha256: str
    created: str
    trouble: str | None
    unscored: int


class State(BaseModel):
    """Whether the service lives."""

    status: str


class Readiness(State):
    """Whether the service can answer, and what troubles it all the same.

    `record` says why the record cannot be written now, or is null; `waiting` is how many payments wait for it, `lost`
    how many are lost to it since the start. `reload` says why a newer release does not answer, or is null.
    """

    record: str | None
    waiting: int
    lost: int
    reload: str | None


def create_app(
    store: ReleaseStore,
    *,
    record: Record,
    poll_seconds: float,
    clock: MakeClock = RECORDED,
    last_good: Path | None = None,
    guard: Guard | None = None,
    key: PseudonymKey | None = None,
) -> FastAPI:
    """Return the service, which follows `store` from its start to its end.

    The past that the features begin with is `record`, to which it adds. In `last_good` a copy of what answers is kept
    for a start at which the store gives nothing. Without a `guard` whoever reaches it may ask for everything. A release
    whose contract has secret columns answers only under its `key`.
    """
    copy = LastGood(last_good, str(store)) if last_good else None
    metrics = Metrics()
    model = LiveModel(store, record, clock, copy, key, metrics.of_version)
    explaining = Explaining(record)
    metrics.watch(model, record, explaining)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with closing(explaining), polling(model, every=poll_seconds):
            yield

    told: dict[str, Any] = {"docs_url": None, "redoc_url": None, "redirect_slashes": False}  # `page` is the page
    told["telemetry"] = dict.fromkeys(("tracing", "metrics", "logs"), False)  # else three looks around a request
    app = FastAPI(title="mlflow-fraud", version=__version__, lifespan=lifespan, **told)
    app.state.model, app.state.record, app.state.metrics, app.state.explaining = model, record, metrics, explaining
    app.state.service = service = Service(model, record, metrics, explaining, Together(record))
    app.state.pieces = asyncio.Lock()  # of batches: one piece at a time
    app.add_middleware(HotRoute, service=service)
    app.add_middleware(BoundedBody, larger=LARGER)
    if guard:
        app.add_middleware(Guarded, guard=guard)
    app.add_middleware(Watched, counted=metrics.answered)
    answer_in_problems(app)
    for each in (scoring, router, batch, telling, measured, page):
        app.include_router(each)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    return app


@router.get("/livez")
async def livez() -> State:
    """Answer as long as the process lives."""
    return State(status="alive")


@router.get("/readyz", responses={503: {"description": "no model"}})
async def readyz(request: Request) -> Readiness:
    """Answer 200 once a model is loaded; say where it is the copy of the last one, and what troubles the service."""
    live_of(request)
    model, writer = model_of(request), record_of(request).writer
    return Readiness(
        status="ready, with the copy of what answered last" if model.from_copy else "ready",
        record=writer.trouble,
        waiting=writer.backlog,
        lost=writer.lost,
        reload=model.trouble,
    )


@router.get("/v1/model", responses={503: {"description": "no model"}})
async def model(request: Request) -> ModelCard:
    """Say which model answers."""
    manifest = live_of(request).manifest
    return ModelCard(
        version=manifest.version,
        candidate=manifest.candidate,
        features_sha256=manifest.feature_schema_sha256,
        created=manifest.created,
        trouble=model_of(request).trouble,
        unscored=model_of(request).unscored,
    )


@router.get(
    PREDICTION_PATH,
    operation_id=PREDICTION,
    responses={
        404: {"description": "the record has no such prediction"},
        503: {"description": "the record cannot be read now"},
    },
)
async def prediction(request: Request, id: str) -> Prediction:
    """Say what an answer was given to, and what leads back from it."""
    try:
        told = await run_in_threadpool(record_of(request).log.by_prediction, id)
    except RecordUnavailable as error:
        log.error("a prediction was not looked up: %s", error)
        raise HTTPException(503, "the record cannot be read now", headers={"Retry-After": "2"}) from None
    if told is None:
        raise HTTPException(404, "the record has no prediction of this id")
    return prediction_of(told, await kept_reasons(told, explaining_of(request), model_of(request).current))


def _describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the request's shape as the live release has it."""
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    live: LiveRelease | None = app.state.model.current
    for path, content in _contents(live).items():
        document["paths"][path]["post"]["requestBody"] = {"required": True, "content": {"application/json": content}}
    return with_problems(document)


def _contents(live: LiveRelease | None) -> dict[str, dict[str, Any]]:
    """Return what each body holds, by path."""
    if live is None:
        paths = (SCORE_PATH, BATCH_PATH, LABEL_PATH, CORRECTION_PATH)
        return {path: {"schema": {"type": "array" if path == BATCH_PATH else "object"}} for path in paths}
    contract, clock = live.schema.contract, live.history.clock
    last = Last(clock.last_time(), clock.last_arrival())
    payment = transaction_stated(contract, live.request.json_schema(), last)
    return {
        SCORE_PATH: payment,
        BATCH_PATH: batch_stated(payment, ROWS),
        LABEL_PATH: label_stated(contract, live.label.json_schema(), last),
        CORRECTION_PATH: correction_stated(contract, live.correction.json_schema(), payment, last),
    }
