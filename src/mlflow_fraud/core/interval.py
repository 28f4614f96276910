"""How sure a metric is, and a difference of two: a block bootstrap over cards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mlflow_fraud.core.compromise import find_bursts
from mlflow_fraud.core.cost import CostRule, row_costs
from mlflow_fraud.core.evaluation import gain
from mlflow_fraud.core.metrics import Probabilities
from mlflow_fraud.core.period import Period, Whole
from mlflow_fraud.core.strict import Strict

Bounds = tuple[float, float]
Values = npt.NDArray[np.float64]
Measure = Callable[[Whole], float]
"""From how often each card was drawn to a metric of what was drawn; NaN where it cannot be computed."""


class BootstrapRule(Strict):
    """How the interval is drawn."""

    samples: int = Field(default=500, ge=100)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    seed: int = 7


@dataclass(frozen=True)
class Interval:
    """A difference with its confidence interval."""

    estimate: float
    lower: float
    upper: float


def intervals(
    period: Period, scores: Probabilities, threshold: float, costs: CostRule, rule: BootstrapRule
) -> dict[str, Bounds | None]:
    """Return the confidence interval of each metric in `MEASURES`; None where no draw had one.

    Whole cards are redrawn, because the frauds of one card come in bursts and are not independent.
    Percentile interval (Efron, 1979). The threshold stays: its choice is not part of what may vary.
    """
    measures = {name: make(period, scores, threshold, costs) for name, make in MEASURES.items()}
    drawn = [[measure(times) for measure in measures.values()] for times in _draws(period, rule)]
    columns = np.array(drawn, np.float64).reshape(-1, len(measures)).T
    return {name: _bounds(column, rule) for name, column in zip(measures, columns, strict=True)}


def difference(
    metric: str,
    period: Period,
    challenger: tuple[Probabilities, float],
    champion: tuple[Probabilities, float],
    costs: CostRule,
    rule: BootstrapRule,
) -> Interval | None:
    """Return the interval of the challenger's gain in `metric` over the champion, in the same draws of the same rows.

    Each is given by its scores and its threshold. What is better is positive, also where lower is better.
    None where the metric cannot be computed.
    """
    ours, theirs = (MEASURES[metric](period, *each, costs) for each in (challenger, champion))
    drawn = np.array([gain(metric, theirs(times), ours(times)) for times in _draws(period, rule)])
    once = np.ones(_cards(period), np.int64)
    estimate, bounds = gain(metric, theirs(once), ours(once)), _bounds(drawn, rule)
    return Interval(estimate, *bounds) if bounds and np.isfinite(estimate) else None


def _draws(period: Period, rule: BootstrapRule) -> Iterator[Whole]:
    """Give for each sample how often each card was drawn."""
    draw, number = np.random.default_rng(rule.seed), _cards(period)
    for _ in range(rule.samples if number else 0):
        yield draw.multinomial(number, np.full(number, 1 / number))


def _bounds(drawn: Values, rule: BootstrapRule) -> Bounds | None:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return None
    tail = (1 - rule.confidence) / 2
    lower, upper = np.quantile(known, [tail, 1 - tail])
    return float(lower), float(upper)


def _cards(period: Period) -> int:
    return int(period.cards.max()) + 1 if len(period.cards) else 0


Sums = tuple[Values, Values | float]
"""What each card adds to a share's numerator and denominator, or a denominator that stays."""


def _f1(period: Period, scores: Probabilities, threshold: float, costs: CostRule) -> Sums:
    flags = scores >= threshold
    return _per_card(period, 2.0 * (flags & period.fraud)), _per_card(period, 1.0 * flags + period.fraud)


def _precision(period: Period, scores: Probabilities, threshold: float, costs: CostRule) -> Sums:
    flags = scores >= threshold
    return _per_card(period, flags & period.fraud), _per_card(period, flags)


def _recall(period: Period, scores: Probabilities, threshold: float, costs: CostRule) -> Sums:
    return _per_card(period, (scores >= threshold) & period.fraud), _per_card(period, period.fraud)


def _cost(period: Period, scores: Probabilities, threshold: float, costs: CostRule) -> Sums:
    return _per_card(period, row_costs(period, scores >= threshold, costs)), float(period.days)


def _caught(period: Period, scores: Probabilities, threshold: float, costs: CostRule) -> Sums:
    found = find_bursts(period, scores >= threshold, costs.burst_gap)
    return _sum(found.cards, found.caught, period), _sum(found.cards, np.ones_like(found.caught), period)


def _saved(period: Period, scores: Probabilities, threshold: float, costs: CostRule) -> Sums:
    found = find_bursts(period, scores >= threshold, costs.burst_gap)
    money = _sum(found.cards, found.money, period)
    return money - _sum(found.cards, found.money_lost, period), money


def _per_card(period: Period, values: npt.NDArray[Any]) -> Values:
    return _sum(period.cards, values, period)


def _sum(cards: Whole, values: npt.NDArray[Any], period: Period) -> Values:
    return np.bincount(cards, weights=values, minlength=_cards(period)).astype(np.float64)


def _share(
    sums: Callable[[Period, Probabilities, float, CostRule], Sums],
    period: Period,
    scores: Probabilities,
    threshold: float,
    costs: CostRule,
) -> Measure:
    """Return the measure of a share of sums over cards."""
    above, below = sums(period, scores, threshold, costs)

    def measure(times: Whole) -> float:
        whole = below if isinstance(below, float) else float(times @ below)
        return float(times @ above) / whole if whole else np.nan

    return measure


def _average_precision(period: Period, scores: Probabilities, threshold: float, costs: CostRule) -> Measure:
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


MEASURES: dict[str, Callable[[Period, Probabilities, float, CostRule], Measure]] = {
    "f1": partial(_share, _f1),
    "precision": partial(_share, _precision),
    "recall": partial(_share, _recall),
    "average_precision": _average_precision,
    "expected_cost": partial(_share, _cost),
    "bursts_caught": partial(_share, _caught),
    "money_saved": partial(_share, _saved),
}
