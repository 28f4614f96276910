"""What is logged, compared and released of a model is what was when it was trained, whatever the files say by now."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from mlflow.entities import Run

from mlflow_fraud.adapters.files import md5
from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.errors import DataError, FraudError, SettingsError, TrackingFailed
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.release import promote as promoting
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.release.promote import mirror_champion, promote
from mlflow_fraud.operations.tracking.mirror import look_at_mlflow, mark_challenger
from mlflow_fraud.stages.logged import open_tracking, track, track_if_possible
from mlflow_fraud.stages.trained import read_trained
from stack.place import free_ports


@pytest.fixture
def store(workspace: Path) -> ReleaseStore:
    """An empty release store beside the workspace."""
    return open_store(str(workspace / "live"))


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> str:
    """A tracking server that is not there."""
    uri = f"http://127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setenv("FRAUD_TRACKING_URI", uri)
    return uri


def run_of(candidate: str) -> Run:
    return open_tracking(load_environment())._client.get_run(track(candidate).run_id)


def told_by(run: Run) -> dict[str, Any]:
    """Return all that a run says, but for when it ran."""
    data = run.data
    inputs = {each.dataset.name: each.dataset.digest for each in run.inputs.dataset_inputs}
    own = {name: value for name, value in data.tags.items() if name.startswith(("dvc.", "feature", "fraud.", "git"))}
    return {"params": data.params, "metrics": data.metrics, "inputs": inputs, "tags": own}


def change(section: str, **values: object) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    place = params
    for name in section.split("."):
        place = place[name]
    place |= values
    Path("params.yaml").write_text(yaml.safe_dump(params))


def change_everything_of_now() -> None:
    """Change each file that the training read, as the next experiment would."""
    change("train", seed=99)
    change("datasets.simulated", refit="none")
    change("train.xgboost", max_depth=2, eta=0.9)
    change("train.forest", trees=3)
    change("train.logistic", bins=3)
    change("features", large_amount=5)
    change("costs", alert=99.0)
    change("threshold", policy="min-cost")
    change("datasets.simulated.split", label_delay_days=30)
    for name in ("transactions", "features/train", "features/validation", "features/test"):
        file = Path(f"data/{name}.parquet")
        pl.read_parquet(file).head(50).write_parquet(file)
    schema = json.loads(Path("data/features/schema.json").read_text())
    Path("data/features/schema.json").write_text(json.dumps(schema | {"label_delay_days": 30}))


@pytest.mark.slow
def test_a_run_logged_later_says_what_the_one_logged_at_once_says(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {candidate: run_of(candidate) for candidate in ("logistic", "forest", "xgboost")}
    monkeypatch.setenv("FRAUD_TRACKING_URI", "sqlite:///.local/later.db")
    hashes = {name: md5(Path(name)) for name in read_trained("xgboost").data}

    change_everything_of_now()

    for candidate, run in before.items():
        later = run_of(candidate)
        assert later.info.run_id != run.info.run_id
        assert told_by(later) == told_by(run)
        assert {name: later.data.tags[f"dvc.{name}"] for name in hashes} == hashes
        assert later.data.params["seed"] == "7"
    assert told_by(before["xgboost"])["params"]["max_depth"] == "4"


@pytest.mark.parametrize("file", ["metrics.json", "rounds.json", "confusion.png", "reliability.png"])
def test_a_figure_that_is_not_of_the_training_is_not_logged(workspace: Path, file: str) -> None:
    changed = Path("data/models/xgboost", file)
    changed.write_bytes(changed.read_bytes().replace(b"0", b"1", 1) + b" ")

    with pytest.raises(DataError, match=f"{file}: not what the training of xgboost left"):
        track("xgboost")


def test_a_model_without_its_lineage_says_what_to_run(workspace: Path) -> None:
    Path("data/models/xgboost/model/lineage.json").unlink()

    with pytest.raises(DataError, match=r"what xgboost was trained with is not known; run `dvc repro`"):
        track("xgboost")


def test_a_release_has_the_parameters_that_its_model_was_trained_with(store: ReleaseStore) -> None:
    text = Path("params.yaml").read_text()
    compare(store, first=True)
    change("train.xgboost", max_depth=2)
    change("train", seed=99)

    version = promote(store).version

    assert version is not None
    release = store.fetch(version)
    assert yaml.safe_load(release.files["params.yaml"]) == yaml.safe_load(text)
    assert len(release.manifest.git_sha) == 40


def test_what_is_compared_has_the_features_that_it_was_trained_on(store: ReleaseStore) -> None:
    file = Path("data/features/test.parquet")
    pl.read_parquet(file).head(50).write_parquet(file)

    with pytest.raises(DataError, match=r"test.parquet has changed since .* was trained on it"):
        compare(store, first=True)


def without_git(workspace: Path) -> None:
    subprocess.run(["rm", "-r", str(workspace / ".git")], check=True)


def without_a_lock(workspace: Path) -> None:
    (workspace / "dvc.lock").unlink()


def with_another_model(workspace: Path) -> None:
    lock = workspace / "dvc.lock"
    lock.write_text(re.sub(r"[0-9a-f]{32}\.dir", "0" * 32 + ".dir", lock.read_text()))


def with_other_code(workspace: Path) -> None:
    lock = yaml.safe_load((workspace / "dvc.lock").read_text())
    for stage in lock["stages"].values():
        stage["deps"].append({"path": "src/mlflow_fraud/core/learning/training.py", "md5": "0" * 32})
    (workspace / "dvc.lock").write_text(yaml.safe_dump(lock))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(without_git, "this folder is in no git repository", id="no repository"),
        pytest.param(without_a_lock, r"dvc.lock does not tell where", id="no lock"),
        pytest.param(with_another_model, r"dvc.lock does not tell where", id="a lock of another model"),
        pytest.param(with_other_code, r"the code has changed since .*core/learning/training.py", id="code of now"),
    ],
)
def test_an_origin_that_cannot_be_known_stops_the_promotion(
    store: ReleaseStore, workspace: Path, spoil: Any, said: str
) -> None:
    compare(store, first=True)
    spoil(workspace)

    with pytest.raises(FraudError, match=said):
        promote(store)
    assert store.latest() is None


def test_code_that_is_not_committed_is_said_in_the_release(store: ReleaseStore, workspace: Path) -> None:
    (workspace / "dvc.yaml").write_text("stages: {}\n")
    subprocess.run(["git", "add", "dvc.yaml"], cwd=workspace, check=True)
    compare(store, first=True)

    version = promote(store).version

    assert version is not None
    assert store.fetch(version).manifest.git_sha.endswith("-dirty")


def test_training_and_comparing_go_on_without_mlflow_and_track_makes_up_for_it(
    store: ReleaseStore, away: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look_at_mlflow()
    assert track_if_possible("forest") is None
    compare(store, first=True)
    mark_challenger()
    lines = capsys.readouterr().out.splitlines()
    said = [line for line in lines if line.startswith("warning: ")]
    assert len(said) == 3
    assert {line for line in lines if line not in said} == {"forest: to MLflow"}  # the wait is announced
    assert all(away in line for line in said)
    assert "Training goes on without it; `mlflow-fraud track`" in said[0]
    assert "the alias challenger in MLflow is behind" in said[2]

    monkeypatch.delenv("FRAUD_TRACKING_URI")
    assert track("forest").run_id


def test_promotion_needs_mlflow_and_says_so_before_anything_is_done(store: ReleaseStore, away: str) -> None:
    compare(store, first=True)

    with pytest.raises(TrackingFailed, match="nothing was promoted; `mlflow-fraud promote` does it when"):
        promote(store)
    assert store.latest() is None
    assert not list(Path("live").rglob("manifest.json"))


def test_what_is_live_stays_live_when_mlflow_goes_away_after_it(
    store: ReleaseStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(store, first=True)
    version = promote(store).version
    monkeypatch.setenv("FRAUD_TRACKING_URI", f"http://127.0.0.1:{free_ports(1)[0]}")

    assert mirror_champion(store) is None

    assert f"warning: {version} is live, but the alias champion is behind" in capsys.readouterr().out
    assert not promote(store).moved
    monkeypatch.delenv("FRAUD_TRACKING_URI")
    assert promoting.mirror_champion(store) is not None


def test_an_experiment_that_was_deleted_stops_before_the_work_with_the_way_out(store: ReleaseStore) -> None:
    compare(store, first=True)
    tracking = open_tracking(load_environment())
    tracking._client.delete_experiment(tracking._experiment_id)

    for asked in (look_at_mlflow, lambda: promote(store)):
        with pytest.raises(SettingsError, match="mlflow experiments restore -x"):
            asked()
    assert store.latest() is None
