"""The batch engine: every feature is one Polars expression over the time-ordered transactions."""

from __future__ import annotations

from typing import assert_never

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.core.features.definitions import (
    Entities,
    Feature,
    Last,
    Ratio,
    Row,
    Score,
    Window,
    windows_behind,
)
from mlflow_fraud.core.features.row import row_expression
from mlflow_fraud.core.features.schema import FeatureSchema

TIME_ORDER = ("event_time", "event_id")
"""A total order, so that the features do not depend on how the rows came in."""

_SQUARE = "amount_square"


def build_features(transactions: pl.DataFrame, schema: FeatureSchema) -> pl.DataFrame:
    """Return the features of each row as Float32, in the order of `schema.names`.

    `transactions` is in `TIME_ORDER` and holds all the history there is: a row sees only what is
    strictly earlier than itself. Amounts are whole minor units, so sums are exact.
    """
    windows = [_window(window, schema).alias(window.name) for window in windows_behind(schema.features)]
    lasts = [_last(f, schema).alias(f.name) for f in schema.features if isinstance(f, Last)]
    rows = [_row(f, schema).alias(f"row:{f.name}") for f in schema.features if isinstance(f, Row)]
    return (
        transactions.lazy()
        .with_columns((pl.col("amount") * pl.col("amount")).alias(_SQUARE))
        .with_columns(windows + lasts + rows)
        .with_columns(_score(f).alias(f.name) for f in schema.features if isinstance(f, Score))
        .select(_column(feature, schema).cast(pl.Float32).alias(feature.name) for feature in schema.features)
        .collect()
    )


def model_matrix(features: pl.DataFrame, schema: FeatureSchema) -> npt.NDArray[np.float32]:
    """Return the features as a model takes them: (rows, features) in the schema's order, NaN for missing."""
    return np.ascontiguousarray(features.select(schema.names).fill_null(np.nan).to_numpy())


def _column(feature: Feature, schema: FeatureSchema) -> pl.Expr:
    match feature:
        case Row():
            return pl.col(f"row:{feature.name}")
        case Ratio(upper, lower):
            above, below = (_operand(name, schema) for name in (upper, lower))
            return pl.when(below > 0).then(above / below)
        case Window() | Last() | Score():
            return pl.col(feature.name)
    assert_never(feature)


def _operand(name: str, schema: FeatureSchema) -> pl.Expr:
    return pl.col(f"row:{name}" if Row(name) in schema.features else name).cast(pl.Float64)


def _row(feature: Row, schema: FeatureSchema) -> pl.Expr:
    if feature.name in schema.categories:
        return _code(pl.col(feature.name), schema.categories[feature.name])
    return row_expression(feature.name, schema.contract)


def _code(values: pl.Expr, known: tuple[str, ...]) -> pl.Expr:
    codes = pl.Series(range(len(known)), dtype=pl.Float64)
    return values.cast(pl.String).replace_strict(pl.Series(known), codes, default=None, return_dtype=pl.Float64)


def _window(window: Window, schema: FeatureSchema) -> pl.Expr:
    """Return the statistic over `[t - span, t)`; the time index keeps ties out of each other's sight."""
    seen = _seen(window, schema)
    count = _rolling_sum(seen.cast(pl.Int64), window)
    total = _rolling_sum(pl.when(seen).then(pl.col("amount")), window)
    match window.statistic:
        case "count":
            return count
        case "sum":
            return total
        case "max":
            amounts = pl.when(seen).then(pl.col("amount"))
            return amounts.rolling_max_by("event_time", window.span, closed="left").over(window.by)
        case "mean":
            return _mean(total, count)
        case "std":
            mean = _mean(total, count)
            variance = _mean(_rolling_sum(pl.when(seen).then(pl.col(_SQUARE)), window), count) - mean * mean
            return pl.when(count > 1).then(variance.clip(lower_bound=0.0).sqrt())
    assert_never(window.statistic)


def _seen(window: Window, schema: FeatureSchema) -> pl.Expr:
    """Return which transactions the window looks at."""
    match window.only:
        case "night":
            return row_expression("night", schema.contract).cast(pl.Boolean)
        case "large":
            return pl.col("amount") >= schema.large_amount
        case "any":
            return pl.col("amount").is_not_null()
    assert_never(window.only)


def _rolling_sum(values: pl.Expr, window: Window) -> pl.Expr:
    return values.rolling_sum_by("event_time", window.span, closed="left").over(window.by)


def _mean(total: pl.Expr, count: pl.Expr) -> pl.Expr:
    return pl.when(count > 0).then(total.cast(pl.Float64) / count.cast(pl.Float64))


def _score(score: Score) -> pl.Expr:
    mean, std = pl.col(score.mean.name), pl.col(score.std.name)
    return pl.when(std > 0).then((pl.col("amount").cast(pl.Float64) - mean) / std)


def _last(last: Last, schema: FeatureSchema) -> pl.Expr:
    if last.take == "seconds":
        before = _strictly_before(pl.col("event_time"), last.by)
        return (pl.col("event_time") - before).dt.total_microseconds() / 1_000_000
    if last.take in schema.categories:
        return _strictly_before(_code(pl.col(last.take), schema.categories[last.take]), last.by)
    return _strictly_before(pl.col(last.take), last.by)


def _strictly_before(values: pl.Expr, by: Entities) -> pl.Expr:
    """Return the entity's previous value; rows of one instant all see the one before that instant."""
    at = pl.col("event_time")
    first_of_instant = pl.when(at.ne_missing(at.shift(1))).then(pl.int_range(pl.len())).forward_fill()
    return values.shift(1).gather(first_of_instant).over(by)
