"""How far a window's properties have moved from those that the model was trained on."""

from __future__ import annotations

import numpy as np
import polars as pl

from mlflow_fraud.core.measuring.stability import population_stability_index


def drifts(trained: pl.LazyFrame, window: pl.DataFrame) -> dict[str, float]:
    """Return the PSI of each of the columns, numbers of any kind, to six digits; of no rows nothing.

    >>> drifts(pl.LazyFrame({"amount": [1.0, 2.0, 3.0]}), pl.DataFrame({"amount": [3.0, 1.0, 2.0]}))
    {'amount': 0.0}
    """
    if window.is_empty():
        return {}
    before, now = trained.fill_null(np.nan).collect(), window.fill_null(np.nan)
    return {
        name: round(population_stability_index(before[name].to_numpy(), now[name].to_numpy()), 6)
        for name in before.columns
    }
