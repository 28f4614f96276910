"""Windows that move by hops, as the batch engine sees them: sums of hops, read from the hop of each row.

A payment belongs to the hop of its arrival. A row reads from the hop of its time, or of its arrival where that is
earlier, and sees what was seen before that hop began. Extremes are those of the payments as they came.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mlflow_fraud.core.features.corrected import COUNTED, COUNTED_UNTIL, COUNTS, TOLD
from mlflow_fraud.core.features.definitions import Entities, Window, span_of
from mlflow_fraud.core.features.facts import AT, SEEN, counts_at, totals
from mlflow_fraud.core.features.instants import MICROSECOND
from mlflow_fraud.core.features.past_expressions import added, looked_at, made_of, summands
from mlflow_fraud.core.features.schema import FeatureSchema

_EXTREMES = ("min", "max")


def with_hops(
    rows: pl.DataFrame, windows: Sequence[Window], schema: FeatureSchema, versions: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the rows with the windows by name; a window that a row has already by its name stays.

    `versions` are those of corrected payments. Rows that are versions themselves read, and are not counted.
    """
    payments = rows.filter(pl.col(TOLD) == 0) if TOLD in rows.columns else rows
    for by, span, hop in dict.fromkeys((w.by, w.span, str(w.hop)) for w in windows):
        ours = [window for window in windows if (window.by, window.span, window.hop) == (by, span, hop)]
        count = counts_at(rows.columns)
        at = rows.select(*by, _hop_of(pl.min_horizontal("event_time", count), hop).alias("event_time"))
        readers = at.unique().sort("event_time")
        facts = _facts(payments, versions, by, hop, ours, schema)
        found = [totals(readers, facts, by, span)]
        found += [_extreme(readers, payments, window, schema) for window in ours if window.statistic in _EXTREMES]
        known = pl.concat([readers, *found], how="horizontal").select(
            *by, "event_time", *(_statistic(window).alias(_found(window)) for window in ours)
        )
        beside = at.join(known, on=[*by, "event_time"], how="left", nulls_equal=True, maintain_order="left")
        rows = pl.concat([rows, beside.select(map(_found, ours))], how="horizontal")
        named = [window.name for window in ours if window.name in rows.columns]
        rows = rows.with_columns(
            (pl.coalesce(w.name, _found(w)) if w.name in named else pl.col(_found(w))).alias(w.name) for w in ours
        ).drop(map(_found, ours))
    return rows


def _facts(
    payments: pl.DataFrame,
    versions: pl.DataFrame | None,
    by: Entities,
    hop: str,
    windows: Sequence[Window],
    schema: FeatureSchema,
) -> pl.DataFrame:
    """Return the numbers of each hop, and what corrections change in them after another one."""
    numbers = {
        added(window, part): number
        for window in windows
        if window.statistic not in _EXTREMES
        for part, number in summands(window, looked_at(window, schema)).items()
    }
    count, named = counts_at(payments.columns), [number.alias(name) for name, number in numbers.items()]
    came = payments.select(*by, count.alias(AT), count.alias(SEEN), *named)
    told = [came]
    if versions is not None:
        valued = versions.select(*by, TOLD, pl.col(COUNTS).alias(AT), COUNTED, COUNTED_UNTIL, *named)
        comes = valued.filter(pl.col(TOLD) > 0).with_columns(pl.col(COUNTED).alias(SEEN))
        goes = valued.filter(pl.col(COUNTED_UNTIL).is_not_null()).with_columns(pl.col(COUNTED_UNTIL).alias(SEEN))
        goes = goes.with_columns(pl.col(name) * -1 for name in numbers)
        told += [each.select(came.columns) for each in (comes, goes)]
    in_hops = pl.concat(told).with_columns(_hop_of(pl.col(AT), hop), _hop_of(pl.col(SEEN), hop))
    return in_hops.group_by(*by, AT, SEEN).agg(pl.col(list(numbers)).sum())


def _extreme(readers: pl.DataFrame, payments: pl.DataFrame, window: Window, schema: FeatureSchema) -> pl.DataFrame:
    """Return the smallest or largest value of the hops of each reader's window."""
    by, name, is_least = window.by, _found(window), window.statistic == "min"
    at = _hop_of(counts_at(payments.columns), str(window.hop)).alias("event_time")
    values = payments.select(*by, at, looked_at(window, schema).alias(name))
    every = pl.concat([values, readers.with_columns(pl.lit(None, values.schema[name]).alias(name))])
    own = pl.col(name).min() if is_least else pl.col(name).max()
    hops = every.group_by(*by, "event_time").agg(own).sort("event_time")
    rolling = pl.col(name).rolling_min_by if is_least else pl.col(name).rolling_max_by
    seen = hops.with_columns(rolling("event_time", window.span, closed="left").over(by))
    return readers.join(seen, on=[*by, "event_time"], how="left", nulls_equal=True, maintain_order="left").select(name)


def _statistic(window: Window) -> pl.Expr:
    if window.statistic in _EXTREMES:
        return pl.col(_found(window))
    return made_of({part: pl.col(added(window, part)) for part in summands(window, pl.col(window.of))}, window)


def _found(window: Window) -> str:
    return f"found {window.name}"


def _hop_of(instant: pl.Expr, hop: str) -> pl.Expr:
    """Return the begin of the instant's hop; hops are counted from 1970."""
    width = span_of(hop) // MICROSECOND
    return (instant.dt.epoch("us") // width * width).cast(pl.Datetime("us"))
