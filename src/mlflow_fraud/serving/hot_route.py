"""The one request that comes a thousand times a second has a way of its own to the handler that the framework calls."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from mlflow_fraud.serving.asked import Service
from mlflow_fraud.serving.problems import response_to
from mlflow_fraud.serving.scored import to_json
from mlflow_fraud.serving.scoring import SCORE_PATH, score_one

_JSON = (b"content-type", b"application/json")


class HotRoute:
    """Answers a payment as the route of `scoring` would, to the byte; what has a query and all else goes on to that.

    It stands behind keys, limits and bounds, which have seen the request by then.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or let the application answer it."""
        if not _is_hot(scope):
            await self._app(scope, receive, send)
            return
        body = (await receive())["body"]  # all of it: `BoundedBody` hands it on in one piece
        try:
            told = to_json(await score_one(self._service, body))
        except HTTPException as error:
            await response_to(error)(scope, receive, send)
            return
        headers = [(b"content-length", b"%d" % len(told)), _JSON]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": told})


def _is_hot(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["path"] != SCORE_PATH:
        return False
    return scope["method"] == "POST" and not scope["query_string"]
