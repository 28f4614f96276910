"""One request and its answer, tried again where that is safe: what to do next, for a client that waits or awaits.

Everything that is asked of the service may be asked again: a transaction of a known id is one row and one answer, a
label or a correction that is known adds nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from mlflow_fraud.client.answers import Refused
from mlflow_fraud.client.errors import TRY_AGAIN, Invalid, ServiceError, Unavailable, error_of
from mlflow_fraud.wall import utc

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long an answer is waited for: `timeout` seconds each time, `attempts` times, `pause` doubling in between.

    A service that says when to come again (`Retry-After`) is believed, up to `longest` seconds.
    """

    timeout: float = 5.0
    attempts: int = 4
    pause: float = 0.1
    longest: float = 10.0


@dataclass(frozen=True)
class Send:
    """Send this request next."""

    method: str
    path: str
    content: bytes | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What is said of the content."""
        return {} if self.content is None else {"Content-Type": "application/json"}


def posting(path: str, body: Any) -> Send:
    """Return a request with a body; raise `Invalid` where that is nothing that JSON has."""
    try:
        return Send("POST", path, json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except (TypeError, ValueError, RecursionError) as error:  # its words may hold what is sent
        raise Invalid(
            f"what is sent to POST {path} is no JSON ({type(error).__name__}); expected texts, finite numbers, true, "
            "false and null. Write a time, a day or a decimal number as the contract's format has it"
        ) from None


@dataclass(frozen=True)
class Wait:
    """Wait so many seconds."""

    seconds: float


Came = httpx.Response | httpx.RequestError | None
"""What came of a step: an answer, what broke off, or nothing after a wait."""

Exchange = Generator[Send | Wait, Came, T]


def exchange(send: Send, patience: Patience, read: Callable[[Any], T]) -> Exchange[T]:
    """Give the steps to an answer, and return what `read` makes of it.

    Raises the `ServiceError` that the last answer is.
    """
    for attempt in range(1, patience.attempts + 1):
        came = yield send
        last = attempt == patience.attempts
        if isinstance(came, httpx.Response):
            if came.is_success:
                return _read(came, send, read)
            if last or came.status_code not in TRY_AGAIN:
                raise error_of(_problem(came))
            yield Wait(_pause(patience, attempt, came.headers.get("Retry-After", "")))
        elif isinstance(came, httpx.DecodingError):
            raise _not_ours(send, came) from came
        else:
            if last:
                kind = type(came).__name__
                raise Unavailable(f"no answer to {send.method} {send.path} in {patience.attempts} attempts: {kind}")
            yield Wait(_pause(patience, attempt))
    raise ValueError(f"attempts is {patience.attempts}; expected at least 1")


def _read(answer: httpx.Response, send: Send, read: Callable[[Any], T]) -> T:
    """Return the value that a good answer says; one from something in between says none."""
    try:
        return read(answer.json())
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _not_ours(send, error) from error


def _not_ours(send: Send, error: Exception) -> ServiceError:
    return ServiceError(
        f"the answer to {send.method} {send.path} is none of this service ({type(error).__name__}); expected JSON "
        "as its /openapi.json says. Look at the URL and at what stands between"
    )


def _pause(patience: Patience, attempt: int, asked: str = "") -> float:
    own = patience.pause * 2.0 ** (attempt - 1)
    return min(max(own, _seconds(asked)), patience.longest)


def _seconds(asked: str) -> float:
    """Return how long a service asks to wait: it says seconds, what stands between may say a date (RFC 9110, 10.2.3).

    >>> _seconds("3"), _seconds("soon"), _seconds("Wed, 21 Oct 2015 07:28:00 GMT") < 0
    (3.0, 0.0, True)
    """
    if asked.isdecimal():
        return float(asked)
    try:
        return (parsedate_to_datetime(asked) - utc()).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def _problem(answer: httpx.Response) -> Refused:
    """Return the problem that an answer is, with the status that it came with.

    One from something in between may be no JSON, or a document of its own kind.
    """
    try:
        said = Refused.of({**answer.json(), "status": answer.status_code})
    except (ValueError, TypeError, AttributeError):
        said = None
    return said if said and said.detail else Refused(answer.status_code, "about:blank", answer.reason_phrase)
