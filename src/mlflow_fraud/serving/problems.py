"""What an answer that is not good looks like: RFC 9457, made here for all of the service.

What stands before the handlers raises `Problem`. Handlers raise FastAPI's `HTTPException`, which gets the same form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Kind(NamedTuple):
    """What a client tells problems apart by, and the same in words; neither changes from one answer to the next."""

    name: str
    title: str

    @property
    def type(self) -> str:
        """The URI reference that names the kind."""
        return f"/problems/{self.name}"


KINDS: Mapping[int, Kind] = {
    400: Kind("no-http", "This is no HTTP"),
    401: Kind("no-valid-key", "A valid key is needed"),
    403: Kind("beyond-the-key", "The key is not for this"),
    404: Kind("not-there", "There is nothing of this name"),
    405: Kind("not-this-method", "The path has other methods"),
    408: Kind("too-slow", "The request was not there in time"),
    409: Kind("otherwise-on-record", "The record says otherwise"),
    413: Kind("too-large", "The body is too large"),
    415: Kind("no-plain-json", "The body is no plain JSON"),
    422: Kind("not-what-the-contract-says", "The request is not what the contract says"),
    429: Kind("too-many", "Too many requests"),
    431: Kind("headers-too-large", "The headers are too large"),
    500: Kind("no-answer", "The service has no answer"),
    503: Kind("not-now", "The service cannot answer now"),
}
"""Every status that the service refuses or fails with."""

_SENTENCES = {
    404: "expected a path of this service, found none of this name; /openapi.json has them",
    405: "expected one of the path's own methods, which `Allow` names",
}
"""What stands in for the bare phrase that the router gives."""


class Wrong(BaseModel):
    """One thing that is wrong with a request: where, as a JSON pointer, and a sentence; never what was sent."""

    pointer: str
    detail: str


class ProblemDocument(BaseModel):
    """Why there is no good answer, by RFC 9457; `errors` where single values are wrong."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Wrong] | None = None


class Problem(Exception):
    """A request that is refused; the sentence is for whoever sent it."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.headers = status, headers or {}


def document(status: int, sentence: str, errors: Sequence[Mapping[str, str]] = ()) -> bytes:
    """Return the body of an answer.

    >>> document(404, "no such transaction was scored here").decode()[:62]
    '{"type": "/problems/not-there", "title": "There is nothing of '
    """
    kind = KINDS.get(status)
    told: dict[str, Any] = {
        "type": kind.type if kind else "about:blank",
        "title": kind.title if kind else HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence,
    }
    return json.dumps(told | ({"errors": list(errors)} if errors else {})).encode()


def pointer(place: Sequence[str | int]) -> str:
    """Return a place in the body as a JSON pointer in a URI fragment.

    >>> pointer(["body", 3, "amt"]), pointer(["body", "a/b"]), pointer(["body"])
    ('#/3/amt', '#/a~1b', '#')
    """
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in place[1:])
    return "#" + "".join(f"/{quote(step, safe='~')}" for step in steps)


def answer_in_problems(app: FastAPI) -> None:
    """Let what handlers and the router raise become problems."""
    app.add_exception_handler(Problem, _of_a_problem)
    app.add_exception_handler(HTTPException, _of_a_handler)
    app.add_exception_handler(RequestValidationError, _of_validation)


def response_to(error: HTTPException) -> Response:
    """Return the answer to what a handler or the router raised.

    A detail that is a list has what is wrong with each value.
    """
    said: Any = error.detail
    if isinstance(said, list):
        return _of_values(error.status_code, said)
    if said == HTTPStatus(error.status_code).phrase:
        said = _SENTENCES.get(error.status_code, said)
    return _response(document(error.status_code, str(said)), error.status_code, error.headers)


async def _of_a_handler(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return response_to(error)


async def _of_a_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _response(document(error.status, str(error)), error.status, error.headers)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _of_values(422, error.errors())


def document_of_values(status: int, wrong: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the body of an answer that says of single values what is wrong with them."""
    errors = [{"pointer": pointer(each["loc"]), "detail": each["msg"]} for each in wrong]
    places = "1 place" if len(errors) == 1 else f"{len(errors)} places"
    return document(status, f"expected what the contract says, found otherwise in {places}", errors)


def _of_values(status: int, wrong: Sequence[Mapping[str, Any]]) -> Response:
    return _response(document_of_values(status, wrong), status)


def _response(body: bytes, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status, headers, MEDIA_TYPE)
