"""Folds roll forward in time, learn only from labels that had arrived, and are not asked about known cards."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.learning.prequential import PrequentialRule, fold_parts, roll

BEGIN = datetime(2020, 1, 1)
DAY = timedelta(days=1)

rules = st.builds(
    PrequentialRule,
    train_days=st.integers(40, 60),
    validation_days=st.integers(1, 15),
    label_delay_days=st.integers(0, 20),
    test_days=st.integers(1, 20),
    folds=st.integers(1, 5),
)


def history(days: int, frauds: dict[int, int] | None = None, cards: int = 3) -> pl.DataFrame:
    """Return a transaction at noon for each card and day; `frauds` maps a day to the card that has one."""
    rows = [
        {"event_time": BEGIN + day * DAY + DAY / 2, "card": card, "label": int((frauds or {}).get(day) == card)}
        for day in range(days)
        for card in range(cards)
    ]
    return pl.DataFrame(rows, schema_overrides={"label": pl.Int8})


@given(rules)
@settings(deadline=None)
def test_the_tests_follow_each_other_and_the_last_ones_labels_are_all_known(rule: PrequentialRule) -> None:
    until = BEGIN + 400 * DAY
    folds = roll(BEGIN, until, rule)
    assert [fold.number for fold in folds] == list(range(1, rule.folds + 1))
    assert all(one.test_to == other.test_from for one, other in pairwise(folds))
    assert folds[-1].test_to + rule.label_delay == until


@given(rules)
@settings(deadline=None)
def test_a_fold_learns_only_from_labels_that_had_arrived_when_the_next_period_began(rule: PrequentialRule) -> None:
    rows = history(400)
    for fold in roll(BEGIN, BEGIN + 400 * DAY, rule):
        times = {
            str(name): rows["event_time"].filter((fold_parts(rows, fold, rule, "card") == name).fill_null(False))
            for name in ("train", "validation", "test")
        }
        assert times["train"].min() >= fold.train_from  # type: ignore[operator]
        assert times["train"].max() + rule.label_delay <= fold.validation_from  # type: ignore[operator]
        assert times["validation"].max() + rule.label_delay <= fold.test_from  # type: ignore[operator]
        assert times["validation"].n_unique() == rule.validation_days
        assert times["test"].n_unique() == rule.test_days
        assert fold.test_from <= times["test"].min() and times["test"].max() < fold.test_to  # type: ignore[operator]  # noqa: PT018


RULE = PrequentialRule(train_days=60, validation_days=10, label_delay_days=7, test_days=20, folds=1)
# the fold of 100 days: train from day 6, validation from day 56, test from day 73 to day 92


@pytest.mark.parametrize(
    ("day", "first_day_gone"),
    [
        pytest.param(30, 73, id="known before the test began"),
        pytest.param(65, 73, id="its label arrives on the day before the test"),
        pytest.param(70, 78, id="its label arrives during the test"),
        pytest.param(90, None, id="its label arrives after the test"),
        pytest.param(3, None, id="before the fold's training began"),
    ],
)
def test_a_card_leaves_the_test_on_the_day_after_its_label_arrived(day: int, first_day_gone: int | None) -> None:
    rows = history(100, {day: 1})
    [fold] = roll(BEGIN, BEGIN + 100 * DAY, RULE)
    assert (fold.train_from, fold.test_from) == (BEGIN + 6 * DAY, BEGIN + 73 * DAY)
    tested = rows.filter((fold_parts(rows, fold, RULE, "card") == "test").fill_null(False))
    days = tested.select("card", day=(pl.col("event_time") - BEGIN).dt.total_days())
    last = 93 if first_day_gone is None else first_day_gone
    assert days.filter(pl.col("card") == 1)["day"].to_list() == list(range(73, last))
    assert days.filter(pl.col("card") == 2)["day"].to_list() == list(range(73, 93))


def test_a_label_that_has_not_arrived_changes_no_part() -> None:
    [fold] = roll(BEGIN, BEGIN + 100 * DAY, RULE)
    quiet, late = (history(100, frauds) for frauds in ({}, {88: 0, 92: 1}))
    assert fold_parts(quiet, fold, RULE, "card").equals(fold_parts(late, fold, RULE, "card"), null_equal=True)


def test_folds_that_the_data_is_too_short_for_say_how_much_is_needed() -> None:
    with pytest.raises(DataError, match=r"1 folds need 94 days before 2020-03-31, the data has 91; make `train_days`"):
        roll(BEGIN, BEGIN + 90 * DAY, RULE)


def test_a_rule_that_leaves_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(ValidationError, match="take all of train_days"):
        PrequentialRule(train_days=20, validation_days=13, label_delay_days=7, test_days=5, folds=1)


@pytest.mark.parametrize(
    ("known_days", "day", "gone"),
    [
        pytest.param(None, 10, True, id="as long as is learned from"),
        pytest.param(None, 3, False, id="no longer than is learned from"),
        pytest.param(90, 3, True, id="longer than is learned from"),
        pytest.param(20, 10, False, id="shorter: an old fraud is forgotten"),
        pytest.param(20, 50, True, id="shorter: a late one is not"),
        pytest.param(0, 65, False, id="nothing of the train days"),
        pytest.param(0, 67, True, id="what came while its label was waited for"),
    ],
)
def test_since_when_a_card_counts_as_known_can_be_stated(known_days: int | None, day: int, gone: bool) -> None:
    rule = RULE.model_copy(update={"known_days": known_days})
    rows = history(100, {day: 1})
    [fold] = roll(BEGIN, BEGIN + 100 * DAY, rule)
    tested = rows.filter((fold_parts(rows, fold, rule, "card") == "test").fill_null(False))
    last = tested.filter((pl.col("card") == 1) & (pl.col("event_time") > BEGIN + 80 * DAY))
    assert last.is_empty() == gone


@given(st.integers(40, 90), st.integers(0, 60))
@settings(max_examples=10)
def test_with_a_stated_span_the_test_does_not_depend_on_what_is_learned_from(train_days: int, known: int) -> None:
    rows = history(130, {day: day % 3 for day in range(0, 130, 7)})
    tests = []
    for days in (train_days, 90):
        rule = RULE.model_copy(update={"train_days": days, "known_days": known})
        [fold] = roll(BEGIN, BEGIN + 130 * DAY, rule)
        tests.append((fold_parts(rows, fold, rule, "card") == "test").fill_null(False))
    assert tests[0].equals(tests[1])


def test_where_transactions_have_no_card_none_is_known() -> None:
    rows = history(100, {30: 1}).drop("card")
    [fold] = roll(BEGIN, BEGIN + 100 * DAY, RULE)
    assert int((fold_parts(rows, fold, RULE, None) == "test").sum()) == 3 * RULE.test_days


@pytest.mark.parametrize("hour", [0, 5, 23])
def test_the_last_test_ends_with_the_stated_day(hour: int) -> None:
    rule = RULE.model_copy(update={"test_until": date(2020, 4, 20)})
    [fold] = roll(BEGIN, rule.until(datetime(2020, 5, 9, hour)), rule)
    assert fold.name == "fold 1: 2020-04-01 to 2020-04-20"


def test_a_test_whose_labels_are_not_all_known_yet_is_refused_with_the_last_day_that_can_be() -> None:
    rule = RULE.model_copy(update={"test_until": date(2020, 3, 20)})
    assert rule.until(datetime(2020, 3, 27, 1)) == datetime(2020, 3, 28)
    with pytest.raises(DataError, match=r"the data ends 2020-03-26; let the test end by 2020-03-19"):
        rule.until(datetime(2020, 3, 26, 23, 59))
