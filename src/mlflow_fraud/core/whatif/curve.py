"""What scores could do at any one threshold: alerts a day against the money that they save."""

from __future__ import annotations

import numpy as np

from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.digits import rounded
from mlflow_fraud.core.measuring.metrics import Probabilities
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.measuring.threshold import cuts_of
from mlflow_fraud.core.strict import Strict

POINTS = 200
"""So many thresholds are kept of a curve."""

BEYOND = 4
"""Times as many alerts as there are frauds, or as the best threshold has: what lies further on is not looked at."""


class Point(Strict):
    """A threshold, the alerts a day that it makes, and the money a day that is saved once these are paid."""

    threshold: float
    alerts_per_day: float
    net_saved: float


def trade_off(period: Period, scores: Probabilities, costs: CostRule, *, points: int = POINTS) -> tuple[Point, ...]:
    """Return the curve from no alert on, thinned to `points`; the period has a row.

    >>> at = np.array(["2020-01-01T08", "2020-01-01T09", "2020-01-01T10"], "datetime64[us]")
    >>> rows = Period(np.array([1, 0, 0], np.int8), np.arange(3), at, np.full(3, 5000))
    >>> costs = CostRule(alert=5.0, missed_share=1.0, burst_gap_days=7)
    >>> [point.net_saved for point in trade_off(rows, np.array([0.9, 0.5, 0.1]), costs)]
    [0.0, 45.0, 40.0, 35.0]
    """
    cuts = cuts_of(period, scores)
    net = costs.missed_share * (cuts.missed[0] - cuts.missed) - costs.alert * cuts.flagged
    looked_at = max(cuts.frauds, float(cuts.flagged[int(np.argmax(net))]), 1.0) * BEYOND
    last = int(np.searchsorted(cuts.flagged, looked_at, side="right"))
    chosen = np.unique(np.linspace(0, last - 1, min(points, last)).round().astype(np.int64))
    return tuple(
        Point(
            threshold=rounded(float(cuts.thresholds[place])),
            alerts_per_day=rounded(float(cuts.flagged[place]) / cuts.days),
            net_saved=rounded(float(net[place]) / cuts.days),
        )
        for place in chosen
    )
