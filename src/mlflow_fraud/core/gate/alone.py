"""What a batch shows by itself: payments that come again, labels that are early, columns that give fraud away."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl

from mlflow_fraud.core.contract.contract import BATCH, Contract
from mlflow_fraud.core.gate.columns import DIGITS, Row, categories, watched_in
from mlflow_fraud.core.gate.repeats import REPEATED, SHARED
from mlflow_fraud.core.labels import LABEL_CHANCE

UNASKED, UNTOLD = "labels_without_chance", "chances_without_label"
"""The columns that mark rows whose label and chance do not go together."""

FEWEST_FRAUDS = 10
"""Fewer frauds in a batch say nothing about how well one column alone finds them."""


def alone(batch: pl.DataFrame, contract: Contract) -> Row:
    """Return what the batch shows by itself."""
    text, watched = categories(contract), watched_in(batch, contract)
    separations = {f"separation_by_{name}": _separation(batch, name, text=name in text) for name in watched}
    return {
        BATCH: batch[BATCH][0],
        "rows": len(batch),
        "repeated_rows": int(batch[REPEATED].sum()),
        "shared_rows": int(batch[SHARED].sum()),
        "early_labels": _early_labels(batch, contract),
        **{name: int(batch[name].sum()) for name in (UNASKED, UNTOLD) if name in batch.columns},
        "clock_spread": _clock_spread(batch, contract),
        **separations,
    }


def of_chances(columns: Collection[str]) -> list[pl.Expr]:
    """Return the marks of rows whose label nobody looked for, and of those where it was looked for and not told."""
    if LABEL_CHANCE not in columns:
        return []
    looked, told = (pl.col(LABEL_CHANCE) > 0).fill_null(value=False), pl.col("label").is_not_null()
    return [(told & ~looked).alias(UNASKED), (looked & ~told).alias(UNTOLD)]


def _early_labels(batch: pl.DataFrame, contract: Contract) -> int | None:
    if contract.column("label_time") is None or "label_time" not in batch.columns:
        return None
    return int((batch["label_time"] < batch["event_time"]).sum())


def _clock_spread(batch: pl.DataFrame, contract: Contract) -> float | None:
    clock = next((column.name for column in contract.kept if column.role == "clock"), None)
    if clock is None:
        return None
    offset = (batch["event_time"].dt.epoch("s") - batch[clock]).drop_nulls()
    return float(offset.to_numpy().max() - offset.to_numpy().min()) if len(offset) else None


def _separation(batch: pl.DataFrame, name: str, *, text: bool) -> float | None:
    known = batch.select(name, "label").drop_nulls()
    frauds = int(known["label"].sum())
    if min(frauds, len(known) - frauds) < FEWEST_FRAUDS:
        return None
    counts = known.group_by(name).agg(pl.col("label").sum().alias("frauds"), (~pl.col("label")).sum().alias("others"))
    area = _area(counts.sort(pl.col("frauds") / (pl.col("frauds") + pl.col("others")) if text else name))
    return round(max(area, 1 - area), DIGITS)


def _area(counts: pl.DataFrame) -> float:
    """Return the area under the ROC curve from the frauds and the others at each score, lowest first.

    >>> _area(pl.DataFrame({"frauds": [0, 1, 3], "others": [5, 1, 0]}))
    0.9791666666666666
    """
    frauds, others = (counts[name].cast(pl.Float64).to_numpy() for name in ("frauds", "others"))
    below = np.cumsum(others) - others / 2
    return float(frauds @ below / (frauds.sum() * others.sum()))
