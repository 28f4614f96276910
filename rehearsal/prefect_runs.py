"""Runs of deployments, asked for and waited for through Prefect's own API."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from mlflow_fraud.core.errors import FraudError

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
SECONDS = 1800
BUSY_SECONDS = 60
"""So long a server whose SQLite is busy is asked again, as Prefect's own client does."""


class Prefect:
    """A server, as a client of it sees it."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._url = variables["PREFECT_API_URL"]
        user = base64.b64encode(variables["PREFECT_API_AUTH_STRING"].encode()).decode()
        self._headers = {"Authorization": f"Basic {user}", "Content-Type": "application/json"}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def start(self, flow: str, **parameters: object) -> dict[str, Any]:
        """Ask for a run of the deployment of a flow's name, and return it as it is then."""
        deployment = self._asked("GET", f"/deployments/name/{flow}/{flow}")
        asked = {"parameters": parameters}
        return dict(self._asked("POST", f"/deployments/{deployment['id']}/create_flow_run", asked))

    def run(self, flow: str, **parameters: object) -> dict[str, Any]:
        """Run the deployment of a flow's name and return the run once it has ended."""
        return self.ended(self.start(flow, **parameters))

    def ended(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """Return a run once it has ended."""
        until = time.monotonic() + SECONDS
        while run["state_type"] not in ENDED:
            if time.monotonic() > until:
                raise FraudError(f"{run['name']} has not ended after {SECONDS} s, it is {run['state_name']}")
            time.sleep(0.5)
            run = self._asked("GET", f"/flow_runs/{run['id']}")
        return dict(run)

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """Return the runs of a deployment, oldest first."""
        asked = {"deployments": {"name": {"any_": [flow]}}, "sort": "START_TIME_ASC"}
        return list(self._asked("POST", "/flow_runs/filter", asked))

    def wait_for(self, flow: str, number: int) -> list[dict[str, Any]]:
        """Return the runs of a deployment once there are so many and all have ended."""
        until = time.monotonic() + SECONDS
        while True:
            found = self.runs(flow)
            if len(found) >= number and all(run["state_type"] in ENDED for run in found):
                return found
            if time.monotonic() > until:
                states = [run["state_name"] for run in found]
                raise FraudError(f"expected {number} runs of {flow} that have ended, found {states} after {SECONDS} s")
            time.sleep(0.5)

    def _asked(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}{path}", data, self._headers, method=method)
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                with self._opener.open(request, timeout=60) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > until:
                    raise
            time.sleep(0.5)
