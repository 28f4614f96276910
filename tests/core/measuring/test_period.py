"""A period counts its days and cards whatever they are called."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest

from mlflow_fraud.core.measuring.period import Period, read_period
from tests.conftest import make_period


@pytest.mark.parametrize(
    ("hours", "days"),
    [
        pytest.param([], 0, id="no row"),
        pytest.param([5], 1, id="one row"),
        pytest.param([23, 25], 2, id="either side of midnight"),
        pytest.param([0, 9 * 24], 10, id="days without a row count"),
    ],
)
def test_the_days_are_those_of_the_calendar(hours: list[float], days: int) -> None:
    assert make_period([0] * len(hours), hours=hours).days == days


def test_cards_may_be_text_and_missing_ones_are_one_card() -> None:
    at = [datetime(2020, 1, day) for day in (1, 2, 3, 4)]
    table = pl.DataFrame(
        {"label": [0, 1, 0, 0], "event_time": at, "who": ["b", None, "a", None], "amount": [5, 6, 7, 8]}
    )
    period = read_period(table, card="who", amount="amount", decimals=0)
    assert period.cards.tolist() == [2, 0, 1, 0]
    assert period.money(int(period.amounts.sum())) == 26.0


def test_rows_are_days_apart_from_the_earliest_even_when_they_are_not_in_order() -> None:
    period = make_period([0, 0, 0], hours=[50, 1, 26])
    assert period.day_of_row.tolist() == [2, 0, 1]
    assert isinstance(period, Period)
    assert period.day_of_row.dtype == np.int64
