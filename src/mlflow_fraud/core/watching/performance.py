"""How good what is live was in a window, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.interval import BootstrapRule, Bounds, draws
from mlflow_fraud.core.measuring.measures import DRAWN
from mlflow_fraud.core.measuring.metrics import Probabilities, Thresholds
from mlflow_fraud.core.measuring.period import Period

SURE_OF = ("f1", "precision", "recall", "average_precision")
"""What a window has intervals of."""


def bounds_of(
    period: Period,
    scores: Probabilities,
    thresholds: Thresholds,
    costs: CostRule,
    rule: BootstrapRule,
    names: Sequence[str] = SURE_OF,
) -> dict[str, Bounds | None]:
    """Return the interval of each metric, drawn as those of a test are: whole cards, or blocks of time without any.

    None where no draw has it, as without fraud, or where all rows are of one card.
    """
    measures = {name: DRAWN[name](period, scores, thresholds, costs) for name in names}
    drawn: dict[str, list[np.ndarray]] = {name: [np.empty(0)] for name in names}
    for times in draws(period, rule) if period.fraud.any() else ():
        for name, measure in measures.items():
            drawn[name].append(measure(times))
    found: dict[str, Bounds | None] = {}
    for name, parts in drawn.items():
        values = np.concatenate(parts)
        known = values[np.isfinite(values)]
        lower, upper = np.quantile(known, [rule.tail, 1 - rule.tail]) if len(known) else (0.0, 0.0)
        found[name] = (float(lower), float(upper)) if len(known) else None
    return found
