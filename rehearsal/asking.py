"""A bank's program: it posts payments one by one over a connection that stays, and keeps what it was answered."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

TAKEN = ("noted", "known")


class Refused(NamedTuple):
    """A request that was not answered well."""

    path: str
    status: int
    said: str


class Client:
    """Sends requests with a key; `refused` has those that failed, `sent` counts all."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._host = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection(self._host, timeout=30)
        self.sent = 0
        self.refused: list[Refused] = []

    def post(self, path: str, body: object) -> Any:
        """Post a body and return the answer, None where it was refused or, of a list, one was not taken."""
        self.sent += 1
        status, said = self._asked("POST", path, json.dumps(body))
        answer = json.loads(said) if status == 200 else None
        if answer is None or (isinstance(answer, list) and any(each["status"] not in TAKEN for each in answer)):
            self.refused.append(Refused(path, status, said[:300]))
            return None
        return answer

    def get(self, path: str) -> Any:
        """Return the answer to a request, None where there is none."""
        status, said = self._asked("GET", path, None)
        return json.loads(said) if status == 200 else None

    def live(self) -> str:
        """Return the version that answers, or nothing."""
        found = self.get("/v1/model")
        return str(found["version"]) if found else ""

    def _asked(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        try:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return 0, type(error).__name__
