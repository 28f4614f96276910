"""What corrections add to the windows of the batch engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from mlflow_fraud.core.features.corrected import TOLD, UNTIL
from mlflow_fraud.core.features.definitions import Entities, Window
from mlflow_fraud.core.features.facts import AT, SEEN, WHO, start, totals
from mlflow_fraud.core.features.past_expressions import PAYMENT, SETTLED, added, looked_at, summands
from mlflow_fraud.core.features.schema import FeatureSchema

_ROW, _START, _VALUE, _NEWEST = "row that reads", "start of its window", "what it looks at", "newest with the same"

PAIRS = 5_000_000
"""So many rows and versions are held against each other at once, at most."""


def with_added(
    rows: pl.DataFrame, versions: pl.DataFrame, windows: Sequence[Window], schema: FeatureSchema
) -> pl.DataFrame:
    """Return the rows with what `window_expression` needs where payments are corrected.

    Sums change by the difference of two versions, which is a fact of the payment's own time; they cost two look-ups a
    row for each entity and span. Least, largest and different values are those of the payments that were never
    corrected, and of the versions that a row sees: these are held against each row in whose window they are. That costs
    what there is of corrected payments in a window, for each row of the entity.
    """
    is_payment = pl.col(TOLD) == 0 if TOLD in rows.columns else pl.lit(True)
    settled = is_payment & ~pl.col("event_id").is_in(versions["event_id"].implode())
    rows = rows.with_columns(is_payment.alias(PAYMENT), settled.alias(SETTLED))
    columns = []
    for by, span in dict.fromkeys((window.by, window.span) for window in windows):
        ours = [window for window in windows if (window.by, window.span) == (by, span)]
        of_sums = [window for window in ours if window.statistic not in ("min", "max", "distinct")]
        if of_sums:
            columns.append(totals(rows, _differences(versions, by, of_sums, schema), by, span))
        columns += [_of_versions(rows, versions, window, schema) for window in ours if window not in of_sums]
    return pl.concat([rows, *columns], how="horizontal")


def _differences(
    versions: pl.DataFrame, by: Entities, windows: Sequence[Window], schema: FeatureSchema
) -> pl.DataFrame:
    """Return what each correction adds to sums: the new version, less the one that it takes the place of."""
    numbers = {
        added(window, part): number
        for window in windows
        for part, number in summands(window, looked_at(window, schema)).items()
    }
    valued = versions.select(*by, AT, SEEN, UNTIL, TOLD, *(number.alias(name) for name, number in numbers.items()))
    comes = valued.filter(pl.col(TOLD) > 0).drop(UNTIL, TOLD)
    goes = valued.filter(pl.col(UNTIL).is_not_null()).drop(SEEN, TOLD).rename({UNTIL: SEEN})
    return pl.concat([comes, goes.with_columns(pl.col(name) * -1 for name in numbers)], how="diagonal")


def _of_versions(rows: pl.DataFrame, versions: pl.DataFrame, window: Window, schema: FeatureSchema) -> pl.DataFrame:
    """Return the least or largest value of the versions that each row sees, or how many that no other payment has."""
    by, value, name = window.by, pl.col(_VALUE), added(window, window.statistic)
    who = versions.select(by).unique().with_row_index(WHO)
    ours = rows.with_row_index(_ROW).join(who, on=by, nulls_equal=True, maintain_order="left")
    valued = looked_at(window, schema).alias(_VALUE)
    seen = versions.join(who, on=by, nulls_equal=True).select(WHO, AT, SEEN, UNTIL, valued).filter(value.is_not_null())
    readers = ours.select(WHO, _ROW, "event_time", start(window.span).alias(_START))
    pairs = _pairs(readers, seen)
    if window.statistic == "distinct":
        settled = (
            ours.filter(pl.col(SETTLED))
            .select(WHO, pl.col("event_time").alias(_NEWEST), valued)
            .filter(value.is_not_null())
        )
        found = [_new(each, settled).group_by(_ROW).agg(pl.len().cast(pl.Int64).alias(name)) for each in pairs]
    else:
        extreme = value.min() if window.statistic == "min" else value.max()
        found = [each.group_by(_ROW).agg(extreme.alias(name)) for each in pairs]
    column = pl.select(pl.int_range(len(rows), dtype=pl.get_index_type()).alias(_ROW)).join(
        pl.concat(found), on=_ROW, how="left", maintain_order="left"
    )
    return column.select(pl.col(name).fill_null(0) if window.statistic == "distinct" else name)


def _pairs(readers: pl.DataFrame, versions: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield each row with each version that it sees in its window, some rows at a time; at least one table."""
    height = max(PAIRS // max(len(versions), 1), 1)
    for number in range(max(-(-len(readers) // height), 1)):
        some = readers.slice(number * height, height)
        begin, end = some[_START].min(), some["event_time"].max()
        near = versions.filter(pl.col(AT) >= pl.lit(begin), pl.col(SEEN) < pl.lit(end))
        at = pl.col("event_time")
        yield some.join(near, on=WHO).filter(
            pl.col(AT) >= pl.col(_START), pl.col(SEEN) < at, (at <= pl.col(UNTIL)).fill_null(True)
        )


def _new(pairs: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """Return each row's different values that no payment in its window has that was never corrected."""
    newest = (
        pairs.unique([_ROW, _VALUE])
        .sort("event_time")
        .join_asof(
            settled,
            left_on="event_time",
            right_on=_NEWEST,
            by=[WHO, _VALUE],
            allow_exact_matches=False,
            check_sortedness=False,
        )
    )
    return newest.filter((pl.col(_NEWEST) < pl.col(_START)).fill_null(True))
