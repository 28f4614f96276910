"""What the service writes of itself: a JSON object a line, few of them, with nothing in it that somebody sent."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlflow_fraud.serving.body import give_up
from mlflow_fraud.serving.guard import Client
from mlflow_fraud.serving.limits import Limit
from mlflow_fraud.serving.problems import KINDS, Problem
from mlflow_fraud.serving.scopes import template

log = logging.getLogger(__name__)

LINES_A_SECOND = 100
"""So many are written below errors; more are counted. Whoever is refused must not fill the disk."""

FIELDS = "fields"
"""The attribute of a log record that holds what stands in its line besides."""

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def write_lines_of_json(stream: TextIO | None = None) -> None:
    """Let everything that this process logs be a JSON object a line."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Lines())
    handler.addFilter(Sparing())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "from": record.name,
            "says": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[1]:
            told |= {"error": self.formatException(record.exc_info)}
        return json.dumps(told)


class Sparing(logging.Filter):
    """Lets through what a person must see, and of the rest so many lines a second; the next one counts the others."""

    def __init__(self, lines: int = LINES_A_SECOND, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._limit, self._left_out = Limit(lines, lines, clock=clock), 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written."""
        if record.levelno < logging.ERROR and self._limit.wait(""):
            self._left_out += 1
            return False
        if self._left_out:
            setattr(record, FIELDS, {**getattr(record, FIELDS, {}), "left_out": self._left_out})
            self._left_out = 0
        return True


Counted = Callable[[str, int, float, str | None], None]
"""Counts an answer: its path's name, its status, the seconds that it took, and the name of the key."""


class Watched:
    """Writes a line for each request that was refused or failed, and answers 500 where the application broke down.

    The path is the name of one that is stated, since another may hold anything; of an error there is the kind and the
    place, since its message may hold what was sent.
    """

    def __init__(self, app: ASGIApp, counted: Counted) -> None:
        self._app, self._counted = app, counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if not status and message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            if status:  # half an answer is out: the server ends the connection
                log.error("broke down", extra={FIELDS: _told(scope, status, begun) | _place(error)})
                self._count(scope, 500, begun)
                raise BrokeDown(type(error).__name__) from None
            log.error("failed", extra={FIELDS: _told(scope, 500, begun) | _place(error)})
            self._count(scope, 500, begun)
            await give_up(Problem(500, "the service broke down; its log has the place"), send)
            return
        if status:
            self._count(scope, status, begun)
        if status >= 500:
            log.warning("failed", extra={FIELDS: _told(scope, status, begun)})
        elif status >= 400:
            log.info("refused", extra={FIELDS: _told(scope, status, begun)})

    def _count(self, scope: Scope, status: int, begun: float) -> None:
        key = _key(scope) if status >= 400 else None
        self._counted(template(scope["path"]), status, time.perf_counter() - begun, key)


class BrokeDown(RuntimeError):
    """The application broke down within an answer; the error's own message is not handed on."""


def _told(scope: Scope, status: int, begun: float) -> dict[str, Any]:
    method: str = scope["method"]
    return {
        "method": method if method in _METHODS else "other",
        "path": template(scope["path"]) or "other",
        "status": status,
        "kind": KINDS[status].name if status in KINDS else "",
        "key": _key(scope),
        "ms": round((time.perf_counter() - begun) * 1000, 2),
    }


def _key(scope: Scope) -> str | None:
    """Return the name of the key that asks, None where none does: an address is nobody's business."""
    client: Client | None = scope.get("state", {}).get("client")
    return client.name if client and client.has_key else None


def _place(error: Exception) -> dict[str, str]:
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    at = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return {"error": type(error).__name__, "place": at}
