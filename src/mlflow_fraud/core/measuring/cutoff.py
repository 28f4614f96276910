"""From which probability on a payment is flagged: one threshold for all, or one for each by what is at stake."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from mlflow_fraud.core.measuring.metrics import Probabilities
from mlflow_fraud.core.measuring.period import Whole

LEAST = 1
"""Of minor units: what is at stake in a payment of nothing, or less."""


class Cutoff(NamedTuple):
    """What was settled: `threshold` for every payment, or where `expected_loss` is given the money from which on.

    A payment is flagged then where its probability times its amount is at least `expected_loss`, in units of money: its
    own threshold is `expected_loss` over the amount (Elkan, 2001, "The Foundations of Cost-Sensitive Learning"). One
    over 1 flags at no probability. `threshold` is that of a typical fraud, to have an idea.

    >>> Cutoff(0.4).of(2_000, decimals=2), Cutoff(0.4, 5.0).of(2_000, decimals=2), Cutoff(0.4, 5.0).of(100, decimals=2)
    (0.4, 0.25, 5.0)
    """

    threshold: float
    expected_loss: float | None = None

    def of(self, amount: int, *, decimals: int) -> float:
        """Return the threshold of one payment; the same bits as `of_rows`. `amount` is in minor units."""
        if self.expected_loss is None:
            return self.threshold
        return self.expected_loss * float(10**decimals) / max(amount, LEAST)

    def of_rows(self, amounts: Whole, *, decimals: int) -> Probabilities:
        """Return the threshold of each payment, shape (rows,); `amounts` are in minor units."""
        if self.expected_loss is None:
            return np.full(len(amounts), self.threshold)
        thresholds: Probabilities = self.expected_loss * float(10**decimals) / np.maximum(amounts, LEAST)
        return thresholds

    def of_column(self, amounts: pl.Series, *, decimals: int) -> pl.Series:
        """Return the same of a table's column."""
        return pl.Series(self.of_rows(amounts.cast(pl.Int64).to_numpy(), decimals=decimals))

    def __str__(self) -> str:
        """Return it in words.

        >>> str(Cutoff(0.4)), str(Cutoff(0.01, 5.0))
        ('threshold 0.4000', 'an expected loss of 5.00, threshold 0.0100 for a typical fraud')
        """
        if self.expected_loss is None:
            return f"threshold {self.threshold:.4f}"
        return f"an expected loss of {self.expected_loss:.2f}, threshold {self.threshold:.4f} for a typical fraud"
