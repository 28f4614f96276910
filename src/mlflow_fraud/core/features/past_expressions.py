"""An entity's past as the batch engine sees it: each window, last transaction and score is one Polars expression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from mlflow_fraud.core.contract.bounds import SCORE
from mlflow_fraud.core.features.definitions import AMOUNT, THOUSANDTHS, TODAY, Entities, Last, Score, Window
from mlflow_fraud.core.features.row import category_code, night_expression
from mlflow_fraud.core.features.schema import FeatureSchema

MIDNIGHT = "midnight"
"""The column with the begin of a row's day."""

PAYMENT, SETTLED = "is a payment", "was never corrected"
"""Where payments are corrected: whether a row is a payment as it came, and whether that is all that it ever was."""

_INSTANT, _DAY = "first of the instant", "first of the day"

_HALF = 2**50
"""Larger than any value that a day's extremes are asked of; see `bounds.WHOLE`."""

_PARTS = {"count": ("count",), "sum": ("sum",), "mean": ("sum", "count"), "std": ("sum", "count", "squares")}
"""Of which sums a statistic is made."""

_WIDE = pl.Int128()
"""What is added up, so that no sum of squares runs over."""


def places(entities: Iterable[Entities]) -> dict[str, pl.Expr]:
    """Return, by name, the places that the expressions below look back from; they need `MIDNIGHT`."""
    return {
        f"{name}:{by}": _first_of(column, by)
        for by in entities
        for name, column in ((_INSTANT, "event_time"), (_DAY, MIDNIGHT))
    }


def window_expression(window: Window, schema: FeatureSchema, *, corrected: bool = False) -> pl.Expr:
    """Return the statistic over `[t - span, t)`; the time index keeps ties out of each other's sight.

    Where payments are `corrected`, rows have the columns that `corrected_windows` adds.
    """
    values = looked_at(window, schema)
    if window.statistic in ("min", "max", "distinct"):
        if not corrected:
            return _over(values, window)
        settled, others = _over(pl.when(pl.col(SETTLED)).then(values), window), pl.col(added(window, window.statistic))
        return settled + others if window.statistic == "distinct" else _further(window, settled, others)
    parts = summands(window, pl.when(pl.col(PAYMENT)).then(values) if corrected else values)
    totals = {part: _total(numbers, window) for part, numbers in parts.items()}
    if corrected:
        totals = {part: total + pl.col(added(window, part)) for part, total in totals.items()}
    return made_of(totals, window)


def looked_at(window: Window, schema: FeatureSchema) -> pl.Expr:
    """Return the values that the window looks at, whole numbers but for `distinct`; null for what it does not see."""
    column = pl.col(window.of)
    values = column if window.statistic == "distinct" or window.of in schema.whole else _in_thousandths(column)
    return values if window.only == "any" else pl.when(_seen(window, schema)).then(values)


def summands(window: Window, values: pl.Expr) -> dict[str, pl.Expr]:
    """Return the whole numbers of whose sums the statistic is made."""
    wide = values.cast(_WIDE)
    parts = {
        "count": values.is_not_null().cast(pl.Int64),
        "sum": wide.fill_null(0),
        "squares": (wide * wide).fill_null(0),
    }
    return {part: parts[part] for part in _PARTS[window.statistic]}


def added(window: Window, part: str) -> str:
    """Return the name of the column with what corrections add to a part of the statistic."""
    return f"{part} of {window.only} {window.of} by {window.by} in {window.span}, corrected"


def mean_expression(total: pl.Expr, count: pl.Expr) -> pl.Expr:
    """Return the mean; null for none."""
    return pl.when(count > 0).then(total.cast(pl.Float64) / count.cast(pl.Float64))


def score_expression(score: Score) -> pl.Expr:
    """Return how far the amount is from the mean, in thousandths of the spread; null without a spread."""
    mean, std = pl.col(score.mean.name), pl.col(score.std.name)
    return pl.when(std > 0).then(_in_thousandths(((pl.col(AMOUNT).cast(pl.Float64) - mean) / std).clip(-SCORE, SCORE)))


def last_expression(last: Last, schema: FeatureSchema) -> pl.Expr:
    """Return what is taken from the entity's transaction before the row's instant; null where there is none."""
    before = _before(_INSTANT, taken(last, schema), last.by, last.back)
    return since(before) if last.take == "seconds" else before


def taken(last: Last, schema: FeatureSchema) -> pl.Expr:
    """Return what the feature takes of the transaction that it looks back on; of its time it says `since` when."""
    if last.take == "seconds":
        return pl.col("event_time")
    return category_code(last.take, schema) if last.take in schema.categories else pl.col(last.take)


def since(before: pl.Expr) -> pl.Expr:
    """Return the seconds from then to the row's instant."""
    return (pl.col("event_time") - before).dt.total_microseconds() / 1_000_000


def made_of(totals: Mapping[str, pl.Expr], window: Window) -> pl.Expr:
    """Return the statistic from the sums of its summands."""
    if window.statistic == "count":
        return totals["count"]
    if window.statistic == "sum":
        return totals["sum"].cast(pl.Float64)
    mean = mean_expression(totals["sum"], totals["count"])
    if window.statistic == "mean":
        return mean
    variance = mean_expression(totals["squares"], totals["count"]) - mean * mean
    return pl.when(totals["count"] > 1).then(variance.clip(lower_bound=0.0).sqrt())


def _over(values: pl.Expr, window: Window) -> pl.Expr:
    return _distinct(values, window) if window.statistic == "distinct" else _extreme(values, window)


def _further(window: Window, one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Return the smaller, or the larger, of two extremes; the one that there is."""
    either = pl.min_horizontal if window.statistic == "min" else pl.max_horizontal
    return either(one.cast(pl.Float64), other.cast(pl.Float64))


def _in_thousandths(values: pl.Expr) -> pl.Expr:
    """Return whole thousandths, rounded half up."""
    return (values * THOUSANDTHS + 0.5).floor().cast(pl.Int64)


def _seen(window: Window, schema: FeatureSchema) -> pl.Expr:
    if window.only == "night":
        return night_expression()
    return pl.col(AMOUNT) >= schema.large_amount


def _total(values: pl.Expr, window: Window) -> pl.Expr:
    """Return the sum over the window of values without nulls; 0 where the window is empty."""
    if window.span == TODAY:
        return _before(_INSTANT, values.cum_sum(), window.by).fill_null(0) - _before(
            _DAY, values.cum_sum(), window.by
        ).fill_null(0)
    return values.rolling_sum_by("event_time", window.span, closed="left").over(window.by)


def _extreme(values: pl.Expr, window: Window) -> pl.Expr:
    if window.span == TODAY:
        return _extreme_of_the_day(values, window)
    rolling = values.rolling_min_by if window.statistic == "min" else values.rolling_max_by
    return rolling("event_time", window.span, closed="left").over(window.by)


def _extreme_of_the_day(values: pl.Expr, window: Window) -> pl.Expr:
    """Return the extreme since midnight: a running maximum in which a later day outweighs every value before it."""
    sign = -1 if window.statistic == "min" else 1
    day = (pl.col(MIDNIGHT).dt.epoch("d").cast(_WIDE)) * (2 * _HALF)
    so_far = _before(_INSTANT, (day + _HALF + sign * values).cum_max().forward_fill(), window.by)
    return pl.when(so_far >= day).then(sign * (so_far - day - _HALF)).cast(pl.Float64)


def _distinct(values: pl.Expr, window: Window) -> pl.Expr:
    if window.span == TODAY:
        new = (values.is_first_distinct() & values.is_not_null()).over(*window.by, MIDNIGHT)
        return _total(new.cast(pl.Int64), window)
    return (
        values.drop_nulls().n_unique().rolling("event_time", period=window.span, closed="left").over(window.by)
    ).fill_null(0)


def _before(what: str, values: pl.Expr, by: Entities, back: int = 1) -> pl.Expr:
    """Return the entity's value before the row's instant, or before its day; or one further back."""
    return values.shift(back).gather(pl.col(f"{what}:{by}")).over(by)


def _first_of(column: str, by: Entities) -> pl.Expr:
    """Return the place, among the entity's rows, of the first one with the same instant or day."""
    value = pl.col(column)
    return pl.when(value.ne_missing(value.shift(1))).then(pl.int_range(pl.len())).forward_fill().over(by)
