"""What a service counts and measures of itself, to whoever collects it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mlflow_fraud.serving.asked import metrics_of
from mlflow_fraud.serving.metrics import MEDIA_TYPE

router = APIRouter()


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "in Prometheus' form"}},
)
async def metrics(request: Request) -> Response:
    """Say what was counted since the start, and how the service is now, in the form that Prometheus reads."""
    return Response(metrics_of(request).shown(), media_type=MEDIA_TYPE)
