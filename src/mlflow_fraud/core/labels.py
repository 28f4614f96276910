"""Labels, and the label clock: what was known when, and what silence says. The only door to a label."""

from __future__ import annotations

import hashlib
from collections.abc import Container
from datetime import datetime, timedelta
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field, model_validator

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.strict import Strict

Labels = npt.NDArray[np.int8]
"""1 for a fraud, else 0, a row each."""
LABEL_TIME = "label_time"
LABEL_CHANCE = "label_chance"
"""The chance with which a row's label was looked for: 1 of an alert, the share of a review; null or 0 of no other."""
WEIGHT = "weight"
"""For how many payments a row stands that was looked into; null where nobody did."""

LABELS_LATER = timedelta(days=366)
"""So long after the newest transactions of a recorded stream their labels may arrive."""

ATTESTED = 10
"""So many rows or labels have to say so before the data is taken to tell what was known after its newest row."""

WITNESSES = 100
"""So many of the newest rows say how long their labels were waited for; more than half of them are not wrong."""

WEIGHT_CAP = 50.0
"""The largest weight where none is stated."""


class LabelRule(Strict):
    """What silence about a payment says, in the data set's own words.

    - `complete`: every fraud is told, so after the horizon silence is a verdict of genuine. Every row counts once.
    - `selective`: only alerts are looked into, and a random `review_share` of the payments that were not flagged.
      Silence says nothing. A row that was looked into counts one over its chance, at most `weight_cap`.

    >>> LabelRule(labels="selective", review_share=0.1).cap
    50.0
    """

    labels: Literal["complete", "selective"] = "complete"
    review_share: float | None = Field(default=None, gt=0, le=1)
    weight_cap: float | None = Field(default=None, ge=1)

    @property
    def selective(self) -> bool:
        """Whether only rows that somebody looked into say what they were."""
        return self.labels == "selective"

    @property
    def cap(self) -> float:
        """The largest weight."""
        return WEIGHT_CAP if self.weight_cap is None else self.weight_cap

    @model_validator(mode="after")
    def _says_how_the_others_are_looked_into(self) -> Self:
        if self.selective and self.review_share is None:
            raise ValueError(
                "`labels: selective` needs `review_share:`, the share of unflagged payments that are drawn to be "
                "looked into, such as 0.05: of alerts alone nobody can tell what was missed"
            )
        for key in ("review_share", "weight_cap"):
            if not self.selective and getattr(self, key) is not None:
                raise ValueError(
                    f"`{key}:` belongs to `labels: selective`, where silence says nothing; with complete labels it is "
                    "a verdict: take it out, or say selective"
                )
        return self


def is_drawn(event_id: object, share: float) -> bool:
    """Return whether a payment is among the random `share` that is looked into although it was not flagged.

    The draw is the id's own, so that a payment which is sent again is drawn again.

    >>> sum(is_drawn(each, 0.05) for each in range(10_000))
    476
    """
    digest = hashlib.blake2b(f"{event_id}".encode(), digest_size=8, person=b"review").digest()
    return int.from_bytes(digest) < share * 2**64


def weighed(transactions: pl.DataFrame, rule: LabelRule) -> pl.DataFrame:
    """Return the rows with their `WEIGHT` where labels are selective, and as they are where labels are complete.

    >>> rows = pl.DataFrame({"label": [1, 0, 0, None], "label_chance": [1.0, 0.1, 0.01, None]})
    >>> weighed(rows, LabelRule(labels="selective", review_share=0.1))["weight"].to_list()
    [1.0, 10.0, 50.0, None]
    """
    if not rule.selective:
        return transactions
    chance = pl.col(LABEL_CHANCE)
    told = (chance > 0) & pl.col("label").is_not_null()
    return transactions.with_columns(
        pl.when(told).then(pl.min_horizontal(1 / chance, pl.lit(rule.cap))).alias(WEIGHT),
    )


def tells(columns: Container[str], arrives: pl.Expr, *, as_of: datetime | pl.Expr) -> pl.Expr:
    """Return whether what is known of a row says what it was: always, but where `columns` has weights.

    There a row counts when somebody looked into it, once the label had arrived: before that there is no silence that
    would speak for it.
    """
    if WEIGHT not in columns:
        return pl.lit(True)
    return pl.col(WEIGHT).is_not_null() & known_at(arrives, as_of=as_of)


def require_reviews(name: str, looked_into: pl.DataFrame, of: int) -> None:
    """Raise `DataError` where rows were looked into for no other reason than an alert, and others were not at all.

    `looked_into` has those of `of` rows that count. Of alerts alone every fraud is a caught one.

    >>> require_reviews("test", pl.DataFrame({"label_chance": [1.0, 0.1], "weight": [1.0, 10.0]}), 40)
    """
    if WEIGHT not in looked_into.columns or len(looked_into) == of or (looked_into[LABEL_CHANCE] < 1).any():
        return
    raise DataError(
        f"{name}: {len(looked_into):,} of {of:,} payments were looked into, all of them alerts, so nothing tells what "
        "was missed; wait for reviews of payments that were not flagged (`review_share` in params.yaml), or make the "
        "period longer"
    )


def arrival(columns: Container[str], delay: timedelta) -> pl.Expr:
    """Return when a transaction's label arrives: at its own `label_time` where `columns` has one, else after `delay`.

    A fraud is reported days to weeks later; `delay` is the time that a data set without arrival times assumes.
    """
    assumed = pl.col("event_time") + delay
    return pl.coalesce(LABEL_TIME, assumed) if LABEL_TIME in columns else assumed


def told_at(columns: Container[str], delay: timedelta, silence: timedelta | None) -> pl.Expr:
    """Return when somebody told what a row is, null where nobody did.

    Where silence is a label, a row without fraud that has no `label_time` of its own is one that nobody told of.
    Elsewhere, where `silence` is None, every label was told.
    """
    arrives = pl.when(pl.col("label").is_not_null()).then(arrival(columns, delay))
    if silence is None:
        return arrives
    own = pl.col(LABEL_TIME).is_not_null() if LABEL_TIME in columns else pl.lit(False)
    return pl.when(own | (pl.col("label") == 1)).then(arrives)


def silence_speaks(first: pl.Expr, silence: timedelta) -> pl.Expr:
    """Return whether silence says of a payment that it was genuine.

    `first` is when the earliest of its labels arrives, null where none does. Where labels are complete silence is a
    label, too: once a payment is `silence` old, the label horizon, and nobody has told a label of it, it is genuine
    from exactly that instant on, as if that had been told then. A label that arrives by that instant leaves nothing to
    silence; one that arrives later takes its place from there on. `core.features.arrivals` has it one label at a time.

    >>> day = datetime(2020, 6, 1)
    >>> rows = pl.DataFrame({"event_time": [day] * 3, "first": [None, day + timedelta(days=7), datetime(2020, 7, 1)]})
    >>> rows.select(silence_speaks(pl.col("first"), timedelta(days=7))).to_series().to_list()
    [True, False, True]
    """
    return first.is_null() | (first > pl.col("event_time") + silence)


def is_mature(horizon: timedelta, *, as_of: datetime) -> pl.Expr:
    """Return whether a transaction was `horizon` old at `as_of`, so that it counts, whatever came early.

    >>> day = datetime(2020, 6, 1)
    >>> rows = pl.DataFrame({"event_time": [day, day + timedelta(days=5)]})
    >>> rows.select(is_mature(timedelta(days=7), as_of=datetime(2020, 6, 8)))["event_time"].to_list()
    [True, False]
    """
    return pl.col("event_time") + horizon <= as_of


def known_until(transactions: pl.DataFrame, horizon: timedelta) -> datetime:
    """Return the instant of which the data tells what was known: of its newest transaction, or of labels after it.

    Batches that are collected end with the newest mature row, whose silence was waited for: its label has arrived a
    `horizon` later. So it is what most of the `WITNESSES` newest rows say: the median of how long after its payment a
    label came, at most the horizon, and at once where none has a time of its own. A wrong time here and there moves
    nothing, and on an older row says nothing. Where silence says nothing most rows have no label, so there `ATTESTED`
    labels say it. Fewer than so many rows say nothing.

    >>> day = datetime(2020, 6, 1)
    >>> rows = pl.DataFrame({"event_time": [day] * 10, "label_time": [day + timedelta(days=7)] * 10})
    >>> known_until(rows, timedelta(days=7)) - day, known_until(rows[:9], timedelta(days=7)) - day
    (datetime.timedelta(days=7), datetime.timedelta(0))
    """
    newest: datetime = transactions["event_time"].max()  # type: ignore[assignment]
    if LABEL_TIME not in transactions.columns or len(transactions) < ATTESTED:
        return newest
    at, told_after = pl.col("event_time"), pl.col(LABEL_TIME) - pl.col("event_time")
    waited = pl.when(told_after.is_not_null()).then(pl.min_horizontal(told_after, pl.lit(horizon)))
    if WEIGHT in transactions.columns:
        latest = transactions.select(at + waited).to_series().drop_nulls().top_k(ATTESTED)
        if len(latest) < ATTESTED:
            return newest
        told: datetime = latest.min()  # type: ignore[assignment]
        return max(newest, told)
    among_newest = at >= transactions["event_time"].top_k(WITNESSES).min()
    waits = transactions.filter(among_newest).select(waited.fill_null(timedelta())).to_series().sort()
    median: timedelta = waits[(len(waits) - 1) // 2]
    return max(newest, newest + median)


def label_at(label: str, arrives: pl.Expr, *, as_of: datetime | pl.Expr) -> pl.Expr:
    """Return the label in a column as it was known at `as_of`: a fraud told later was none by then, nor is silence."""
    return pl.col(label).fill_null(0) * known_at(arrives, as_of=as_of).cast(pl.Int8)


def known_at(arrives: pl.Expr, *, as_of: datetime | pl.Expr) -> pl.Expr:
    """Return whether a label that `arrives` then was known at `as_of`.

    >>> day = datetime(2020, 6, 1)
    >>> rows = pl.DataFrame({"event_time": [day, day + timedelta(days=5)]})
    >>> clock = known_at(arrival(rows.columns, timedelta(days=7)), as_of=datetime(2020, 6, 8))
    >>> rows.select(clock)["event_time"].to_list()
    [True, False]
    """
    return arrives <= as_of
