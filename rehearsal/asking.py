"""A bank's program: it posts payments one by one over a connection that stays, and counts what failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mlflow_fraud.client import Client as Service
from mlflow_fraud.client import Patience, Scored, ServiceError

TAKEN = ("noted", "known")
ONCE = Patience(attempts=1, timeout=30)
"""A failure that a second attempt would hide is to be seen."""


class Refused(NamedTuple):
    """A request that was not answered well; none is sent again."""

    path: str
    status: int
    said: str


class Client:
    """Sends requests with a key; `refused` has those that failed, `sent` counts all."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._service = Service(url, key=key, patience=ONCE)
        self.sent = 0
        self.refused: list[Refused] = []

    def takes(self, key: str) -> None:
        """Send a key with every request from now on; what is under way has the one before."""
        self._service = Service(self.url, key=key, patience=ONCE)

    def score(self, payment: Mapping[str, Any]) -> Scored | None:
        """Return the answer to a payment, None where there is none."""
        self.sent += 1
        try:
            return self._service.score(payment)
        except ServiceError as error:
            self._failed("/v1/score", error)
            return None

    def tell(self, path: str, body: Any) -> None:
        """Tell labels or a correction."""
        self.sent += 1
        try:
            labels = path == "/v1/labels"
            outcomes = self._service.tell_labels(body) if labels else [self._service.correct(body)]
            if any(each not in TAKEN for each in outcomes):
                self.refused.append(Refused(path, 200, ", ".join(outcomes)[:300]))
        except ServiceError as error:
            self._failed(path, error)

    def ready(self) -> dict[str, Any] | None:
        """Return what the service says of itself now, None where it says nothing good."""
        try:
            return self._service.ready()
        except ServiceError:
            return None

    def live(self) -> str:
        """Return the version that answers now, or nothing."""
        try:
            return self._service.model().version
        except ServiceError:
            return ""

    def _failed(self, path: str, error: ServiceError) -> None:
        self.refused.append(Refused(path, error.status, str(error)[:300]))
