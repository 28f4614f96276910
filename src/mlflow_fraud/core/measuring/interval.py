"""How sure a metric is: a block bootstrap over cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.measures import MEASURES, Make, count_cards
from mlflow_fraud.core.measuring.metrics import Probabilities, Thresholds
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.progress import Progress, Step, tell
from mlflow_fraud.core.strict import Strict

Bounds = tuple[float, float]

IN_THE_TAIL = 10
"""So many draws lie beyond each bound at the least: a quantile that is read off fewer is mostly chance."""

AT_ONCE = 50
"""So many draws are computed together."""


class BootstrapRule(Strict):
    """How the interval is drawn."""

    samples: int = Field(default=500, ge=100)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    seed: int = 7

    @property
    def tail(self) -> float:
        """The share of draws that lies beyond each bound."""
        return (1 - self.confidence) / 2

    @model_validator(mode="after")
    def _has_draws_in_the_tail(self) -> Self:
        needed = ceil(round(IN_THE_TAIL / self.tail, 6))
        if self.samples < needed:
            raise ValueError(
                f"samples {self.samples} leaves {self.samples * self.tail:.3g} draws beyond each bound of a confidence "
                f"of {self.confidence}, {IN_THE_TAIL} are needed to read it; set {needed} or more"
            )
        return self


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
    *,
    of: Mapping[str, Make] = MEASURES,
) -> dict[str, Bounds | None]:
    """Return the confidence interval of each measure in `of`; None where no draw had one, or there is one card.

    Whole cards are redrawn, because the frauds of one card come in bursts and are not independent; where data has no
    cards, whole blocks of time.
    Percentile interval (Efron, 1979). The threshold stays: its choice is not part of what may vary.
    """
    measures = {name: make(period, scores, threshold, costs) for name, make in of.items()}
    drawn = [np.empty((len(measures), 0))]
    for times in draws(period, rule):
        tell(progress, Step("intervals", sum(each.shape[1] for each in drawn), rule.samples, "draws"))
        drawn.append(np.array([measure(times) for measure in measures.values()]))
    columns = np.concatenate(drawn, axis=1)
    return {name: _bounds(column, rule) for name, column in zip(measures, columns, strict=True)}


def draws(period: Period, rule: BootstrapRule) -> Iterator[npt.NDArray[np.float64]]:
    """Give how often each card was drawn, some samples at a time; none of one card, which is the same in all."""
    draw, number = np.random.default_rng(rule.seed), count_cards(period)
    for done in range(0, rule.samples if number > 1 else 0, AT_ONCE):
        some = min(AT_ONCE, rule.samples - done)
        yield draw.multinomial(number, np.full(number, 1 / number), size=some).astype(np.float64)


def _bounds(drawn: npt.NDArray[np.float64], rule: BootstrapRule) -> Bounds | None:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return None
    lower, upper = np.quantile(known, [rule.tail, 1 - rule.tail])
    return float(lower), float(upper)
