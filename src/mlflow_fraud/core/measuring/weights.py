"""For how many payments each row stands, where only some were looked into: one over the chance, at most the cap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.core.labels import LABEL_CHANCE, WEIGHT

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """The weight of each row that was looked into, and the chance with which it was.

    A sum of weighted values estimates the sum over all payments without bias, were no weight capped (Horvitz and
    Thompson, 1952); the ratio of two such sums is as good on many rows (Hájek, 1971). A cap trades some bias for a
    smaller spread (Ionides, 2008, "Truncated Importance Sampling").
    """

    values: Values
    chances: Values

    @property
    def whole(self) -> Values:
        """The weights without the cap."""
        return 1 / self.chances

    @property
    def capped(self) -> npt.NDArray[np.bool_]:
        """Which rows stand for more payments than the cap lets them."""
        capped: npt.NDArray[np.bool_] = self.values < self.whole
        return capped

    @property
    def uncapped(self) -> Weights:
        """The same rows, each for all that it stands for."""
        return Weights(self.whole, self.chances)

    @property
    def lost(self) -> float:
        """The share of all payments for which nothing stands because of the cap; 0 without a row."""
        return float(1 - self.values.sum() / self.whole.sum()) if len(self.values) else 0.0

    def of(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Weights:
        """Return the weights of some of the rows."""
        return Weights(self.values[rows], self.chances[rows])


def effective_rows(weights: Values) -> float:
    """Return how many equally weighted rows tell as much: the square of the sum over the sum of squares (Kish, 1965).

    >>> effective_rows(np.ones(4)), effective_rows(np.array([1.0, 1.0, 50.0])) < 1.1
    (4.0, True)
    """
    return float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0


def read_weights(table: pl.DataFrame) -> Weights | None:
    """Return the weights of rows of which only some were looked into; None where every row counts once."""
    if WEIGHT not in table.columns:
        return None
    values, chances = (table[name].to_numpy().astype(np.float64) for name in (WEIGHT, LABEL_CHANCE))
    return Weights(values, chances)
