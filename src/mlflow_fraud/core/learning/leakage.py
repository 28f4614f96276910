"""Three looks for knowledge that a model cannot have: in the labels, in the split, in the features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import numpy as np
import polars as pl

from mlflow_fraud.core.labels import Labels, arrival, known_at
from mlflow_fraud.core.learning.candidates import TrainParams
from mlflow_fraud.core.measuring.metrics import Metrics

Build = Callable[[pl.DataFrame], pl.DataFrame]
"""Transactions in time order become one row of features each, in the same order."""

KEPT = 0.1
"""Of what the model is better than the base rate, so much may be left when it learned from shuffled labels."""

BURST = timedelta(days=3)
"""Frauds of one card that are no further apart belong to one burst."""


@dataclass(frozen=True)
class LabelCheck:
    """Average precision on test, learned from the labels as they are and from shuffled ones."""

    honest: float
    shuffled: tuple[float, ...]
    base_rate: float

    @property
    def limit(self) -> float:
        """What shuffled labels may reach."""
        return self.base_rate + max(KEPT * (self.honest - self.base_rate), self.base_rate)

    @property
    def typical(self) -> float:
        """The median of what shuffled labels reach: now and then a model of noise is lucky with a whole burst."""
        return median(self.shuffled)

    @property
    def holds(self) -> bool:
        """Whether nothing can be told once the labels are shuffled.

        >>> LabelCheck(honest=0.9, shuffled=(0.012, 0.008, 0.2), base_rate=0.01).holds
        True
        >>> LabelCheck(honest=0.9, shuffled=(0.5, 0.4, 0.01), base_rate=0.01).holds
        False
        """
        return self.typical <= self.limit


@dataclass(frozen=True)
class SplitCheck:
    """The same rows, features and candidate, cut by time and at random.

    `together_*` are shares of test frauds; None where data has no cards.
    """

    by_time: Metrics
    at_random: Metrics
    together_by_time: float | None
    together_at_random: float | None


@dataclass(frozen=True)
class Foresight:
    """A feature that changes when the future is taken away; `row` is the first that differs, counted from 0."""

    feature: str
    border: datetime
    rows: int
    of: int
    row: int
    with_future: float | None
    without: float | None

    def __str__(self) -> str:
        return (
            f"{self.feature} knows the future: {self.rows:,} of the {self.of:,} rows up to {self.border} change when "
            f"what was not known by then is taken away, for example {_told(self.with_future)} becomes "
            f"{_told(self.without)} (row {self.row})"
        )


def shuffled(labels: Labels, seed: int) -> Labels:
    """Return the labels in a random order: as many frauds, at other transactions."""
    return np.random.default_rng(seed).permutation(labels)


def from_base_rate(train: TrainParams, candidate: str, base_rate: float) -> TrainParams:
    """Return the parameters with a start score, where the candidate has one, that is the base rate.

    From a higher one, rows unlike all others come down least, and fraud is such rows: noise alone would find some.
    """
    section = getattr(train, candidate)
    if "base_score" not in section.model_dump():
        return train
    return train.model_copy(update={candidate: section.model_copy(update={"base_score": base_rate})})


def random_parts(parts: pl.Series, seed: int) -> pl.Series:
    """Return the parts dealt out at random: the same rows take part, and each part keeps its size."""
    inside = np.flatnonzero(parts.is_not_null().to_numpy())
    dealt = parts.to_numpy().copy()
    dealt[inside] = np.random.default_rng(seed).permutation(dealt[inside])
    return pl.Series("part", dealt.tolist(), dtype=pl.String)


def together(transactions: pl.DataFrame, parts: pl.Series, card: str) -> float:
    """Return the share of the test frauds with a fraud of the same card, of the same burst, among those learned from.

    0 where the test has no fraud.
    """
    frauds = transactions.select(pl.col("event_time"), pl.col(card), pl.col("label"), parts.alias("part"))
    frauds = frauds.filter(pl.col("label") == 1).sort("event_time")
    test = frauds.filter(pl.col("part") == "test")
    learned = frauds.filter(pl.col("part") == "train").select("event_time", card, pl.lit(True).alias("learned"))
    found = test.join_asof(
        learned, on="event_time", by=card, strategy="nearest", tolerance=BURST, check_sortedness=False
    )
    return found["learned"].fill_null(False).mean() or 0.0  # type: ignore[return-value]


def shifted_borders(transactions: pl.DataFrame, count: int) -> tuple[datetime, ...]:
    """Return instants of transactions at which the history is cut: evenly from its first third on."""
    times, rows = transactions["event_time"], len(transactions)
    places = np.linspace(rows // 3, rows - 2, count).astype(int).tolist()
    return tuple(dict.fromkeys(times[max(place, 0)] for place in places))


def foreseeing(
    transactions: pl.DataFrame, build: Build, borders: Sequence[datetime], delay: timedelta
) -> tuple[Foresight, ...]:
    """Return every feature that knows the future, each once, at the first border that shows it.

    At each border the rows after it are taken away, and the labels that had not arrived by then (those of the
    border's own instant are among them) are turned round. What `build` makes of such a past must equal, to the last
    bit, what it makes of the whole history.
    """
    whole = build(transactions)
    found: dict[str, Foresight] = {}
    for border in borders:
        past = _as_of(transactions, border, delay)
        features, kept = build(past), whole.head(len(past))
        for name in whole.columns:
            changed = kept[name].ne_missing(features[name])
            if name not in found and changed.any():
                row = int(changed.arg_true()[0])
                found[name] = Foresight(
                    name, border, int(changed.sum()), len(past), row, kept[name][row], features[name][row]
                )
    return tuple(found.values())


def _as_of(transactions: pl.DataFrame, border: datetime, delay: timedelta) -> pl.DataFrame:
    """Return the history as it was at the border, with the labels that nobody knew then turned round."""
    at = pl.col("event_time")
    known = known_at(arrival(transactions.columns, delay), as_of=border) & (at < border)
    label = pl.when(known).then("label").otherwise(1 - pl.col("label")).cast(transactions.schema["label"])
    return transactions.filter(at <= border).with_columns(label.alias("label"))


def _told(value: float | None) -> str:
    return "missing" if value is None else f"{value:g}"
