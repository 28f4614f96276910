"""How good scores are, whatever they are about: decisions at a threshold, curves, honesty of the probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.labels import Labels

Probabilities = npt.NDArray[np.float64]
Thresholds = float | npt.NDArray[np.float64]
"""From which score on a row is flagged: one for all of them, or one for each."""
Weighing = npt.NDArray[np.float64] | None
"""For how many payments each row stands; None where each stands for itself."""
Metrics = dict[str, float | None]
"""None where a metric is not defined."""

ROUNDING = 1e-9
"""What sums of scores may be off by when they are cut into equal parts."""


@dataclass(frozen=True)
class Confusion:
    """Counts of decisions: flagged and fraud, flagged in vain, missed, rightly passed; of weighted rows, estimates.

    Their shares are then ratios of two estimated sums (Sawade, Landwehr and Scheffer, 2010, "Active Estimation of
    F-Measures"): what was drawn seldom counts the more.
    """

    true_positives: float
    false_positives: float
    false_negatives: float
    true_negatives: float

    @property
    def frauds(self) -> float:
        """How many are fraud."""
        return self.true_positives + self.false_negatives

    @property
    def precision(self) -> float | None:
        """Share of the flagged that is fraud; not defined when nothing is flagged."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """Share of the fraud that is flagged; not defined when there is none."""
        return _share(self.true_positives, self.frauds)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; not defined without fraud, 0 when all of it is missed.

        >>> round(Confusion(8, 2, 2, 88).f1, 3)
        0.8
        >>> Confusion(0, 0, 3, 97).f1, Confusion(0, 2, 0, 98).f1
        (0.0, None)
        """
        doubled = 2 * self.true_positives
        return _share(doubled, doubled + self.false_positives + self.false_negatives) if self.frauds else None


def defined(value: float | None) -> float | None:
    """Return a number as it is; None for what is no number to judge by: missing, NaN, infinite.

    >>> defined(0.5), defined(None), defined(float("nan")), defined(float("inf"))
    (0.5, None, None, None)
    """
    return value if value is not None and isfinite(value) else None


def told(value: float | None, form: str = ".4f") -> str:
    """Return a metric for a person: a dash where it is not defined.

    >>> told(0.5), told(2.25, ".1f"), told(None)
    ('0.5000', '2.2', '-')
    """
    return "-" if defined(value) is None else f"{value:{form}}"


def confusion(labels: Labels, scores: Probabilities, threshold: Thresholds, weights: Weighing = None) -> Confusion:
    """Return the counts when everything at or over `threshold` is flagged."""
    flagged, fraud = scores >= threshold, labels == 1

    def count(rows: npt.NDArray[np.bool_]) -> float:
        return int(rows.sum()) if weights is None else float(weights[rows].sum())

    return Confusion(
        true_positives=count(flagged & fraud),
        false_positives=count(flagged & ~fraud),
        false_negatives=count(~flagged & fraud),
        true_negatives=count(~flagged & ~fraud),
    )


def brier(labels: Labels, scores: Probabilities, weights: Weighing = None) -> float:
    """Return the mean squared gap between probability and outcome (Brier, 1950); some row is needed."""
    gaps = (scores - labels) ** 2
    return float(np.mean(gaps)) if weights is None else float(np.sum(gaps * weights) / np.sum(weights))


def calibration_error(labels: Labels, scores: Probabilities, weights: Weighing = None, *, groups: int = 10) -> float:
    """Return the expected calibration error (Naeini et al., 2015): how far the shares of fraud are from the scores.

    The groups, from the lowest scores to the highest, hold equally many expected frauds, not equally many rows:
    where one row in two hundred is fraud, groups of rows would put all that is suspicious into one. Equal scores
    are in one group. Each group counts by its rows, so the error is a share of all rows.

    >>> calibration_error(np.array([0, 1], np.int8), np.array([0.0, 1.0]))
    0.0
    >>> calibration_error(np.array([0, 0, 0, 1], np.int8), np.full(4, 0.5))
    0.25
    """
    gap = scores - labels if weights is None else (scores - labels) * weights
    gaps = np.bincount(calibration_groups(scores, weights, groups=groups), weights=gap, minlength=groups + 1)
    return float(np.abs(gaps).sum() / (len(labels) if weights is None else weights.sum()))


def calibration_groups(scores: Probabilities, weights: Weighing = None, *, groups: int = 10) -> npt.NDArray[np.int64]:
    """Return the group of each row: from the lowest scores to the highest, with equally many expected frauds each.

    >>> calibration_groups(np.array([0.9, 0.1, 0.8, 0.2]), groups=2).tolist()
    [2, 1, 2, 1]
    """
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    expected = np.cumsum(ranked if weights is None else ranked * weights[order])
    last_of_score = np.searchsorted(ranked, ranked, side="right") - 1
    some = len(ranked) > 0 and expected[-1] > 0
    share = expected[last_of_score] / expected[-1] if some else np.ones(len(ranked))
    group = np.empty(len(ranked), np.int64)
    group[order] = np.minimum(np.ceil(share * groups - ROUNDING), groups)
    return group


def reliability_points(
    labels: Labels, scores: Probabilities, weights: Weighing = None, *, bins: int = 10
) -> list[dict[str, float]]:
    """Return mean score, share of fraud and rows of each tenth of the scale from 0 to 1 that has rows.

    Of weighted rows it is said how many equal ones would tell as much (Kish, 1965).

    >>> reliability_points(np.array([0, 0, 1], np.int8), np.array([0.01, 0.03, 0.9]))[0]
    {'score': 0.02, 'fraud': 0.0, 'rows': 2.0}
    """
    group = np.minimum((scores * bins).astype(np.int64), bins - 1)
    each = np.ones(len(scores)) if weights is None else weights
    rows, total, frauds, squares = (
        np.bincount(group, weights=added, minlength=bins) for added in (each, scores * each, labels * each, each**2)
    )
    return [
        {
            "score": float(total[b] / rows[b]),
            "fraud": float(frauds[b] / rows[b]),
            "rows": float(rows[b] ** 2 / squares[b]),
        }
        for b in np.flatnonzero(rows)
    ]


def share_interval(share: float, rows: float) -> tuple[float, float]:
    """Return the 95 % interval of a share that was seen in so many rows (Wilson, 1927).

    >>> lower, upper = share_interval(0.5, 4)
    >>> round(lower, 2), round(upper, 2)
    (0.15, 0.85)
    """
    z = 1.96
    middle, half = share + z * z / (2 * rows), z * float(np.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2))
    return (middle - half) / (1 + z * z / rows), (middle + half) / (1 + z * z / rows)


def precision_recall_points(
    labels: Labels, scores: Probabilities, weights: Weighing = None, *, points: int = 200
) -> list[dict[str, float]]:
    """Return the precision-recall curve thinned to `points`, from the highest threshold down; none without fraud."""
    if not labels.any():
        return []
    order = np.argsort(-scores, kind="stable")
    each = np.ones(len(scores), np.int64) if weights is None else weights[order]
    hits, flagged = np.cumsum(labels[order] * each), np.cumsum(each)
    last_of_score = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    chosen = last_of_score[np.unique(_spread(hits[last_of_score], points))]
    total = hits[-1]
    return [
        {
            "recall": float(hits[place] / total),
            "precision": float(hits[place] / flagged[place]),
            "threshold": float(scores[order[place]]),
        }
        for place in chosen
    ]


def _spread(hits: npt.NDArray[Any], points: int) -> npt.NDArray[np.intp]:
    """Return the places where recall reaches `points` evenly spaced levels."""
    return np.clip(np.searchsorted(hits, np.linspace(1, hits[-1], points)), 0, len(hits) - 1)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
