"""A day that a broken feed delivered is seen by itself, where the month that it lies in looks good."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from mlflow_fraud.core.contract.contract import BATCH, Contract, Gate
from mlflow_fraud.core.gate.batches import evidence_of
from mlflow_fraud.core.gate.day_by_day import FEWEST_OF_A_DAY, report_of_days, shifted_days
from tests.conftest import make_transactions

ROWS = make_transactions(9000, days=150)
CUT = datetime(2020, 5, 1)
HISTORY, MONTH = ROWS.filter(pl.col("event_time") < CUT), ROWS.filter(pl.col("event_time") >= CUT)
WRONG = pl.col("event_time").dt.date().is_between(date(2020, 5, 11), date(2020, 5, 13))


def in_cents(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(amount=pl.when(WRONG).then(pl.col("amount") * 100).otherwise("amount"))


def test_three_days_in_cents_are_named_though_the_month_looks_good(contract: Contract) -> None:
    (found,) = shifted_days(in_cents(MONTH), HISTORY, contract)
    assert found.column == "amount"
    assert found.days == (date(2020, 5, 11), date(2020, 5, 12), date(2020, 5, 13))
    both = pl.concat([HISTORY.with_columns(batch=pl.lit("a")), in_cents(MONTH).with_columns(batch=pl.lit("b"))])
    (line,) = evidence_of(both, contract).filter(pl.col(BATCH) == "b").to_dicts()
    assert line["shift_of_amount"] < (contract.gate.shift.at_most or 0)
    report = report_of_days([found], MONTH, contract)
    assert not report.passed
    assert "amount is distributed as before on each day: 3 days do not comply, for example 2020-05-11" in (
        report.to_markdown()
    )


def test_a_good_month_has_no_such_day(contract: Contract) -> None:
    assert shifted_days(MONTH, HISTORY, contract) == []
    assert shifted_days(HISTORY, HISTORY, contract) == []


def test_a_column_that_stands_still_for_a_day_is_seen(contract: Contract) -> None:
    travel = pl.when(WRONG).then(pl.lit("travel")).otherwise("category")
    midnight = pl.when(WRONG).then(pl.col("event_time").dt.truncate("1d")).otherwise("event_time")
    gone = pl.when(~WRONG).then("city_pop")
    found = shifted_days(MONTH.with_columns(category=travel, event_time=midnight, city_pop=gone), HISTORY, contract)
    assert [each.column for each in found] == ["hour", "city_pop", "category"]


def test_few_payments_are_looked_at_together_with_the_days_after_them(contract: Contract) -> None:
    few = in_cents(MONTH).filter(pl.int_range(pl.len()) % 4 == 0)
    (found,) = shifted_days(few, HISTORY, contract)
    assert {date(2020, 5, 11), date(2020, 5, 12), date(2020, 5, 13)} & set(found.days)
    assert len(few) / 31 < FEWEST_OF_A_DAY
    assert shifted_days(MONTH.filter(pl.int_range(pl.len()) % 4 == 0), HISTORY, contract) == []


@pytest.mark.parametrize("why", ["no history", "no limit"])
def test_where_nothing_can_be_said_nothing_is(why: str, contract: Contract) -> None:
    gate = Gate.model_validate({"shift": {"at_most": None}} if why == "no limit" else {})
    history = HISTORY.head(400) if why == "no history" else HISTORY
    assert shifted_days(in_cents(MONTH), history, contract.model_copy(update={"gate": gate})) == []
