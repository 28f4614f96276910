"""One run and one version for each candidate, whatever was deleted, renamed or moved in between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_fraud.adapters.mlflow_tracking import KEY
from mlflow_fraud.core.errors import TrackingFailed
from tests.conftest import ROOT
from tests.tracked import a_training, database, tracking
from tests.tracked import made_database as made_database
from tests.tracked import project as project

ADDRESSES = (
    "select artifact_location from experiments",
    "select artifact_uri from runs",
    "select artifact_location from logged_models",
    "select source from model_versions",
    "select storage_location from model_versions",
)


def addresses(project: Path) -> list[str]:
    with database(project) as connection:
        return [str(each) for question in ADDRESSES for (each,) in connection.execute(question) if each]


def test_a_candidate_is_logged_once(project: Path) -> None:
    first = tracking().ensure_logged(a_training(project))
    again = tracking().ensure_logged(a_training(project))

    assert first.new
    assert again == first._replace(new=False)


def test_a_registered_model_that_was_deleted_or_renamed_gets_the_version_again(project: Path) -> None:
    first = tracking().ensure_logged(a_training(project))
    tracking()._client.delete_registered_model("fraud")
    with pytest.raises(TrackingFailed, match="does not have the registered model"):
        tracking().set_alias("champion", first.model_version)

    again = tracking().ensure_logged(a_training(project))

    assert again.run_id == first.run_id
    assert again.new  # the version is
    assert not tracking().ensure_logged(a_training(project)).new
    tracking().set_alias("champion", again.model_version)
    assert tracking().alias("champion") == again.model_version


@pytest.mark.parametrize("name", ["MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI"])
def test_versions_are_registered_where_the_runs_are_whatever_other_variables_name(
    project: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlflow.tracking._model_registry.utils._registry_uri", None)
    monkeypatch.setenv(name, "http://127.0.0.1:1")

    logged = tracking().ensure_logged(a_training(project))

    with database(project) as connection:
        assert connection.execute("select version from model_versions").fetchall() == [(int(logged.model_version),)]


def test_a_run_that_was_deleted_in_the_pages_is_made_again(project: Path) -> None:
    first = tracking().ensure_logged(a_training(project))
    tracking()._client.delete_run(first.run_id)

    again = tracking().ensure_logged(a_training(project))

    assert again.new
    assert again.run_id != first.run_id
    assert tracking().ensure_logged(a_training(project)) == again._replace(new=False)


KILLED = """
import os, signal, sys
from pathlib import Path
from mlflow import MlflowClient
from tests.tracked import a_training, tracking

MlflowClient.set_tag = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
tracking().ensure_logged(a_training(Path(sys.argv[1])))
"""


@pytest.mark.slow
def test_a_process_that_is_killed_when_its_version_is_there_leaves_a_run_that_the_next_one_ends(project: Path) -> None:
    environ = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(project)], env=environ, check=False)
    assert killed.returncode == -signal.SIGKILL

    logged = tracking().ensure_logged(a_training(project))

    assert tracking().ensure_logged(a_training(project)) == logged._replace(new=False)
    with database(project) as connection:
        runs = connection.execute(f"select run_uuid, status from tags join runs using (run_uuid) where key = '{KEY}'")
        assert runs.fetchall() == [(logged.run_id, "FINISHED")]
        versions = connection.execute("select version, run_id from model_versions").fetchall()
        assert versions == [(int(logged.model_version), logged.run_id)]
        points = "select count(*), count(distinct key || step) from metrics"
        (points_of, kinds_of), *_ = connection.execute(points).fetchall()
        assert points_of == kinds_of


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_project_in_another_folder_works_there_and_has_its_artifacts(
    project: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tracking().ensure_logged(a_training(project))
    there = project.parent / "übersiedelt, 2. Stock"
    (shutil.move if how == "moved" else shutil.copytree)(project, there)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file()}
    monkeypatch.chdir(there)

    again = tracking().ensure_logged(a_training(there))
    tracking().ensure_logged(a_training(there, key="another", group="another"))

    assert again == first._replace(new=False)
    run = tracking()._client.get_run(first.run_id)
    assert run.info.artifact_uri == (there / f".local/mlflow-artifacts/{first.run_id}/artifacts").as_uri()
    assert {each.path for each in tracking()._client.list_artifacts(first.run_id)} >= {"confusion.png"}
    assert [each for each in addresses(there) if "a project" in each or "a%20project" in each] == []
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("given", ["absolute", "s3"])
def test_artifacts_that_are_elsewhere_by_their_whole_address_stay_there(
    project: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = str(project.parent / "shared") if given == "absolute" else "s3://bucket/mlflow"
    _ = tracking(artifact_location=elsewhere)._experiment_id
    before = addresses(project)
    there = project.parent / "renamed"
    project.rename(there)
    monkeypatch.chdir(there)

    tracking(artifact_location=elsewhere).check()

    assert addresses(there) == before


def test_a_file_that_several_projects_share_is_left_as_it_is(
    project: Path, made_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = project.parent / "shared.db"
    shutil.copy(made_database, shared)
    _ = tracking(uri=f"sqlite:///{shared}")._experiment_id
    other = project.parent / "other"
    other.mkdir()
    monkeypatch.chdir(other)

    found = tracking(uri=f"sqlite:///{shared}")._client.get_experiment_by_name("fraud")

    assert found is not None
    assert found.artifact_location == (project / ".local/mlflow-artifacts").as_uri()


def test_a_link_to_the_project_is_no_move(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracking().ensure_logged(a_training(project))
    before = addresses(project)
    link = project.parent / "link"
    link.symlink_to(project)
    monkeypatch.chdir(link)
    monkeypatch.setattr(Path, "cwd", classmethod(lambda cls: link))

    tracking().check()

    assert addresses(project) == before
