"""`tune` changes numbers in `params.yaml` when it found better ones, and nothing else ever."""

from __future__ import annotations

import difflib
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.evaluation.tune import tune
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.logged import open_tracking
from tests.conftest import ROOT

WORST = "  logistic: {c: 0.001, bins: 4}   # left by hand"


@pytest.fixture
def shipped(workspace: Path) -> Path:
    """The workspace with `params.yaml` as it is shipped, but for a poor logistic regression and short periods."""
    text = (ROOT / "params.yaml").read_text()
    [line] = [line for line in text.splitlines() if line.startswith("  logistic: {")]
    text = text.replace(line, WORST).replace("validation_days: 90, test_days: 90", "validation_days: 50, test_days: 50")
    text = text.replace("train_days: 300, validation_days: 60", "train_days: 90, validation_days: 30")
    text = text.replace("test_days: 45, folds: 4", "test_days: 30, folds: 2").replace("rounds: 1200", "rounds: 30")
    (workspace / "params.yaml").write_text(text)
    return workspace


def trials_in_mlflow() -> list[tuple[str, str]]:
    tracking = open_tracking(load_environment())
    found = tracking._client.search_runs([tracking._experiment_id], "params.objective LIKE '%'")
    return sorted((run.data.tags.get("mlflow.parentRunId", ""), run.info.run_name) for run in found)


@pytest.mark.slow
def test_better_values_are_written_as_a_diff_of_one_line_and_the_trials_are_under_one_run(shipped: Path) -> None:
    before = (shipped / "params.yaml").read_text()
    said = tune("logistic", 5)
    after = (shipped / "params.yaml").read_text()
    old, new = (
        [line[2:] for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] == sign]
        for sign in "-+"
    )
    assert old == [WORST]
    assert len(new) == 1
    told = load_params().train.logistic
    assert new[0] == f"  logistic: {{c: {told.c:g}, bins: {told.bins}}}   # left by hand"
    assert f"c: 0.001 -> {told.c:g}" in said
    parents = [name for parent, name in trials_in_mlflow() if not parent]
    assert len(parents) == 1
    assert [name for parent, name in trials_in_mlflow() if parent] == [f"trial {number}" for number in range(5)]


@pytest.mark.slow
def test_the_same_command_again_tries_nothing_logs_nothing_and_writes_nothing(shipped: Path) -> None:
    tune("logistic", 4)
    after, logged = (shipped / "params.yaml").read_text(), trials_in_mlflow()
    assert "nothing is better than params.yaml" in tune("logistic", 4)
    assert (shipped / "params.yaml").read_text() == after
    assert trials_in_mlflow() == logged


@pytest.mark.slow
def test_xgboost_is_tuned_over_folds_that_end_before_the_test(shipped: Path) -> None:
    said = tune("xgboost", 2, objective="prequential")
    assert "average precision (prequential): " in said


def test_a_study_of_other_data_is_another_one(shipped: Path) -> None:
    tune("logistic", 1)
    text = (shipped / "params.yaml").read_text()
    (shipped / "params.yaml").write_text(text.replace("validation_days: 50", "validation_days: 49"))
    tune("logistic", 1)
    assert len([name for parent, name in trials_in_mlflow() if not parent]) == 2


def test_a_wrong_objective_is_named(shipped: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean validation"):
        tune("logistic", 1, objective="validaton")


@pytest.mark.slow
def test_a_killed_command_goes_on_where_it_was(shipped: Path, tmp_path: Path) -> None:
    unbroken = tmp_path / "unbroken"
    shutil.copytree(shipped, unbroken)
    words = [sys.executable, "-c", "from mlflow_fraud.cli import main; main()", "tune", "logistic", "--trials", "8"]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while not _ended(shipped) >= 3:
        assert running.poll() is None
        time.sleep(0.2)
    running.send_signal(signal.SIGKILL)
    running.wait()
    left = _ended(shipped)
    assert 3 <= left < 8
    resumed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    whole = subprocess.run(words, check=True, capture_output=True, text=True, cwd=unbroken).stdout
    assert f"{left} of 8 trials are there" in resumed
    assert "0 of 8 trials are there" in whole
    assert yaml.safe_load((shipped / "params.yaml").read_text()) == yaml.safe_load(
        (unbroken / "params.yaml").read_text()
    )
    assert [trial[1:] for trial in _trials(shipped)] == [trial[1:] for trial in _trials(unbroken)]


def _trials(workspace: Path) -> list[tuple[int, object, float | None]]:
    import optuna

    storage = f"sqlite:///{workspace / '.local/optuna.db'}"
    [name] = optuna.get_all_study_names(storage)
    trials = optuna.load_study(study_name=name, storage=storage).trials
    ended = [trial for trial in trials if trial.state.name in ("COMPLETE", "PRUNED")]
    return [(trial.number, trial.params, trial.value) for trial in ended]


def _ended(workspace: Path) -> int:
    try:
        return len(_trials(workspace))
    except Exception:  # the file is not there yet, or half made
        return 0
