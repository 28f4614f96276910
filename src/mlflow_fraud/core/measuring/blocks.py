"""Blocks of time that stand for cards where data has none: what belongs together is drawn together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FEWEST_BLOCKS = 20
"""So many blocks of a length tell something; with fewer days the blocks are hours, and so on."""

_LENGTHS = ("D", "h", "m", "s")


def blocks_of_time(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Return the block of each moment, numbered from 0: calendar days, or the longest part of one that is enough.

    >>> month = np.arange("2020-01-01", "2020-02-01", dtype="datetime64[D]")
    >>> int(blocks_of_time(month.astype("datetime64[us]")).max()) + 1
    31
    >>> day = np.array(["2020-01-01T08:15", "2020-01-01T08:59", "2020-01-01T09:00"], "datetime64[us]")
    >>> blocks_of_time(np.append(day, day[-1] + np.arange(40) * np.timedelta64(1, "h"))).tolist()[:3]
    [0, 0, 1]
    """
    numbers = np.empty(0, np.int64)
    for length in _LENGTHS:
        numbers = np.unique(times.astype(f"datetime64[{length}]"), return_inverse=True)[1].astype(np.int64)
        if numbers.max(initial=-1) + 1 >= FEWEST_BLOCKS:
            break
    return numbers
