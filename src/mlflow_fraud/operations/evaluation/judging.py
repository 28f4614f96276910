"""A candidate fitted and judged on one cut of a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
from sklearn.metrics import average_precision_score

from mlflow_fraud.adapters.model_export import model_bytes
from mlflow_fraud.adapters.model_file import load_scorer
from mlflow_fraud.core.errors import DataError, SettingsError, nearest
from mlflow_fraud.core.labels import Labels
from mlflow_fraud.core.learning.candidates import CANDIDATES, TrainParams
from mlflow_fraud.core.learning.chain import Refit
from mlflow_fraud.core.learning.fits import FITS
from mlflow_fraud.core.learning.learnable import lacking
from mlflow_fraud.core.learning.split import PARTS
from mlflow_fraud.core.learning.training import JudgeRules
from mlflow_fraud.core.progress import Progress
from mlflow_fraud.operations.evaluation.history import Cut, History
from mlflow_fraud.stages.fit import Judged, Part, fit_and_judge


def judge(
    history: History,
    cut: Cut,
    candidate: str,
    train: TrainParams,
    rules: JudgeRules,
    progress: Progress,
    *,
    refit: Refit = "none",
) -> Judged:
    """Return the candidate as it was judged on the cut's test; validation decides all that is to be decided.

    Raises `DataError`, before anything is fitted, where a part has not both classes.
    """
    learn, validation, test = (part_of(history, cut, name) for name in ("train", "validation", "test"))
    return fit_and_judge(candidate, learn.examples, validation, test, train, rules, progress, refit=refit).judged


def average_precision(
    history: History, cut: Cut, candidate: str, train: TrainParams, part: str, progress: Progress
) -> float:
    """Return the candidate's average precision on one part; raise `DataError` where a part has not both classes."""
    learn, validation, asked = (part_of(history, cut, name).examples for name in ("train", "validation", part))
    fitted = FITS[candidate](learn, validation, train, progress)
    scores = load_scorer(*model_bytes(fitted.estimator)).score(asked.x)
    return float(average_precision_score(asked.y, scores, sample_weight=asked.weights))


def check_candidate(candidate: str) -> None:
    """Raise `SettingsError` where no candidate has that name."""
    if candidate not in CANDIDATES:
        raise SettingsError(f"no candidate is called {candidate}, {nearest(candidate, CANDIDATES)}")


def require_cuts(transactions: pl.DataFrame, cuts: Sequence[Cut], parts: Sequence[str] = PARTS) -> None:
    """Raise `DataError` where a part of a cut has not both classes; to be asked before the first is worked on."""
    for cut in cuts:
        for name in parts:
            _require_both(cut, name, cut.labels.filter((cut.parts == name).fill_null(False)).to_numpy())


def part_of(history: History, cut: Cut, name: str) -> Part:
    """Return a part's rows with what was known of them then; raise `DataError` where it has not both classes."""
    chosen = cut.parts == name
    examples, period = history.examples(chosen), history.period(chosen)
    known = (
        examples.y
        * (cut.labels == history.transactions["label"].fill_null(0)).filter(chosen.fill_null(False)).to_numpy()
    )
    part = Part(replace(examples, y=known), replace(period, labels=known))
    _require_both(cut, name, part.examples.y)
    return part


def _require_both(cut: Cut, name: str, labels: Labels) -> None:
    found = lacking(labels)
    if found:
        raise DataError(
            f"{cut.name}: the {name} rows hold {found}, so nothing can be told; make that period longer in params.yaml"
        )
