"""Rows that a candidate learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.labels import Labels
from mlflow_fraud.core.measuring.weights import Values

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Examples:
    """Rows to learn from: `x` is (n, features) Float32 with NaN for missing, `y` is (n,) of 0 and 1.

    `weights` say for how many payments each stands; None where each stands for itself.
    """

    x: Matrix
    y: Labels
    names: tuple[str, ...]
    weights: Values | None = None


def together(train: Examples, validation: Examples) -> Examples:
    """Return the rows of both."""
    weights = None
    if train.weights is not None and validation.weights is not None:
        weights = np.concatenate([train.weights, validation.weights])
    x, y = np.concatenate([train.x, validation.x]), np.concatenate([train.y, validation.y])
    return Examples(x, y, train.names, weights)
