"""Time is cut so that nothing is learned from a label that had not arrived."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.learning.split import SplitRule, borders, part

BEGIN = datetime(2020, 1, 1)


def days(count: int, batch: str = "a") -> pl.DataFrame:
    at = [BEGIN + timedelta(days=day, hours=12) for day in range(count)]
    return pl.DataFrame({"event_time": at, "batch": [batch] * count})


def parts(frame: pl.DataFrame, rule: SplitRule) -> dict[str, pl.DataFrame]:
    named = frame.with_columns(part(borders(frame, rule), rule))
    return {str(name): named.filter(pl.col("part") == name) for name in ("train", "validation", "test")}


@given(delay=st.integers(0, 30), validation=st.integers(1, 30), test=st.integers(1, 30))
def test_every_label_learned_from_had_arrived_when_the_next_period_began(
    delay: int, validation: int, test: int
) -> None:
    rule = SplitRule(protocol="holdout", validation_days=validation, test_days=test, label_delay_days=delay)
    frame = days(200)
    cut, split = borders(frame, rule), parts(frame, rule)
    for name, decided_at in (("train", cut.validation_from), ("validation", cut.test_from)):
        assert split[name].filter(pl.col("event_time") + rule.label_delay > decided_at).is_empty()
    assert split["test"].filter(pl.col("event_time") + rule.label_delay > frame["event_time"].max()).is_empty()


@given(delay=st.integers(0, 30))
def test_the_periods_follow_each_other_and_do_not_overlap(delay: int) -> None:
    split = parts(days(200), SplitRule(protocol="holdout", validation_days=40, test_days=40, label_delay_days=delay))
    assert split["train"]["event_time"].max() < split["validation"]["event_time"].min()  # type: ignore[operator]
    assert split["validation"]["event_time"].max() < split["test"]["event_time"].min()  # type: ignore[operator]


def test_without_delay_no_row_is_left_out() -> None:
    split = parts(days(200), SplitRule(protocol="holdout", validation_days=40, test_days=40))
    assert [len(rows) for rows in split.values()] == [120, 40, 40]


def test_the_official_protocol_tests_on_the_whole_of_its_batch() -> None:
    later = days(50, "fraudTest").with_columns(pl.col("event_time") + timedelta(days=100))
    frame = pl.concat([days(100, "fraudTrain"), later])
    rule = SplitRule(protocol="official", test_batch="fraudTest", validation_days=20)
    split = parts(frame, rule)
    assert len(split["test"]) == 50
    assert set(split["validation"]["batch"]) == {"fraudTrain"}


def test_a_missing_test_batch_is_named_with_those_that_are_there() -> None:
    rule = SplitRule(protocol="official", test_batch="fraudTest", validation_days=20)
    with pytest.raises(DataError, match=r"fraudTest is not there, found the batches \['a'\]"):
        borders(days(100), rule)


def test_a_split_that_leaves_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(DataError, match="nothing is left to train on"):
        borders(days(50), SplitRule(protocol="holdout", validation_days=30, test_days=30))


@pytest.mark.parametrize("rule", [{"protocol": "official"}, {"protocol": "holdout"}], ids=str)
def test_a_protocol_that_does_not_say_where_the_test_begins_is_refused(rule: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="needs `test_"):
        SplitRule.model_validate({**rule, "validation_days": 1})


def hours(count: int) -> pl.DataFrame:
    return pl.DataFrame(
        {"event_time": [BEGIN + timedelta(hours=hour) for hour in range(count)], "batch": ["a"] * count}
    )


@given(
    count=st.integers(30, 48), validation=st.floats(0.05, 0.45), test=st.floats(0.05, 0.45), start=st.integers(0, 23)
)
def test_two_days_are_cut_at_any_time_of_day(count: int, validation: float, test: float, start: int) -> None:
    frame = hours(count).with_columns(pl.col("event_time") + timedelta(hours=start))
    split = parts(frame, SplitRule(protocol="holdout", validation_days=validation, test_days=test))
    assert all(len(rows) for rows in split.values())
    assert sum(map(len, split.values())) == count
    newest = frame["event_time"][-1]
    assert split["test"]["event_time"][0] >= newest - timedelta(days=test)


@pytest.mark.parametrize("days", [0, -1, float("nan"), float("inf")])
def test_a_period_lasts_for_some_time(days: float) -> None:
    with pytest.raises(ValidationError):
        SplitRule(protocol="holdout", validation_days=days, test_days=1)
