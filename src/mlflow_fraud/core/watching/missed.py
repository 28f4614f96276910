"""Whether more fraud is missed than the release promised, whatever its kind: the evidence adds up fraud by fraud.

Frauds of one card come in bursts, so what is counted is bursts that were missed: none of their payments was flagged.
The test says how many of them a payment brings. A cumulative sum of log-likelihood ratios (Page, 1954; of counts:
Lucas, 1985) between that rate and a multiple of it remembers what speaks against the promise for as long as it does, so
it needs no window of some length: with many frauds it is over its limit within days, with few it waits for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.measuring.period import Flags, Period

TIMES = 3
"""What is looked for: so many times the missed bursts that were promised."""

DOUBT = 2
"""So many missed bursts a promise is taken to have beside its own: that few were missed in a test may be luck."""

Whole = npt.NDArray[np.int64]


class Promise(NamedTuple):
    """How many bursts were missed in the test, and how many payments it had.

    >>> Promise(3, 10_000).rate
    0.0005
    """

    missed: int
    payments: int

    @property
    def rate(self) -> float:
        """Missed bursts a payment."""
        return (self.missed + DOUBT) / max(self.payments, 1)


class Outcomes(NamedTuple):
    """Bursts in the order of their first frauds: when that was, and whether one of its payments was flagged."""

    began: npt.NDArray[np.datetime64]
    caught: Flags


class Evidence(NamedTuple):
    """How much speaks against the promise, in natural logarithms (3 is twenty times as likely), and since which burst.

    Bursts before the one at `since` are no part of it: they, or the payments between them, spoke for the promise.
    """

    value: float
    since: int


def outcomes(period: Period, flags: Flags, gap: timedelta) -> Outcomes:
    """Return the bursts of a period: frauds of one card, each at most `gap` after the one before.

    >>> at = np.array(["2020-01-01T08", "2020-01-01T09", "2020-01-02T10"], "datetime64[us]")
    >>> rows = Period(np.ones(3, np.int8), np.array([0, 1, 0]), at, np.ones(3, np.int64))
    >>> outcomes(rows, np.array([False, False, True]), timedelta(days=7)).caught.tolist()
    [True, False]
    """
    frauds = np.flatnonzero(period.fraud)
    frauds = frauds[np.lexsort((period.times[frauds], period.cards[frauds]))]
    cards, times = period.cards[frauds], period.times[frauds]
    apart = (np.diff(cards) != 0) | (np.diff(times) > np.timedelta64(gap))
    starts = np.flatnonzero(np.append(True, apart)[: len(frauds)])
    caught = np.add.reduceat(flags[frauds].astype(np.int64), starts) > 0 if len(starts) else np.empty(0, np.bool_)
    order = np.argsort(times[starts], kind="stable")
    return Outcomes(times[starts][order], caught[order])


def evidence(caught: Flags, payments: Whole, until: int, promise: Promise) -> Evidence:
    """Return how much speaks for `TIMES` the promised rate of missed bursts, in the newest of bursts in time order.

    `payments` counts the payments up to each burst, `until` those up to now. It never falls below 0: what was good long
    ago is no credit.

    >>> quiet, promise = np.arange(1, 5) * 1000, Promise(1, 10_000)
    >>> evidence(np.array([False, True, True, False]), quiet, 5000, promise).value < 1
    True
    >>> burst = evidence(np.array([True, False, False, False]), np.array([900, 1000, 1001, 1002]), 1003, promise)
    >>> burst.value > 3, burst.since
    (True, 1)
    """
    step, cost = log(TIMES), (TIMES - 1) * promise.rate
    value, since, before = 0.0, 0, 0
    for place, (hit, paid) in enumerate(zip(caught.tolist(), payments.tolist(), strict=True)):
        value, before = max(0.0, value - cost * (paid - before)), paid
        if value == 0:
            since = place
        value += 0.0 if hit else step
    value = max(0.0, value - cost * (until - before))
    return Evidence(value, since if value else len(caught))


def evidence_of_windows(missed: Sequence[int], payments: Sequence[int], promise: Promise) -> Evidence:
    """Return the same of windows that follow each other, each with its missed bursts and its payments.

    It is told at the end of a window, so what speaks against the promise within one is not seen before.

    >>> evidence_of_windows([0, 1, 5, 6], [5000] * 4, Promise(1, 10_000)).since
    2
    """
    value, since = 0.0, 0
    for place, (number, paid) in enumerate(zip(missed, payments, strict=True)):
        if value == 0:
            since = place
        value = max(0.0, value + number * log(TIMES) - (TIMES - 1) * promise.rate * paid)
    return Evidence(value, since if value else len(missed))
