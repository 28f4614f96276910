"""Whether what was served is what the batch engine makes of it: every feature of every answer, to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

Matrix = npt.NDArray[np.float32]
"""Features: (answers, features), NaN for missing."""

Flags = npt.NDArray[np.bool_]


class Parity(NamedTuple):
    """How the features of answers compare: each of shape (answers, features), and of the four one is true.

    - `equal`: the batch engine, which knows all that was ever told, makes the same.
    - `corrected`: it does but for corrections that were told after the answer, of a moment before it.
    - `late`: what was known at the answer makes the same: a payment or a label of a moment before it came after it.
    - `otherwise`: nothing that was told makes what was served.
    """

    equal: Flags
    late: Flags
    corrected: Flags
    otherwise: Flags

    def table(self, names: Sequence[str]) -> pl.DataFrame:
        """Return the numbers of each feature."""
        counts = {kind: flags.sum(axis=0) for kind, flags in self._asdict().items()}
        return pl.DataFrame({"feature": list(names), **counts})


def same_bits(one: Matrix, other: Matrix) -> Flags:
    """Return where two matrices are the same to the bit, missing values too.

    >>> first, second = np.array([[1.0, np.nan, -0.0]], np.float32), np.array([[1.0, np.nan, 0.0]], np.float32)
    >>> same_bits(first, second).tolist()
    [[True, True, False]]
    """
    return one.view(np.uint32) == other.view(np.uint32)  # type: ignore[no-any-return]


def parity_of(served: Matrix, batch: Matrix, uncorrected: Matrix, known: Sequence[Matrix]) -> Parity:
    """Return how what was served compares.

    `batch` is what all that was told makes, `uncorrected` what it makes without the corrections that were told late;
    `known` is what each answer's own knowledge makes, in several ways where it cannot be said to the moment what was
    known.
    """
    equal = same_bits(served, batch)
    corrected = ~equal & same_bits(served, uncorrected)
    late = ~equal & ~corrected & np.logical_or.reduce([same_bits(served, each) for each in known])
    return Parity(equal, late, corrected, ~(equal | corrected | late))
