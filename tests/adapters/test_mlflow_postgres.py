"""MLflow on a real PostgreSQL, by the address that the documents give."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlflow_fraud.adapters import mlflow_tracking
from mlflow_fraud.core.errors import SettingsError, TrackingFailed
from tests.mlflow_server import MlflowServer
from tests.postgres_server import PASSWORD, running_postgres
from tests.tracked import a_training, tracking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The address of an empty database."""
    with running_postgres() as uri:
        yield uri


@pytest.fixture(scope="module")
def server(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """A tracking server in front of the database."""
    with MlflowServer(tmp_path_factory.mktemp("server"), postgres) as server:
        yield server


def test_a_candidate_is_logged_once_in_postgres_and_its_pages_show_it(
    postgres: str, server: MlflowServer, tmp_path: Path
) -> None:
    told = {"uri": postgres, "artifact_location": str(tmp_path / "artifacts")}
    first = tracking(**told).ensure_logged(a_training(tmp_path))
    tracking(**told).set_alias("champion", first.model_version)

    assert first.new
    assert tracking(**told).ensure_logged(a_training(tmp_path)) == first._replace(new=False)
    assert tracking(**told).alias("champion") == first.model_version
    assert (tmp_path / "artifacts" / first.run_id / "artifacts/confusion.png").is_file()
    logged = tracking(uri=server.uri).ensure_logged(a_training(tmp_path))
    assert logged.run_id == first.run_id
    assert logged.page == f"{server.uri}/#/experiments/1/runs/{first.run_id}"


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [(PASSWORD, "another", "refuses the user or the password"), ("/mlflow", "/elsewhere", "has no such database")],
)
def test_a_database_that_lets_nobody_in_is_a_sentence_without_the_password(
    postgres: str, right: str, wrong: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        tracking(uri=postgres.replace(right, wrong)).check()

    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_dies_in_the_middle_is_given_up_and_the_run_is_made_again(
    server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_tracking, "ANSWER_SECONDS", 2)
    training, used = a_training(tmp_path, key="broken off"), tracking(uri=server.uri)
    log = used._log

    def log_and_lose_it(*given: Any) -> None:
        log(*given)
        server.send(signal.SIGSTOP)

    monkeypatch.setattr(used, "_log", log_and_lose_it)
    began = time.monotonic()
    with pytest.raises(TrackingFailed, match="does not answer"):
        used.ensure_logged(training)
    assert time.monotonic() - began < 30

    server.send(signal.SIGCONT)
    again = tracking(uri=server.uri).ensure_logged(training)

    assert again.new
    assert tracking(uri=server.uri).ensure_logged(training) == again._replace(new=False)
