"""How good a model is: discrimination, decisions at a threshold, and honesty of the probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from mlflow_fraud.core.candidates import Labels

Probabilities = npt.NDArray[np.float64]
Metrics = dict[str, float | None]


@dataclass(frozen=True)
class Confusion:
    """Counts of decisions: flagged and fraud, flagged in vain, missed, rightly passed."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def precision(self) -> float:
        """Share of the flagged that is fraud; 0 when nothing is flagged."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the fraud that is flagged; 0 when there is none."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall.

        >>> round(Confusion(8, 2, 2, 88).f1, 3)
        0.8
        """
        return _share(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)


def confusion(labels: Labels, scores: Probabilities, threshold: float) -> Confusion:
    """Return the counts when everything at or over `threshold` is flagged."""
    flagged, fraud = scores >= threshold, labels == 1
    return Confusion(
        true_positives=int((flagged & fraud).sum()),
        false_positives=int((flagged & ~fraud).sum()),
        false_negatives=int((~flagged & fraud).sum()),
        true_negatives=int((~flagged & ~fraud).sum()),
    )


def evaluate(labels: Labels, scores: Probabilities, threshold: float) -> Metrics:
    """Return every metric we report; one that needs both classes is None where a class is absent."""
    counts = confusion(labels, scores, threshold)
    both = 0 < int(labels.sum()) < len(labels)
    return {
        "f1": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
        "average_precision": float(average_precision_score(labels, scores)) if both else None,
        "roc_auc": float(roc_auc_score(labels, scores)) if both else None,
        "brier": float(np.mean((scores - labels) ** 2)),
        "calibration_error": calibration_error(labels, scores),
        "frauds": int(labels.sum()),
        "rows": len(labels),
    }


def calibration_error(labels: Labels, scores: Probabilities, *, bins: int = 20) -> float:
    """Return the expected calibration error over `bins` groups of equal size (Naeini et al., 2015).

    >>> calibration_error(np.array([0, 1], np.int8), np.array([0.0, 1.0]), bins=2)
    0.0
    """
    order = np.argsort(scores, kind="stable")
    groups = [group for group in np.array_split(order, bins) if len(group)]
    gaps = [abs(float(scores[g].mean() - labels[g].mean())) * len(g) for g in groups]
    return sum(gaps) / len(labels)


def precision_recall_points(labels: Labels, scores: Probabilities, *, points: int = 200) -> list[dict[str, float]]:
    """Return the precision-recall curve thinned to `points`, from the highest threshold down."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order], dtype=np.int64)
    last_of_score = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    chosen = last_of_score[np.unique(_spread(hits[last_of_score], points))]
    total = max(int(labels.sum()), 1)
    return [
        {
            "recall": float(hits[place] / total),
            "precision": float(hits[place] / (place + 1)),
            "threshold": float(scores[order[place]]),
        }
        for place in chosen
    ]


def _spread(hits: npt.NDArray[np.int64], points: int) -> npt.NDArray[np.intp]:
    """Return the places where recall reaches `points` evenly spaced levels."""
    return np.clip(np.searchsorted(hits, np.linspace(1, max(hits[-1], 1), points)), 0, len(hits) - 1)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
