"""What the core asks of the outside, and what an adapter promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt


class Blob(NamedTuple):
    """Bytes with the tag that changes when they do."""

    content: bytes
    etag: str


SMALL = 2**20
"""Bytes of what says no size beforehand: a pointer, a manifest, a record of the ledger."""


class BlobStore(Protocol):
    """Named bytes in a folder or a bucket.

    Every implementation promises: a reader sees the old bytes or the new, never a mixture; a read after
    a write gives what was written; the two conditional writes have one winner when several race.
    Safe to use from several threads and processes.
    """

    def read(self, key: str, *, at_most: int = SMALL) -> Blob | None:
        """Return the bytes, or None when there is no such key; raise `TooLarge`, unread, when there are more."""

    def write(self, key: str, content: bytes) -> None:
        """Write, replacing what is there."""

    def create(self, key: str, content: bytes) -> None:
        """Write a key that must not exist; raise `PromotionConflict` when it does."""

    def replace(self, key: str, content: bytes, *, etag: str) -> None:
        """Write a key that must still have `etag`; raise `PromotionConflict` when it changed."""

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with `prefix`, sorted."""


class Scorer(Protocol):
    """A loaded model."""

    def score(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return each row's score from 0 to 1; `rows` is (n, features) with NaN for missing.

        With the model's calibration the score is the fraud probability; without it is the model's own.
        A row scores alone as it does among many. Safe to call from several threads.
        """


LogOdds = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]]
"""What gives rows, shape (n, features), the log odds that a model adds up for each."""
