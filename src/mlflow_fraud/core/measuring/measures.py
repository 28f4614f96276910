"""Metrics that can be computed again for any draws of the period's cards, all draws at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.measuring.compromise import Bursts, find_bursts
from mlflow_fraud.core.measuring.cost import CostRule, row_costs
from mlflow_fraud.core.measuring.metrics import Probabilities, Thresholds, calibration_groups
from mlflow_fraud.core.measuring.period import Period, Whole

Values = npt.NDArray[np.float64]
Times = npt.NDArray[Any]
"""How often each card was drawn, along the last axis: one draw, or a row for each of many."""

Measure = Callable[[Times], Values]
"""From how often each card was drawn to a metric of what was drawn; NaN where it cannot be computed."""

Sums = tuple[Values, Values | float]
"""What each card adds to a share's numerator and denominator, or a denominator that stays."""

Make = Callable[[Period, Probabilities, Thresholds, CostRule], Measure]

CELLS = 10_000_000
"""Cards times places that are held at once."""


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


def _alerts(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Sums:
    return _per_card(period, scores >= threshold), float(period.days)


def _brier(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Sums:
    return _per_card(period, (scores - period.labels) ** 2), _per_card(period, np.ones(len(scores)))


def _bursts(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Bursts:
    """Return the bursts; none where data has no whole cards."""
    frauds = period if period.has_whole_cards else replace(period, labels=np.zeros_like(period.labels))
    return find_bursts(frauds, scores >= threshold, costs.burst_gap)


def _caught(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Sums:
    found = _bursts(period, scores, threshold, costs)
    return _sum(found.cards, found.caught, period), _sum(found.cards, np.ones_like(found.caught), period)


def _lost_before(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Sums:
    found = _bursts(period, scores, threshold, costs)
    return _sum(found.cards, found.lost, period), _sum(found.cards, np.ones_like(found.lost), period)


def _money_before(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Sums:
    found = _bursts(period, scores, threshold, costs)
    lost = _sum(found.cards, found.money_lost, period) / 10**period.decimals
    return lost, _sum(found.cards, np.ones_like(found.lost), period)


def _saved(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Sums:
    found = _bursts(period, scores, threshold, costs)
    money = _sum(found.cards, found.money, period)
    return money - _sum(found.cards, found.money_lost, period), money


def _per_card(period: Period, values: npt.NDArray[Any]) -> Values:
    return _sum(period.cards, period.counted(values), period)


def _sum(cards: Whole, values: npt.NDArray[Any], period: Period) -> Values:
    return np.bincount(cards, weights=values, minlength=count_cards(period)).astype(np.float64)


def _ratio(above: Values, below: Values | float) -> Values:
    """Return the shares; NaN where there is nothing to share."""
    whole = np.asarray(below, np.float64)
    return np.where(whole > 0, above / np.where(whole > 0, whole, 1.0), np.nan)


def _share(
    sums: Callable[[Period, Probabilities, Thresholds, CostRule], Sums],
    period: Period,
    scores: Probabilities,
    threshold: Thresholds,
    costs: CostRule,
) -> Measure:
    """Return the measure of a share of sums over cards."""
    above, below = sums(period, scores, threshold, costs)
    return lambda times: _ratio(times @ above, below if isinstance(below, float) else times @ below)


def _f1(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Measure:
    """Return the measure of F1; without fraud there is none, however many are flagged in vain."""
    flags = scores >= threshold
    hits, flagged, frauds = (_per_card(period, each) for each in (flags & period.fraud, flags, period.fraud))

    def measure(times: Times) -> Values:
        total = times @ frauds
        return np.where(total > 0, _ratio(2 * (times @ hits), times @ flagged + total), np.nan)

    return measure


def _average_precision(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Measure:
    """Return the measure of average precision: exact for each draw, the rows are sorted only once."""
    order = np.argsort(-scores, kind="stable")
    ranked, cards, fraud = scores[order], period.cards[order], period.fraud[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True)) if len(ranked) else np.empty(0, np.intp)
    group = np.searchsorted(last, np.flatnonzero(fraud))  # equal scores are one group
    with_fraud, starts = np.unique(group, return_index=True)
    ends, fraud_cards = last[with_fraud] + 1, cards[fraud]
    before = _weight_before(cards, ends, count_cards(period), _ordered(period, order))
    each = period.counted(period.fraud)[order][fraud]

    def measure(times: Times) -> Values:
        if not len(ends):
            return np.full(times.shape[:-1], np.nan)
        flagged, hits = before(times), np.add.reduceat(times[..., fraud_cards] * each, starts, axis=-1)
        found = np.sum(hits * np.cumsum(hits, axis=-1) / np.maximum(flagged, 1), axis=-1)
        return _ratio(found, hits.sum(axis=-1))

    return measure


def _recall_at_budget(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Measure:
    """Return the measure of recall at the alert budget: a card that was drawn twice takes two places of the day.

    A row takes as many places as it stands for payments.
    """
    budget = costs.alerts_per_day
    order = np.lexsort((-scores, period.day_of_row))
    day, cards = period.day_of_row[order], period.cards[order]
    frauds = np.flatnonzero(period.fraud[order])
    places, at = np.unique(np.append(np.searchsorted(day, day[frauds]), frauds), return_inverse=True)
    begins, own = at[: len(frauds)], at[len(frauds) :]
    counted = _weight_before(cards, places, count_cards(period), _ordered(period, order))
    each = period.counted(period.fraud)[order][frauds]

    def measure(times: Times) -> Values:
        if budget is None or not len(frauds):
            return np.full(times.shape[:-1], np.nan)
        before, wanted = counted(times), times[..., cards[frauds]] * each
        found = np.clip(budget - (before[..., own] - before[..., begins]), 0, wanted)
        return _ratio(found.sum(axis=-1), wanted.sum(axis=-1))

    return measure


def _calibration_error(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Measure:
    """Return the measure of the calibration error; the groups are those of the whole period in every draw."""
    groups = calibration_groups(scores, period.stands_for)
    gaps = [_per_card(period, np.where(groups == each, scores - period.labels, 0.0)) for each in np.unique(groups)]
    rows, table = _per_card(period, np.ones(len(scores))), np.array(gaps).reshape(-1, count_cards(period)).T
    return lambda times: _ratio(np.abs(times @ table).sum(axis=-1), times @ rows)


def _ordered(period: Period, order: npt.NDArray[np.intp]) -> Values | None:
    return None if period.stands_for is None else period.stands_for[order]


def _weight_before(
    cards: Whole, places: npt.NDArray[np.intp], number: int, each: Values | None
) -> Callable[[Times], Values]:
    """Return what counts for each draw the drawn rows before each place; the places are in order, as `cards` are.

    `each` says for how many payments a row stands, in the same order.

    A product of matrices for so many places at a time as memory has room for; where all have, it is made only once.
    """
    step = max(1, CELLS // max(1, number))

    def rows_between(first: int) -> Values:
        some = places[first : first + step]
        begin = places[first - 1] if first else 0
        between = np.repeat(np.arange(len(some)), np.diff(some, prepend=begin))
        added = None if each is None else each[begin : some[-1]]
        cells = np.bincount(cards[begin : some[-1]] * len(some) + between, added, minlength=number * len(some))
        return cells.reshape(number, len(some)).astype(np.float64)

    kept = rows_between(0) if 0 < len(places) <= step else None

    def weight(times: Times) -> Values:
        counted, total = list[Values](), np.zeros((*times.shape[:-1], 1))
        for first in range(0, len(places), step):
            rows = rows_between(first) if kept is None else kept
            counted.append(total + np.cumsum(times @ rows, axis=-1))
            total = counted[-1][..., -1:]
        return np.concatenate(counted, axis=-1)

    return weight


MEASURES: dict[str, Make] = {
    "f1": _f1,
    "precision": partial(_share, _precision),
    "recall": partial(_share, _recall),
    "average_precision": _average_precision,
    "expected_cost": partial(_share, _cost),
    "bursts_caught": partial(_share, _caught),
    "money_saved": partial(_share, _saved),
}
"""Those whose intervals every candidate's test metrics have."""

DRAWN: dict[str, Make] = {
    **MEASURES,
    "recall_at_budget": _recall_at_budget,
    "calibration_error": _calibration_error,
    "brier": partial(_share, _brier),
    "alerts_per_day": partial(_share, _alerts),
    "frauds_before_alert": partial(_share, _lost_before),
    "money_before_alert": partial(_share, _money_before),
}
"""Those in which two contestants can be compared in the same draws."""
