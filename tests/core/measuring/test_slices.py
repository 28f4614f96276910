"""Slices part a period: each row is in one of each cut, counts add up, and what is said of a few is unsure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.features.define import define
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.measuring.slices import MOST, groups_of, slices_of
from mlflow_fraud.core.measuring.weights import Weights
from tests.conftest import make_period, make_transactions

rows = st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from("abc")), min_size=1, max_size=60)


@given(rows)
def test_slices_of_one_cut_add_up_to_the_period_and_their_shares_are_within_their_bounds(
    drawn: list[tuple[bool, bool, str]],
) -> None:
    period, flags = make_period([int(fraud) for fraud, _, _ in drawn]), np.array([flag for _, flag, _ in drawn])
    found = slices_of(period, flags, {"category": [value for _, _, value in drawn]})
    assert sum(each.rows for each in found) == len(drawn)
    assert sum(each.frauds for each in found) == int(period.fraud.sum())
    assert sum(each.alerts for each in found) == int(flags.sum())
    for each in found:
        assert (each.recall is None) == (each.frauds == 0)
        assert (each.precision is None) == (each.alerts == 0)
        for share in (each.recall, each.precision):
            assert share is None or 0 <= share.lower <= share.share <= share.upper <= 1


def test_rows_are_cut_by_category_amount_age_and_how_long_the_card_is_known(contract: Contract) -> None:
    table = make_transactions(500)
    late = table.tail(1).with_columns(
        card=pl.lit(1, pl.Int64),
        amount=pl.lit(5_000, pl.Int64),
        birth_date=pl.lit(datetime(1990, 1, 1).date()),
        event_time=pl.lit(datetime(2020, 5, 1)).cast(pl.Datetime("us")),
    )
    later = late.with_columns(pl.col("event_time") + timedelta(days=31), amount=pl.lit(4_999, pl.Int64))
    asked = pl.concat([late, later])
    found = groups_of(asked, pl.concat([table, asked]), contract)
    assert set(found) == {"category", "amount", "new card", "age"}
    assert found["amount"] == ["50 to 100", "10 to 50"]
    assert found["age"] == ["25 to 40", "25 to 40"]
    assert found["new card"] == ["first seen within 30 days", "known for longer"]


def test_a_group_of_the_holder_is_a_part_where_the_contract_says_so_and_can_be_no_feature(contract: Contract) -> None:
    table = make_transactions(40).with_columns(gender=pl.Series(["F", "M", "M", None] * 10))
    assert "gender" not in groups_of(table, table, contract)  # there it is personal
    columns = [c.model_copy(update={"role": "group"}) if c.source == "gender" else c for c in contract.columns]
    said = contract.model_copy(update={"columns": tuple(columns)})
    groups = groups_of(table, table, said)
    assert groups["gender"] == ["F", "M", "M", "missing"] * 10
    found = slices_of(make_period([1, 0, 0, 0] * 10), np.ones(40, np.bool_), {"gender": groups["gender"]})
    assert [(each.value, each.rows, each.frauds) for each in found] == [("M", 20, 0), ("F", 10, 10), ("missing", 10, 0)]
    for features in (
        {"row": ["gender"]},
        {"windows": [{"by": ["gender"], "spans": ["30d"], "take": ["count"]}]},
        {"windows": [{"by": ["card"], "spans": ["30d"], "take": ["distinct"], "of": "gender"}]},
        {"last": [{"by": ["card"], "take": ["gender"]}]},
        {"labels": [{"by": ["gender"], "spans": ["30d"], "take": ["fraud_rate"]}]},
    ):
        with pytest.raises(SettingsError, match="gender"):
            define(FeatureParams.model_validate({"row": ["amount"], "windows": [], **features}), said)


def test_many_values_of_a_column_become_one_slice(contract: Contract) -> None:
    table = make_transactions(100).with_columns(category=pl.Series([f"c{n % 40:02}" for n in range(100)]))
    assert len(set(groups_of(table, table, contract)["category"])) == MOST + 1


def test_of_weighted_rows_a_share_is_an_estimate_and_less_sure() -> None:
    plain = make_period([1, 1, 1, 1])
    weights = np.array([9.0, 1.0, 1.0, 1.0])
    weighed = replace(plain, weights=Weights(weights, 1 / weights))
    flags = np.array([True, False, False, False])
    [alone], [estimate] = (slices_of(each, flags, {"category": ["a"] * 4}) for each in (plain, weighed))
    assert alone.recall is not None
    assert estimate.recall is not None
    assert (alone.recall.share, estimate.recall.share) == (0.25, 0.75)
    assert estimate.recall.upper - estimate.recall.lower > alone.recall.upper - alone.recall.lower
