"""What the training stage adds to the bare library."""

from __future__ import annotations

import polars as pl
import xgboost

from benchmarks.table import Line, seconds, some_cards
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.learning.candidates import TrainParams
from mlflow_fraud.core.learning.examples import Examples
from mlflow_fraud.core.learning.fits import fit_xgboost
from mlflow_fraud.settings import load_params

LEARNED_ROWS = 200_000
ROUNDS = 100


def xgboost_against_bare(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """Our fit against `xgboost.train` with the same early stopping on the same matrices."""
    ours, bare, name = _measured(transactions, schema, stopping=True)
    return Line(name, f"{ours:.1f} s", f"{bare:.1f} s (xgboost.train)", f"{ours / bare:.2f} x as long", "1.25 x")


def xgboost_against_unwatched(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """Our fit, which has to watch validation in every round, against `xgboost.train` that looks at nothing."""
    ours, bare, name = _measured(transactions, schema, stopping=False)
    return Line(name, f"{ours:.1f} s", f"{bare:.1f} s (xgboost.train, unwatched)", f"{ours / bare:.2f} x as long", "")


def _measured(transactions: pl.DataFrame, schema: FeatureSchema, *, stopping: bool) -> tuple[float, float, str]:
    rows = some_cards(transactions, min(LEARNED_ROWS, len(transactions)))
    x, y = model_matrix(build_features(rows, schema), schema), rows["label"].to_numpy()
    border = len(rows) * 4 // 5
    learn, watch = (Examples(x[part], y[part], tuple(schema.names)) for part in (slice(border), slice(border, None)))
    params = load_params().train
    told = params.model_copy(
        update={"xgboost": params.xgboost.model_copy(update={"rounds": ROUNDS, "early_stopping_rounds": ROUNDS})}
    )
    ours = seconds(lambda: fit_xgboost(learn, watch, told, lambda line: None), rounds=2)
    bare = seconds(lambda: _bare(learn, watch if stopping else None, told), rounds=2)
    return ours, bare, f"fit of xgboost, {border:,} rows, {len(schema.names)} features, {ROUNDS} rounds"


def _bare(learn: Examples, watch: Examples | None, params: TrainParams) -> None:
    told = params.xgboost.model_dump(exclude={"rounds", "early_stopping_rounds", "refit_rounds"})
    told |= {"objective": "binary:logistic", "eval_metric": "aucpr", "seed": params.seed}
    matrix = xgboost.QuantileDMatrix(learn.x, learn.y)
    if watch is None:
        xgboost.train(told, matrix, params.xgboost.rounds)
        return
    xgboost.train(
        told,
        matrix,
        params.xgboost.rounds,
        evals=[(xgboost.QuantileDMatrix(watch.x, watch.y, ref=matrix), "validation")],
        early_stopping_rounds=params.xgboost.early_stopping_rounds,
        verbose_eval=False,
    )
