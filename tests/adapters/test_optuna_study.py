"""A study repeats itself by its seed, goes on after a kill as if nothing had been, and cuts hopeless trials short."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_fraud.adapters.optuna_study import Plan, Report, Study
from mlflow_fraud.core.errors import StageFailed
from mlflow_fraud.core.learning.tuning import Range, Trial, Values

SPACE = (Range("eta", 0.01, 1.0, log=True), Range("depth", 1, 12, whole=True), Range("share", 0.1, 1.0))
CURRENT: Values = {"eta": 0.123456, "depth": 6, "share": 0.5}


def measured(values: Values, report: Report) -> float:
    """Return a hill with its top at depth 8, after three reported steps."""
    score = 1 - abs(values["depth"] - 8) / 10 - abs(values["share"] - 0.7) / 10
    for step in range(3):
        report(step, score * (step + 1) / 3)
    return score


def search(
    storage: Path, trials: int, *, seed: int = 3, current: Values = CURRENT, measure: Callable[..., float] = measured
) -> list[Trial]:
    study = Study(storage, "hill", SPACE, seed)
    study.search(measure, current, Plan(trials, None, 0), lambda trial: None)
    return study.trials


def told(trials: list[Trial]) -> list[tuple[Values, float | None]]:
    return [(trial.values, trial.score) for trial in trials]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_trials_and_another_one_others(tmp_path: Path) -> None:
    once, again, other = (told(search(tmp_path / f"{place}.db", 16, seed=seed)) for place, seed in enumerate((3, 3, 4)))
    assert once == again
    assert once != other
    assert once[0][0] == other[0][0] == CURRENT


def test_trials_are_counted_in_the_whole_study(tmp_path: Path) -> None:
    first, second = (search(tmp_path / "a.db", trials) for trials in (5, 9))
    assert (len(first), len(second)) == (5, 9)
    assert told(search(tmp_path / "a.db", 9)) == told(second) == told(search(tmp_path / "b.db", 9))


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.adapters.test_optuna_study import measured, search

calls = []
def deadly(values, report):
    calls.append(values)
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return measured(values, report)

search(Path(sys.argv[1]), 14, measure=deadly)
"""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Values, float | None]]:
    """What a study of as many trials tells that nobody killed."""
    return told(search(tmp_path_factory.mktemp("study") / "unbroken.db", 14))


@pytest.mark.slow
@pytest.mark.parametrize("fatal", [1, 7, 13], ids=lambda fatal: f"in trial {fatal}")
def test_a_killed_study_goes_on_with_the_trials_that_an_unbroken_one_has(
    tmp_path: Path, fatal: int, unbroken: list[tuple[Values, float | None]]
) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path / "killed.db"), str(fatal)]
    done = subprocess.run(words, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    left = Study(tmp_path / "killed.db", "hill", SPACE, 3).trials
    assert len(left) == fatal - 1
    resumed = search(tmp_path / "killed.db", 14)
    assert told(resumed)[: len(left)] == told(left)
    assert told(resumed) == unbroken


def test_hopeless_trials_are_cut_short_and_the_current_values_never(tmp_path: Path) -> None:
    worst: Values = {"eta": 0.5, "depth": 1, "share": 0.1}
    before = search(tmp_path / "a.db", 25)
    assert any(trial.score is None for trial in before)
    after = search(tmp_path / "a.db", 25, current=worst)
    assert len(after) == 26
    assert after[-1].values == worst
    assert after[-1].score == pytest.approx(measured(worst, lambda step, score: None))


def test_the_current_values_are_tried_as_they_are_and_the_others_have_few_digits(tmp_path: Path) -> None:
    first, *others = search(tmp_path / "a.db", 8)
    assert first.values == CURRENT
    assert all(len(f"{trial.values['eta']:g}".replace(".", "").lstrip("0")) <= 3 for trial in others)
    assert all(isinstance(trial.values["depth"], int) for trial in others)


def test_a_second_process_on_the_same_study_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "hill.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(StageFailed, match="the study hill is being worked on by another process"):
            search(tmp_path / "a.db", 2)


def test_no_trial_begins_after_the_time_is_up(tmp_path: Path) -> None:
    study = Study(tmp_path / "a.db", "hill", SPACE, 3)
    study.search(measured, CURRENT, Plan(10_000, 0.3, 0), lambda trial: None)
    assert 1 <= len(study.trials) < 10_000
