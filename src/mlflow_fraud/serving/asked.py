"""What a handler asks of the application: what answers, the record, reasons, what counts; how a body is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastapi import HTTPException, Request

from mlflow_fraud.core.contract.bounds import BODY_BYTES
from mlflow_fraud.serving.body import BODY_SECONDS
from mlflow_fraud.serving.explaining import Explaining
from mlflow_fraud.serving.live_model import LiveModel
from mlflow_fraud.serving.loading import LiveRelease
from mlflow_fraud.serving.metrics import Metrics
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.together import Together

NOT_READ: dict[int | str, dict[str, Any]] = {
    408: {"description": f"the body was not there within {BODY_SECONDS:g} seconds"},
    413: {"description": f"the body is larger than {BODY_BYTES} bytes"},
    415: {"description": "the body is no JSON by its header, or compressed"},
}


@dataclass
class Turns:
    """Counts the payments that `came` alone, so that what takes long sees whether one waits for it."""

    came: int = 0


@dataclass(frozen=True)
class Service:
    """All that an answer is made with, beside what answers now."""

    model: LiveModel
    record: Record
    metrics: Metrics
    explaining: Explaining
    together: Together
    turns: Turns = field(default_factory=Turns)

    def live(self) -> LiveRelease:
        """Return the release that answers a request, from its begin to its end.

        Where there is none the answer is 503, with the reason and how far a start is.
        """
        current = self.model.current
        if current is None:
            reason = self.model.trouble or "nothing was promoted yet, or the first release is still being loaded"
            steps = str(self.record.beginning)
            said = f"no model is live: {reason}{steps and f'; {steps}'}"
            raise HTTPException(503, said, headers={"Retry-After": "2"})
        return current


def service_of(request: Request) -> Service:
    """Return what the request is answered with."""
    service: Service = request.app.state.service
    return service


def model_of(request: Request) -> LiveModel:
    """Return what follows the store."""
    return service_of(request).model


def record_of(request: Request) -> Record:
    """Return the record."""
    return service_of(request).record


def metrics_of(request: Request) -> Metrics:
    """Return what counts."""
    return service_of(request).metrics


def explaining_of(request: Request) -> Explaining:
    """Return what works out reasons."""
    return service_of(request).explaining


def live_of(request: Request) -> LiveRelease:
    """Return the release that answers this request; see `Service.live`."""
    return service_of(request).live()
