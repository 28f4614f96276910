"""Whether the parts of a split are enough to fit, to settle and to judge a candidate."""

from __future__ import annotations

from collections.abc import Mapping

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.labels import Labels

NEEDED: Mapping[str, tuple[str, str]] = {
    "train": ("nothing can be learned", "bring more data, or make validation_days and test_days shorter"),
    "validation": ("no threshold can be chosen", "make validation_days longer"),
    "test": ("nothing can be measured", "make test_days longer, or name another test_batch"),
}
"""What is not possible where a part has not both classes, and the way out."""


def lacking(labels: Labels) -> str | None:
    """Return what some rows hold instead of both fraud and legal transactions; None where they hold both.

    >>> import numpy as np
    >>> lacking(np.array([0, 1], np.int8)), lacking(np.array([0, 0], np.int8))
    (None, 'no fraud among 2 rows')
    """
    if not len(labels):
        return "no row whose label has arrived"
    if not labels.any():
        return f"no fraud among {len(labels):,} rows"
    return f"nothing but fraud, {len(labels):,} rows" if labels.all() else None


def require_learnable(parts: Mapping[str, Labels]) -> None:
    """Raise `DataError` that names every part without both classes; to be asked before any work begins.

    >>> import numpy as np
    >>> require_learnable({"test": np.array([0, 0], np.int8)})
    Traceback (most recent call last):
    mlflow_fraud.core.errors.DataError: test holds no fraud among 2 rows, so nothing can be measured; \
make test_days longer, or name another test_batch
    """
    found = {name: lacking(labels) for name, labels in parts.items()}
    said = [f"{name} holds {what}, so {NEEDED[name][0]}; {NEEDED[name][1]}" for name, what in found.items() if what]
    if said:
        raise DataError(". ".join(said))
