"""What was seen of a live release in MLflow: one run a release, its windows as steps, in an experiment of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any

from mlflow_fraud.adapters.mlflow_runs import PlainRun
from mlflow_fraud.adapters.mlflow_tracking import Tracking
from mlflow_fraud.core.errors import TrackingFailed
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.monitoring.kept import Entry
from mlflow_fraud.stages.run import say
from mlflow_fraud.wall import utc

OF_EXPERIMENT = "-monitoring"


def log_watched(version: str, windows: Iterable[Entry]) -> str:
    """Log the windows of a release; what is there with the same figures is not logged again. Return the run's id.

    Where MLflow cannot be reached it is said, and nothing is returned: the windows are in their file.
    """
    environment = load_environment()
    tracking = Tracking(
        environment.tracking_uri,
        environment.experiment + OF_EXPERIMENT,
        environment.artifact_location,
        environment.model_name,
    )
    run = PlainRun(key=f"watched {version}", name=version, metrics={}, params={}, tags={"model_version": version})
    try:
        return tracking.keep_run(run, steps_of(windows), at=int(utc().timestamp() * 1000))
    except TrackingFailed as error:
        say(f"warning: what was seen of {version} is not in MLflow ({error}); the next run of monitoring tries again")
        return ""


def steps_of(windows: Iterable[Entry]) -> dict[int, dict[str, float]]:
    """Return the figures by the day on which a window ended, days since 0001-01-01; what is not known is not there.

    >>> steps_of([{"kind": "week", "until": "2021-02-08T00:00:00", "f1": 0.9, "recall": None}])
    {737829: {'week/f1': 0.9}}
    """
    steps = dict[int, dict[str, float]]()
    for window in windows:
        step = datetime.fromisoformat(window["until"]).toordinal()
        steps.setdefault(step, {}).update(_figures(window["kind"], window))
    return steps


def _figures(kind: str, window: Mapping[str, Any]) -> dict[str, float]:
    """Return what is a number, the ends of intervals as `_lower` and `_upper`, what was expected as `expected_`."""
    told = {name: value for name, value in window.items() if isinstance(value, int | float)}
    for name, bounds in (window.get("intervals") or {}).items():
        told |= dict(zip((f"{name}_lower", f"{name}_upper"), bounds or (), strict=False))
    for name in ("precision", "recall", "f1"):
        outlook = window.get("outlook") or {}
        told |= {f"expected_{name}": outlook[name][0]} if outlook.get(name) else {}
        told |= {f"expected_{name}_error": outlook["error"][name]} if name in outlook.get("error", {}) else {}
    return {f"{kind}/{name}": float(value) for name, value in told.items() if isfinite(value)}
