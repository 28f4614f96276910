"""What the training stage adds to the bare library."""

from __future__ import annotations

import polars as pl
import xgboost

from benchmarks.table import Line, seconds, some_cards
from mlflow_fraud.core.candidates import Examples, TrainParams, fit_xgboost
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.settings import load_params

LEARNED_ROWS = 200_000
ROUNDS = 100


def xgboost_against_bare(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """Our fit, which watches average precision on validation in every round, against `xgboost.train` alone."""
    rows = some_cards(transactions, min(LEARNED_ROWS, len(transactions)))
    x, y = model_matrix(build_features(rows, schema), schema), rows["label"].to_numpy()
    border = len(rows) * 4 // 5
    learn, watch = (Examples(x[part], y[part], tuple(schema.names)) for part in (slice(border), slice(border, None)))
    params = load_params().train
    told = params.model_copy(
        update={"xgboost": params.xgboost.model_copy(update={"rounds": ROUNDS, "early_stopping_rounds": ROUNDS})}
    )
    ours = seconds(lambda: fit_xgboost(learn, watch, told, lambda line: None), rounds=2)
    bare = seconds(lambda: _bare(learn, told), rounds=2)
    name = f"fit of xgboost, {border:,} rows, {len(schema.names)} features, {ROUNDS} rounds"
    return Line(name, f"{ours:.1f} s", f"{bare:.1f} s (xgboost.train)", f"{ours / bare:.2f} x as long", "1.25 x")


def _bare(learn: Examples, params: TrainParams) -> None:
    told = params.xgboost.model_dump(exclude={"rounds", "early_stopping_rounds", "refit_rounds"})
    matrix = xgboost.QuantileDMatrix(learn.x, learn.y)
    xgboost.train({**told, "objective": "binary:logistic", "seed": params.seed}, matrix, params.xgboost.rounds)
