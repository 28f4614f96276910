"""Who may ask: a request's key, its scope and its client's limits are looked at before a byte of its body."""

from __future__ import annotations

import math
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from mlflow_fraud.adapters.key_file import ApiKey
from mlflow_fraud.serving.body import refuse
from mlflow_fraud.serving.keyring import Keyring
from mlflow_fraud.serving.limits import Limit
from mlflow_fraud.serving.problems import Problem
from mlflow_fraud.serving.scopes import needed

_SCHEME = b"bearer "


class Client(NamedTuple):
    """Who asks: the name of its keys, or its address where no keys are asked for, and the limits on what it sends."""

    name: str
    has_key: bool
    labels: Limit
    requests: Limit

    def take_labels(self, number: int) -> None:
        """Count labels; raise `Problem` where they are more than the client may send now."""
        seconds = self.labels.wait(self.name, number)
        if math.isinf(seconds):
            raise Problem(413, f"expected at most {self.labels.most:g} labels in one request")
        if seconds:
            raise _too_many(f"at most {self.labels.most:g} labels an hour", seconds)

    def take_requests(self, number: int) -> None:
        """Count what is in one request beyond the first; raise `Problem` where it is more than may come now."""
        seconds = self.requests.wait(self.name, number) if number else 0.0
        if math.isinf(seconds):
            raise Problem(413, f"expected at most {self.requests.most:g} transactions in one request")
        if seconds:
            raise _too_many(_a_second(self.requests), seconds)


class Guard:
    """Decides which request goes on. Keys of one name have their limits together."""

    def __init__(self, keyring: Keyring, requests: Limit, labels: Limit) -> None:
        self._keyring, self._requests, self._labels = keyring, requests, labels

    def admit(self, scope: Scope) -> None:
        """Write down who asks in the request's state; raise `Problem` where the request may not go on.

        A path that asks for the scope `label` counts as one label. A handler that finds more of them takes these too.
        """
        scopes = needed(scope["path"])
        if not scopes:
            return
        self._keyring.look()
        key = self._key(scope) if self._keyring.asked_for else None
        client = Client(key.name if key else _address(scope), key is not None, self._labels, self._requests)
        scope.setdefault("state", {})["client"] = client
        seconds = self._requests.wait(client.name)
        if seconds:
            raise _too_many(_a_second(self._requests), seconds)
        if key and scopes.isdisjoint(key.scopes):
            words = " or ".join(sorted(scopes))
            raise Problem(
                403,
                f"expected a key with the scope {words}, found one with {' and '.join(key.scopes)}",
                {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{" ".join(sorted(scopes))}"'},
            )
        if scopes == {"label"}:
            client.take_labels(1)

    def _key(self, scope: Scope) -> ApiKey:
        """Return the key that the request brings; a wrong one, an old one and none get the same answer."""
        key = self._keyring.find(_presented(scope))
        if key is None:
            raise Problem(
                401, "expected a valid key in the header Authorization: Bearer <key>", {"WWW-Authenticate": "Bearer"}
            )
        return key


class Guarded:
    """Hands a request on where the guard admits it, and refuses it otherwise."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or let the application answer it."""
        if scope["type"] == "http":
            try:
                self._guard.admit(scope)
            except Problem as problem:
                await refuse(problem, scope, receive, send)
                return
        await self._app(scope, receive, send)


def _presented(scope: Scope) -> bytes:
    """Return the key that a request brings: none where the header is missing, there twice, or of another scheme."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1 or given[0][: len(_SCHEME)].lower() != _SCHEME:
        return b""
    return bytes(given[0][len(_SCHEME) :].strip())


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _a_second(limit: Limit) -> str:
    return f"at most {limit.a_second:g} requests a second"


def _too_many(sentence: str, seconds: float) -> Problem:
    wait = math.ceil(seconds)
    return Problem(429, f"expected {sentence}; try again in {wait} s", {"Retry-After": str(wait)})
