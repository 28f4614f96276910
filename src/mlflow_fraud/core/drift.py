"""How far a window's distribution has moved from the one the model was trained on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]


def population_stability_index(reference: Values, window: Values, *, bins: int = 10) -> float:
    """Return the PSI of one feature: 0 for no change; by convention over .25 is a large one.

    Bins are the reference's deciles, plus one for missing values; a share is never taken below 1e-4.

    >>> same = np.arange(1000, dtype=np.float32)
    >>> population_stability_index(same, same)
    0.0
    >>> population_stability_index(same, same + 500) > 0.25
    True
    """
    edges = np.unique(np.nanquantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    before, now = _shares(reference, edges), _shares(window, edges)
    return float(np.sum((now - before) * np.log(now / before)))


def _shares(values: Values, edges: Values) -> npt.NDArray[np.float64]:
    missing = np.isnan(values)
    places = np.where(missing, len(edges) + 1, np.searchsorted(edges, values, side="right"))
    counts = np.bincount(places, minlength=len(edges) + 2)
    return np.maximum(counts / max(len(values), 1), 1e-4)
