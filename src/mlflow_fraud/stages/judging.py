"""A candidate fitted and judged on one cut of a history, by the very file that would be shipped."""

from __future__ import annotations

from collections.abc import Iterable

from mlflow_fraud.adapters.model_export import model_bytes
from mlflow_fraud.adapters.model_file import load_scorer
from mlflow_fraud.core.candidates import CANDIDATES, Progress, TrainParams
from mlflow_fraud.core.errors import DataError, SettingsError, nearest
from mlflow_fraud.core.threshold import ThresholdRule
from mlflow_fraud.core.training import Assessment, Scored, assess
from mlflow_fraud.stages.history import Cut, History


def judge(
    history: History, cut: Cut, candidate: str, train: TrainParams, threshold: ThresholdRule, progress: Progress
) -> Assessment:
    """Return what the candidate is worth on the cut's test; the threshold is chosen on its validation."""
    validation, test = fit_and_score(history, cut, candidate, train, ("validation", "test"), progress)
    return assess(validation, test, threshold)


def fit_and_score(
    history: History, cut: Cut, candidate: str, train: TrainParams, asked: Iterable[str], progress: Progress
) -> list[Scored]:
    """Return the scores of the asked parts; raise `DataError` where a part that is needed holds no fraud."""
    parts = {name: history.examples(cut.parts == name) for name in ("train", "validation", *asked)}
    for name, examples in parts.items():
        if not examples.y.any():
            raise DataError(
                f"{cut.name}: the {name} rows hold no fraud (there are {len(examples.y):,}), so nothing can be told; "
                "make that period longer in params.yaml"
            )
    fitted = CANDIDATES[candidate](parts["train"], parts["validation"], train, progress)
    scorer = load_scorer(*model_bytes(fitted.estimator))
    return [Scored(parts[name].y, scorer.score(parts[name].x)) for name in asked]


def check_candidate(candidate: str) -> None:
    """Raise `SettingsError` where no candidate has that name."""
    if candidate not in CANDIDATES:
        raise SettingsError(f"no candidate is called {candidate}, {nearest(candidate, CANDIDATES)}")
