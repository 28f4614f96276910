"""Whether the file that ships is what was judged: the last judged model's twin, on days that neither has learned."""

from __future__ import annotations

from math import isfinite, sqrt
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from mlflow_fraud.core.measuring.metrics import Probabilities
from mlflow_fraud.core.strict import Strict

BY_CHANCE = 3.0
"""Standard deviations by which two counts of one rate may differ."""


class TwinRule(Strict):
    """The section `ship.twin` of `params.yaml`: within which bounds two models are twins.

    `rank` is the least rank correlation; alert rate and mean probability may differ by at most these factors.
    """

    rank: float = Field(default=0.7, ge=-1, le=1)
    alerts: float = Field(default=2.0, ge=1)
    mean: float = Field(default=2.0, ge=1)


class Twin(Strict):
    """What the two gave to the same `rows`, the judged one first; None where it cannot be told."""

    rows: int
    rank: float | None
    alerts: tuple[float, float]
    means: tuple[float, float]
    against: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether they are twins."""
        return not self.against

    @model_validator(mode="after")
    def _is_of_rows(self) -> Self:
        if self.rows <= 0 and not self.against:
            raise ValueError("nothing was compared, and nothing is against it")
        return self


def compare_twins(
    judged: Probabilities, shipped: Probabilities, thresholds: tuple[float, float], rule: TwinRule
) -> Twin:
    """Return whether `shipped` answers as `judged` does, by rank, alerts and mean; what cannot be told is against it.

    Alerts are rare: they are apart only where they are so by more than three standard deviations of two such counts
    (Poisson), so that one alert against none says nothing.

    >>> scores = np.linspace(0.0, 0.9, 50)
    >>> compare_twins(scores, scores * 0.9, (0.5, 0.45), TwinRule()).holds
    True
    >>> compare_twins(scores, 1 - scores, (0.5, 0.5), TwinRule()).against
    ('rank correlation -1.00 with the last judged model, at least 0.70 is needed',)
    """
    number = len(judged)
    if not number:
        return Twin(rows=0, rank=None, alerts=(0, 0), means=(0, 0), against=("no row that neither model has learned",))
    flagged = [float((scores >= at).sum()) for scores, at in zip((judged, shipped), thresholds, strict=True)]
    means = [float(np.mean(scores)) for scores in (judged, shipped)]
    rank = _rank_correlation(judged, shipped)
    against = []
    if rank is None or not rank >= rule.rank:
        said = "cannot be told" if rank is None else f"{rank:.2f}"
        against.append(f"rank correlation {said} with the last judged model, at least {rule.rank:.2f} is needed")
    if abs(flagged[0] - flagged[1]) > BY_CHANCE * sqrt(sum(flagged)):
        against += _apart("alerts", flagged, rule.alerts)
    against += _apart("mean probability", means, rule.mean)
    return Twin(
        rows=number,
        rank=rank,
        alerts=(flagged[0] / number, flagged[1] / number),
        means=(means[0], means[1]),
        against=tuple(against),
    )


def _apart(what: str, pair: list[float], most: float) -> list[str]:
    low, high = min(pair), max(pair)
    factor = high / low if low > 0 else float("inf")
    if isfinite(factor) and factor <= most:
        return []
    return [f"{what} {factor:.2f} times apart from the last judged model's, at most {most:.2f} is allowed"]


def _rank_correlation(left: Probabilities, right: Probabilities) -> float | None:
    """Return Spearman's rho; None where all of one are equal, or a score is no number."""
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        return None
    ranks = [_ranks(scores) for scores in (left, right)]
    spreads = [float(np.std(each)) for each in ranks]
    if min(spreads) == 0:
        return None
    shared = float(np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())))
    return round(shared / (spreads[0] * spreads[1]), 6)


def _ranks(scores: Probabilities) -> npt.NDArray[np.float64]:
    """Return each score's rank, equal scores their mean one."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: npt.NDArray[np.float64] = (last - (counts - 1) / 2)[place]
    return means
