"""The two clients: one waits, the other awaits; what they ask and what they make of an answer is the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from mlflow_fraud.client.answers import Model, Refused, Scored
from mlflow_fraud.client.exchange import Came, Exchange, Patience, Send, Wait, exchange, posting
from mlflow_fraud.core.errors import SettingsError

T = TypeVar("T")
Row = Mapping[str, Any]
"""A transaction, a label or a correction in the contract's own columns."""


USUAL = Patience()


class _Asks:
    """What can be asked, each as the steps to its answer."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience

    def score(self, transaction: Row, reasons: int | None) -> Exchange[Scored]:
        return self.post("/v1/score" if reasons is None else f"/v1/score?reasons={reasons}", transaction, Scored.of)

    def batch(self, transactions: Sequence[Row], reasons: int | None) -> Exchange[list[Scored | Refused]]:
        path = "/v1/score/batch" if reasons is None else f"/v1/score/batch?reasons={reasons}"
        return self.post(path, [*transactions], lambda told: _each_of(transactions, told))

    def label(self, labels: Row | Sequence[Row]) -> Exchange[list[str]]:
        said = [labels] if isinstance(labels, Mapping) else [*labels]
        return self.post("/v1/labels", said, lambda told: [each["status"] for _, each in zip(said, told, strict=True)])

    def correct(self, correction: Row) -> Exchange[str]:
        return self.post("/v1/corrections", correction, lambda told: str(told["status"]))

    def model(self) -> Exchange[Model]:
        return self.get("/v1/model", Model.of)

    def prediction(self, prediction_id: str) -> Exchange[dict[str, Any]]:
        return self.get(f"/v1/predictions/{quote(prediction_id, safe='', errors='replace')}", dict)

    def post(self, path: str, body: Any, read: Callable[[Any], T]) -> Exchange[T]:
        return exchange(posting(path, body), self._patience, read)

    def get(self, path: str, read: Callable[[Any], T]) -> Exchange[T]:
        return exchange(Send("GET", path), self._patience, read)


class Client:
    """Asks the service, and waits. Use it in a `with` block: its connections stay until the end of it.

    `key` is the API key, that of `FRAUD_API_KEY` if not given; it is sent and never shown. Raises `SettingsError` for
    an address or a key that nothing can be sent with; every method raises the `ServiceError` that the answer is.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: Patience = USUAL,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        address = _address(url)
        self.url, self._asks, self._sleep = url, _Asks(patience), sleep
        self._http = httpx.Client(
            base_url=address,
            headers=_headers(key),
            timeout=patience.timeout,
            transport=transport,
            trust_env=_goes_out(address),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def score(self, transaction: Row, *, reasons: int | None = None) -> Scored:
        """Return what the service says of a transaction; the same sent again gets the same answer.

        So many `reasons` come with it where they are asked for and soon there.
        """
        return self._run(self._asks.score(transaction, reasons))

    def score_batch(self, transactions: Sequence[Row], *, reasons: int | None = None) -> list[Scored | Refused]:
        """Return an answer to each of at most 1,000 transactions, in their order; `reasons` as of `score`."""
        return self._run(self._asks.batch(transactions, reasons))

    def tell_labels(self, labels: Row | Sequence[Row]) -> list[str]:
        """Tell one label or several, and return what came of each: `noted`, `known`, `unmatched`, `too early`."""
        return self._run(self._asks.label(labels))

    def correct(self, correction: Row) -> str:
        """Tell that a payment was reversed or is another one now; return `noted` or `known`."""
        return self._run(self._asks.correct(correction))

    def model(self) -> Model:
        """Return which model answers."""
        return self._run(self._asks.model())

    def prediction(self, prediction_id: str) -> dict[str, Any]:
        """Return an answer as the record has it; the key needs the scope `admin`."""
        return self._run(self._asks.prediction(prediction_id))

    def ready(self) -> dict[str, Any]:
        """Return what the service says of itself."""
        return self._run(self._asks.get("/readyz", dict))

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def _run(self, steps: Exchange[T]) -> T:
        came: Came = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                answer: T = end.value
                return answer
            if isinstance(step, Wait):
                self._sleep(step.seconds)
                came = None
                continue
            try:
                came = self._http.request(step.method, step.path, content=step.content, headers=step.headers)
            except httpx.RequestError as error:
                came = error


class AsyncClient:
    """Asks the service, and awaits: `Client` in an `async with` block."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: Patience = USUAL,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        address = _address(url)
        self.url, self._asks, self._sleep = url, _Asks(patience), sleep
        self._http = httpx.AsyncClient(
            base_url=address,
            headers=_headers(key),
            timeout=patience.timeout,
            transport=transport,
            trust_env=_goes_out(address),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def score(self, transaction: Row, *, reasons: int | None = None) -> Scored:
        """Return what the service says of a transaction; the same sent again gets the same answer.

        So many `reasons` come with it where they are asked for and soon there.
        """
        return await self._run(self._asks.score(transaction, reasons))

    async def score_batch(self, transactions: Sequence[Row], *, reasons: int | None = None) -> list[Scored | Refused]:
        """Return an answer to each of at most 1,000 transactions, in their order; `reasons` as of `score`."""
        return await self._run(self._asks.batch(transactions, reasons))

    async def tell_labels(self, labels: Row | Sequence[Row]) -> list[str]:
        """Tell one label or several, and return what came of each: `noted`, `known`, `unmatched`, `too early`."""
        return await self._run(self._asks.label(labels))

    async def correct(self, correction: Row) -> str:
        """Tell that a payment was reversed or is another one now; return `noted` or `known`."""
        return await self._run(self._asks.correct(correction))

    async def model(self) -> Model:
        """Return which model answers."""
        return await self._run(self._asks.model())

    async def prediction(self, prediction_id: str) -> dict[str, Any]:
        """Return an answer as the record has it; the key needs the scope `admin`."""
        return await self._run(self._asks.prediction(prediction_id))

    async def ready(self) -> dict[str, Any]:
        """Return what the service says of itself."""
        return await self._run(self._asks.get("/readyz", dict))

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()

    async def _run(self, steps: Exchange[T]) -> T:
        came: Came = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as end:
                answer: T = end.value
                return answer
            if isinstance(step, Wait):
                await self._sleep(step.seconds)
                came = None
                continue
            try:
                came = await self._http.request(step.method, step.path, content=step.content, headers=step.headers)
            except httpx.RequestError as error:
                came = error


def _headers(key: str | None) -> dict[str, str]:
    if key is None:
        from mlflow_fraud.environment import load_environment  # a program that gives its key needs none of it

        key = load_environment().api_key.get_secret_value()
    if not (key.isascii() and key.isprintable()):
        raise SettingsError(
            "the API key has letters that no header takes; expected it as `mlflow-fraud keys add` gave it"
        )
    return {"Authorization": f"Bearer {key}"} if key else {}


def _address(url: str) -> httpx.URL:
    """Return where the service is; raise `SettingsError` for what is no address."""
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        found = httpx.URL()
    if found.scheme not in ("http", "https") or not found.host:
        raise SettingsError("the client's url is no address of a service; expected one such as http://127.0.0.1:8000")
    return found


def _goes_out(address: httpx.URL) -> bool:
    """Return whether the environment's proxies may be asked: not for this machine itself."""
    return address.host not in ("localhost", "127.0.0.1", "::1")


def _each_of(transactions: Sequence[Row], told: Sequence[Mapping[str, Any]]) -> list[Scored | Refused]:
    """Return an answer to each; raise `ValueError` where there are more or fewer."""
    return [
        Scored.of(each) if "probability" in each else Refused.of(each)
        for _, each in zip(transactions, told, strict=True)
    ]
