"""Per compromise, a card's burst of frauds: was it caught, and what was lost before the first alert."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from mlflow_fraud.core.measuring.period import Flags, Period, Whole

BurstMetrics = dict[str, float | None]
BURST_METRICS = ("bursts", "bursts_caught", "frauds_before_alert", "money_before_alert", "money_saved")


@dataclass(frozen=True)
class Bursts:
    """The bursts of a period, one entry each; money is in minor units.

    `lost` and `money_lost` are the frauds before the burst's first alert, all of them where there is none.
    """

    cards: Whole
    caught: Flags
    lost: Whole
    money: Whole
    money_lost: Whole


def find_bursts(period: Period, flags: Flags, gap: timedelta) -> Bursts:
    """Return the bursts: frauds of one card, each at most `gap` after the one before.

    An alert is a flagged fraud: it is stopped, the card is blocked, and what comes after it in the burst is
    saved. A flagged legal transaction blocks nothing. A burst that began before the period counts from its
    first fraud inside it.
    """
    frauds = np.flatnonzero(period.fraud)
    frauds = frauds[np.lexsort((period.times[frauds], period.cards[frauds]))]
    cards, times = period.cards[frauds], period.times[frauds]
    quiet = np.diff(times) > np.timedelta64(gap)
    first = np.append(True, (np.diff(cards) != 0) | quiet)[: len(frauds)]
    burst = np.cumsum(first) - 1
    starts, number = np.flatnonzero(first), int(first.sum())

    alerts = np.cumsum(flags[frauds])
    earlier = np.append(0, alerts)[starts]
    lost = alerts == earlier[burst]
    amounts = period.amounts[frauds]
    return Bursts(
        cards=cards[starts],
        caught=_sums(burst, ~lost, number) > 0,
        lost=_sums(burst, lost, number),
        money=_sums(burst, amounts, number),
        money_lost=_sums(burst, np.where(lost, amounts, 0), number),
    )


def burst_metrics(period: Period, flags: Flags, gap: timedelta) -> BurstMetrics:
    """Return how many bursts there are, the share caught, the mean lost before the alert, the share of money saved.

    Without cards there are no bursts, nor where only some of a card's payments were looked into: nothing can be said.

    >>> at = np.array(["2020-01-01T08", "2020-01-01T09", "2020-01-02T10"], "datetime64[us]")
    >>> rows = Period(np.ones(3, np.int8), np.zeros(3, np.int64), at, np.array([1000, 3000, 4000]))
    >>> found = burst_metrics(rows, np.array([False, True, False]), timedelta(days=7))
    >>> found["bursts_caught"], found["frauds_before_alert"], found["money_before_alert"], found["money_saved"]
    (1.0, 1.0, 10.0, 0.875)
    """
    if not period.has_whole_cards:
        return dict.fromkeys(BURST_METRICS)
    found = find_bursts(period, flags, gap)
    number, money, lost = len(found.cards), int(found.money.sum()), int(found.money_lost.sum())
    return {
        "bursts": number,
        "bursts_caught": float(found.caught.mean()) if number else None,
        "frauds_before_alert": float(found.lost.mean()) if number else None,
        "money_before_alert": period.money(lost) / number if number else None,
        "money_saved": 1 - lost / money if money else None,
    }


def _sums(burst: Whole, values: Whole | Flags, number: int) -> Whole:
    """Return the sum of each burst, exact."""
    sums = np.zeros(number, np.int64)
    np.add.at(sums, burst, values)
    return sums
