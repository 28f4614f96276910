"""What precision, recall and F1 will be, before the labels are there: from probabilities that are calibrated.

The sum of the probabilities is how many frauds there will be, that of the flagged ones how many are caught (confidence
based performance estimation). It sees payments that are easier or harder to tell apart than they were. It cannot see a
kind of fraud that the model takes for genuine, since the model is who says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.measuring.metrics import Probabilities, Thresholds

DEVIATIONS = 1.96
"""On either side of an estimate: 95 %."""


class Estimate(NamedTuple):
    """A figure with its 95 % interval, all between 0 and 1."""

    value: float
    lower: float
    upper: float


class Expected(NamedTuple):
    """Sums over payments, which add up over days: how many, how many flagged, how many frauds, and of these flagged.

    `spread_*` are the variances of the last two, `shared` is their covariance. The frauds of one card come together, so
    a card counts as one that is either robbed or not: beside p (1 - p) of each payment, the square of the card's sum.
    """

    rows: float = 0.0
    flagged: float = 0.0
    frauds: float = 0.0
    caught: float = 0.0
    spread_frauds: float = 0.0
    spread_caught: float = 0.0
    shared: float = 0.0


def expect(probabilities: Probabilities, threshold: Thresholds, cards: npt.NDArray[np.int64]) -> Expected:
    """Return what probabilities lead to expect; `cards` numbers each payment's card from 0.

    >>> sums = expect(np.array([0.9, 0.5, 0.1]), 0.5, np.array([0, 1, 2]))
    >>> sums.flagged, sums.frauds, sums.caught
    (2.0, 1.5, 1.4)
    """
    flags = probabilities >= threshold
    own, number = probabilities * (1 - probabilities), int(cards.max(initial=-1)) + 1
    of_card = np.bincount(cards, probabilities, number)
    flagged_of_card = np.bincount(cards, probabilities * flags, number)
    return Expected(
        rows=float(len(probabilities)),
        flagged=float(flags.sum()),
        frauds=float(probabilities.sum()),
        caught=float(probabilities[flags].sum()),
        spread_frauds=float(own.sum() + (of_card**2).sum()),
        spread_caught=float(own[flags].sum() + (flagged_of_card**2).sum()),
        shared=float(own[flags].sum() + (of_card * flagged_of_card).sum()),
    )


def together(parts: Iterable[Expected]) -> Expected:
    """Return the sums of several.

    >>> together([Expected(rows=2.0), Expected(rows=1.0, flagged=1.0)]).rows
    3.0
    """
    return Expected(*(sum(values) for values in zip(Expected(), *parts, strict=True)))


def estimates(sums: Expected) -> dict[str, Estimate | None]:
    """Return the estimates of `precision`, `recall` and `f1`; None where nothing is flagged, or no fraud is expected.

    Intervals are of first order in the two sums that may vary, by the delta method.

    >>> found = estimates(expect(np.array([0.9, 0.5, 0.1]), 0.5, np.array([0, 1, 2])))
    >>> [round(each.value, 3) for each in found.values() if each]
    [0.7, 0.933, 0.8]
    """
    caught, frauds, both = sums.caught, sums.frauds, sums.flagged + sums.frauds
    return {
        "precision": _ratio(caught, sums.flagged, sums, 1.0, 0.0),
        "recall": _ratio(caught, frauds, sums, 1.0, 1.0),
        "f1": _ratio(2 * caught, both, sums, 2.0, 1.0),
    }


def _ratio(above: float, below: float, sums: Expected, of_caught: float, of_frauds: float) -> Estimate | None:
    """Return a ratio whose numerator moves by `of_caught` with the caught, and its denominator with the frauds."""
    if below <= 0:
        return None
    value = above / below
    caught, frauds = of_caught / below, -value * of_frauds / below
    variance = caught**2 * sums.spread_caught + frauds**2 * sums.spread_frauds + 2 * caught * frauds * sums.shared
    width = DEVIATIONS * float(np.sqrt(max(variance, 0.0)))
    return Estimate(value, max(value - width, 0.0), min(value + width, 1.0))
