"""Metrics that can be computed again for any draw of the period's cards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.measuring.compromise import Bursts, find_bursts
from mlflow_fraud.core.measuring.cost import CostRule, row_costs
from mlflow_fraud.core.measuring.metrics import Probabilities, Thresholds
from mlflow_fraud.core.measuring.period import Period, Whole

Values = npt.NDArray[np.float64]
Measure = Callable[[Whole], float]
"""From how often each card was drawn to a metric of what was drawn; NaN where it cannot be computed."""

Sums = tuple[Values, Values | float]
"""What each card adds to a share's numerator and denominator, or a denominator that stays."""


def count_cards(period: Period) -> int:
    """Return how many cards the period has."""
    return int(period.cards.max()) + 1 if len(period.cards) else 0


def _precision(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Sums:
    flags = scores >= threshold
    return _per_card(period, flags & period.fraud), _per_card(period, flags)


def _recall(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Sums:
    return _per_card(period, (scores >= threshold) & period.fraud), _per_card(period, period.fraud)


def _cost(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Sums:
    return _per_card(period, row_costs(period, scores >= threshold, costs)), float(period.days)


def _bursts(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Bursts:
    """Return the bursts; none where data has no cards."""
    frauds = period if period.has_cards else replace(period, labels=np.zeros_like(period.labels))
    return find_bursts(frauds, scores >= threshold, costs.burst_gap)


def _caught(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Sums:
    found = _bursts(period, scores, threshold, costs)
    return _sum(found.cards, found.caught, period), _sum(found.cards, np.ones_like(found.caught), period)


def _saved(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Sums:
    found = _bursts(period, scores, threshold, costs)
    money = _sum(found.cards, found.money, period)
    return money - _sum(found.cards, found.money_lost, period), money


def _per_card(period: Period, values: npt.NDArray[Any]) -> Values:
    return _sum(period.cards, values, period)


def _sum(cards: Whole, values: npt.NDArray[Any], period: Period) -> Values:
    return np.bincount(cards, weights=values, minlength=count_cards(period)).astype(np.float64)


def _share(
    sums: Callable[[Period, Probabilities, Thresholds, CostRule], Sums],
    period: Period,
    scores: Probabilities,
    threshold: Thresholds,
    costs: CostRule,
) -> Measure:
    """Return the measure of a share of sums over cards."""
    above, below = sums(period, scores, threshold, costs)

    def measure(times: Whole) -> float:
        whole = below if isinstance(below, float) else float(np.sum(times * below))
        return float(np.sum(times * above)) / whole if whole else np.nan

    return measure


def _f1(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Measure:
    """Return the measure of F1; without fraud there is none, however many are flagged in vain."""
    flags = scores >= threshold
    hits, flagged, frauds = (_per_card(period, each) for each in (flags & period.fraud, flags, period.fraud))

    def measure(times: Whole) -> float:
        total = float(np.sum(times * frauds))
        return 2 * float(np.sum(times * hits)) / (float(np.sum(times * flagged)) + total) if total else np.nan

    return measure


def _average_precision(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Measure:
    """Return the measure of average precision: exact for each draw, the rows are sorted only once."""
    order = np.argsort(-scores, kind="stable")
    ranked, cards, fraud = scores[order], period.cards[order], period.fraud[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True)) if len(ranked) else np.empty(0, np.intp)
    group = np.searchsorted(last, np.flatnonzero(fraud))  # equal scores are one group
    with_fraud, place = np.unique(group, return_inverse=True)
    ends, fraud_cards = last[with_fraud], cards[fraud]

    def measure(times: Whole) -> float:
        flagged = np.cumsum(times[cards])[ends]
        hits = np.bincount(place, weights=times[fraud_cards], minlength=len(ends))
        total = hits.sum()
        return float(np.sum(hits * np.cumsum(hits) / np.maximum(flagged, 1)) / total) if total else np.nan

    return measure


MEASURES: dict[str, Callable[[Period, Probabilities, Thresholds, CostRule], Measure]] = {
    "f1": _f1,
    "precision": partial(_share, _precision),
    "recall": partial(_share, _recall),
    "average_precision": _average_precision,
    "expected_cost": partial(_share, _cost),
    "bursts_caught": partial(_share, _caught),
    "money_saved": partial(_share, _saved),
}
