"""Golden rows are nobody's, tell models apart, and are the same whenever they are made."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import xgboost

from mlflow_fraud.adapters.model_export import model_bytes
from mlflow_fraud.adapters.model_file import load_scorer
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.ports import Scorer
from mlflow_fraud.stages.made_up import ROWS, made_up_rows
from tests.conftest import make_transactions


@pytest.fixture(scope="module")
def validation(schema: FeatureSchema) -> pl.DataFrame:
    transactions = make_transactions(3000, cards=20)
    features = build_features(transactions, schema)
    rare = (pl.Series(np.random.default_rng(4).random(3000)) < 0.3) & (transactions["amount"] > 5000)
    return features.with_columns(label=rare.cast(pl.Int8))


def fitted(validation: pl.DataFrame, schema: FeatureSchema, seed: int) -> Scorer:
    data = xgboost.QuantileDMatrix(model_matrix(validation, schema), validation["label"].to_numpy())
    told = {"objective": "binary:logistic", "max_depth": 4, "subsample": 0.8, "seed": seed}
    return load_scorer(*model_bytes(xgboost.train(told, data, 30)))


def test_scores_of_the_rows_are_low_and_high_and_between(validation: pl.DataFrame, schema: FeatureSchema) -> None:
    scorer = fitted(validation, schema, 1)
    rows = np.array(list(made_up_rows(validation, schema, scorer)), np.float32)
    scores, real = scorer.score(rows), scorer.score(model_matrix(validation, schema))
    assert (np.diff(scores) >= 0).all()
    assert len(np.unique(scores)) > ROWS * 0.7
    frauds = real[validation["label"].to_numpy() == 1]
    assert scores[-1] >= np.quantile(frauds, 0.5), "the region of frauds is among them"
    assert scores[0] <= np.quantile(real, 0.2)


def test_two_models_of_the_same_data_give_the_rows_other_scores(
    validation: pl.DataFrame, schema: FeatureSchema
) -> None:
    one, other = (fitted(validation, schema, seed) for seed in (1, 2))
    rows = np.array(list(made_up_rows(validation, schema, one)), np.float32)
    gaps = np.abs(one.score(rows) - other.score(rows))
    assert (gaps > 1e-3).sum() > ROWS / 3


def test_no_row_is_anybodys(validation: pl.DataFrame, schema: FeatureSchema) -> None:
    real = {row.tobytes() for row in np.asarray(model_matrix(validation, schema), np.float32)}
    rows = np.array(list(made_up_rows(validation, schema, fitted(validation, schema, 1))), np.float32)
    assert len(real) > 2000
    assert not real & {row.tobytes() for row in rows}


def test_the_rows_are_the_same_again(validation: pl.DataFrame, schema: FeatureSchema) -> None:
    scorer = fitted(validation, schema, 1)
    first, again = (np.array(list(made_up_rows(validation, schema, scorer)), np.float32) for _ in range(2))
    np.testing.assert_array_equal(first, again)
