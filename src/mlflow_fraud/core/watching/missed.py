"""Whether more fraud is missed than the release promised, whatever its kind: the evidence adds up fraud by fraud.

Frauds of one card come in bursts, so what is counted is bursts: caught, where one of its payments was flagged, or
missed. A cumulative sum of log-likelihood ratios (Page, 1954) between what was promised and a share that is so much
worse remembers what it has seen for as long as it speaks against the promise, and needs no window of a length of its
own: with many frauds it is over its limit within days, with few it waits for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from math import log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.measuring.period import Flags, Period

WORSE = 0.6
"""What is looked for: so much of the promised share is left."""

DOUBT = 1
"""So many bursts of each outcome a promise is taken to have beside its own: of few bursts nothing is sure."""


class Promise(NamedTuple):
    """How many bursts the release was judged on, and how many of these it caught.

    >>> Promise(18, 20).share
    0.8636363636363636
    """

    caught: int
    of: int

    @property
    def share(self) -> float:
        """The promised share, drawn in from 0 and 1 by what so few bursts leave in doubt."""
        return (self.caught + DOUBT) / (self.of + 2 * DOUBT)


class Outcomes(NamedTuple):
    """Bursts in the order of their first frauds: when that was, and whether one of its payments was flagged."""

    began: npt.NDArray[np.datetime64]
    caught: Flags


def outcomes(period: Period, flags: Flags, gap: timedelta) -> Outcomes:
    """Return the bursts of a period: frauds of one card, each at most `gap` after the one before.

    Without whole cards each fraud stands for itself.

    >>> at = np.array(["2020-01-01T08", "2020-01-01T09", "2020-01-02T10"], "datetime64[us]")
    >>> rows = Period(np.ones(3, np.int8), np.array([0, 1, 0]), at, np.ones(3, np.int64))
    >>> outcomes(rows, np.array([False, False, True]), timedelta(days=7)).caught.tolist()
    [True, False]
    """
    frauds = np.flatnonzero(period.fraud)
    if period.has_whole_cards:
        frauds = frauds[np.lexsort((period.times[frauds], period.cards[frauds]))]
    cards, times = period.cards[frauds], period.times[frauds]
    apart = (np.diff(cards) != 0) | (np.diff(times) > np.timedelta64(gap))
    starts = np.flatnonzero(np.append(True, apart if period.has_whole_cards else np.ones_like(apart))[: len(frauds)])
    caught = np.add.reduceat(flags[frauds].astype(np.int64), starts) > 0 if len(starts) else np.empty(0, np.bool_)
    order = np.argsort(times[starts], kind="stable")
    return Outcomes(times[starts][order], caught[order])


def evidence(caught: Iterable[bool], promise: Promise, worse: float = WORSE) -> float:
    """Return how much speaks for a share of `worse` times the promised one, in the newest of bursts in time order.

    In natural logarithms: 3 is twenty times as likely. It never falls below 0: what was good long ago is no credit.

    >>> good = Promise(18, 20)
    >>> evidence([True] * 9 + [False], good) < evidence([True] * 8 + [False] * 2, good)
    True
    >>> evidence([False] * 3, good) > 3
    True
    """
    promised = promise.share
    hit, miss = log(worse), log((1 - worse * promised) / (1 - promised))
    found = 0.0
    for each in caught:
        found = max(0.0, found + (hit if each else miss))
    return found
