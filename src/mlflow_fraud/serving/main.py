"""The scoring service as a process of its own."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol

import uvicorn

from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey
from mlflow_fraud.paths import LAST_GOOD
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.clock import clock_of
from mlflow_fraud.serving.journal import open_journal

GRACE_SECONDS = 10


class Place(Protocol):
    """Where the service runs: the part of the environment that it needs."""

    @property
    def release_store(self) -> str:
        """A folder, or `s3://bucket/prefix`."""

    @property
    def s3_endpoint_url(self) -> str:
        """The S3 server; empty for AWS."""

    @property
    def history(self) -> Path:
        """The recorded transactions."""

    @property
    def journal(self) -> Path:
        """The folder of what was scored since."""

    @property
    def key(self) -> PseudonymKey | None:
        """The key of pseudonyms, None where it is not set."""

    @property
    def clock(self) -> Literal["wall", "stream"]:
        """What now is told from."""

    @property
    def tolerance(self) -> timedelta:
        """How far ahead of now a time may be."""

    @property
    def poll_seconds(self) -> float:
        """How often the pointer is looked at."""


def serve(environment: Place, host: str, port: int) -> None:
    """Answer requests until the process is told to stop; requests under way are finished first.

    One process: the cards' past is in its memory, and two would see half of it each.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    store = open_store(environment.release_store, endpoint_url=environment.s3_endpoint_url)
    past, poll, key = environment.history, environment.poll_seconds, environment.key
    with open_journal(environment.journal) as journal:
        clock = clock_of(environment.clock, environment.tolerance)
        app = create_app(
            store,
            history_path=past,
            journal=journal,
            poll_seconds=poll,
            clock=clock,
            last_good=LAST_GOOD,
            key=key,
        )
        uvicorn.run(
            app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_SECONDS
        )
