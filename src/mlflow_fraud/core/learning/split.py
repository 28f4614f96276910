"""Which rows are learned from, which choose the threshold, and which judge: always by time."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

import polars as pl
from pydantic import Field, model_validator

from mlflow_fraud.core.contract.contract import BATCH
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.labels import arrival, known_at
from mlflow_fraud.core.strict import Strict

PARTS = ("train", "validation", "test")

Days = Annotated[int | float, Field(gt=0, allow_inf_nan=False)]
"""A time in days, or in a fraction of one where data spans few."""


class SplitRule(Strict):
    """How time is cut: `official` tests on a whole raw batch, `holdout` on the last days.

    A whole number of test days are calendar days; a fraction ends with the newest transaction.
    """

    protocol: Literal["official", "holdout"]
    test_batch: str = ""
    test_days: Days | Literal[0] = 0
    validation_days: Days
    label_delay_days: int = Field(default=0, ge=0)

    @property
    def label_delay(self) -> timedelta:
        """The time from a transaction to its label."""
        return timedelta(days=self.label_delay_days)

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


def borders(transactions: pl.DataFrame, rule: SplitRule) -> Borders:
    """Return where the periods begin; raise `DataError` when one of them would be empty."""
    test_from = _test_from(transactions, rule)
    first: datetime = transactions["event_time"].min()  # type: ignore[assignment]
    last: datetime = transactions["event_time"].max()  # type: ignore[assignment]
    validation_from = test_from - timedelta(days=rule.validation_days)
    if validation_from - rule.label_delay <= first:
        raise DataError(
            f"nothing is left to train on: the data begins {first}, validation begins {validation_from} "
            f"and labels arrive after {rule.label_delay_days} days; bring more data or shorten the split"
        )
    return Borders(validation_from, test_from, last)


def part(cut: Borders, rule: SplitRule, columns: Container[str] = ()) -> pl.Expr:
    """Return each row's part: train, validation, test, or null for a row whose label came too late.

    `columns` are those of the transactions: the label clock asks whether labels have times of their own.

    A model decided at a border may learn only from labels that had arrived by then, so with a delay
    the newest rows before a border belong to neither side; nor do those at the end of the data.
    """
    at = pl.col("event_time")
    known = {
        name: known_at(arrival(columns, rule.label_delay), as_of=until)
        for name, until in zip(PARTS, (cut.validation_from, cut.test_from, cut.known_until), strict=True)
    }
    in_test, in_validation = at >= cut.test_from, at.is_between(cut.validation_from, cut.test_from, closed="left")
    return (
        pl.when(in_test & known["test"])
        .then(pl.lit("test"))
        .when(in_validation & known["validation"])
        .then(pl.lit("validation"))
        .when((at < cut.validation_from) & known["train"])
        .then(pl.lit("train"))
        .alias("part")
    )


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
