"""Who shopped at a merchant lately: whom a leak of its card numbers lays open."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlflow_fraud.simulation.streams import Floats, Ints
from mlflow_fraud.simulation.timeline import DAY_SECONDS, seconds_at

MEMORY_DAYS = 30  # payments so far back are still in the merchant's books
LOOK_BACK = 40  # payments that are looked through


class Customers:
    """The legal payments, ordered by merchant and time."""

    def __init__(self, legal: pl.DataFrame) -> None:
        order = legal.select("merchant", "at", "card").sort("merchant", "at", maintain_order=True)
        # A payment at no merchant comes first: where a merchant has too few, the search ends there.
        self._merchant, self._at, self._card = (np.append(-1, order[name].to_numpy()) for name in order.columns)

    def last(self, merchant: Ints, before: Floats, many: int) -> Ints:
        """Return for each merchant the `many` different cards that paid there last, -1 where there are fewer.

        `before` is in days. The answer has a row for each merchant, the newest customer first.
        """
        until = seconds_at(before).astype(np.int64)
        rows = self._rows_before(merchant, until)
        fits = self._merchant[rows] == merchant[:, None]
        fits &= self._at[rows] >= until[:, None] - MEMORY_DAYS * DAY_SECONDS
        cards = np.where(fits, self._card[rows], -1)
        again = np.tril(cards[:, :, None] == cards[:, None, :], k=-1).any(axis=2)
        return _leftmost(cards, fits & ~again, many)

    def _rows_before(self, merchant: Ints, until: Ints) -> Ints:
        """Return the positions of the `LOOK_BACK` payments before each moment, the newest first."""
        span = np.int64(2**33)  # more than any time in seconds
        end = np.searchsorted(self._merchant * span + self._at, merchant * span + until)
        rows: Ints = np.maximum(end[:, None] - 1 - np.arange(LOOK_BACK), 0)
        return rows


def _leftmost(values: Ints, chosen: NDArray[np.bool_], many: int) -> Ints:
    """Return the first `many` chosen values of each row, -1 where there are fewer."""
    place = np.cumsum(chosen, axis=1) - 1
    row, column = np.nonzero(chosen & (place < many))
    found = np.full((len(values), many), -1, dtype=np.int64)
    found[row, place[row, column]] = values[row, column]
    return found
