"""MLflow on a real PostgreSQL, by the address that the documents give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlflow_fraud.core.errors import SettingsError
from tests.mlflow_server import MlflowServer
from tests.postgres_server import PASSWORD, running_postgres
from tests.tracked import a_training, tracking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The address of an empty database."""
    with running_postgres() as uri:
        yield uri


def test_a_candidate_is_logged_once_in_postgres_and_its_pages_show_it(postgres: str, tmp_path: Path) -> None:
    told = {"uri": postgres, "artifact_location": str(tmp_path / "artifacts")}
    first = tracking(**told).ensure_logged(a_training(tmp_path))
    tracking(**told).set_alias("champion", first.model_version)

    assert first.new
    assert tracking(**told).ensure_logged(a_training(tmp_path)) == first._replace(new=False)
    assert tracking(**told).alias("champion") == first.model_version
    assert (tmp_path / "artifacts" / first.run_id / "artifacts/confusion.png").is_file()
    with MlflowServer(tmp_path, postgres) as server:
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
