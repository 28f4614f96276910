"""How sure a metric is, and a difference of two: a block bootstrap over cards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.evaluation import gain
from mlflow_fraud.core.measuring.measures import MEASURES, count_cards
from mlflow_fraud.core.measuring.metrics import Probabilities, Thresholds
from mlflow_fraud.core.measuring.period import Period, Whole
from mlflow_fraud.core.progress import Progress, Step, tell
from mlflow_fraud.core.strict import Strict

Bounds = tuple[float, float]


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
    period: Period,
    scores: Probabilities,
    threshold: Thresholds,
    costs: CostRule,
    rule: BootstrapRule,
    progress: Progress = lambda line: None,
) -> dict[str, Bounds | None]:
    """Return the confidence interval of each of the `MEASURES`; None where no draw had one, or there is one card.

    Whole cards are redrawn, because the frauds of one card come in bursts and are not independent; where data has no
    cards, whole blocks of time.
    Percentile interval (Efron, 1979). The threshold stays: its choice is not part of what may vary.
    """
    measures = {name: make(period, scores, threshold, costs) for name, make in MEASURES.items()}
    drawn = list[list[float]]()
    for times in _draws(period, rule):
        tell(progress, Step("intervals", len(drawn), rule.samples, "draws"))
        drawn.append([measure(times) for measure in measures.values()])
    columns = np.array(drawn, np.float64).reshape(-1, len(measures)).T
    return {name: _bounds(column, rule) for name, column in zip(measures, columns, strict=True)}


def difference(
    metric: str,
    period: Period,
    challenger: tuple[Probabilities, Thresholds],
    champion: tuple[Probabilities, Thresholds],
    costs: CostRule,
    rule: BootstrapRule,
) -> Interval | None:
    """Return the interval of the challenger's gain in `metric` over the champion, in the same draws of the same rows.

    Each is given by its scores and its threshold. What is better is positive, also where lower is better.
    None where the metric cannot be computed, or in so many draws that a bound is among those it is not known of.
    """
    ours, theirs = (MEASURES[metric](period, *each, costs) for each in (challenger, champion))
    drawn = np.array([gain(metric, theirs(times), ours(times)) for times in _draws(period, rule)])
    once = np.ones(count_cards(period), np.int64)
    estimate, bounds = gain(metric, theirs(once), ours(once)), _bounds(drawn, rule)
    surely = np.mean(~np.isfinite(drawn)) < _tail(rule) if len(drawn) else False
    return Interval(estimate, *bounds) if bounds and surely and np.isfinite(estimate) else None


def _draws(period: Period, rule: BootstrapRule) -> Iterator[Whole]:
    """Give for each sample how often each card was drawn; no sample of one card, which is the same in all."""
    draw, number = np.random.default_rng(rule.seed), count_cards(period)
    for _ in range(rule.samples if number > 1 else 0):
        yield draw.multinomial(number, np.full(number, 1 / number))


def _bounds(drawn: npt.NDArray[np.float64], rule: BootstrapRule) -> Bounds | None:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return None
    lower, upper = np.quantile(known, [_tail(rule), 1 - _tail(rule)])
    return float(lower), float(upper)


def _tail(rule: BootstrapRule) -> float:
    """Return the share of draws that lies beyond each bound."""
    return (1 - rule.confidence) / 2
