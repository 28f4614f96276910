"""How each candidate is fitted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import xgboost
from joblib import effective_n_jobs  # type: ignore[import-untyped]
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer

from mlflow_fraud.core.learning.candidates import TrainParams
from mlflow_fraud.core.learning.examples import Examples
from mlflow_fraud.core.progress import Progress, Step, tell


@runtime_checkable
class RoundWatcher(Protocol):
    """A `Progress` that also hears of every round, and may stop the fit by an exception of its own."""

    def __call__(self, line: str) -> None:
        """Take notice of a line of progress."""

    def after_round(self, number: int, score: float) -> None:
        """Take notice of the validation average precision after round `number`, counted from 0."""


MISSING = -1.0
"""What a missing feature is to the candidates that know no missing values; no feature but a score is below 0."""


@dataclass(frozen=True)
class Fitted:
    """A fitted candidate and, where it learns in rounds, its score after each and the number that was best."""

    estimator: Pipeline | xgboost.Booster
    rounds: Mapping[str, list[float]] = field(default_factory=dict)
    best: int | None = None


def fit_logistic(train: Examples, validation: Examples | None, params: TrainParams, progress: Progress) -> Fitted:
    """Return a logistic regression on one-hot quantile bins, a step function of each feature.

    Classes are not reweighted: the probabilities stay those of the data. It descends in double precision: in single,
    what another processor rounds otherwise grows to the sixth digit of a coefficient before the descent ends.
    The bins are those of the rows as they are: finest where most was looked into.
    """
    bins = KBinsDiscretizer(
        n_bins=params.logistic.bins,
        encode="onehot",
        strategy="quantile",
        quantile_method="averaged_inverted_cdf",
        subsample=200_000,
        random_state=params.seed,
        dtype=np.float64,
    )
    regression = LogisticRegression(C=params.logistic.c, max_iter=300, random_state=params.seed)
    regression.set_callbacks(_EveryStep(progress))
    progress(f"logistic: up to {params.logistic.bins} bins for each of {len(train.names)} features")
    same = _constant(train)
    if same:
        progress(f"logistic: the same in every row, so nothing is learned from it: {', '.join(same)}")
    with warnings.catch_warnings():  # a count has fewer distinct values than bins, and that is fine
        warnings.filterwarnings("ignore", "Bins whose width are too small")
        warnings.filterwarnings("ignore", r"Feature \d+ is constant")  # said below, by its name
        weights = {} if train.weights is None else {"logisticregression__sample_weight": train.weights}
        fitted = make_pipeline(_imputer(), bins, regression).fit(train.x, train.y, **weights)
    regression.set_callbacks()
    return Fitted(fitted)


def fit_forest(train: Examples, validation: Examples | None, params: TrainParams, progress: Progress) -> Fitted:
    """Return a random forest; its probabilities are means of leaf shares, classes not reweighted.

    It grows by one tree a core at a time, the same trees that it would have if it grew at once. A tree draws its rows
    by their weight, as many as the payments that they stand for would give it.
    """
    told = params.forest
    forest = RandomForestClassifier(
        warm_start=True,
        max_depth=told.max_depth,
        min_samples_leaf=told.min_samples_leaf,
        max_features=told.max_features,
        max_samples=told.max_samples,
        n_jobs=-1,
        random_state=params.seed,
    )
    progress(f"forest: {told.trees} trees of depth up to {told.max_depth}")
    tell(progress, Step("forest", 0, told.trees, "trees"))
    imputer, cores = _imputer(), effective_n_jobs(-1)
    x = imputer.fit_transform(train.x)
    for trees in [*range(cores, told.trees, cores), told.trees]:
        forest.set_params(n_estimators=trees).fit(x, train.y, sample_weight=train.weights)
        tell(progress, Step("forest", trees, told.trees, "trees"))
    return Fitted(make_pipeline(imputer, forest))


def fit_xgboost(train: Examples, validation: Examples, params: TrainParams, progress: Progress) -> Fitted:
    """Return boosted trees cut at the round with the best validation average precision.

    The start score is set, not fitted: at a base rate of .5 % `min_child_weight` would brake hard.
    """
    learn = _matrix(train)
    watch = _matrix(validation, ref=learn)
    curve: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        _told(params),
        learn,
        num_boost_round=params.xgboost.rounds,
        evals=[(watch, "validation")],
        early_stopping_rounds=params.xgboost.early_stopping_rounds,
        evals_result=curve,
        verbose_eval=False,
        callbacks=[_EveryRound(progress, params.xgboost.rounds, at_most=True)],
    )
    rounds = {"validation": [float(value) for value in curve["validation"]["aucpr"]]}
    progress(
        f"xgboost: {len(rounds['validation'])} rounds, the best is {booster.best_iteration + 1} "
        f"with validation average precision {booster.best_score:.4f}"
    )
    return Fitted(booster[: booster.best_iteration + 1], rounds, booster.best_iteration + 1)


def refit_xgboost(best: int | None, rows: Examples, params: TrainParams, progress: Progress) -> Fitted:
    """Return the trees fitted on more rows, with so many rounds as validation found best, and a share more."""
    rounds = round((best or params.xgboost.rounds) * params.xgboost.refit_rounds)
    progress(f"xgboost: {rounds} rounds on {len(rows.y):,} rows, validation included")
    watch = [_EveryRound(progress, rounds)]
    return Fitted(xgboost.train(_told(params), _matrix(rows), num_boost_round=rounds, callbacks=watch), best=best)


Fit = Callable[[Examples, Examples, TrainParams, Progress], Fitted]
Refit = Callable[[int | None, Examples, TrainParams, Progress], Fitted]

FITS: dict[str, Fit] = {
    "logistic": fit_logistic,
    "forest": fit_forest,
    "xgboost": fit_xgboost,
}

REFITS: dict[str, Refit] = {
    "logistic": lambda best, rows, params, progress: fit_logistic(rows, None, params, progress),
    "forest": lambda best, rows, params, progress: fit_forest(rows, None, params, progress),
    "xgboost": refit_xgboost,
}


def _told(params: TrainParams) -> dict[str, Any]:
    told = params.xgboost.model_dump(exclude={"rounds", "early_stopping_rounds", "refit_rounds"})
    return {**told, "objective": "binary:logistic", "eval_metric": "aucpr", "seed": params.seed}


def _matrix(rows: Examples, ref: xgboost.QuantileDMatrix | None = None) -> xgboost.QuantileDMatrix:
    return xgboost.QuantileDMatrix(rows.x, rows.y, weight=rows.weights, feature_names=list(rows.names), ref=ref)


def _constant(rows: Examples) -> list[str]:
    """Return the names of the features that have one value in all rows that have any."""
    there = np.isfinite(rows.x)
    least = np.where(there, rows.x, np.inf).min(axis=0, initial=np.inf)
    most = np.where(there, rows.x, -np.inf).max(axis=0, initial=-np.inf)
    return [name for name, same in zip(rows.names, least >= most, strict=True) if same]


def _imputer() -> SimpleImputer:
    return SimpleImputer(strategy="constant", fill_value=MISSING, keep_empty_features=True)


class _EveryRound(xgboost.callback.TrainingCallback):
    def __init__(self, progress: Progress, rounds: int, *, at_most: bool = False) -> None:
        super().__init__()
        self._progress = progress
        self._rounds = rounds
        self._at_most = at_most

    def before_training(self, model: Any) -> Any:
        self._tell(0)
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        scores = evals_log["validation"]["aucpr"] if evals_log else []
        if scores and isinstance(self._progress, RoundWatcher):
            self._progress.after_round(epoch, scores[-1])
        self._tell(epoch + 1, f"validation average precision {scores[-1]:.4f}" if scores else "")
        return False

    def _tell(self, done: int, note: str = "") -> None:
        tell(self._progress, Step("xgboost", done, self._rounds, "rounds", note, self._at_most))


class _EveryStep:
    """What scikit-learn calls while a logistic regression descends."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = 0

    def setup(self, estimator: Any, context: Any) -> None:
        tell(self._progress, Step("logistic", 0, None, "steps"))

    def teardown(self, estimator: Any, context: Any) -> None:
        pass

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        pass

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        self._done += 1
        tell(self._progress, Step("logistic", self._done, None, "steps"))
        return False
