"""The scoring service as a process of its own."""

from __future__ import annotations

import ipaddress
import logging
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol

import uvicorn

from mlflow_fraud.adapters.key_file import KeyFile
from mlflow_fraud.adapters.prediction_log.connection import Synchronous
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.paths import LAST_GOOD
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.clock import clock_of
from mlflow_fraud.serving.collector import looking_once
from mlflow_fraud.serving.connections import IDLE_SECONDS, Bounds, Server, connections
from mlflow_fraud.serving.guard import Guard
from mlflow_fraud.serving.keyring import Keyring
from mlflow_fraud.serving.limits import Limit
from mlflow_fraud.serving.live_model import LiveModel
from mlflow_fraud.serving.logs import write_lines_of_json
from mlflow_fraud.serving.record import open_record

log = logging.getLogger(__name__)

GRACE_SECONDS = 10
HOUR = 3600


class Place(Protocol):
    """Where the service runs: the part of the environment that it needs."""

    @property
    def release_store(self) -> str:
        """A folder, or `s3://bucket/prefix`."""

    @property
    def s3_endpoint_url(self) -> str:
        """The S3 server; empty for AWS."""

    @property
    def prediction_log(self) -> str:
        """The record's database."""

    @property
    def prediction_log_synchronous(self) -> Synchronous:
        """What a commit waits for in SQLite."""

    @property
    def journal(self) -> Path:
        """The folder of an earlier program's journal."""

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

    @property
    def api_keys(self) -> Path:
        """The file of API keys."""

    @property
    def rate_limit(self) -> float:
        """How many requests a second a client may send."""

    @property
    def rate_burst(self) -> int:
        """How many of them at once."""

    @property
    def labels_per_hour(self) -> int:
        """How many labels an hour a client may send."""


def serve(environment: Place, host: str, port: int) -> None:
    """Answer requests until the process is told to stop; requests under way are finished first.

    One process: the cards' past is in its memory, and two would see half of it each.
    """
    write_lines_of_json()
    keyring = Keyring(KeyFile(environment.api_keys))
    require_keys(keyring, host, environment.api_keys)
    store = open_store(environment.release_store, endpoint_url=environment.s3_endpoint_url)
    address, synchronous = environment.prediction_log, environment.prediction_log_synchronous
    bounds = Bounds.of_this_process()
    with open_record(address, synchronous=synchronous, journal=environment.journal) as record:
        app = create_app(
            store,
            record=record,
            poll_seconds=environment.poll_seconds,
            clock=clock_of(environment.clock, environment.tolerance),
            last_good=LAST_GOOD,
            guard=guard_of(environment, keyring),
            key=environment.key,
        )
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=connections(bounds, app.state.metrics.refused),
            ws="none",
            backlog=bounds.backlog,
            timeout_keep_alive=IDLE_SECONDS,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        with suppress(KeyboardInterrupt), looking_once():
            run(Server(config), app.state.model)


def run(server: Server, model: LiveModel) -> None:
    """Answer until the server is told to stop; raise `RecordDamaged` where the start finds a record that is torn."""

    def end() -> None:
        server.should_exit = True

    model.end = end
    server.run()
    if model.hopeless:
        raise model.hopeless


def guard_of(environment: Place, keyring: Keyring) -> Guard:
    """Return the guard with the limits as they are set."""
    labels = environment.labels_per_hour
    return Guard(keyring, Limit(environment.rate_limit, environment.rate_burst), Limit(labels / HOUR, labels))


def require_keys(keyring: Keyring, host: str, file: Path) -> None:
    """Say aloud that no key is asked for; raise `SettingsError` where others than this machine could come in so."""
    if keyring.anyone():
        return
    make = "`mlflow-fraud keys add NAME --scope score --scope label`"
    if not is_loopback(host):
        raise SettingsError(
            f"expected a valid API key in {file} to listen on {host}, where others can reach the service; found none. "
            f"Make one: {make}"
        )
    if keyring.asked_for:
        log.warning("every key in %s has expired, so nobody gets in; make one: %s", file, make)
    else:
        log.warning("no API keys: whoever is on this machine may score, label and read; %s changes that", make)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach the address.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.5", "::1", "0.0.0.0", "::", "", "scoring.bank.example")]
    [True, True, True, False, False, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
