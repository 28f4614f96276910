"""Where only alerts are looked into, silence says nothing, and a row that nobody looked into is in no part."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import LabelRule, require_reviews, weighed
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.learning.chain import mature_at
from mlflow_fraud.core.learning.examples import Examples, together
from mlflow_fraud.core.learning.fits import FITS
from mlflow_fraud.core.learning.prequential import PrequentialRule, fold_parts, roll
from mlflow_fraud.core.learning.split import Borders, SplitRule, clocked
from mlflow_fraud.core.strict import parse
from mlflow_fraud.settings import load_params
from tests.conftest import make_transactions

DAY = timedelta(days=1)
BEGIN = datetime(2020, 1, 1)
SELECTIVE = LabelRule(labels="selective", review_share=0.1)
RULE = SplitRule(protocol="holdout", validation_days=10, test_days=10, label_delay_days=0, label_horizon_days=3)
CUT = Borders(BEGIN + 10 * DAY, BEGIN + 20 * DAY, BEGIN + 30 * DAY)


@pytest.mark.parametrize("key", ["review_share", "weight_cap"])
def test_what_weighs_is_refused_where_labels_are_complete(key: str) -> None:
    with pytest.raises(SettingsError, match=f"`{key}:` belongs to `labels: selective`"):
        parse(LabelRule, {key: 1.0}, where="params.yaml")


def test_selective_labels_say_how_the_others_are_looked_into() -> None:
    with pytest.raises(SettingsError, match="needs `review_share:`"):
        parse(LabelRule, {"labels": "selective"}, where="params.yaml")


@pytest.mark.parametrize(
    "told", [{"review_share": 0.0}, {"review_share": 1.1}, {"review_share": 0.1, "weight_cap": 0.5}]
)
def test_a_share_is_one_and_a_cap_is_at_least_one(told: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=r"params\.yaml"):
        parse(LabelRule, {"labels": "selective", **told}, where="params.yaml")


def rows(days: list[float], labels: list[int | None], chances: list[float | None], told: list[float]) -> pl.DataFrame:
    """Return transactions of some days, each with what was told of it on which day."""
    return pl.DataFrame(
        {
            "event_time": [BEGIN + day * DAY for day in days],
            "label": labels,
            "label_chance": chances,
            "label_time": [BEGIN + day * DAY for day in told],
        },
        schema={"event_time": pl.Datetime("us"), "label": pl.Int8, "label_chance": pl.Float64,
                "label_time": pl.Datetime("us")},
    )  # fmt: skip


def test_a_row_that_nobody_looked_into_is_in_no_part() -> None:
    table = rows([1, 2, 3, 11, 21], [1, None, 1, 0, None], [1.0, None, None, 0.1, 0.0], [2, 3, 4, 12, 22])
    found = clocked(weighed(table, SELECTIVE), CUT, RULE)
    assert found["part"].to_list() == ["train", None, None, "validation", None]
    assert found["weight"].to_list() == [1.0, None, None, 10.0, None]


def test_a_verdict_that_came_after_the_border_counts_from_then_on() -> None:
    """With complete labels it would be silence, and genuine; here there is nothing that could be learned yet."""
    table = rows([5], [1], [1.0], [12])
    selective, complete = clocked(weighed(table, SELECTIVE), CUT, RULE), clocked(table, CUT, RULE)
    assert (selective["part"][0], selective["label"][0]) == ("between", 1)
    assert (complete["part"][0], complete["label"][0]) == ("train", 0)


def test_with_complete_labels_silence_is_a_verdict_of_genuine_and_nothing_is_weighed() -> None:
    table = rows([1, 11, 21], [1, None, 0], [1.0, None, None], [2, 12, 22])
    found = clocked(weighed(table, LabelRule()), CUT, RULE)
    assert found["part"].to_list() == ["train", "validation", "test"]
    assert found["label"].to_list() == [1, 0, 0]
    assert found.columns == ["part", "label", "fraud", "label_time"]
    assert found.schema["label"] == pl.Int8


def test_a_link_of_the_chain_learns_only_what_had_been_told() -> None:
    table = clocked(weighed(rows([1, 2], [1, 1], [1.0, 0.1], [2, 20]), SELECTIVE), CUT, RULE)
    table = table.with_columns(event_time=pl.Series([BEGIN + DAY, BEGIN + 2 * DAY]))
    assert mature_at(table, RULE.horizon, BEGIN + 10 * DAY)["weight"].to_list() == [1.0]
    assert mature_at(table, RULE.horizon, BEGIN + 21 * DAY)["weight"].to_list() == [1.0, 10.0]
    assert len(mature_at(table.drop("weight"), RULE.horizon, BEGIN + 10 * DAY)) == 2


def test_a_fold_holds_only_what_was_looked_into() -> None:
    days = [float(day) for day in range(60)]
    chances = [1.0 if day % 3 == 0 else None for day in range(60)]
    table = weighed(rows(days, [0] * 60, chances, days), SELECTIVE)
    rule = PrequentialRule(train_days=20, validation_days=5, label_delay_days=1, test_days=10, folds=2)
    for fold in roll(BEGIN, BEGIN + 60 * DAY, rule):
        parts = fold_parts(table, fold, rule, None)
        assert parts.drop_nulls().len() > 0
        assert table.filter(parts.is_not_null())["weight"].null_count() == 0


def test_alerts_alone_cannot_be_learned_from_nor_judged_on() -> None:
    alerts = pl.DataFrame({"label_chance": [1.0, 1.0], "weight": [1.0, 1.0]})
    with pytest.raises(DataError, match="test: 2 of 40 payments were looked into, all of them alerts"):
        require_reviews("test", alerts, 40)
    require_reviews("test", alerts, 2)
    require_reviews("test", alerts.drop("weight"), 40)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**16))
def test_label_windows_see_the_labels_that_exist_in_both_engines(schema: FeatureSchema, seed: int) -> None:
    silent = pl.Series(np.random.default_rng(seed).random(60) < 0.6)
    history = make_transactions(60).with_columns(label=pl.when(silent).then(None).otherwise("label"))
    batch = build_features(history, schema)["fraud_rate_by_merchant_30d"]
    online, place = CardHistory(schema), schema.names.index("fraud_rate_by_merchant_30d")
    for row, ours in zip(history.iter_rows(named=True), batch, strict=True):
        theirs = online.read(row)[place]
        assert ours == (None if theirs is None else np.float32(theirs))
        online.update(row)
        if row["label"] is not None:
            online.learn(row, row["label"], row["event_time"] + schema.label_delay)


def population(rows: int = 30_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, their labels, and the chance that each is looked into: what flags them sees more than the rows."""
    draw = np.random.default_rng(2)
    x = draw.normal(size=(rows, 3)).astype(np.float32)
    odds = -4.5 + 1.5 * x[:, 0] + 1.2 * x[:, 1]
    y = (draw.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    return x[:, [0, 2]], y, np.where(x[:, 1] > 0.7, 1.0, 0.1)


@pytest.mark.parametrize("candidate", CANDIDATES)
def test_a_candidate_that_learns_weighted_rows_gives_all_payments_their_rate(candidate: str) -> None:
    x, y, chances = population()
    looked = np.random.default_rng(4).random(len(y)) < chances
    names = ("a", "b")
    params = load_params().train
    params = params.model_copy(
        update={
            "logistic": params.logistic.model_copy(update={"bins": 8}),
            "forest": params.forest.model_copy(update={"trees": 12, "max_depth": 5, "min_samples_leaf": 20}),
            "xgboost": params.xgboost.model_copy(
                update={"rounds": 40, "eta": 0.2, "max_depth": 2, "colsample_bytree": 1.0}
            ),
        }
    )
    means = {}
    for name, weights in (("weighted", 1 / chances[looked]), ("bare", None)):
        some = Examples(x[looked], y[looked], names, weights)
        fitted = FITS[candidate](some, some, params, lambda line: None)
        means[name] = float(np.mean(scores_of(fitted.estimator, x, names)))
    assert means["weighted"] == pytest.approx(y.mean(), rel=0.15)
    assert means["bare"] > 1.5 * y.mean()


def scores_of(estimator: object, x: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    from mlflow_fraud.adapters.model_export import model_bytes
    from mlflow_fraud.adapters.model_file import load_scorer

    return load_scorer(*model_bytes(estimator)).score(x)  # type: ignore[arg-type]


def test_rows_of_two_parts_keep_their_weights() -> None:
    x, y = np.zeros((2, 1), np.float32), np.array([0, 1], np.int8)
    both = together(Examples(x, y, ("a",), np.array([1.0, 2.0])), Examples(x, y, ("a",), np.array([3.0, 4.0])))
    assert both.weights is not None
    assert both.weights.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert together(Examples(x, y, ("a",)), Examples(x, y, ("a",))).weights is None
