"""Whether the file that ships is what was judged: the last judged model's twin, on days that neither has learned."""

from __future__ import annotations

from math import exp, inf, isfinite, lgamma, log, nan

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mlflow_fraud.core.measuring.metrics import Probabilities, Thresholds
from mlflow_fraud.core.strict import Strict

SURELY = 0.05
"""Alerts that only one of the two gives are apart by chance with at least this probability."""


class TwinRule(Strict):
    """The section `compare.twin` of `params.yaml`: within which bounds two models are twins.

    `rank` is the least rank correlation; alerts and mean probability may differ by at most these factors.
    """

    rank: float = Field(default=0.4, ge=-1, le=1)
    alerts: float = Field(default=3.0, ge=1)
    mean: float = Field(default=8.0, ge=1)


class Twin(Strict):
    """What the two gave to the same `rows`, the judged one first.

    `alerts` are how many rows each flags, `alone` how many only it does, `means` the mean probabilities. `rank` is
    Spearman's correlation, None where it cannot be told; a figure that is no number is None, too.
    """

    rows: int
    rank: float | None
    alerts: tuple[int, int]
    alone: tuple[int, int]
    means: tuple[float | None, float | None]

    def against(self, rule: TwinRule) -> tuple[str, ...]:
        """Return what speaks against the two being twins; what cannot be told does.

        Alerts are rare, so a factor between them says something only where chance does not explain those that one
        gives alone (sign test, exact, at 5 %).

        >>> Twin(rows=900, rank=0.9, alerts=(9, 0), alone=(9, 0), means=(0.01, 0.01)).against(TwinRule())
        ("alerts 9 and 0, the last judged model's first: more than 3 times apart",)
        """
        if not self.rows:
            return ("there is no row that neither the last judged model nor what ships has learned",)
        against = []
        if self.rank is None or not self.rank >= rule.rank:
            said = "cannot be told" if self.rank is None else f"{self.rank:.2f}"
            against.append(f"rank correlation {said} with the last judged model, at least {rule.rank:.2f} is needed")
        if _apart(*self.alerts) > rule.alerts and _by_chance(*self.alone) < SURELY:
            said = f"alerts {self.alerts[0]} and {self.alerts[1]}"
            against.append(f"{said}, the last judged model's first: more than {rule.alerts:g} times apart")
        judged, shipped = self.means
        if judged is None or shipped is None or not _apart(judged, shipped) <= rule.mean:
            said = f"mean probability {judged} and {shipped}"
            against.append(f"{said}, the last judged model's first: more than {rule.mean:g} times apart, or no numbers")
        return tuple(against)


def compare_twins(judged: Probabilities, shipped: Probabilities, thresholds: tuple[Thresholds, Thresholds]) -> Twin:
    """Return how alike two models answer on the same rows; a threshold that is no number leaves nothing to be told.

    >>> scores = np.linspace(0.0, 0.9, 50)
    >>> compare_twins(scores, scores * 0.9, (0.5, 0.45)).against(TwinRule())
    ()
    >>> compare_twins(scores, 1 - scores, (0.5, 0.5)).against(TwinRule())
    ('rank correlation -1.00 with the last judged model, at least 0.40 is needed',)
    """
    if not all(np.isfinite(each).all() for each in thresholds):
        return Twin(rows=0, rank=None, alerts=(0, 0), alone=(0, 0), means=(None, None))
    ours, theirs = (scores >= at for scores, at in zip((judged, shipped), thresholds, strict=True))
    return Twin(
        rows=len(judged),
        rank=_rank_correlation(judged, shipped),
        alerts=(int(ours.sum()), int(theirs.sum())),
        alone=(int((ours & ~theirs).sum()), int((theirs & ~ours).sum())),
        means=(_mean(judged), _mean(shipped)),
    )


def _mean(scores: Probabilities) -> float | None:
    mean = float(np.mean(scores)) if len(scores) else nan
    return round(mean, 9) if isfinite(mean) else None


def _apart(left: float, right: float) -> float:
    """Return how many times the larger is the smaller; two of nothing are not apart."""
    low, high = min(left, right), max(left, right)
    return 1.0 if high == low else inf if low <= 0 else high / low


def _by_chance(left: int, right: int) -> float:
    """Return how probable it is that two that are each as likely are so far apart (sign test, two-sided, exact)."""
    tosses, fewer = left + right, min(left, right)
    whole = lgamma(tosses + 1) - tosses * log(2)  # in logarithms, as thousands of alerts make long numbers
    return min(1.0, 2 * sum(exp(whole - lgamma(few + 1) - lgamma(tosses - few + 1)) for few in range(fewer + 1)))


def _rank_correlation(left: Probabilities, right: Probabilities) -> float | None:
    """Return Spearman's rho; None where all of one are equal, or a score is no number."""
    if not len(left) or not (np.isfinite(left).all() and np.isfinite(right).all()):
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
