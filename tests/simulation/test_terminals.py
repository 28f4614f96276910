"""Payments at terminals: fraud that shows in the terminal's or the customer's past, not in the payment."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from mlflow_fraud.simulation import TerminalPlan, simulate_terminals
from mlflow_fraud.simulation.terminals import CUSTOMER, CUSTOMER_DAYS, GENUINE, JUMP, TERMINAL, TERMINAL_DAYS

PLAN = TerminalPlan(days=120, customers=400, terminals=800)


@pytest.fixture(scope="module")
def payments() -> pl.DataFrame:
    return simulate_terminals(PLAN).with_columns(pl.col("TX_DATETIME").dt.date().alias("day"))


def test_the_same_plan_gives_the_same_payments_and_another_seed_others(payments: pl.DataFrame) -> None:
    assert simulate_terminals(PLAN).equals(payments.drop("day"))
    assert not simulate_terminals(TerminalPlan(seed=8, days=120, customers=400, terminals=800)).equals(
        payments.drop("day")
    )


def test_payments_are_in_time_order_within_the_days_of_the_plan(payments: pl.DataFrame) -> None:
    assert payments["TX_DATETIME"].is_sorted()
    assert payments["day"].min() == date(2018, 4, 1)
    assert payments["day"].max() == date(2018, 7, 29)
    assert 0.005 < payments["TX_FRAUD"].mean() < 0.02  # type: ignore[operator]


def test_a_compromised_terminal_takes_nothing_but_fraud_for_weeks(payments: pl.DataFrame) -> None:
    frauds = payments.filter(pl.col("TX_FRAUD_SCENARIO") == TERMINAL)
    weeks = frauds.group_by("TERMINAL_ID").agg(pl.col("day").min().alias("from"), pl.col("day").max().alias("to"))
    single = weeks.filter((pl.col("to") - pl.col("from")).dt.total_days() < TERMINAL_DAYS)
    within = payments.join(single, on="TERMINAL_ID").filter(pl.col("day").is_between("from", "to"))
    assert len(single) > 5
    assert (within["TX_FRAUD"] == 1).all()


def test_a_third_of_a_leaked_customers_payments_jumps(payments: pl.DataFrame) -> None:
    usual = payments.filter(pl.col("TX_FRAUD_SCENARIO") == GENUINE)["TX_AMOUNT"].mean()
    frauds = payments.filter(pl.col("TX_FRAUD_SCENARIO") == CUSTOMER)
    weeks = frauds.group_by("CUSTOMER_ID").agg(pl.col("day").min().alias("from"), pl.col("day").max().alias("to"))
    single = weeks.filter((pl.col("to") - pl.col("from")).dt.total_days().is_between(7, CUSTOMER_DAYS - 1))
    within = payments.join(single, on="CUSTOMER_ID").filter(pl.col("day").is_between("from", "to"))
    share = (within["TX_FRAUD_SCENARIO"] == CUSTOMER).mean()
    assert 0.25 < share < 0.5  # type: ignore[operator]
    assert frauds["TX_AMOUNT"].mean() > JUMP / 2 * usual  # type: ignore[operator]


def test_the_amount_of_a_terminals_fraud_is_like_any_other(payments: pl.DataFrame) -> None:
    means = dict(payments.group_by("TX_FRAUD_SCENARIO").agg(pl.col("TX_AMOUNT").mean()).iter_rows())
    assert means[TERMINAL] == pytest.approx(means[GENUINE], rel=0.25)
