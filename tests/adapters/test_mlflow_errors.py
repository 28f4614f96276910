"""What can go wrong with MLflow ends in one sentence that says what to do, and within seconds."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from mlflow_fraud.adapters import mlflow_tracking
from mlflow_fraud.adapters.mlflow_errors import Patience, explain
from mlflow_fraud.core.errors import FraudError, SettingsError, TrackingFailed
from stack.place import free_ports
from tests import loopback
from tests.tracked import a_training, database, tracking
from tests.tracked import made_database as made_database
from tests.tracked import project as project


class _Answer(BaseHTTPRequestHandler):
    status, body = 200, b""

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET

    def log_message(self, *said: object) -> None:
        """Keep quiet."""


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Run a server that answers everything alike."""
    handler = type("Answer", (_Answer,), {"status": status, "body": body})
    with loopback.answering(HTTPServer(("127.0.0.1", 0), handler)) as url:
        yield url


@contextmanager
def saying_nothing() -> Iterator[str]:
    """Take connections and never answer."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def is_one_sentence(error: FraudError) -> bool:
    return "\n" not in str(error) and len(str(error)) < 420


@pytest.mark.parametrize(
    ("uri", "kind", "said"),
    [
        pytest.param("file:./mlruns", SettingsError, "no longer keeps runs", id="a folder as a URI"),
        pytest.param("./mlruns", SettingsError, "no longer keeps runs", id="a folder"),
        pytest.param("htp://127.0.0.1:5000", SettingsError, "no address that MLflow knows", id="a misspelt scheme"),
        pytest.param("sqlite://runs.db", SettingsError, "no whole address", id="a slash too few"),
        pytest.param("http://127.0.0.1:99999", SettingsError, "no whole address", id="no such port"),
        pytest.param("sqlite:///.", SettingsError, "cannot be written to", id="a folder as a database"),
        pytest.param("oracle://a:b@127.0.0.1/x", SettingsError, "needs the package", id="a driver that is not there"),
        pytest.param("http://mlflow.bank.invalid:5000", TrackingFailed, "no machine has this name", id="no such name"),
        pytest.param("postgresql+psycopg://a:b@127.0.0.1:1/x", TrackingFailed, "nobody listens", id="no database"),
        pytest.param("http://127.0.0.1:1", TrackingFailed, "nobody listens", id="no server"),
    ],
)
@pytest.mark.usefixtures("project")
def test_an_address_that_cannot_be_used_is_a_sentence(uri: str, kind: type[FraudError], said: str) -> None:
    began = time.monotonic()

    with pytest.raises(kind, match=said) as caught:
        tracking(uri=uri).check()

    assert is_one_sentence(caught.value)
    assert ":b@" not in str(caught.value)  # a password is nobody's to read
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (200, b"<html>A portal</html>", SettingsError, "is no MLflow server"),
        (200, b'{"hello": "world"}', SettingsError, "is no MLflow server"),
        (302, b"", SettingsError, "is no MLflow server"),
        (404, b"<html>Not found</html>", SettingsError, "is no MLflow server"),
        (404, b'{"detail": "Not Found"}', SettingsError, "is no MLflow server"),
        (401, b"You are not authenticated", SettingsError, "MLFLOW_TRACKING_USERNAME"),
        (403, b"Invalid Host header - possible DNS rebinding attack", SettingsError, "MLFLOW_SERVER_ALLOWED_HOSTS"),
        (403, b'{"error_code": "PERMISSION_DENIED", "message": "no"}', SettingsError, "ask for the right"),
        (429, b"slow down", TrackingFailed, "its log says which"),
        (500, b"boom", TrackingFailed, "its log says which"),
        (503, b"<html>busy</html>", TrackingFailed, "its log says which"),
    ],
)
def test_a_server_that_answers_otherwise_is_a_sentence(
    status: int, body: bytes, kind: type[FraudError], said: str
) -> None:
    with answering(status, body) as uri, pytest.raises(kind, match=said) as caught:
        tracking(uri=uri).check()

    assert is_one_sentence(caught.value)


def test_a_server_that_says_nothing_is_waited_for_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mlflow_tracking, "LOOK_SECONDS", 1)
    began = time.monotonic()

    with saying_nothing() as uri, pytest.raises(TrackingFailed, match="does not answer"):
        tracking(uri=uri).ensure_logged(a_training(tmp_path))

    assert time.monotonic() - began < 3


@pytest.mark.parametrize("scheme", ["http://127.0.0.1:{port}", "postgresql+psycopg://a:b@127.0.0.1:{port}/x"])
def test_a_server_that_is_gone_costs_no_retries(scheme: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    began = time.monotonic()

    with pytest.raises(TrackingFailed, match="nobody listens"):
        tracking(uri=scheme.format(port=port)).ensure_logged(a_training(tmp_path))

    assert time.monotonic() - began < 3


def test_what_a_person_says_about_waiting_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    with Patience() as patience:
        patience.be(seconds=3, retries=1)
        told = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_HTTP_REQUEST")}
    assert told == {"MLFLOW_HTTP_REQUEST_TIMEOUT": "77", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_a_deleted_experiment_is_named_with_the_command_that_restores_it(project: Path) -> None:
    tracking().ensure_logged(a_training(project))
    with database(project) as connection:
        connection.execute("update experiments set lifecycle_stage = 'deleted' where name = 'fraud'")

    for use in (lambda: tracking().check(), lambda: tracking().ensure_logged(a_training(project))):
        with pytest.raises(SettingsError, match=r"is deleted.*mlflow experiments restore -x 1`.*FRAUD_EXPERIMENT"):
            use()
    assert tracking(experiment="another").ensure_logged(a_training(project)).new


def test_a_file_that_is_no_database_is_named(project: Path) -> None:
    (project / ".local/mlflow.db").write_text("run,f1\n" * 500)

    with pytest.raises(SettingsError, match="is not a database that can be read"):
        tracking().check()


@pytest.mark.parametrize("revision", ["ffffffffffff", "451aebb31d03"], ids=["a newer one", "an older one"])
def test_the_tables_of_another_mlflow_are_named_with_the_way_out(project: Path, revision: str) -> None:
    with database(project) as connection:
        connection.execute("update alembic_version set version_num = ?", (revision,))

    with pytest.raises(SettingsError, match=r"another version of MLflow.*`mlflow db upgrade") as caught:
        tracking().check()
    assert is_one_sentence(caught.value)


def test_a_locked_database_is_named_and_no_traceback_printed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told = sqlite3.OperationalError("database is locked")
    used = tracking()
    used.check()
    monkeypatch.setattr(used._client, "create_experiment", lambda *given, **named: (_ for _ in ()).throw(told))

    with pytest.raises(TrackingFailed, match="is locked by another program"):
        used.ensure_logged(a_training(project))
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("(sqlite3.OperationalError) attempt to write a readonly database", SettingsError, "cannot be written to"),
        ("(sqlite3.OperationalError) database or disk is full", TrackingFailed, "the disk is full"),
        ("[Errno 28] No space left on device: 'model.ubj'", TrackingFailed, "the disk is full"),
        ("[Errno 30] Read-only file system: '/mlflow'", SettingsError, "cannot be written to"),
        ("HTTPSConnectionPool: Max retries (Caused by ProxyError('Cannot connect'))", TrackingFailed, "NO_PROXY"),
        ("SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED", SettingsError, "MLFLOW_TRACKING_SERVER_CERT_PATH"),
        ("('Connection aborted.', RemoteDisconnected('closed'))", TrackingFailed, "broke off"),
        ("consuming input failed: server closed the connection unexpectedly", TrackingFailed, "broke off"),
        ("something that nobody has seen\nand more of it", TrackingFailed, "something that nobody has seen"),
    ],
)
def test_other_words_of_the_tools_are_known(text: str, kind: type[FraudError], said: str) -> None:
    error = explain(RuntimeError(text), "sqlite:///runs.db")

    assert type(error) is kind
    assert said in str(error)
    assert is_one_sentence(error)
