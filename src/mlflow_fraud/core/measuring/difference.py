"""How sure the difference of two contestants is: both in the same draws of the same rows, several metrics at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.evaluation import gain
from mlflow_fraud.core.measuring.interval import BootstrapRule, Interval, draws
from mlflow_fraud.core.measuring.measures import DRAWN, Make, count_cards
from mlflow_fraud.core.measuring.metrics import Probabilities, Thresholds
from mlflow_fraud.core.measuring.period import Period

Side = tuple[Probabilities, Thresholds]
"""Scores, and the threshold of all or of each."""

FEWEST_BLOCKS = 4
"""Of fewer cards with fraud no difference is said to be known: draws of so few say little of what else could be."""

FEWEST_IN_A_TAIL = 10
"""No bound is read off fewer draws beyond it: the outermost draws are where chance is largest."""


@dataclass(frozen=True)
class Difference:
    """A gain, what is better being positive, and what its draws say of it.

    `error` is the standard deviation of the draws, and `blocks` how many cards had a fraud to tell the two apart by.
    `drawn` has the draws themselves in their order, NaN where one had no such metric.
    """

    estimate: float
    error: float
    blocks: int
    drawn: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0), compare=False, repr=False)

    def lower(self, alpha: float) -> float:
        """Return the bound that the gain is below with a probability of at most `alpha`.

        The quantile of the draws (Efron, 1979), or Student's bound from their standard deviation where that is
        further out; beyond the last quantile that has `FEWEST_IN_A_TAIL` draws in its tail the latter alone can speak.

        >>> round(Difference(0.03, 0.01, 1000).lower(0.025), 4)
        0.0104
        """
        return self._bound(alpha, -1)

    def upper(self, alpha: float) -> float:
        """Return the bound that the gain is above with a probability of at most `alpha`; see `lower`."""
        return self._bound(alpha, 1)

    def interval(self, alpha: float) -> Interval:
        """Return the estimate between its two bounds, `alpha` beyond each."""
        return Interval(self.estimate, self.lower(alpha), self.upper(alpha))

    def _bound(self, alpha: float, side: int) -> float:
        formula = self.estimate + side * student(alpha, self.blocks - 1) * self.error
        known = self.drawn[np.isfinite(self.drawn)]
        readable = max(alpha, FEWEST_IN_A_TAIL / len(known)) if len(known) else 1.0
        if readable >= 0.5:
            return formula
        quantile = float(np.quantile(known, readable if side < 0 else 1 - readable))
        return side * max(side * formula, side * quantile)


def differences(
    metrics: Iterable[str],
    period: Period,
    challenger: Side,
    champion: Side,
    costs: CostRule,
    rule: BootstrapRule,
    *,
    of: Mapping[str, Make] = DRAWN,
) -> dict[str, Difference | None]:
    """Return the challenger's gain over the champion in each metric; the draws are the same for all of them.

    `of` says how each is measured; of one that nobody says which side is better of, more is.

    None where the metric cannot be computed, or in so many draws that a bound is among those it is not known of, or
    where fewer than `FEWEST_BLOCKS` cards had a fraud.
    """
    names = tuple(dict.fromkeys(metrics))
    pairs = [[of[name](period, *each, costs) for each in (challenger, champion)] for name in names]
    drawn = [np.empty((len(names), 0))]
    for times in draws(period, rule):
        drawn.append(_gains(names, [[measure(times) for measure in pair] for pair in pairs]))
    once = np.ones((1, count_cards(period)))
    estimates = _gains(names, [[measure(once) for measure in pair] for pair in pairs])[:, 0]
    blocks = len(np.unique(period.cards[period.fraud]))
    return {
        name: _difference(float(estimate), found, blocks, rule)
        for name, estimate, found in zip(names, estimates, np.concatenate(drawn, axis=1), strict=True)
    }


def student(alpha: float, freedom: int) -> float:
    """Return what Student's t with so many degrees of freedom is above with probability `alpha`; infinite without any.

    >>> round(student(0.025, 30), 3), round(student(0.025, 10**9), 3), student(0.025, 0)
    (2.042, 1.96, inf)
    """
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # slow to import, and settings know of this module

    return float(stdtrit(freedom, 1 - alpha)) if freedom > 0 else float("inf")


def _gains(names: tuple[str, ...], values: list[list[npt.NDArray[np.float64]]]) -> npt.NDArray[np.float64]:
    return np.array([gain(name, theirs, ours) for name, (ours, theirs) in zip(names, values, strict=True)])  # type: ignore[arg-type]


def _difference(estimate: float, drawn: npt.NDArray[np.float64], blocks: int, rule: BootstrapRule) -> Difference | None:
    known = drawn[np.isfinite(drawn)]
    if not (isfinite(estimate) and blocks >= FEWEST_BLOCKS and len(known) and 1 - len(known) / len(drawn) < rule.tail):
        return None
    return Difference(estimate, float(np.std(known)), blocks, drawn)
