"""A recorded past as a service begins with it: what is known of each payment, and the scores it keeps."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest

from mlflow_fraud.core.features.batch import TIME_ORDER, build_scores
from mlflow_fraud.core.features.reach import remembered
from mlflow_fraud.core.features.recorded import as_recorded
from mlflow_fraud.core.features.schema import FeatureSchema


def test_what_is_looked_back_on_for_ever_has_its_scores(transactions: pl.DataFrame, schema: FeatureSchema) -> None:
    found = as_recorded(transactions, schema)
    expected = build_scores(transactions.sort(TIME_ORDER), schema)
    for by, back in remembered(schema).items():
        last = found.with_row_index().group_by(by).tail(back)
        for row in last.iter_rows(named=True):
            assert json.loads(row["scores"]) == expected.row(row["index"], named=True)
    assert found["scores"].null_count() > len(found) / 2


def test_a_label_arrives_with_its_delay_and_none_does_where_nothing_was_told(
    transactions: pl.DataFrame, schema: FeatureSchema
) -> None:
    late = schema.model_copy(update={"label_delay_days": 7})
    half = transactions.with_columns(label=pl.when(pl.int_range(pl.len()) % 2 == 0).then("label"))
    rows = as_recorded(half, late)
    told = rows.filter(pl.col("label").is_not_null())
    assert (told["arrived"] - told["event_time"]).unique().to_list() == [timedelta(days=7)]
    assert rows.filter(pl.col("label").is_null())["arrived"].null_count() == rows["label"].null_count() > 0


def test_what_only_silence_says_nobody_told_unless_it_says_so_at_once(
    transactions: pl.DataFrame, schema: FeatureSchema
) -> None:
    week = as_recorded(transactions, schema.model_copy(update={"silence_days": 7}))
    assert week["label"].drop_nulls().unique().to_list() == [1]
    assert (week["arrived"].is_null() == week["label"].is_null()).all()
    said = transactions.with_columns(pl.col("event_time").dt.offset_by("9d").alias("label_time"))
    assert as_recorded(said, schema.model_copy(update={"silence_days": 7}))["arrived"].null_count() == 0
    at_once = as_recorded(transactions, schema.model_copy(update={"silence_days": 0}))
    assert at_once.equals(as_recorded(transactions, schema))


def test_a_table_of_another_contract_is_an_error(transactions: pl.DataFrame, schema: FeatureSchema) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="merchant"):
        as_recorded(transactions.drop("merchant"), schema)
