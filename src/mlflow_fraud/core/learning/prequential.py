"""Rolling folds: train on a stretch of time, wait for the labels, judge on what follows, move on.

The protocol is the prequential validation of the Fraud Detection Handbook (Le Borgne, Siblini, Lebichot and
Bontempi, 2022, chapter 5, "Validation strategies", and `get_train_test_set` of its shared functions).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Self

import polars as pl
from pydantic import Field, model_validator

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.labels import arrival, known_at
from mlflow_fraud.core.learning.split import Borders, SplitRule, part
from mlflow_fraud.core.strict import Strict

DAY = timedelta(days=1)


class PrequentialRule(Strict):
    """How time is rolled over; the validation days are the last ones of the train days.

    The last test ends with the day `test_until`, or as late as all its labels are known. A card counts as known
    for its frauds since `known_days` before the train days end, or since they begin: stated, it keeps the same rows
    in the test whatever is learned from.
    """

    train_days: int = Field(ge=2)
    validation_days: int = Field(ge=1)
    label_delay_days: int = Field(default=7, ge=0)
    label_horizon_days: int | None = Field(default=None, ge=0)
    test_days: int = Field(ge=1)
    folds: int = Field(ge=1)
    test_until: date | None = None
    known_days: int | None = Field(default=None, ge=0)

    @property
    def split(self) -> SplitRule:
        """How one fold's days are cut."""
        return SplitRule(
            protocol="holdout",
            validation_days=self.validation_days,
            test_days=self.test_days,
            label_delay_days=self.label_delay_days,
            label_horizon_days=self.label_horizon_days,
        )

    @property
    def label_delay(self) -> timedelta:
        """The time from a transaction to its label, where the label says none."""
        return timedelta(days=self.label_delay_days)

    @property
    def horizon(self) -> timedelta:
        """How old a row has to be to count."""
        return self.split.horizon

    def until(self, last: datetime) -> datetime:
        """Return the instant from which on nothing is looked at, in data whose newest row is of `last`.

        Raises `DataError` where the labels of the stated test are not all known by then.

        >>> rule = PrequentialRule(train_days=30, validation_days=9, test_days=5, folds=2, test_until=date(2020, 2, 22))
        >>> rule.until(datetime(2020, 4, 1, 12))
        datetime.datetime(2020, 3, 1, 0, 0)
        """
        end = datetime.combine(last.date(), time()) + DAY
        if self.test_until is None:
            return end
        known = datetime.combine(self.test_until, time()) + DAY + self.horizon
        if known > end:
            raise DataError(
                f"a test until {self.test_until} has all its labels {self.horizon.days} days later, the data ends "
                f"{last:%Y-%m-%d}; let the test end by {end - DAY - self.horizon:%Y-%m-%d}, or bring more data"
            )
        return known

    @model_validator(mode="after")
    def _leaves_days_to_train_on(self) -> Self:
        if self.validation_days + self.horizon.days >= self.train_days:
            raise ValueError(
                "validation_days and the days until a row counts take all of train_days; make train_days longer than "
                "their sum"
            )
        return self


@dataclass(frozen=True)
class Fold:
    """One step of the roll; each period begins at its instant and ends before the next one's."""

    number: int
    train_from: datetime
    validation_from: datetime
    test_from: datetime
    test_to: datetime
    known_from: datetime

    @property
    def name(self) -> str:
        """The fold in words: its number and its test days."""
        return f"fold {self.number}: {self.test_from:%Y-%m-%d} to {self.test_to - DAY:%Y-%m-%d}"


def roll(first: datetime, until: datetime, rule: PrequentialRule) -> tuple[Fold, ...]:
    """Return the folds, oldest first; the last one's test ends so that all its labels are known at `until`.

    The test periods follow each other without a gap and without an overlap.
    Raises `DataError` when the first fold would begin before `first`, the data's first instant.

    >>> rule = PrequentialRule(train_days=30, validation_days=10, test_days=5, folds=2)
    >>> for fold in roll(datetime(2020, 1, 1), datetime(2020, 3, 1), rule):
    ...     print(fold.train_from.date(), fold.validation_from.date(), fold.test_from.date(), fold.test_to.date())
    2020-01-07 2020-01-27 2020-02-13 2020-02-18
    2020-01-12 2020-02-01 2020-02-18 2020-02-23
    """
    test_days, delay = rule.test_days * DAY, rule.horizon
    last = until - delay
    folds = tuple(
        Fold(
            number=number,
            train_from=test_from - delay - rule.train_days * DAY,
            validation_from=test_from - delay - rule.validation_days * DAY,
            test_from=test_from,
            test_to=test_from + test_days,
            known_from=test_from - delay - (rule.train_days if rule.known_days is None else rule.known_days) * DAY,
        )
        for number, test_from in enumerate((last - place * test_days for place in range(rule.folds, 0, -1)), start=1)
    )
    if folds[0].train_from < first.replace(hour=0, minute=0, second=0, microsecond=0):
        needed, there = (until - folds[0].train_from).days, (until - first).days + 1
        raise DataError(
            f"{rule.folds} folds need {needed} days before {until:%Y-%m-%d}, the data has {there}; make `train_days`, "
            "`test_days` or `folds` of `evaluate.prequential` in params.yaml smaller, or bring more data"
        )
    return folds


def fold_borders(fold: Fold, rule: PrequentialRule) -> Borders:
    """Return the instants at which a fold's parts count."""
    return Borders(fold.validation_from, fold.test_from, fold.test_to + rule.horizon)


def fold_parts(transactions: pl.DataFrame, fold: Fold, rule: PrequentialRule, card: str | None) -> pl.Series:
    """Return each row's part in a fold: train, validation, test, or null for a row that belongs to none.

    A row counts when it is as old as the horizon, at every border. A card that is known as compromised leaves the test:
    on each test day those with a fraud, since the fold's `known_from`, whose label had arrived before that day.
    Where transactions have no card none is known.
    """
    at = pl.col("event_time")
    cut = fold_borders(fold, rule)
    inside = at.is_between(fold.train_from, fold.test_to, closed="left")
    parts = transactions.select(pl.when(inside).then(part(cut, rule.split, transactions.columns)).alias("part"))["part"]
    if card is None:
        return parts
    gone = _known_compromised(transactions, fold, rule, card)
    return pl.select(pl.when(~((parts == "test") & gone)).then(parts).alias("part"))["part"]


def _known_compromised(transactions: pl.DataFrame, fold: Fold, rule: PrequentialRule, card: str) -> pl.Series:
    """Return which rows are of a day on which the label clock knows their card as compromised."""
    at = pl.col("event_time")
    frauds = transactions.filter((pl.col("label") == 1) & (at >= fold.known_from) & (at < fold.test_to))
    days = [fold.test_from + day * DAY for day in range(rule.test_days)]
    arrives = arrival(transactions.columns, rule.label_delay)
    known = [frauds.filter(known_at(arrives, as_of=day))[card].unique() for day in days]
    gone = [
        at.is_between(day, day + DAY, closed="left") & pl.col(card).is_in(cards.implode())
        for day, cards in zip(days, known, strict=True)
        if len(cards)
    ]
    return transactions.select(pl.any_horizontal(pl.lit(False), *gone).alias("gone"))["gone"]
