"""One column's distribution as counts of a few bins, and how far another one is from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from mlflow_fraud.core.measuring.stability import stability_of_shares
from mlflow_fraud.core.strict import Strict

Values = npt.NDArray[np.floating[Any]]
Counts = npt.NDArray[np.int64]
"""Rows of each bin, the last one of those that are missing."""

TENTHS = tuple(number / 10 for number in range(1, 10))
TAIL = (*TENTHS, 0.95, 0.99, 0.995)
"""For scores: what is flagged is in the last hundredth."""

FEWEST = 100
"""Of fewer rows nothing is said: chance alone moves a tenth of them too far."""


class Bins(Strict):
    """Where the bins of a column begin, and how many rows of the reference are in each; the last are missing ones."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, values: Values, quantiles: Sequence[float] = TENTHS) -> Self:
        """Return the bins between the quantiles of a column in which NaN is missing; equal edges are one.

        >>> Bins.of(np.array([1.0, 2.0, 3.0, 4.0, np.nan]), (0.5,)).counts
        (2, 2, 1)
        """
        known = values[~np.isnan(values)]
        edges = tuple(float(edge) for edge in np.unique(np.quantile(known, quantiles))) if len(known) else ()
        return cls(edges=edges, counts=tuple(count(values, edges).tolist()))

    @model_validator(mode="after")
    def _has_a_count_for_each_bin(self) -> Self:
        if len(self.counts) != len(self.edges) + 2 or min(self.counts) < 0:
            raise ValueError(f"{len(self.edges)} edges make {len(self.edges) + 2} counts, found {len(self.counts)}")
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges rise")
        return self


class Moved(NamedTuple):
    """How far a column is from what it was; `missing` is the share of rows without a value, now and before.

    `psi` is the population stability index over the bins, missing ones among them; `ks` is the largest gap between the
    two distributions at an edge (Kolmogorov and Smirnov), of the rows that have a value.
    """

    psi: float
    ks: float
    missing: float
    missing_before: float


def count(values: Values, edges: Sequence[float]) -> Counts:
    """Return the rows of each bin; a value at an edge is above it.

    >>> count(np.array([1.0, 2.0, np.nan]), [2.0]).tolist()
    [1, 1, 1]
    """
    places = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(np.array(edges), values, side="right"))
    counted: Counts = np.bincount(places, minlength=len(edges) + 2).astype(np.int64)
    return counted


def moved(before: npt.ArrayLike, now: npt.ArrayLike) -> Moved | None:
    """Return how far the counts of `now` are from those `before`; None where one has too `FEWEST` rows.

    >>> moved([50, 50, 0], [50, 50, 0])
    Moved(psi=0.0, ks=0.0, missing=0.0, missing_before=0.0)
    >>> moved([50, 50, 0], [5, 4, 0]) is None
    True
    """
    old, new = np.asarray(before, np.float64), np.asarray(now, np.float64)
    if min(old.sum(), new.sum()) < FEWEST:
        return None
    shares = old / old.sum(), new / new.sum()
    gaps = np.cumsum(_of_known(new)) - np.cumsum(_of_known(old))
    return Moved(
        round(stability_of_shares(*shares), 6),
        round(float(np.abs(gaps).max(initial=0.0)), 6),
        round(float(shares[1][-1]), 6),
        round(float(shares[0][-1]), 6),
    )


def _of_known(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    known = counts[:-1]
    shares: npt.NDArray[np.float64] = known / max(known.sum(), 1.0)
    return shares
