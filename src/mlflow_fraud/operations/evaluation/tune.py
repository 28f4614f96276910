"""Better parameters for a candidate: tried by Optuna, each trial in MLflow, the best ones written to `params.yaml`."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from statistics import fmean

from mlflow_fraud.adapters import git_repo
from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.adapters.mlflow_runs import PlainRun
from mlflow_fraud.adapters.mlflow_tracking import Tracking
from mlflow_fraud.adapters.optuna_study import Plan, Report, Study
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.learning.tuning import Outcome, Trial, Values, number_text, outcome, with_values
from mlflow_fraud.core.progress import Step
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.evaluation.judging import average_precision, check_candidate
from mlflow_fraud.operations.evaluation.tuning_task import Task, task_for
from mlflow_fraud.paths import PARAMS_FILE, STUDIES
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.logged import open_tracking
from mlflow_fraud.stages.progress import Paced, watched
from mlflow_fraud.stages.run import say

WARMUP = 5
"""Rounds times eta before which no fit is cut short: one with small steps is not judged while it starts."""


class _Watched:
    """Progress that says how far a fit is and hands every round on, its place counted in rounds times eta."""

    def __init__(self, eta: float, report: Report, progress: Paced) -> None:
        self._eta = eta
        self._report = report
        self._progress = progress
        self._reached = -1

    def __call__(self, line: str) -> None:
        """Say nothing: a study has many fits, and what each is worth is said after it."""

    def after_step(self, step: Step) -> None:
        """Say how far a fit is that takes long."""
        self._progress.after_step(step)

    def after_round(self, number: int, score: float) -> None:
        """Report the score whenever another whole step was learned."""
        step = int((number + 1) * self._eta)
        if step > self._reached:
            self._reached = step
            self._report(step, score)


def tune(candidate: str, trials: int, seconds: float | None = None, objective: str = "validation") -> str:
    """Let the candidate's study have `trials` trials, write what is better to `params.yaml`; return what was found."""
    check_candidate(candidate)
    if seconds is not None and not isfinite(seconds):
        raise SettingsError(f"--timeout is a number of seconds, found {seconds}; leave it out to wait for every trial")
    task = task_for(candidate, objective, load_params())
    study = Study(STUDIES, task.name, task.space, task.train.seed)
    say(f"study {task.name}: {len(study.trials)} of {trials} trials are there")
    log = _logger(task)
    for trial in study.trials:
        log(trial)
    warmup = 0 if objective == "prequential" else WARMUP
    with watched(f"study of {candidate}") as progress:

        def after(trial: Trial) -> None:
            log(trial)
            _tell(progress, trial, study.trials, trials)

        progress.after_step(Step("study", len(study.trials), trials, "trials"))
        study.search(
            lambda values, report: _measure(task, values, report, progress),
            task.current,
            Plan(trials, seconds, warmup),
            after,
        )
    return _conclude(task, study.trials)


def _tell(progress: Paced, trial: Trial, ended: list[Trial], trials: int) -> None:
    """Say what the trial came to, and how far the study is."""
    best = max((each.score for each in ended if each.score is not None), default=0.0)
    found = "was cut short" if trial.score is None else f"has average precision {trial.score:.4f}"
    progress.after_step(
        Step("study", len(ended), trials, "trials", f"trial {trial.number} {found}, the best {best:.4f}")
    )


def _measure(task: Task, values: Values, report: Report, progress: Paced) -> float:
    """Return the average precision of these values: on validation, or the mean over the folds' tests."""
    train, found = task.with_values(values), list[float]()
    alone = len(task.cuts) == 1
    watcher = _Watched(values.get("eta", 1.0), report if alone else lambda step, score: None, progress)
    for number, cut in enumerate(task.cuts, start=1):
        found.append(average_precision(task.history, cut, task.candidate, train, task.part, watcher))
        if not alone:
            report(number, fmean(found))
    return fmean(found)


def _conclude(task: Task, trials: list[Trial]) -> str:
    found = outcome(trials, task.current)
    if found is None:
        return f"the values in {PARAMS_FILE} have not been tried to the end, so nothing was changed; give it more time"
    cut_short = sum(trial.score is None for trial in trials)
    lines = [
        f"average precision ({task.objective}): {found.before.score:.4f} with {PARAMS_FILE} as it was, "
        f"{found.best.score:.4f} in trial {found.best.number}; {len(trials)} trials, {cut_short} cut short"
    ]
    if not found.changes:
        return "\n".join([*lines, f"nothing is better than {PARAMS_FILE}, so nothing was changed"])
    _write(task, found)
    lines += [f"  {name}: {number_text(old)} -> {number_text(new)}" for name, (old, new) in found.changes.items()]
    return "\n".join([*lines, f"train.{task.candidate} in {PARAMS_FILE} is changed; `git diff {PARAMS_FILE}` shows it"])


def _write(task: Task, found: Outcome) -> None:
    text = PARAMS_FILE.read_text(encoding="utf-8")
    write_text(PARAMS_FILE, with_values(text, task.candidate, {name: new for name, (_, new) in found.changes.items()}))


def _logger(task: Task) -> Callable[[Trial], None]:
    """Return what logs a trial under the study's run; where MLflow cannot be reached it says so, once."""
    lost: list[Exception] = []

    def log(trial: Trial) -> None:
        if lost:
            return
        try:
            _log(open_tracking(load_environment()), task, trial)
        except Exception as error:  # whatever MLflow raises, the trial is in the study
            lost.append(error)
            say(f"warning: the trials are not in MLflow ({error}); the same command tries again")

    return log


def _log(tracking: Tracking, task: Task, trial: Trial) -> None:
    tags = {"git_sha": git_repo.head()}
    told = {"candidate": task.candidate, "objective": task.objective}
    parent = tracking.ensure_run(PlainRun(task.name, f"tuning {task.name}", told, {}, tags))
    state = "finished" if trial.score is not None else "cut short"
    run = PlainRun(
        key=f"{task.name}-{trial.number}",
        name=f"trial {trial.number}",
        params={**told, **trial.values},
        metrics={"average_precision": trial.score},
        tags={**tags, "fraud.trial": state},
    )
    tracking.ensure_run(run, parent)
