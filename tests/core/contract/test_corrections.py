"""Corrections count by their arrival, in whatever order their files lie."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.contract.corrections import corrected, form_of

CONTRACT = read_contract(
    {
        "name": "tiny",
        "columns": {
            "id": {"role": "event_id", "type": "integer"},
            "paid_at": {"role": "event_time", "type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"},
            "customer": {"role": "entity", "entity": "customer", "type": "text"},
            "amount": {"role": "amount", "type": "decimal", "minimum": 0},
            "fraud": {"role": "label", "type": "integer"},
            "told": {"role": "label_time", "type": "timestamp", "format": "%Y-%m-%d %H:%M:%S", "nullable": True},
        },
    },
    where="tiny",
)
BEGIN = datetime(2020, 1, 1)
ROWS = pl.DataFrame(
    {
        "event_time": [BEGIN + timedelta(days=day) for day in range(6)],
        "customer": list("abcabc"),
        "amount": [100, 200, 300, 400, 500, 600],
        "event_id": list(range(6)),
        "label": [0, 1, 0, 0, 1, 0],
        "label_time": [None, BEGIN + timedelta(days=9), None, None, BEGIN + timedelta(days=9), None],
    },
    schema_overrides={"event_time": pl.Datetime("us"), "label": pl.Int8, "label_time": pl.Datetime("us")},
)


def told(*lines: tuple[int, str, str | None, float], contract: Contract = CONTRACT) -> pl.DataFrame:
    """Return corrections, each with its id, what, value, and after how many days it arrived."""
    return pl.DataFrame(
        [(*line[:3], BEGIN + timedelta(days=line[3])) for line in lines], form_of(contract), orient="row"
    )


whats = st.sampled_from(
    [*((what, value) for what in ("amount", "label") for value in "01"), ("reversed", None), ("reversed", "no")]
)
lines = st.lists(
    st.tuples(st.integers(0, 7), whats, st.integers(8, 30)).map(lambda each: (each[0], *each[1], each[2])),
    unique_by=lambda line: (line[0], line[1], line[3]),
)


@given(lines, st.randoms(use_true_random=False), st.integers(5, 35))
def test_files_in_any_order_make_the_same_rows_and_before_its_arrival_a_correction_changes_nothing(
    given_lines: list[tuple[int, str, str | None, int]], random: object, day: int
) -> None:
    shuffled = list(given_lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert_frame_equal(corrected(ROWS, told(*given_lines), CONTRACT), corrected(ROWS, told(*shuffled), CONTRACT))

    as_of = BEGIN + timedelta(days=day)
    by_then = told(*[line for line in given_lines if line[3] <= day])
    assert_frame_equal(corrected(ROWS, told(*given_lines), CONTRACT, as_of=as_of), corrected(ROWS, by_then, CONTRACT))
    untouched = ROWS.filter(~pl.col("event_id").is_in(by_then["event_id"].implode()))
    after = corrected(ROWS, told(*given_lines), CONTRACT, as_of=as_of)
    assert_frame_equal(after.filter(pl.col("event_id").is_in(untouched["event_id"].implode())), untouched)


def test_the_last_by_arrival_wins_and_a_label_takes_its_arrival_with_it() -> None:
    changes = told((0, "label", "1", 20), (0, "label", "0", 12), (2, "amount", "350", 9), (1, "label", "0", 30))
    after = corrected(ROWS, changes, CONTRACT)
    assert after["label"].to_list() == [1, 0, 0, 0, 1, 0]
    assert after["label_time"][0] == BEGIN + timedelta(days=20)
    assert after["amount"].to_list() == [100, 200, 350, 400, 500, 600]
    assert after.schema == ROWS.schema
    assert corrected(ROWS, changes, CONTRACT, as_of=BEGIN + timedelta(days=15))["label"].to_list() == [0, 1, 0, 0, 1, 0]


def test_a_reversed_payment_is_there_until_it_was_reversed_and_an_erased_one_never_was() -> None:
    changes = told((3, "reversed", None, 10), (4, "erased", None, 25))
    assert corrected(ROWS, changes, CONTRACT)["event_id"].to_list() == [0, 1, 2, 5]
    assert corrected(ROWS, changes, CONTRACT, as_of=BEGIN + timedelta(days=8))["event_id"].to_list() == [0, 1, 2, 3, 5]


def test_a_payment_that_was_reversed_by_mistake_is_there_again_from_then_on() -> None:
    changes = told(
        (3, "reversed", None, 10), (3, "reversed", "no", 20), (3, "amount", "77", 20), (4, "reversed", "no", 9)
    )
    assert corrected(ROWS, changes, CONTRACT)["amount"].to_list() == [100, 200, 300, 77, 500, 600]
    assert 3 not in corrected(ROWS, changes, CONTRACT, as_of=BEGIN + timedelta(days=15))["event_id"]
    erased = pl.concat([changes, told((3, "erased", None, 12))])
    assert 3 not in corrected(ROWS, erased, CONTRACT)["event_id"]


def test_no_correction_changes_no_row() -> None:
    assert_frame_equal(corrected(ROWS, told(), CONTRACT), ROWS)
    assert_frame_equal(corrected(ROWS, told((99, "amount", "1", 9)), CONTRACT), ROWS)


@pytest.mark.parametrize("value", [None, "Madrid"])
def test_a_value_may_be_missing_from_then_on(value: str | None, contract: Contract) -> None:
    rows = pl.DataFrame({"event_id": ["a", "b"], "category": ["travel", "home"]})
    after = corrected(rows, told(("b", "category", value, 9), contract=contract), contract)  # type: ignore[arg-type]
    assert after["category"].to_list() == ["travel", value]
