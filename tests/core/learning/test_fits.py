"""A fit can be watched step by step, and stopped from outside; who watches changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from mlflow_fraud.adapters.model_export import model_bytes
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.learning import fits
from mlflow_fraud.core.learning.candidates import CANDIDATES, TrainParams
from mlflow_fraud.core.learning.examples import Examples
from mlflow_fraud.core.learning.fits import FITS, MISSING, REFITS, fit_forest, fit_xgboost
from mlflow_fraud.core.progress import Step
from mlflow_fraud.settings import load_params
from tests.conftest import ROOT, make_transactions


class Enough(Exception):
    pass


class Watcher:
    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.heard: list[int] = []

    def __call__(self, line: str) -> None:
        pass

    def after_round(self, number: int, score: float) -> None:
        assert 0 <= score <= 1
        self.heard.append(number)
        if len(self.heard) == self.rounds:
            raise Enough


def test_a_watcher_hears_of_every_round_and_may_end_the_fit(schema: FeatureSchema) -> None:
    rows = make_transactions(1000)
    examples = Examples(
        model_matrix(build_features(rows, schema), schema), rows["label"].to_numpy(), tuple(schema.names)
    )
    watcher = Watcher(5)
    with pytest.raises(Enough):
        fit_xgboost(examples, examples, load_params(ROOT / "params.yaml").train, watcher)
    assert watcher.heard == [0, 1, 2, 3, 4]


class Steps:
    """Progress that keeps the steps."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def __call__(self, line: str) -> None:
        pass

    def after_step(self, step: Step) -> None:
        self.steps.append(step)


@pytest.fixture(scope="module")
def examples(schema: FeatureSchema) -> Examples:
    rows = make_transactions(3000)
    return Examples(model_matrix(build_features(rows, schema), schema), rows["label"].to_numpy(), tuple(schema.names))


@pytest.fixture(scope="module")
def few(schema: FeatureSchema) -> TrainParams:
    """The shipped parameters with few trees and rounds."""
    told = load_params(ROOT / "params.yaml").train
    return told.model_copy(
        update={
            "forest": told.forest.model_copy(update={"trees": 7, "max_depth": 5}),
            "xgboost": told.xgboost.model_copy(update={"rounds": 9}),
        }
    )


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_a_fit_says_how_far_it_is_and_is_the_same_when_nobody_listens(
    candidate: str, examples: Examples, few: TrainParams
) -> None:
    heard = Steps()
    fitted = FITS[candidate](examples, examples, few, heard)
    again = REFITS[candidate](fitted.best, examples, few, heard)
    unheard = FITS[candidate](examples, examples, few, lambda line: None)
    assert model_bytes(fitted.estimator) == model_bytes(unheard.estimator)
    unheard = REFITS[candidate](unheard.best, examples, few, lambda line: None)
    assert model_bytes(again.estimator) == model_bytes(unheard.estimator)
    assert {step.work for step in heard.steps} == {candidate}
    starts = [place for place, step in enumerate(heard.steps) if step.done == 0]
    assert len(starts) == 2
    for fit in (heard.steps[: starts[1]], heard.steps[starts[1] :]):
        done = [step.done for step in fit]
        assert done == sorted(set(done))
        assert len(done) > 2
        assert candidate == "logistic" or done[-1] <= fit[-1].total


@pytest.mark.parametrize("cores", [1, 2, 3, 7, 64])
def test_a_forest_that_grows_by_and_by_has_the_trees_of_one_that_grows_at_once(
    cores: int, examples: Examples, few: TrainParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fits, "effective_n_jobs", lambda jobs: cores)
    grown = fit_forest(examples, None, few, lambda line: None).estimator.steps[-1][1]
    at_once = clone(grown).set_params(warm_start=False)
    at_once.fit(np.where(np.isnan(examples.x), np.float32(MISSING), examples.x), examples.y)
    assert len(grown.estimators_) == 7
    for ours, theirs in zip(grown.estimators_, at_once.estimators_, strict=True):
        np.testing.assert_array_equal(ours.tree_.threshold, theirs.tree_.threshold)
        np.testing.assert_array_equal(ours.tree_.value, theirs.tree_.value)


def test_a_feature_that_is_the_same_in_every_row_is_named_not_numbered(recwarn: pytest.WarningsRecorder) -> None:
    draw = np.random.default_rng(7)
    x = draw.normal(size=(400, 3)).astype(np.float32)
    x[:, 1], x[::3, 1] = 5.0, np.nan
    rows = Examples(x=x, y=(x[:, 0] > 1).astype(np.int8), names=("amount", "age", "hour"))
    said: list[str] = []

    FITS["logistic"](rows, rows, load_params(ROOT / "params.yaml").train, said.append)

    assert "logistic: the same in every row, so nothing is learned from it: age" in said
    assert [str(warning.message) for warning in recwarn if "constant" in str(warning.message)] == []
