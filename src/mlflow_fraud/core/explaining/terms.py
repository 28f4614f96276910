"""The terms of a model that adds up one number a feature, found by asking it: no knowledge of its bins is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlflow_fraud.core.explaining.reasons import Contributions, Row
from mlflow_fraud.core.ports import LogOdds


def terms(log_odds: LogOdds, row: Row, typical: Row) -> Contributions:
    """Return what each feature adds over a `typical` payment.

    Of a sum f(x) = c + g1(x1) + … + gn(xn) the term of a feature is gj(xj) - gj(tj) = f(x) - f(x with tj in place of
    xj), whatever the others are. The linear model's own numbers are whole multiples of one grain, so it is exact.

    >>> weights = np.array([2.0, -1.0])
    >>> found = terms(lambda rows: rows @ weights + 0.5, np.float32([3, 1]), np.float32([1, 1]))
    >>> found.base, found.of_features.tolist()
    (1.5, [4.0, 0.0])
    """
    replaced = np.repeat(row[np.newaxis], len(row) + 2, axis=0)
    np.fill_diagonal(replaced, typical)
    replaced[-1] = typical
    *without, own, base = log_odds(replaced).tolist()
    return Contributions(base, own - np.array(without))


def median_of(edges: Sequence[float], counts: Sequence[int]) -> float:
    """Return a column's median as its bins tell it, NaN where it is missing more often than not.

    `edges` rise; `counts` are the rows below the first one, between them, from the last one on, and the missing ones.

    >>> median_of([1.0, 2.0, 3.0], [10, 10, 10, 10, 0]), median_of([1.0], [0, 3, 4])
    (2.0, nan)
    """
    *known, missing = counts
    if not edges or missing > sum(known):
        return float("nan")
    below = np.cumsum(known)[:-1]
    return float(edges[max(int((below <= sum(known) / 2).sum()) - 1, 0)])
