"""A fit can be watched round by round, and stopped from outside."""

from __future__ import annotations

import pytest

from mlflow_fraud.core.candidates import Examples, fit_xgboost
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
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
