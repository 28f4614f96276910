"""What is found and flagged in parts of a period: by category, amount, new cards, age; each with how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.measuring.metrics import share_interval
from mlflow_fraud.core.measuring.period import Flags, Period
from mlflow_fraud.core.measuring.weights import effective_rows
from mlflow_fraud.core.strict import Strict

AMOUNTS = (10, 50, 100, 500, 1_000)
"""Where a band of amounts ends and the next begins, in units of money."""

AGES = (25, 40, 60)
"""And one of ages, in years."""

NEW = timedelta(days=30)
"""So long after its first payment a card is a new one."""

MOST = 20
"""So many values of a column are told apart, those with the most rows; the others are one slice."""

OTHERS, MISSING = "others", "missing"
YEAR = 365.2425


class Share(Strict):
    """A share with its 95 % interval (Wilson, 1927)."""

    share: float
    lower: float
    upper: float


class Slice(Strict):
    """A part of a period: `of` says by what it is cut, `value` which part this is; `rows` are those that were counted.

    `recall` is None where there is no fraud, `precision` where nothing is flagged.
    """

    of: str
    value: str
    rows: int
    frauds: int
    alerts: int
    recall: Share | None
    precision: Share | None


def groups_of(rows: pl.DataFrame, history: pl.DataFrame, contract: Contract) -> dict[str, list[str]]:
    """Return which slice each of the `rows` is in, for each way to cut them.

    `rows` and `history` are transactions by pipeline names; a card's first payment is looked for in the latter. Ages
    are there where the contract has a birth date, the holder's sex and the like where it has the role `group`; they are
    looked at here, and no feature for that.
    """
    unit = 10**contract.currency_decimals
    cut: dict[str, pl.Expr] = {
        column.name: _most_seen(rows, column.name)
        for column in contract.kept
        if column.role in ("categorical", "group") and column.name in rows.columns
    }
    cut["amount"] = _band(pl.col("amount") / unit, AMOUNTS)
    found = rows
    if contract.payer:
        first = history.group_by(contract.payer).agg(pl.col("event_time").min().alias("_first"))
        found = rows.join(first, on=contract.payer, how="left", maintain_order="left")
        new = pl.col("event_time") - pl.col("_first") <= NEW
        told = pl.when(new).then(pl.lit(f"first seen within {NEW.days} days")).otherwise(pl.lit("known for longer"))
        cut[f"new {contract.payer}"] = told
    if contract.column("birth_date"):
        days = (pl.col("event_time").dt.date() - pl.col("birth_date")).dt.total_days()
        cut["age"] = _band(days / YEAR, AGES)
    return {name: found.select(each).to_series().to_list() for name, each in cut.items()}


def slices_of(period: Period, flags: Flags, groups: Mapping[str, Sequence[str]]) -> tuple[Slice, ...]:
    """Return what is found and flagged in each slice; of one way to cut, the slices with the most rows come first.

    Of weighted rows shares are estimates for all payments, as sure as their effective rows are many.

    >>> at = np.array(["2020-01-01"] * 4, "datetime64[us]")
    >>> rows = Period(np.array([1, 1, 0, 0], np.int8), np.arange(4), at, np.full(4, 500))
    >>> [found, _] = slices_of(rows, np.array([True, False, True, False]), {"category": ["a", "a", "a", "b"]})
    >>> found.rows, found.frauds, found.alerts, found.recall.share, found.precision.share
    (3, 2, 2, 0.5, 0.5)
    """
    found = list[Slice]()
    for name, values in groups.items():
        told, place, counts = np.unique(np.array(values, np.str_), return_inverse=True, return_counts=True)
        for each in np.argsort(-counts, kind="stable"):
            found.append(_slice(name, str(told[each]), period, flags, place == each))
    return tuple(found)


def _slice(name: str, value: str, period: Period, flags: Flags, inside: Flags) -> Slice:
    fraud, flagged = period.fraud & inside, flags & inside
    return Slice(
        of=name,
        value=value,
        rows=int(inside.sum()),
        frauds=int(fraud.sum()),
        alerts=int(flagged.sum()),
        recall=_share(period, flagged & fraud, fraud),
        precision=_share(period, flagged & fraud, flagged),
    )


def _share(period: Period, part: Flags, whole: Flags) -> Share | None:
    total = float(period.counted(whole.astype(np.float64)).sum())
    if not total:
        return None
    share = min(1.0, float(period.counted(part.astype(np.float64)).sum()) / total)
    each = period.stands_for
    lower, upper = share_interval(share, int(whole.sum()) if each is None else effective_rows(each[whole]))
    return Share(share=share, lower=max(0.0, lower), upper=min(1.0, upper))


def _most_seen(rows: pl.DataFrame, name: str) -> pl.Expr:
    counted = rows.group_by(name).len().sort(["len", name], descending=[True, False]).drop_nulls(name)
    kept = counted[name].head(MOST).to_list()
    text = pl.col(name).cast(pl.String)
    return (
        pl.when(pl.col(name).is_null())
        .then(pl.lit(MISSING))
        .when(pl.col(name).is_in(kept))
        .then(text)
        .otherwise(pl.lit(OTHERS))
    )


def _band(value: pl.Expr, borders: Sequence[int]) -> pl.Expr:
    """Return the band that a number is in: from one border up to the next, that one excluded."""
    labels = [f"below {borders[0]:,}", *(f"{a:,} to {b:,}" for a, b in pairwise(borders))]
    told = pl.lit(f"{borders[-1]:,} and more")
    for border, label in reversed(list(zip(borders, labels, strict=True))):
        told = pl.when(value < border).then(pl.lit(label)).otherwise(told)
    return pl.when(value.is_null()).then(pl.lit(MISSING)).otherwise(told)
