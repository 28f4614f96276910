"""The batch engine: every feature is one Polars expression over the time-ordered transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.core.contract.bounds import RATIO
from mlflow_fraud.core.features.corrected import TOLD, versions_of
from mlflow_fraud.core.features.corrected_lasts import with_corrected_lasts
from mlflow_fraud.core.features.corrected_windows import with_added
from mlflow_fraud.core.features.definitions import (
    AMOUNT,
    THOUSANDTHS,
    Feature,
    Labels,
    Last,
    Ratio,
    Row,
    Score,
    Window,
    scores_looked_at,
    windows_behind,
)
from mlflow_fraud.core.features.hop_windows import with_hops
from mlflow_fraud.core.features.label_windows import with_labels
from mlflow_fraud.core.features.later import Later
from mlflow_fraud.core.features.past_expressions import (
    MIDNIGHT,
    last_expression,
    places,
    score_expression,
    window_expression,
)
from mlflow_fraud.core.features.row import row_expression
from mlflow_fraud.core.features.schema import FeatureSchema

TIME_ORDER = ("event_time", "event_id")
"""A total order, so that the features do not depend on how the rows came in."""

FromPast = Window | Last | Score | Labels


class Told(NamedTuple):
    """What became known later: the versions of corrected payments, with their scores, and all labels."""

    versions: pl.DataFrame | None = None
    labels: pl.DataFrame | None = None


NOTHING_TOLD = Told()


def build_features(transactions: pl.DataFrame, schema: FeatureSchema, later: Later | None = None) -> pl.DataFrame:
    """Return the features of each row as Float32, in the order of `schema.names`.

    `transactions` is in `TIME_ORDER` and holds all the history there is: a row sees only what is
    strictly earlier than itself, and of labels only those that had arrived. Amounts are whole minor units and
    scores whole thousandths, so sums are exact. What became known `later` is seen by the rows after that: a row is
    of its own transaction as it came, and of the others as they were known at its time. See `corrected_windows` for
    what corrections cost.
    """
    known, told = transactions.lazy(), _told(transactions, schema, later)
    for features in passes(schema):
        known = with_past(known, features, schema, told)
    return in_columns(known, schema).collect()


def passes(schema: FeatureSchema) -> tuple[tuple[FromPast, ...], tuple[FromPast, ...]]:
    """Return the features of an entity's past: those from the transactions, then those from the scores among them."""
    past = [feature for feature in schema.features if isinstance(feature, Window | Last | Score | Labels)]
    later = [f for f in past if _looked_at(f) in schema.scores]
    return tuple(feature for feature in past if feature not in later), tuple(later)


def with_past(
    rows: pl.LazyFrame, features: Sequence[FromPast], schema: FeatureSchema, told: Told = NOTHING_TOLD
) -> pl.LazyFrame:
    """Add the features, and the windows behind scores, by name, in whole units where they have such.

    `rows` holds the whole past of every entity that is in it, in `TIME_ORDER`. A row whose past is not there has its
    scores, or the windows behind them, by their names: what was worked out when it came is taken from there. Where the
    column `as_served` says so a score is given even if it is missing.
    """
    windows = [window for window in windows_behind(tuple(features)) if window.hop is None]
    hopping = [window for window in windows_behind(tuple(features)) if window.hop is not None]
    lasts = [feature for feature in features if isinstance(feature, Last)]
    scores = [feature for feature in features if isinstance(feature, Score)]
    versions = told.versions
    if versions is not None:
        midnight = rows.with_columns(pl.col("event_time").dt.truncate("1d").alias(MIDNIGHT))
        rows = with_added(midnight.collect(), versions, windows, schema).lazy()
    there, transactions = rows.collect_schema().names(), rows
    rows = rows.with_columns(pl.col(s.mean.name).is_not_null().alias(_usual(s)) for s in scores if s.mean.name in there)
    if hopping:
        rows = with_hops(rows.collect(), hopping, schema, versions).lazy()
    begins = places(dict.fromkeys([window.by for window in windows] + [last.by for last in lasts]))
    rows = (
        rows.with_columns(pl.col("event_time").dt.truncate("1d").alias(MIDNIGHT))
        .with_columns(begin.alias(name) for name, begin in begins.items() if name not in there)
        .with_columns(
            *(_or(w.name, window_expression(w, schema, corrected=versions is not None), there) for w in windows),
            *(last_expression(last, schema).alias(last.name) for last in lasts),
        )
        .with_columns(_scored(score, there) for score in scores)
    )
    if versions is not None:
        rows = with_corrected_lasts(rows.collect(), versions, lasts, schema).lazy()
    labels = [feature for feature in features if isinstance(feature, Labels)]
    if labels and told.labels is not None:
        rows = rows.collect().lazy()  # or else each look-up would work it out again
    for by in dict.fromkeys(label.by for label in labels):
        rows = with_labels(rows, by, [label for label in labels if label.by == by], transactions, schema, told.labels)
    return rows


def _usual(score: Score) -> str:
    return f"what was usual for {score.name} is given"


def _scored(score: Score, there: Sequence[str]) -> pl.Expr:
    """Return a score: from what was usual where that is given, or else as it is given itself, or else from the past."""
    if score.name not in there:
        return score_expression(score).alias(score.name)
    usual = pl.col(_usual(score)) if score.mean.name in there else pl.lit(False)
    given = _or(score.name, score_expression(score), there)
    if as_served(score) in there:
        given = pl.when(as_served(score)).then(score.name).otherwise(given)
    return pl.when(usual).then(score_expression(score)).otherwise(given).alias(score.name)


def as_served(score: Score) -> str:
    """Return the name of a column that says whether a row's score is given as it was served, a missing one included."""
    return f"{score.name} is as served"


def _or(name: str, worked_out: pl.Expr, there: Sequence[str]) -> pl.Expr:
    """Return what is given by this name, or else what is worked out."""
    return (pl.coalesce(name, worked_out) if name in there else worked_out).alias(name)


def in_columns(known: pl.LazyFrame, schema: FeatureSchema) -> pl.LazyFrame:
    """Return the model's columns as Float32 from rows that have the features of the past by name."""
    rows = [feature.name for feature in schema.features if isinstance(feature, Row)]
    return known.with_columns(row_expression(name, schema).alias(f"row:{name}") for name in rows).select(
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


def build_scores(transactions: pl.DataFrame, schema: FeatureSchema, later: Later | None = None) -> pl.DataFrame:
    """Return each row's scores in whole thousandths: what a past that starts in the middle cannot work out itself.

    Where features look at a score, the windows behind it are there, too: an amount that is corrected is scored by them.
    """
    scores = [feature for feature in schema.features if isinstance(feature, Score)]
    names = [name for s in scores_looked_at(schema.features) for name in (s.mean.name, s.std.name)]
    known = with_past(transactions.lazy(), scores, schema, _told(transactions, schema, later))
    return known.select(*(score.name for score in scores), *names).collect()


def _told(transactions: pl.DataFrame, schema: FeatureSchema, later: Later | None) -> Told:
    """Return what became known later of these transactions; the versions of corrected ones have their scores."""
    if later is None:
        return NOTHING_TOLD
    versions = None if later.corrections is None else versions_of(transactions, later.corrections)
    if versions is None or versions.is_empty():
        return Told(None, later.labels)
    scores = scores_looked_at(schema.features)
    if scores:
        beside = _where_it_went(
            versions.filter(pl.col(TOLD) > 0).select(TOLD, *transactions.columns), transactions, scores
        )
        all_of_them = pl.concat(
            [transactions.with_columns(pl.lit(0, versions.schema[TOLD]).alias(TOLD)), beside], how="diagonal"
        )
        scored = with_past(all_of_them.sort(TIME_ORDER).lazy(), scores, schema, Told(versions))
        versions = versions.drop((s.name for s in scores), strict=False).join(
            scored.select("event_id", TOLD, *(s.name for s in scores)).collect(), on=["event_id", TOLD]
        )
    return Told(versions, later.labels)


def _where_it_went(versions: pl.DataFrame, transactions: pl.DataFrame, scores: Sequence[Score]) -> pl.DataFrame:
    """Return the versions without what was served of the entity that they have left."""
    for score in scores:
        if as_served(score) in versions.columns:
            stays = versions.join(transactions, on=["event_id", *score.by], how="semi", nulls_equal=True)
            moved = ~pl.col(TOLD).is_in(stays[TOLD].implode())
            given = [
                n for n in (as_served(score), score.name, score.mean.name, score.std.name) if n in versions.columns
            ]
            versions = versions.with_columns(pl.when(~moved).then(name).alias(name) for name in given)
    return versions


def model_matrix(features: pl.DataFrame, schema: FeatureSchema) -> npt.NDArray[np.float32]:
    """Return the features as a model takes them: (rows, features) in the schema's order, NaN for missing."""
    return np.ascontiguousarray(features.select(schema.names).fill_null(np.nan).to_numpy())


def _column(feature: Feature, schema: FeatureSchema) -> pl.Expr:
    match feature:
        case Ratio(upper, lower):
            above, below = (_operand(name, schema) for name in (upper, lower))
            return pl.when(below > 0).then((above / below).clip(-RATIO, RATIO))
        case _:
            return _operand(feature.name, schema)


def _operand(name: str, schema: FeatureSchema) -> pl.Expr:
    """Return a feature as a number: a score is kept in thousandths."""
    if Row(name) in schema.features:
        return pl.col(f"row:{name}").cast(pl.Float64)
    value = pl.col(name).cast(pl.Float64)
    return value / THOUSANDTHS if name in schema.in_thousandths else value
