"""Optuna: a search for better parameters that can be killed at any time and goes on where it was."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from mlflow_fraud.core.errors import StageFailed
from mlflow_fraud.core.learning.tuning import Range, Space, Trial, Values, readable

Report = Callable[[int, float], None]
"""Takes how far a trial has come and its score there; raises where the trial is not worth going on with."""

Measure = Callable[[Values, Report], float]

CURRENT = "current"
"""Marks the trial of the values in `params.yaml`; it is never cut short, for it is what the others must beat."""

STARTUP = 5
"""No trial is cut short before so many have finished."""


class Plan(NamedTuple):
    """How long to search: until the study has `trials`, or for `seconds`; `warmup` is how far no trial is cut."""

    trials: int
    seconds: float | None
    warmup: int


class Study:
    """One study in a SQLite file; a trial is seeded by its place, so a resumed one tries what an unbroken one does."""

    def __init__(self, storage: Path, name: str, space: Space, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage.parent.mkdir(parents=True, exist_ok=True)
        self._lock = storage.with_name(f"{name}.lock")
        self._space = space
        self._seed = seed
        self._study = optuna.create_study(
            storage=f"sqlite:///{storage}", study_name=name, direction="maximize", load_if_exists=True
        )

    @property
    def trials(self) -> list[Trial]:
        """The trials that came to an end, finished or cut short, oldest first."""
        return [self._trial(frozen) for frozen in self._ended()]

    def search(self, measure: Measure, current: Values, plan: Plan, after: Callable[[Trial], None]) -> None:
        """Go on until the plan is fulfilled; the current values are tried next where they were not yet.

        Raises `StageFailed` where another process works on the same study.
        """
        with self._alone():
            self._bury_the_killed()
            self._study.pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=plan.warmup)
            self._reseed()
            left = max(plan.trials - len(self._ended()), self._enqueue(current))
            if left > 0:
                self._study.optimize(
                    lambda trial: measure(self._suggest(trial), lambda step, score: _report(trial, step, score)),
                    n_trials=left,
                    timeout=plan.seconds,
                    callbacks=[lambda _, frozen: after(self._trial(frozen)), lambda *_: self._reseed()],
                )

    def _enqueue(self, current: Values) -> int:
        """Let the current values be the next trial unless they were one; return how many trials that takes."""
        if any(trial.values == current for trial in self.trials if trial.score is not None):
            return 0
        waiting = self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if not any(frozen.system_attrs.get("fixed_params") == current for frozen in waiting):
            self._study.enqueue_trial(dict(current), user_attrs={CURRENT: True})
        return 1

    def _suggest(self, trial: optuna.Trial) -> Values:
        for each in self._space:
            if each.whole:
                trial.suggest_int(each.name, int(each.low), int(each.high), log=each.log)
            else:
                trial.suggest_float(each.name, each.low, each.high, log=each.log)
        return self._told(trial)

    def _told(self, trial: optuna.Trial | FrozenTrial) -> Values:
        """Return the values that a trial stands for: with few digits, the current ones as they are."""
        exact = CURRENT in trial.user_attrs
        return {each.name: _value(each, trial.params[each.name], exact) for each in self._space}

    def _trial(self, frozen: FrozenTrial) -> Trial:
        finished = frozen.state == TrialState.COMPLETE
        return Trial(frozen.number, self._told(frozen), frozen.value if finished else None)

    def _ended(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))

    def _reseed(self) -> None:
        self._study.sampler = optuna.samplers.TPESampler(seed=self._seed + len(self._ended()), constant_liar=False)

    def _bury_the_killed(self) -> None:
        for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._study.tell(frozen.number, state=TrialState.FAIL)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock.open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StageFailed(
                    f"the study {self._study.study_name} is being worked on by another process; wait for it, or stop it"
                ) from None
            yield


def _value(each: Range, value: float, exact: bool) -> float:
    if each.whole:
        return int(value)
    return value if exact else readable(value)


def _report(trial: optuna.Trial, step: int, score: float) -> None:
    trial.report(score, step)
    if CURRENT not in trial.user_attrs and trial.should_prune():
        raise optuna.TrialPruned
