"""Evidence: what a batch shows against its label and the other batches, in numbers that can be checked by hand."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from mlflow_fraud.core.contract.contract import BATCH, Contract
from mlflow_fraud.core.gate.batches import evidence_of
from tests.conftest import make_transactions


def in_batches(rows: pl.DataFrame, *names: str) -> pl.DataFrame:
    """Return the rows in batches of equal size, one after the other."""
    place = pl.int_range(pl.len()) * len(names) // pl.len()
    return rows.with_columns(place.replace_strict(dict(enumerate(names)), return_dtype=pl.String).alias(BATCH))


def test_separation_is_the_area_under_the_roc_curve(contract: Contract) -> None:
    rows = make_transactions(3000)
    (line,) = evidence_of(rows, contract).filter(pl.col(BATCH) == "made-up").to_dicts()
    rates = rows.select(pl.col("label").mean().over("category")).to_series()
    for column, score in (("amount", rows["amount"]), ("city_pop", rows["city_pop"]), ("category", rates)):
        area = float(roc_auc_score(rows["label"].to_numpy(), score.to_numpy()))
        assert line[f"separation_by_{column}"] == pytest.approx(max(area, 1 - area), abs=2e-6)


def test_a_row_of_two_batches_counts_for_the_one_that_began_later_whatever_its_id(contract: Contract) -> None:
    rows = in_batches(make_transactions(900), "a", "b", "c")
    copies = rows.filter(pl.col(BATCH) == "a").head(7)
    again = copies.with_columns(event_id="00" + pl.col("event_id"), **{BATCH: pl.lit("c")})
    itself = copies.head(2).with_columns(event_id="11" + pl.col("event_id"))
    lines = evidence_of(pl.concat([rows, again, itself]).sort("event_time", "event_id"), contract)
    shared = dict(lines.select(BATCH, "shared_rows").rows())
    assert shared["a"] + shared["b"] + shared["c"] == 7
    assert lines["repeated_rows"].sum() == 9


def test_rows_of_the_same_instant_that_differ_are_two(contract: Contract) -> None:
    rows = make_transactions(300).with_columns(event_time=pl.lit(datetime(2020, 1, 1)))
    assert evidence_of(rows, contract)["repeated_rows"].sum() == 0


def test_the_months_of_a_lone_batch_have_lines_of_their_own(contract: Contract) -> None:
    lines = evidence_of(make_transactions(4000, days=120), contract)
    assert lines[BATCH].to_list() == ["made-up", "2020-02 of made-up", "2020-03 of made-up", "2020-04 of made-up"]
    assert lines["separation_by_amount"].null_count() == 3
    assert lines["shift_of_amount"].null_count() == 1


def test_two_batches_have_no_months(contract: Contract) -> None:
    assert evidence_of(in_batches(make_transactions(4000), "a", "b"), contract)[BATCH].to_list() == ["a", "b"]


def test_too_few_rows_shift_by_chance_and_are_not_told(contract: Contract) -> None:
    lines = evidence_of(in_batches(make_transactions(900), "a", "b"), contract)
    assert lines["shift_of_amount"].to_list() == [None, None]
    assert lines["unseen_values_of_category"].to_list() == [None, 0]


@pytest.mark.parametrize("batches", [("a",), ("a", "b")], ids=["months", "batches"])
def test_a_column_that_no_file_has_is_no_evidence(batches: tuple[str, ...], contract: Contract) -> None:
    empty = {
        "category": pl.lit(None, pl.String),
        "city_pop": pl.lit(None, pl.Int64),
        "unix_time": pl.lit(None, pl.Int64),
    }
    lines = evidence_of(in_batches(make_transactions(4000), *batches).with_columns(**empty), contract)
    assert lines["unseen_values_of_category"].drop_nulls().unique().to_list() == [0]
    assert lines.select(pl.col("^shift_of_(category|city_pop)$")).null_count().sum_horizontal().item() == 2 * len(lines)


def test_a_column_that_a_batch_lacks_has_shifted_and_shows_no_new_value(contract: Contract) -> None:
    gone = pl.col(BATCH) == "b"
    rows = in_batches(make_transactions(4000), "a", "b").with_columns(
        category=pl.when(~gone).then("category"), city_pop=pl.when(~gone).then("city_pop")
    )
    newest = evidence_of(rows, contract).row(1, named=True)
    assert newest["unseen_values_of_category"] == 0
    assert newest["shift_of_category"] > 0.25
    assert newest["shift_of_city_pop"] > 0.25


def test_only_the_newest_twelve_batches_are_held_against_those_before(contract: Contract) -> None:
    names = [f"b{number:02}" for number in range(14)]
    lines = evidence_of(in_batches(make_transactions(14 * 600), *names), contract)
    assert lines.filter(pl.col("shift_of_amount").is_not_null())[BATCH].to_list() == names[2:]
    assert lines["rows_against_history"].null_count() == 1


def test_a_label_that_arrives_with_its_payment_is_not_early(contract: Contract) -> None:
    arrived = contract.columns[0].model_copy(update={"source": "known", "role": "label_time"})
    clocked = contract.model_copy(update={"columns": (*contract.columns, arrived)})
    rows = make_transactions(300).with_columns(label_time="event_time")
    assert evidence_of(rows, clocked)["early_labels"].sum() == 0
    first = pl.int_range(pl.len()) < 3
    early = rows.with_columns(label_time=pl.col("label_time") - pl.duration(seconds=first.cast(pl.Int64)))
    assert evidence_of(early, clocked)["early_labels"].sum() == 3


def test_missing_days_are_counted_and_the_first_of_them_named(contract: Contract) -> None:
    rows = make_transactions(4000, days=20)
    days = rows["event_time"].dt.date()
    gone = days.unique().sort()[5:9]
    (line,) = (
        evidence_of(rows.filter(~days.is_in(gone.implode())), contract).filter(pl.col(BATCH) == "made-up").to_dicts()
    )
    assert line["missing_days"] == 4
    assert line["missing_days_are"] == f"{gone[0]}, {gone[1]}, {gone[2]} and 1 more"
