"""A request's body is bounded before it is read: in size, in the time that it may take, and in its form."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Mapping
from functools import partial
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlflow_fraud.core.contract.bounds import BODY_BYTES
from mlflow_fraud.serving.problems import MEDIA_TYPE, Problem, document

BODY_SECONDS = 10.0
"""So long a client may take to send a body."""

DRAINED_BYTES = 64 * 1024 * 1024
"""So much of a refused body is still taken in and thrown away: many a client reads no answer before it sent all."""

LARGE_AT_ONCE = 16
"""So many requests whose bodies may be larger than others are read and answered at once: they are in memory."""

JSON = b"application/json"

_DIGITS = 18
"""Of a length that are read; one of more is too large."""


class BoundedBody:
    """Hands a request on once its whole body is there, and answers in its place where that is too much to ask.

    What is refused is kept nowhere.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        at_most: int = BODY_BYTES,
        larger: Mapping[str, int] | None = None,
        seconds: float = BODY_SECONDS,
    ) -> None:
        """`larger` has the paths of which a body may have more bytes than `at_most`."""
        self._app, self._at_most, self._larger, self._seconds = app, at_most, larger or {}, seconds
        self._large = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or let the application answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        at_most = self._larger.get(scope["path"])
        if at_most is None:
            await self._hand_on(scope, receive, send, self._at_most)
        elif self._large >= LARGE_AT_ONCE:
            few = Problem(503, f"expected fewer than {LARGE_AT_ONCE} such requests at once", {"Retry-After": "1"})
            await refuse(few, scope, receive, send, seconds=self._seconds)
        else:
            self._large += 1
            try:
                await self._hand_on(scope, receive, send, at_most)
            finally:
                self._large -= 1

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send, at_most: int) -> None:
        try:
            _require_form(scope, at_most)
            body = await within(self._seconds, _whole(receive, at_most))
        except Problem as problem:
            await refuse(problem, scope, receive, send, seconds=self._seconds)
        except TimeoutError:
            await give_up(Problem(408, f"expected the body within {self._seconds:g} seconds"), send)
        else:
            if body is not None:
                await self._app(scope, _replayed(body, receive), send)


async def refuse(
    problem: Problem, scope: Scope, receive: Receive, send: Send, *, seconds: float = BODY_SECONDS
) -> None:
    """Answer in place of the application, whose request was not read.

    A small body is thrown away first, and the connection stays. Of a larger one or one of no stated length the answer
    comes first, and the connection ends.
    """
    length = _length(dict(scope["headers"]))
    if length is not None and length <= BODY_BYTES and not _waits(scope):
        whole = length == 0 or await _drained(receive, seconds)
        await _begin_answer(send, problem, close=not whole)
    else:
        await _begin_answer(send, problem, close=True)
        if not _waits(scope):
            await _drained(receive, seconds)
    await _end_answer(send)


async def give_up(problem: Problem, send: Send) -> None:
    """Answer in place of the application and end the connection, whatever was read of the body."""
    await _begin_answer(send, problem, close=True)
    await _end_answer(send)


def _require_form(scope: Scope, at_most: int) -> None:
    """Raise `Problem` for what the headers alone say."""
    headers = dict(scope["headers"])
    length = _length(headers)
    if length is not None and length > at_most:
        raise _too_large(at_most)
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"", b"identity"):
        raise Problem(415, "expected a body as it is, without a content-encoding such as gzip")
    if length != 0 and headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != JSON:
        raise Problem(415, "expected JSON, and the header Content-Type: application/json that says so")


def _length(headers: Mapping[bytes, bytes]) -> int | None:
    """Return how long the body says that it is: 0 where there is none, None where it does not say."""
    declared = headers.get(b"content-length")
    if declared is None or b"transfer-encoding" in headers:
        return None if b"transfer-encoding" in headers else 0
    return int(declared) if declared.isdigit() and len(declared) <= _DIGITS else 10**_DIGITS


def _waits(scope: Scope) -> bool:
    """Return whether the client sends its body only when it is asked to."""
    return any(name == b"expect" for name, _ in scope["headers"])


async def within(seconds: float, reading: Coroutine[Any, None, bytes | None]) -> bytes | None:
    """Return what is read, or raise `TimeoutError`; no timer is set for what is there at once, as nearly all is."""
    try:
        waited_for = reading.send(None)
    except StopIteration as read:
        return read.value  # type: ignore[no-any-return]
    async with asyncio.timeout(seconds):
        return await _Begun(reading, waited_for)


class _Begun:
    """A coroutine that was begun and waits for something; whoever awaits this goes on with it from there."""

    def __init__(self, coroutine: Coroutine[Any, None, bytes | None], waited_for: Any) -> None:
        self._coroutine, self._waited_for = coroutine, waited_for

    def __await__(self) -> Generator[Any, None, bytes | None]:
        waited_for = self._waited_for
        while True:
            try:
                yield waited_for
            except BaseException as error:  # it was cancelled, or what it waits for has failed
                go_on = partial(self._coroutine.throw, error)
            else:
                go_on = partial(self._coroutine.send, None)
            try:
                waited_for = go_on()
            except StopIteration as read:
                return read.value  # type: ignore[no-any-return]


async def _whole(receive: Receive, at_most: int) -> bytes | None:
    """Return the body; None where the client went away."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > at_most:
            raise _too_large(at_most)
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large(at_most: int) -> Problem:
    return Problem(413, f"expected a body of at most {at_most} bytes; send fewer transactions a request")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return what gives the body as one message, then what else comes."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


async def _drained(receive: Receive, seconds: float) -> bool:
    """Take in what is still to come and throw it away; return whether its end was seen."""
    size, more = 0, True
    try:
        async with asyncio.timeout(seconds):
            while more and size < DRAINED_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
    except TimeoutError:
        return False
    return not more


async def _begin_answer(send: Send, problem: Problem, *, close: bool) -> None:
    body = document(problem.status, str(problem))
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
        *([(b"connection", b"close")] if close else []),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _end_answer(send: Send) -> None:
    await send({"type": "http.response.body", "body": b"", "more_body": False})
