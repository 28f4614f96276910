"""The batch engine: every feature is one Polars expression over the time-ordered transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.core.features.definitions import (
    AMOUNT,
    THOUSANDTHS,
    TODAY,
    Entities,
    Feature,
    Labels,
    Last,
    Ratio,
    Row,
    Score,
    Window,
    span_of,
    windows_behind,
)
from mlflow_fraud.core.features.row import row_expression
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import arrival

TIME_ORDER = ("event_time", "event_id")
"""A total order, so that the features do not depend on how the rows came in."""

FromPast = Window | Last | Score | Labels

_MIDNIGHT = "midnight"
_INSTANT, _DAY = "first of the instant", "first of the day"

_HALF = 2**39
"""Larger than any value that a day's extremes are asked of: minor units up to 5 thousand million."""


def build_features(transactions: pl.DataFrame, schema: FeatureSchema) -> pl.DataFrame:
    """Return the features of each row as Float32, in the order of `schema.names`.

    `transactions` is in `TIME_ORDER` and holds all the history there is: a row sees only what is
    strictly earlier than itself, and of labels only those that had arrived. Amounts are whole minor units and
    scores whole thousandths, so sums are exact.
    """
    known = transactions.lazy()
    for features in passes(schema):
        known = with_past(known, features, schema)
    return in_columns(known, schema).collect()


def passes(schema: FeatureSchema) -> tuple[tuple[FromPast, ...], tuple[FromPast, ...]]:
    """Return the features of an entity's past: those from the transactions, then those from the scores among them."""
    past = [feature for feature in schema.features if isinstance(feature, Window | Last | Score | Labels)]
    later = [f for f in past if _looked_at(f) in schema.scores]
    return tuple(feature for feature in past if feature not in later), tuple(later)


def with_past(rows: pl.LazyFrame, features: Sequence[FromPast], schema: FeatureSchema) -> pl.LazyFrame:
    """Add the features, and the windows behind scores, by name, in whole units where they have such.

    `rows` holds the whole past of every entity that is in it, in `TIME_ORDER`.
    """
    windows = windows_behind(tuple(features))
    lasts = [feature for feature in features if isinstance(feature, Last)]
    there, transactions = rows.collect_schema().names(), rows
    places = {
        f"{name}:{by}": _first_of(column, by)
        for by in dict.fromkeys([window.by for window in windows] + [last.by for last in lasts])
        for name, column in ((_INSTANT, "event_time"), (_DAY, _MIDNIGHT))
    }
    rows = (
        rows.with_columns(pl.col("event_time").dt.truncate("1d").alias(_MIDNIGHT))
        .with_columns(column.alias(name) for name, column in places.items() if name not in there)
        .with_columns(
            *(_window(window, schema).alias(window.name) for window in windows),
            *(_last(last, schema).alias(last.name) for last in lasts),
        )
        .with_columns(_score(feature).alias(feature.name) for feature in features if isinstance(feature, Score))
    )
    labels = [feature for feature in features if isinstance(feature, Labels)]
    for by in dict.fromkeys(label.by for label in labels):
        rows = _with_labels(rows, by, [label for label in labels if label.by == by], transactions, schema)
    return rows


def in_columns(known: pl.LazyFrame, schema: FeatureSchema) -> pl.LazyFrame:
    """Return the model's columns as Float32 from rows that have the features of the past by name."""
    rows = (
        _row(feature, schema).alias(f"row:{feature.name}") for feature in schema.features if isinstance(feature, Row)
    )
    return known.with_columns(rows).select(
        _column(feature, schema).cast(pl.Float32).alias(feature.name) for feature in schema.features
    )


def _looked_at(feature: FromPast) -> str:
    match feature:
        case Window(of=of):
            return of
        case Last(take=take):
            return take
        case _:
            return AMOUNT


def build_scores(transactions: pl.DataFrame, schema: FeatureSchema) -> pl.DataFrame:
    """Return each row's scores in whole thousandths: what a past that starts in the middle cannot work out itself."""
    scores = [feature for feature in schema.features if isinstance(feature, Score)]
    return with_past(transactions.lazy(), scores, schema).select(score.name for score in scores).collect()


def model_matrix(features: pl.DataFrame, schema: FeatureSchema) -> npt.NDArray[np.float32]:
    """Return the features as a model takes them: (rows, features) in the schema's order, NaN for missing."""
    return np.ascontiguousarray(features.select(schema.names).fill_null(np.nan).to_numpy())


def _column(feature: Feature, schema: FeatureSchema) -> pl.Expr:
    match feature:
        case Ratio(upper, lower):
            above, below = (_operand(name, schema) for name in (upper, lower))
            return pl.when(below > 0).then(above / below)
        case _:
            return _operand(feature.name, schema)


def _operand(name: str, schema: FeatureSchema) -> pl.Expr:
    """Return a feature as a number: a score is kept in thousandths."""
    if Row(name) in schema.features:
        return pl.col(f"row:{name}").cast(pl.Float64)
    value = pl.col(name).cast(pl.Float64)
    return value / THOUSANDTHS if name in schema.in_thousandths else value


def _row(feature: Row, schema: FeatureSchema) -> pl.Expr:
    if feature.name in schema.categories:
        return _code(pl.col(feature.name), schema.categories[feature.name])
    return row_expression(feature.name, schema.contract)


def _code(values: pl.Expr, known: tuple[str, ...]) -> pl.Expr:
    codes = pl.Series(range(len(known)), dtype=pl.Float64)
    return values.cast(pl.String).replace_strict(pl.Series(known), codes, default=None, return_dtype=pl.Float64)


def _window(window: Window, schema: FeatureSchema) -> pl.Expr:
    """Return the statistic over `[t - span, t)`; the time index keeps ties out of each other's sight."""
    if window.statistic == "distinct":
        return _distinct(window, schema)
    values = _values(window, schema)
    count = _total(values.is_not_null().cast(pl.Int64), window)
    total = _total(values.fill_null(0), window)
    match window.statistic:
        case "count":
            return count
        case "sum":
            return total
        case "min" | "max":
            return _extreme(values, window)
        case "mean":
            return _mean(total, count)
        case "std":
            mean = _mean(total, count)
            variance = _mean(_total((values * values).fill_null(0), window), count) - mean * mean
            return pl.when(count > 1).then(variance.clip(lower_bound=0.0).sqrt())
    assert_never(window.statistic)


def _values(window: Window, schema: FeatureSchema) -> pl.Expr:
    """Return the whole numbers that the window looks at; null for what it does not see."""
    column = pl.col(window.of)
    values = column if window.of in schema.whole else in_thousandths(column)
    return values if window.only == "any" else pl.when(_seen(window, schema)).then(values)


def in_thousandths(values: pl.Expr) -> pl.Expr:
    """Return whole thousandths, rounded half up."""
    return (values * THOUSANDTHS + 0.5).floor().cast(pl.Int64)


def _seen(window: Window, schema: FeatureSchema) -> pl.Expr:
    if window.only == "night":
        return row_expression("night", schema.contract).cast(pl.Boolean)
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
    day = (pl.col(_MIDNIGHT).dt.epoch("d").cast(pl.Int64)) * (2 * _HALF)
    so_far = _before(_INSTANT, (day + _HALF + sign * values).cum_max().forward_fill(), window.by)
    return pl.when(so_far >= day).then(sign * (so_far - day - _HALF))


def _distinct(window: Window, schema: FeatureSchema) -> pl.Expr:
    column = pl.col(window.of)
    values = column if window.only == "any" else pl.when(_seen(window, schema)).then(column)
    if window.span == TODAY:
        new = (values.is_first_distinct() & values.is_not_null()).over(*window.by, _MIDNIGHT)
        return _total(new.cast(pl.Int64), window)
    return (
        values.drop_nulls().n_unique().rolling("event_time", period=window.span, closed="left").over(window.by)
    ).fill_null(0)


def _mean(total: pl.Expr, count: pl.Expr) -> pl.Expr:
    return pl.when(count > 0).then(total.cast(pl.Float64) / count.cast(pl.Float64))


def _score(score: Score) -> pl.Expr:
    mean, std = pl.col(score.mean.name), pl.col(score.std.name)
    return pl.when(std > 0).then(in_thousandths((pl.col(AMOUNT).cast(pl.Float64) - mean) / std))


def _last(last: Last, schema: FeatureSchema) -> pl.Expr:
    if last.take == "seconds":
        before = _before(_INSTANT, pl.col("event_time"), last.by, last.back)
        return (pl.col("event_time") - before).dt.total_microseconds() / 1_000_000
    if last.take in schema.categories:
        return _before(_INSTANT, _code(pl.col(last.take), schema.categories[last.take]), last.by, last.back)
    return _before(_INSTANT, pl.col(last.take), last.by, last.back)


def _before(what: str, values: pl.Expr, by: Entities, back: int = 1) -> pl.Expr:
    """Return the entity's value before the row's instant, or before its day; or one further back."""
    return values.shift(back).gather(pl.col(f"{what}:{by}")).over(by)


def _first_of(column: str, by: Entities) -> pl.Expr:
    """Return the place, among the entity's rows, of the first one with the same instant or day."""
    value = pl.col(column)
    return pl.when(value.ne_missing(value.shift(1))).then(pl.int_range(pl.len())).forward_fill().over(by)


def _with_labels(
    rows: pl.LazyFrame, by: Entities, labels: list[Labels], transactions: pl.LazyFrame, schema: FeatureSchema
) -> pl.LazyFrame:
    """Add the label statistics of one entity: running totals in the order of arrival, read at both ends of a window."""
    arrivals = (
        transactions.select(
            *by, "label", arrival(transactions.collect_schema().names(), schema.label_delay).alias("arrived")
        )
        .drop_nulls()
        .sort("arrived")
        .with_columns(
            pl.int_range(1, pl.len() + 1).over(by).alias("labels"),
            pl.col("label").cast(pl.Int64).cum_sum().over(by).alias("frauds"),
        )
        .drop("label")
    )
    for span in dict.fromkeys(label.span for label in labels):
        start = pl.col(_MIDNIGHT) if span == TODAY else pl.col("event_time") - span_of(span)
        until, since = _totals(rows, arrivals, by, pl.col("event_time")), _totals(rows, arrivals, by, start)
        counts = pl.concat(
            [until, since.rename({"labels": "labels_before", "frauds": "frauds_before"})], how="horizontal"
        )
        count = pl.col("labels") - pl.col("labels_before")
        frauds = pl.col("frauds") - pl.col("frauds_before")
        statistics = {"labels": count, "frauds": frauds, "fraud_rate": _mean(frauds, count)}
        wanted = [label for label in labels if label.span == span]
        rows = pl.concat([rows, counts.select(statistics[w.statistic].alias(w.name) for w in wanted)], how="horizontal")
    return rows


def _totals(rows: pl.LazyFrame, arrivals: pl.LazyFrame, by: Entities, end: pl.Expr) -> pl.LazyFrame:
    """Return how many labels, and how many of fraud, had arrived before `end` for each row's entity."""
    return (
        rows.select(*by, end.alias("end"))
        .join_asof(
            arrivals, left_on="end", right_on="arrived", by=list(by), allow_exact_matches=False, check_sortedness=False
        )
        .select(pl.col("labels", "frauds").fill_null(0))
    )
