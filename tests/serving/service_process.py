"""The scoring service as a process of its own, and another one that promotes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.client import Client, Patience, Scored
from stack.place import free_ports
from tests.serving.conftest import as_json

PATIENCE = 60.0
JSON = {"Content-Type": "application/json"}
SERVE = "from mlflow_fraud.cli import main; main()"
UNLIMITED = {"FRAUD_RATE_LIMIT": "1000000", "FRAUD_RATE_BURST": "1000000"}
"""A test's clients all have one address, and ask as fast as the machine lets them."""
PROMOTE = """
import sys
from mlflow_fraud.adapters.release_store import open_store

store = open_store(sys.argv[1], endpoint_url=sys.argv[2])
at = "2026-01-01T00:00:00+00:00"
store.promote(sys.argv[3], action="promote", who="ann", at=at, reasons=["better"], expected=store.latest())
"""


@dataclass(frozen=True)
class Place:
    location: str
    endpoint_url: str
    environment: dict[str, str]

    @property
    def store(self) -> ReleaseStore:
        return open_store(self.location, endpoint_url=self.endpoint_url)

    def promote(self, version: str) -> None:
        command = [sys.executable, "-c", PROMOTE, self.location, self.endpoint_url, version]
        subprocess.run(command, env=self.environment, check=True)


@dataclass(frozen=True)
class Service:
    port: int
    process: subprocess.Popen[bytes]

    def card(self) -> dict[str, Any]:
        found = answers(self.port, "/v1/model")
        assert found is not None
        return found

    def score(self, row: Mapping[str, Any]) -> Scored:
        """Return the answer to a row."""
        with Client(f"http://127.0.0.1:{self.port}", key="", patience=Patience(timeout=PATIENCE)) as client:
            return client.score(row)

    def post(self, path: str, row: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Post a row; return the answer's status and what it says."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("POST", path, as_json(row), JSON)
        answer = connection.getresponse()
        body: dict[str, Any] = json.loads(answer.read())
        connection.close()
        return answer.status, body

    def readiness(self) -> dict[str, Any]:
        """Return what the service says of itself."""
        found = answers(self.port, "/readyz")
        assert found is not None
        return found

    def kill(self) -> None:
        """End the process without a word to it."""
        self.process.kill()
        self.process.wait()

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Stop the process for a while; its clients wait."""
        self.process.send_signal(signal.SIGSTOP)
        yield
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def running_service(
    place: Place, folder: Path, *, record: str | None = None, descriptors: int = 0, poll_seconds: float = 0.1
) -> Iterator[Service]:
    """Start `mlflow-fraud serve` on the record in `folder`, and wait for it; at its end it must stop when told to.

    `record` is the address of a record elsewhere. `descriptors` is how many files the process may open, where it is not
    as many as this one may. `poll_seconds` are fewer than as shipped, so that nobody waits for them.
    """
    (port,) = free_ports(1)
    environment = {
        **place.environment,
        **UNLIMITED,
        "FRAUD_RELEASE_STORE": place.location,
        "FRAUD_S3_ENDPOINT_URL": place.endpoint_url,
        "FRAUD_PREDICTION_LOG": record or f"sqlite:///{folder / 'record.db'}",
        "FRAUD_JOURNAL": str(folder / "journal"),
        "FRAUD_POLL_SECONDS": str(poll_seconds),
    }
    command = [sys.executable, "-c", SERVE, "serve", "--port", str(port)]
    if descriptors:
        command = ["bash", "-c", f'ulimit -n {descriptors} && exec "$@"', "bash", *command]
    with (folder / "service.log").open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + PATIENCE
        while not answers(port, "/readyz"):
            assert process.poll() is None, (folder / "service.log").read_text()
            assert time.monotonic() < until, (folder / "service.log").read_text()
            time.sleep(0.1)
        yield Service(port, process)
        if process.poll() is not None:
            return  # it was killed on purpose
        process.terminate()
        process.wait(PATIENCE)
        assert "Application shutdown complete" in (folder / "service.log").read_text()
    finally:
        process.kill()
        process.wait()


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return when something holds; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not so after {seconds:g} s"
        time.sleep(0.02)


def answers(port: int, path: str) -> dict[str, Any] | None:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = json.loads(answer.read())
    except ConnectionError:
        return None
    finally:
        connection.close()
    return body if answer.status == 200 else None
