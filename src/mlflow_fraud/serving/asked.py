"""What every request asks for: the release that answers it, and the record; and how a body is refused."""

from __future__ import annotations

from typing import Any

from fastapi import HTTPException, Request

from mlflow_fraud.core.contract.bounds import BODY_BYTES
from mlflow_fraud.serving.body import BODY_SECONDS
from mlflow_fraud.serving.live_model import LiveModel
from mlflow_fraud.serving.loading import LiveRelease
from mlflow_fraud.serving.record import Record

NOT_READ: dict[int | str, dict[str, Any]] = {
    408: {"description": f"the body was not there within {BODY_SECONDS:g} seconds"},
    413: {"description": f"the body is larger than {BODY_BYTES} bytes"},
    415: {"description": "the body is no JSON by its header, or compressed"},
}


def model_of(request: Request) -> LiveModel:
    """Return what follows the releases."""
    model: LiveModel = request.app.state.model
    return model


def record_of(request: Request) -> Record:
    """Return the record of this service."""
    record: Record = request.app.state.record
    return record


def live_of(request: Request) -> LiveRelease:
    """Return the release that answers this request, from its begin to its end; a 503 where none is live."""
    model = model_of(request)
    if model.current is None:
        reason = model.trouble or "nothing was promoted yet, or the first release is still being loaded"
        raise HTTPException(503, f"no model is live: {reason}", headers={"Retry-After": "2"})
    return model.current
