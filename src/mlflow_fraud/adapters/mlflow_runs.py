"""What a run in MLflow is made of: values, made from files before MLflow is asked for anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow_fraud.core.measuring.metrics import Metrics


@dataclass(frozen=True)
class TrainingRun:
    """What is logged of one candidate. `example` is one made-up row, (1, features): no real person's.

    `intervals` are those of the test metrics, `calibration` is how the model's scores become probabilities.

    `data` maps each file to its DVC hash; `group` is the same for candidates trained on the same data.
    """

    key: str
    group: str
    candidate: str
    model_file: str
    model: bytes
    names: Sequence[str]
    example: Any
    params: Mapping[str, Any]
    metrics: Mapping[str, Metrics]
    threshold: float
    intervals: Mapping[str, tuple[float, float] | None]
    calibration: Mapping[str, Any]
    rounds: Sequence[Mapping[str, float]]
    figures: Sequence[Path]
    data: Mapping[str, str]
    tags: Mapping[str, str]
    expected_loss: float | None = None


@dataclass(frozen=True)
class PlainRun:
    """A run of numbers alone, such as a fold or a trial; `key` says what it is of, and it is logged once."""

    key: str
    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    tags: Mapping[str, str]


def content_hash(metrics: Mapping[str, float]) -> str:
    """Return a name for metrics and their values.

    >>> content_hash({"a": 1.0, "b": 2.0}) == content_hash({"b": 2.0, "a": 1.0})
    True
    """
    return hashlib.sha256(json.dumps(dict(metrics), sort_keys=True).encode()).hexdigest()
