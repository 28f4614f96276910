"""How far one sample's distribution is from another's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]
Shares = npt.NDArray[np.float64]

LEAST_SHARE = 1e-4


def population_stability_index(reference: Values, window: Values, *, bins: int = 10) -> float:
    """Return the PSI of one feature: 0 for no change; by convention over .25 is a large one.

    Bins are the reference's deciles, plus one for missing values; a share is never taken below `LEAST_SHARE`.

    >>> same = np.arange(1000, dtype=np.float32)
    >>> population_stability_index(same, same)
    0.0
    >>> population_stability_index(same, same + 500) > 0.25
    True
    """
    edges = np.unique(np.nanquantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    return stability_of_shares(_shares(reference, edges), _shares(window, edges))


def stability_of_shares(before: Shares, now: Shares) -> float:
    """Return the PSI of two lists of shares of the same bins or values.

    >>> round(stability_of_shares(np.array([0.5, 0.5]), np.array([0.9, 0.1])), 3)
    0.879
    """
    before, now = np.maximum(before, LEAST_SHARE), np.maximum(now, LEAST_SHARE)
    return float(np.sum((now - before) * np.log(now / before)))


def _shares(values: Values, edges: Values) -> Shares:
    missing = np.isnan(values)
    places = np.where(missing, len(edges) + 1, np.searchsorted(edges, values, side="right"))
    counts = np.bincount(places, minlength=len(edges) + 2)
    return counts / max(len(values), 1)
