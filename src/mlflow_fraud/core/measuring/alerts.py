"""How good a day's alerts are when the team can look into a fixed number of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.measuring.period import Period, Whole

Probabilities = npt.NDArray[np.float64]


def card_precision_at_k(period: Period, scores: Probabilities, k: int) -> float | None:
    """Return the mean over days of the share of compromised cards among the `k` most suspicious; None without any.

    None, too, where only some payments of a card were looked into: which cards are compromised nobody knows then.

    A card is as suspicious as its highest score of the day and compromised when it has a fraud that day.
    A compromised card among the `k` is detected: it is blocked, so its later days do not count. Days without
    a row do not count either. Of cards with equal scores the one with the lower number comes first.

    Le Borgne et al., Reproducible Machine Learning for Credit Card Fraud Detection (the Fraud Detection
    Handbook), 2022, chapter 4, "Precision top-k metrics". As there, `k` divides even on a day with fewer cards.
    """
    if not len(scores) or not period.has_whole_cards:
        return None
    blocked = np.zeros(int(period.cards.max()) + 1, np.bool_)
    shares = []
    for rows in _days(period):
        cards, highest, compromised = _by_card(period.cards[rows], scores[rows], period.fraud[rows])
        there = ~blocked[cards]
        top = np.flatnonzero(there)[np.argsort(-highest[there], kind="stable")[:k]]
        detected = cards[top[compromised[top]]]
        blocked[detected] = True
        shares.append(len(detected) / k)
    return float(np.mean(shares))


def recall_at_budget(period: Period, scores: Probabilities, k: int) -> float | None:
    """Return the share of frauds among each day's `k` highest scores; None where there is no fraud.

    Of equal scores on one day the earlier row comes first. A row takes as many places as it stands for payments.

    >>> at = np.array(["2020-01-01T08", "2020-01-01T09", "2020-01-02T10"], "datetime64[us]")
    >>> rows = Period(np.array([1, 1, 0], np.int8), np.array([0, 1, 2]), at, np.array([100, 100, 100]))
    >>> recall_at_budget(rows, np.array([0.9, 0.8, 0.1]), 1)  # the second fraud waits behind the first
    0.5
    """
    if not period.fraud.any():
        return None
    order = np.lexsort((-scores, period.day_of_row))
    day = period.day_of_row[order]
    each = period.counted(np.ones(len(day), np.int64))[order]
    before = np.append(0, np.cumsum(each))
    free = k - (before[:-1] - before[np.searchsorted(day, day)])
    found = np.where(period.fraud[order], np.clip(free, 0, each), 0)
    return float(found.sum() / period.counted(period.fraud).sum())


def _days(period: Period) -> list[npt.NDArray[np.intp]]:
    """Return the rows of each day that has some."""
    order = np.argsort(period.day_of_row, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(period.day_of_row[order])) + 1)


def _by_card(
    cards: Whole, scores: Probabilities, fraud: npt.NDArray[np.bool_]
) -> tuple[Whole, Probabilities, npt.NDArray[np.bool_]]:
    """Return the cards, the highest score of each, and which of them have a fraud."""
    order = np.argsort(cards, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(cards[order]) != 0))
    return (
        cards[order][starts],
        np.maximum.reduceat(scores[order], starts),
        np.logical_or.reduceat(fraud[order], starts),
    )
