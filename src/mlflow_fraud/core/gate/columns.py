"""What all evidence is made of: the row of a batch, and the columns that are watched from batch to batch."""

from __future__ import annotations

import polars as pl

from mlflow_fraud.core.contract.contract import Contract

Row = dict[str, object]
"""What is known of one batch, by the columns that the rules of the gate look at."""

DAY, HOUR = "day", "hour"
"""The columns that every row is marked with."""

DIGITS = 6
"""Evidence is rounded, so that its last bits do not depend on the machine."""

WHICH = "_are"
"""A column of this ending says in words what the number in the column of the name before it is made of."""


def watched_columns(contract: Contract) -> tuple[str, ...]:
    """Return the columns whose distribution is watched: the amount, the hour, numbers and categories."""
    return ("amount", HOUR, *(c.name for c in contract.kept if c.role == "numeric"), *categories(contract))


def watched_in(batch: pl.DataFrame, contract: Contract) -> list[str]:
    """Return the watched columns that are there; a rule on one that is not cannot hold."""
    return [name for name in watched_columns(contract) if name in batch.columns]


def categories(contract: Contract) -> tuple[str, ...]:
    """Return the categorical columns."""
    return tuple(column.name for column in contract.kept if column.role == "categorical")
