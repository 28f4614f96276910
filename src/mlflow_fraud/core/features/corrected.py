"""The versions of corrected payments, as a table: from after when on each is seen, and until when."""

from __future__ import annotations

import polars as pl

from mlflow_fraud.core.features.definitions import ARRIVAL
from mlflow_fraud.core.features.facts import AT, SEEN, counts_at

UNTIL, TOLD = "seen until", "number of the version"
"""Until when a version is seen, and its number among all that was told: 0 for a payment as it came."""

COUNTS, COUNTED, COUNTED_UNTIL = "counts at", "counted after", "counted until"
"""`AT`, `SEEN` and `UNTIL` where windows move by hops: there a payment belongs to its arrival."""


def versions_of(transactions: pl.DataFrame, corrections: pl.DataFrame) -> pl.DataFrame:
    """Return what each corrected payment ever was, in the transactions' columns.

    Beside these are its own time as `AT`, and `SEEN` and `UNTIL`: a row sees the version that has `SEEN < t <= UNTIL`.
    Where nothing was there, reversed, there is no version. `COUNTS`, `COUNTED` and `COUNTED_UNTIL` are the same for
    windows that move by hops.
    """
    corrected = transactions.filter(pl.col("event_id").is_in(corrections["event_id"].implode()))
    its_own = ("event_id", "event_time", ARRIVAL)
    told = [c for c in corrections.columns if c in transactions.columns and c not in its_own]
    later = (
        corrections.select(pl.int_range(1, pl.len() + 1).alias(TOLD), "event_id", "observed", "reversed", *told)
        .join(corrected.drop(told), on="event_id")
        .select(
            TOLD,
            pl.col("observed").cast(transactions.schema["event_time"]),
            "reversed",
            *(pl.col(name).cast(form) for name, form in transactions.schema.items()),
        )
    )
    first = corrected.select(
        pl.lit(0, later.schema[TOLD]).alias(TOLD),
        pl.lit(None, later.schema["observed"]).alias("observed"),
        pl.lit(False).alias("reversed"),
        *transactions.columns,
    )
    return (
        pl.concat([first, later])
        .sort("event_id", "observed", TOLD, nulls_last=False)
        .with_columns(pl.col("event_time").alias(AT), pl.max_horizontal("event_time", "observed").alias(SEEN))
        .with_columns(counts_at(transactions.columns).alias(COUNTS))
        .with_columns(pl.max_horizontal(COUNTS, "observed").alias(COUNTED))
        .with_columns(
            pl.col(SEEN).shift(-1).over("event_id").alias(UNTIL),
            pl.col(COUNTED).shift(-1).over("event_id").alias(COUNTED_UNTIL),
        )
        .filter(~pl.col("reversed"))
        .drop("observed", "reversed")
    )
