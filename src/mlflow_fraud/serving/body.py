"""A request's body is bounded before it is read: in size, in the time that it may take, and in its form."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlflow_fraud.core.contract.bounds import BODY_BYTES

BODY_SECONDS = 10.0
"""So long a client may take to send a body."""

DRAINED_BYTES = 64 * 1024 * 1024
"""So much of a refused body is still taken in and thrown away: many a client reads no answer before it sent all."""


class Refused(Exception):
    """A body that is not read, or not to its end."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class BoundedBody:
    """Hands a request on once its whole body is there, and answers in its place where that is too much to ask.

    What is refused is answered at once and kept nowhere; then the connection is closed.
    """

    def __init__(self, app: ASGIApp, *, at_most: int = BODY_BYTES, seconds: float = BODY_SECONDS) -> None:
        self._app, self._at_most, self._seconds = app, at_most, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or let the application answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._require_form(scope)
            async with asyncio.timeout(self._seconds):
                body = await self._whole(receive)
        except Refused as refused:
            await self._refuse(refused, scope, receive, send)
        except TimeoutError:
            late = Refused(408, f"expected the body within {self._seconds:g} seconds")
            await _begin_answer(send, late)
            await _end_answer(send)
        else:
            if body is not None:
                await self._app(scope, _replayed(body, receive), send)

    async def _refuse(self, refused: Refused, scope: Scope, receive: Receive, send: Send) -> None:
        await _begin_answer(send, refused)
        waits = any(name == b"expect" for name, _ in scope["headers"])
        if not waits:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await _drain(receive)
        await _end_answer(send)

    def _require_form(self, scope: Scope) -> None:
        """Raise `Refused` for what the headers alone say."""
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and (len(declared) > 18 or int(declared) > self._at_most):
            raise self._too_large()
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        if encoding not in (b"", b"identity"):
            raise Refused(415, "expected a body as it is, without a content-encoding such as gzip")

    async def _whole(self, receive: Receive) -> bytes | None:
        """Return the body; None where the client went away."""
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._at_most:
                raise self._too_large()
            more = message.get("more_body", False)
        return b"".join(parts)

    def _too_large(self) -> Refused:
        return Refused(413, f"expected a body of at most {self._at_most} bytes; send one transaction a request")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body as one message, then what else comes."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


async def _drain(receive: Receive) -> None:
    """Take in what is still to come, and throw it away."""
    size, more = 0, True
    while more and size < DRAINED_BYTES:
        message = await receive()
        size += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


async def _begin_answer(send: Send, refused: Refused) -> None:
    body = json.dumps({"detail": str(refused)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _end_answer(send: Send) -> None:
    await send({"type": "http.response.body", "body": b"", "more_body": False})
