"""Which rows are learned from, which choose the threshold, and which judge: always by time."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Annotated, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from mlflow_fraud.core.contract.contract import BATCH
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.labels import LABEL_CHANCE, LABEL_TIME, WEIGHT, arrival, is_mature, known_until, label_at, tells
from mlflow_fraud.core.strict import Strict

PARTS = ("train", "validation", "test")
BETWEEN = "between"
"""Rows of no part, which are learned from later."""

TOLD = 0.95
"""So many of the frauds have to be told when their rows count."""

Days = Annotated[int | float, Field(gt=0, allow_inf_nan=False)]
"""A time in days, or in a fraction of one where data spans few."""


class SplitRule(Strict):
    """How time is cut: `official` tests on a whole raw batch, `holdout` on the last days.

    A whole number of test days are calendar days; a fraction ends with the newest transaction.

    `label_delay_days` is after how long a label is known that says no time of its own. A row is mature, learned from
    and judged on, when it is `label_horizon_days` old, whatever came early: of the newest rows only the frauds would
    be known, since silence takes its time. Not stated, it is the delay.
    """

    protocol: Literal["official", "holdout"]
    test_batch: str = ""
    test_days: Days | Literal[0] = 0
    validation_days: Days
    label_delay_days: int = Field(default=0, ge=0)
    label_horizon_days: int | None = Field(default=None, ge=0)

    @property
    def label_delay(self) -> timedelta:
        """The time from a transaction to its label, where the label says none."""
        return timedelta(days=self.label_delay_days)

    @property
    def horizon(self) -> timedelta:
        """How old a row has to be to count: by then fraud is told, and silence means that there was none."""
        return timedelta(days=self.label_delay_days if self.label_horizon_days is None else self.label_horizon_days)

    @model_validator(mode="after")
    def _waits_for_labels(self) -> Self:
        if self.horizon < self.label_delay:
            raise ValueError(
                f"label_horizon_days {self.label_horizon_days} is less than label_delay_days {self.label_delay_days}: "
                "rows would count before their labels are known"
            )
        return self

    @model_validator(mode="after")
    def _says_where_the_test_begins(self) -> Self:
        if self.protocol == "official" and not self.test_batch:
            raise ValueError("the official protocol needs `test_batch: <name of the raw batch>`")
        if self.protocol == "holdout" and not self.test_days:
            raise ValueError("the holdout protocol needs `test_days:`, such as 30, or 0.5 for half a day")
        return self


@dataclass(frozen=True)
class Borders:
    """The first instants of the validation and of the test period, and the end of what we know."""

    validation_from: datetime
    test_from: datetime
    known_until: datetime

    @property
    def decides(self) -> Mapping[str, datetime]:
        """The instant at which each part is used: to fit, to settle, to judge."""
        return dict(zip(PARTS, (self.validation_from, self.test_from, self.known_until), strict=True))


def borders(transactions: pl.DataFrame, rule: SplitRule) -> Borders:
    """Return where the periods begin; raise `DataError` when one of them would be empty."""
    test_from = _test_from(transactions, rule)
    first: datetime = transactions["event_time"].min()  # type: ignore[assignment]
    validation_from = test_from - timedelta(days=rule.validation_days)
    if validation_from - rule.horizon <= first:
        raise DataError(
            f"nothing is left to train on: the data begins {first}, validation begins {validation_from} "
            f"and rows count after {rule.horizon.days} days; bring more data or shorten the split"
        )
    return Borders(validation_from, test_from, known_until(transactions, rule.horizon))


def part(cut: Borders, rule: SplitRule, columns: Container[str] = ()) -> pl.Expr:
    """Return each row's part: train, validation, test, or null for a row that was too young at the next border.

    What is decided at a border may learn only from rows that were mature by then, so with a horizon the newest rows
    before a border belong to neither side; nor do those at the end of the data. Labels have no say in it, but where
    `columns` has weights: there a row that nobody had looked into by then is in no part.
    """
    at, told = pl.col("event_time"), arrival(columns, rule.label_delay)
    mature = {
        name: is_mature(rule.horizon, as_of=until) & tells(columns, told, as_of=until)
        for name, until in cut.decides.items()
    }
    in_test, in_validation = at >= cut.test_from, at.is_between(cut.validation_from, cut.test_from, closed="left")
    return (
        pl.when(in_test & mature["test"])
        .then(pl.lit("test"))
        .when(in_validation & mature["validation"])
        .then(pl.lit("validation"))
        .when((at < cut.validation_from) & mature["train"])
        .then(pl.lit("train"))
        .alias("part")
    )


def clocked(transactions: pl.DataFrame, cut: Borders, rule: SplitRule) -> pl.DataFrame:
    """Return of each row its `part`, and what was known of it when.

    `part` is also `between` for a row that was too young at the border after it and is mature by now. `label` is the
    label as it was known when the part counted: a fraud told later was none by then; `fraud` as it is known now, told
    at `label_time`. Weights go along where there are any.
    """
    columns = transactions.columns
    told = arrival(columns, rule.label_delay)
    mature = is_mature(rule.horizon, as_of=cut.known_until) & tells(columns, told, as_of=cut.known_until)
    weights = [LABEL_CHANCE, WEIGHT] if WEIGHT in columns else []
    rows = transactions.select(
        pl.coalesce(part(cut, rule, columns), pl.when(mature).then(pl.lit(BETWEEN))).alias("part"),
        label_at("label", told, as_of=cut.known_until).alias("fraud"),
        told.alias(LABEL_TIME),
        *weights,
    )
    used = pl.col("part").replace_strict(cut.decides, default=cut.known_until, return_dtype=pl.Datetime("us"))
    known = label_at("fraud", pl.col(LABEL_TIME), as_of=used).alias("label")
    return rows.select("part", known, "fraud", LABEL_TIME, *weights)


def require_horizon(transactions: pl.DataFrame, rule: SplitRule) -> None:
    """Raise `DataError` where many frauds are told only after their rows count: they would be learned as legal."""
    needed = told_within(transactions)
    if needed is not None and timedelta(days=needed) > rule.horizon:
        raise DataError(
            f"rows count when they are {rule.horizon.days} days old, but {TOLD:.0%} of the frauds are told only within "
            f"{needed}; set `label_horizon_days: {needed}` in the data set's `split:` in params.yaml"
        )


def told_within(transactions: pl.DataFrame) -> int | None:
    """Return the days in which nearly all frauds that say when they were told are; None where none says it."""
    if LABEL_TIME not in transactions.columns:
        return None
    lag = (pl.col(LABEL_TIME) - pl.col("event_time")).filter(pl.col("label") == 1).dt.total_microseconds()
    longest = transactions.select(lag.quantile(TOLD, interpolation="higher")).item()
    return None if longest is None else ceil(timedelta(microseconds=longest) / timedelta(days=1))


def _test_from(transactions: pl.DataFrame, rule: SplitRule) -> datetime:
    if rule.protocol == "holdout":
        last: datetime = transactions["event_time"].max()  # type: ignore[assignment]
        if rule.test_days % 1:
            return last - timedelta(days=rule.test_days)
        midnight = last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return midnight - timedelta(days=rule.test_days)
    batches = transactions[BATCH].unique().sort().to_list()
    rows = transactions.filter(pl.col(BATCH) == rule.test_batch)
    if rows.is_empty():
        raise DataError(
            f"the test batch {rule.test_batch} is not there, found the batches {batches}; add it, or name another "
            "`test_batch:` or `protocol: holdout` in the data set's `split:` in params.yaml"
        )
    return rows["event_time"].min()  # type: ignore[return-value]
