"""A planted leak is caught and named; the shipped features have none; shuffled labels teach nothing."""

from __future__ import annotations

from datetime import timedelta
from statistics import median

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score

from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.learning.examples import Examples
from mlflow_fraud.core.learning.fits import FITS
from mlflow_fraud.core.learning.leakage import (
    Foresight,
    foreseeing,
    from_base_rate,
    random_parts,
    shifted_borders,
    shuffled,
    together,
)
from mlflow_fraud.settings import load_params
from tests.conftest import ROOT, make_transactions

NO_DELAY, WEEK = timedelta(), timedelta(days=7)
AT = pl.col("event_time")

LEAKY = {
    "amount_of_next_by_card": pl.col("amount").shift(-1).over("card").cast(pl.Float32),
    "amount_over_all_time_mean": pl.col("amount") / pl.col("amount").mean().over("merchant"),
    "count_by_card_whole_day": pl.len().over("card", AT.dt.truncate("1d")).cast(pl.Float32),
    "own_label": pl.col("label").cast(pl.Float32),
    "frauds_by_merchant_so_far": pl.col("label").cum_sum().over("merchant").cast(pl.Float32),
}


def frauds_with_delay(delay: timedelta) -> pl.Expr:
    """Return the number of frauds by merchant whose labels are older than `delay`; right where that is the clock's."""
    windows = pl.col("label").cast(pl.Int64).rolling_sum_by("event_time", "3650d", closed="left")
    before = pl.col("label").cast(pl.Int64).rolling_sum_by("event_time", delay, closed="left")
    return (windows.over("merchant").fill_null(0) - before.over("merchant").fill_null(0)).cast(pl.Float32)


def caught(planted: dict[str, pl.Expr], delay: timedelta, schema: FeatureSchema) -> tuple[Foresight, ...]:
    waiting = FeatureSchema(
        params=schema.params,
        contract=schema.contract,
        categories=schema.categories,
        label_delay_days=delay.days,
    )

    def build(rows: pl.DataFrame) -> pl.DataFrame:
        return build_features(rows, waiting).with_columns(
            rows.select(each.alias(name) for name, each in planted.items())
        )

    rows = make_transactions(1500)
    return foreseeing(rows, build, shifted_borders(rows, 5), delay)


@pytest.mark.parametrize("delay", [NO_DELAY, WEEK], ids=["no delay", "a week"])
@pytest.mark.parametrize("name", LEAKY)
def test_a_feature_that_knows_the_future_is_caught_and_named(
    name: str, delay: timedelta, schema: FeatureSchema
) -> None:
    [found] = caught({name: LEAKY[name]}, delay, schema)
    assert found.feature == name
    assert str(found).startswith(f"{name} knows the future: ")
    assert found.with_future != found.without


def test_a_feature_that_reads_labels_before_they_arrive_is_caught_and_one_that_waits_is_not(
    schema: FeatureSchema,
) -> None:
    planted = {"after_a_day": frauds_with_delay(timedelta(days=1)), "after_8_days": frauds_with_delay(8 * WEEK / 7)}
    assert [found.feature for found in caught(planted, WEEK, schema)] == ["after_a_day"]


@pytest.mark.parametrize("delay", [NO_DELAY, WEEK], ids=["no delay", "a week"])
def test_no_shipped_feature_knows_the_future(delay: timedelta, schema: FeatureSchema) -> None:
    assert caught({}, delay, schema) == ()


@pytest.mark.slow
@pytest.mark.parametrize("candidate", CANDIDATES)
def test_after_shuffling_the_training_labels_average_precision_is_near_the_base_rate(
    candidate: str, schema: FeatureSchema
) -> None:
    rows = make_transactions(6000)
    x, y = model_matrix(build_features(rows, schema), schema), rows["label"].to_numpy()
    cuts = {"train": slice(0, 3500), "validation": slice(3500, 4500), "test": slice(4500, 6000)}
    shipped = load_params(ROOT / "params.yaml").train
    train = from_base_rate(shipped, candidate, float(y[cuts["train"]].mean()))

    def precision(seed: int | None) -> float:
        told = {
            name: Examples(x[rows], y[rows] if seed is None else shuffled(y[rows], seed), tuple(schema.names))
            for name, rows in cuts.items()
        }
        fitted = FITS[candidate](told["train"], told["validation"], train, lambda line: None)
        return float(average_precision_score(y[cuts["test"]], scores_of(fitted.estimator, x[cuts["test"]], schema)))

    base = float(y[cuts["test"]].mean())
    assert precision(None) > 0.95
    assert median(precision(seed) for seed in range(5)) < 2 * base


def scores_of(estimator: object, x: np.ndarray, schema: FeatureSchema) -> np.ndarray:
    import xgboost

    if isinstance(estimator, xgboost.Booster):
        return np.asarray(estimator.predict(xgboost.DMatrix(x, feature_names=schema.names)))
    return np.asarray(estimator.predict_proba(x)[:, 1])  # type: ignore[attr-defined]


def test_the_random_split_keeps_rows_and_sizes_and_puts_bursts_on_both_sides() -> None:
    rows = make_transactions(2000).with_columns(
        # each card has one burst of ten frauds, within its own three days
        label=(pl.int_range(pl.len()).over("card") // 10 == pl.col("card") % 7).cast(pl.Int8)
    )
    parts = pl.Series("part", ["train"] * 900 + ["validation"] * 500 + ["test"] * 500 + [None] * 100)
    dealt = random_parts(parts, 7)
    assert dealt.is_null().equals(parts.is_null())
    assert dealt.value_counts().sort("part").equals(parts.value_counts().sort("part"))
    assert together(rows, parts, "card") < 0.2 < 0.5 < together(rows, dealt, "card")
